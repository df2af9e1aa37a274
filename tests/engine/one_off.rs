//! One-off containers.

use std::process::Command;

use crate::project::Project;

const STACK: &str = "
services:
  db: {image: busybox, init: true, command: sleep 600}
  web:
    image: busybox
    init: true
    command: echo default
    environment: {KNOWN: '1'}
    ports: ['127.0.0.1::80']
    restart: always
    depends_on: [db]
";

/// A one-off does what the service does or what it is told, and gives its output and exit code.
///
/// `run` with its flags: what it depends on is started; the container is one of its own.
#[test]
fn a_run_is_a_container_of_its_own() {
    let Some(project) = Project::with(STACK) else { return };
    assert_eq!(project.succeed(&["run", "--rm", "web"]).stdout, "default\n");
    assert_eq!(project.resources(), ["db-1 running", "network [PROJECT]_default"]);
    let output =
        project.run(&["run", "--name", &project.full("task"), "web", "sh", "-c", "exit 9"]);
    assert_eq!(output.code, Some(9), "{}", output.stderr);
    let container = project.inspect("task");
    let labels = &container["Config"]["Labels"];
    assert_eq!(labels["com.docker.compose.oneoff"], "True");
    assert_eq!(labels["com.docker.compose.container-number"], serde_json::Value::Null);
    assert_eq!(labels["com.docker.compose.slug"].as_str().unwrap().len(), 64);
    let host = &container["HostConfig"];
    assert!(["no", ""].contains(&host["RestartPolicy"]["Name"].as_str().unwrap()), "{host}");
    // Podman names ports of the image and the file, with nothing on the host.
    let ports = host["PortBindings"].as_object().into_iter().flatten();
    assert!(ports.map(|(_, port)| port).all(serde_json::Value::is_null), "{host}");
    let args = ["run", "--rm", "--no-deps", "-e", "OWN=2", "-w", "/tmp", "-u", "1:1", "web"];
    let command = ["sh", "-c", "echo $KNOWN $OWN; pwd; id -u"];
    assert_eq!(project.succeed(&[&args[..], &command].concat()).stdout, "1 2\n/tmp\n1\n");
    let entry = ["run", "--rm", "--entrypoint", "echo entry", "web", "x", "--rm"];
    assert_eq!(project.succeed(&entry).stdout, "entry x --rm\n");
    // It is no replica: what runs stays as it is, and `down` leaves it unless told otherwise.
    let id = project.succeed(&["run", "-d", "web", "sleep", "600"]).stdout;
    assert_eq!(id.trim().len(), 64);
    assert!(project.succeed(&["ps", "-a", "--format", "json"]).stdout.contains("-web-run-"));
    project.succeed(&["down", "--remove-orphans", "-t", "0"]);
    assert_eq!(project.resources(), [""; 0]);
}

/// Pipes carry anything both ways, and a signal reaches the container.
#[test]
fn pipes_and_signals() {
    let Some(project) = Project::with(STACK) else { return };
    let program = env!("CARGO_BIN_EXE_rcompose");
    let line = format!("head -c 300000 /dev/zero | {program} run --rm -T --no-deps web wc -c");
    let output = project.spawn(Command::new("sh"), &["-c", &line]).finish();
    assert_eq!(output.stdout.trim(), "300000", "{}", output.stderr);
    let run = project.start(&["run", "--rm", "--no-deps", "web", "sh", "-c", "echo up; sleep 600"]);
    run.shows("up\n");
    run.signal("INT");
    let output = run.finish();
    assert_eq!(output.code, Some(130), "{}", output.stderr);
    assert_eq!(project.resources(), ["network [PROJECT]_default"]);
}
