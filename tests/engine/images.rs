//! `export`, `commit` and `down --rmi`: what is made of containers, and what goes with them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use serde_json::Value;

use crate::project::Project;

const STACK: &str = "
services:
  web: {image: busybox, init: true, command: sleep 600, scale: 2, stop_grace_period: 0s}
  task: {image: busybox, command: 'true'}
";

fn up() -> Option<Project> {
    let project = Project::with(STACK)?;
    project.succeed(&["up", "-d"]);
    Some(project)
}

fn tags(project: &Project, image: &str) -> bool {
    project.engine.request("GET", &format!("/images/{image}/json"), "").0 == 200
}

/// All files of a container go to a file of the user's own, or to standard output.
#[test]
fn files_are_exported() {
    let Some(project) = up() else { return };
    project.told("web-2", &["sh", "-c", "echo second > /mark"]);
    let output = project.succeed(&["export", "--index", "2", "-o", "all.tar", "web"]);
    assert_eq!(output.stdout, "");
    assert!(output.stderr.contains("[PROJECT]-web-2  Exported to all.tar"), "{}", output.stderr);
    let metadata = fs::metadata(project.path().join("all.tar")).unwrap();
    assert_eq!(metadata.mode() & 0o777, 0o600);
    let shell = |line: &str| project.spawn(Command::new("sh"), &["-c", line]).finish().stdout;
    assert_eq!(shell("tar xOf all.tar mark || tar xOf all.tar ./mark"), "second\n");
    let program = env!("CARGO_BIN_EXE_rcompose");
    let listed = shell(&format!("{program} export web | tar tf - | grep -c '^bin/'"));
    assert!(listed.trim().parse::<u32>().unwrap() > 1, "{listed}");
    // Nothing is left of what was begun.
    let names = shell("ls -A");
    assert_eq!(names, "all.tar\ncompose.yaml\n");
}

/// What cannot be exported or committed.
#[test]
fn what_cannot_be_exported_or_committed() {
    let Some(project) = up() else { return };
    crate::engine::eventually("the end of the task", || {
        (project.status("task-1") == "exited").then_some(())
    });
    for command in ["export", "commit"] {
        for service in ["nobody", "task"] {
            let message = project.fail(&[command, service]);
            assert!(
                message.contains(&format!("service \"{service}\" is not running")),
                "{message}"
            );
        }
        assert!(project.fail(&[command, "--index", "9", "web"]).contains("container #9"));
    }
    let message = project.fail(&["export", "-o", "nowhere/all.tar", "web"]);
    assert!(message.contains("directory \"[DIR]/nowhere\" does not exist"), "{message}");
    assert!(project.fail(&["commit", "web", "UPPER:1"]).contains("must be lowercase"));
    assert_eq!(project.run(&["commit", "web", "a", "b"]).code, Some(1));
    assert_eq!(project.run(&["commit", "web", "-c", "NONSENSE x"]).code, Some(1));
}

/// An image is made of a container as it is, with what is said of it and changed in it.
#[test]
fn containers_are_committed() {
    let Some(project) = up() else { return };
    if project.engine.lacks_control_groups("containers_are_committed") {
        return;
    }
    project.told("web-1", &["sh", "-c", "echo first > /mark"]);
    let image = format!("{}:one", project.name);
    let output = project.succeed(&[
        "commit",
        "-m",
        "a message",
        "-a",
        "me <me@example.org>",
        "-c",
        "ENV MARK=yes",
        "-c",
        "CMD [\"cat\", \"/mark\"]",
        "web",
        &image,
    ]);
    let id = output.stderr.trim_end().rsplit(' ').next().unwrap().to_owned();
    assert!(output.stderr.contains("[PROJECT]-web-1  Committed as "), "{}", output.stderr);
    let made = project.engine.json(&format!("/images/{image}/json"));
    assert_eq!(
        made["Id"].as_str().unwrap().trim_start_matches("sha256:"),
        id.trim_start_matches("sha256:")
    );
    assert_eq!(
        (&made["Author"], &made["Comment"]),
        (&"me <me@example.org>".into(), &"a message".into())
    );
    assert_eq!(made["Config"]["Cmd"], serde_json::json!(["cat", "/mark"]));
    let env = made["Config"]["Env"].as_array().unwrap();
    assert!(env.contains(&Value::from("MARK=yes")), "{env:?}");
    project.compose(&format!("services: {{made: {{image: '{image}'}}}}"));
    let output = project.succeed(&["run", "--rm", "-T", "made"]);
    assert_eq!(output.stdout, "first\n");
    project.succeed(&["down", "--remove-orphans", "--rmi", "all"]);
    assert!(!tags(&project, &image));
}

/// `--rmi local` takes what is the project's own, `all` also what others might use; what is used stays.
#[test]
fn images_go_with_their_project() {
    let Some(project) = up() else { return };
    if project.engine.lacks_control_groups("images_go_with_their_project") {
        return;
    }
    let name = project.name.clone();
    let own = format!("{name}-built");
    let other = format!("{name}-other:2");
    for image in [&own, &other] {
        project.succeed(&["commit", "web", image]);
    }
    project.succeed(&["down"]);
    project.compose(&format!(
        "
services:
  built: {{build: ., command: sleep 600, init: true, stop_grace_period: 0s}}
  other: {{image: '{other}', command: sleep 600, init: true, stop_grace_period: 0s}}
"
    ));
    assert!(project.fail(&["down", "--rmi", "some"]).contains("invalid value for --rmi"));
    let output = project.succeed(&["down", "--rmi", "local"]).stderr;
    assert!(output.contains("Image [PROJECT]-built:latest  Removed"), "{output}");
    assert_eq!((tags(&project, &own), tags(&project, &other)), (false, true));
    // What another container is made of stays, and that is no failure.
    let body = serde_json::json!({"Image": other, "Labels": {"com.docker.compose.project": name}});
    project.engine.post(&format!("/containers/create?name={name}-user"), &body);
    let output = project.run(&["down", "--rmi", "all", "other"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    if !project.engine.podman {
        assert!(output.stderr.contains("Resource is still in use"), "{}", output.stderr);
        assert!(tags(&project, &other));
    }
    project.engine.request("DELETE", &format!("/containers/{name}-user?force=1"), "");
    project.succeed(&["down", "--rmi", "all"]);
    assert!(!tags(&project, &other));
    // Nothing is there, and nothing is said.
    assert_eq!(project.succeed(&["down", "--rmi", "all"]).stderr, "");
}
