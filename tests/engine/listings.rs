//! `ps` and `ls`: what there is.

use serde_json::Value;

use crate::engine::eventually;
use crate::project::{Project, free_port};

/// Containers are listed with what is known of them.
///
/// `up` of a service that runs and publishes a port, and of a task that ends. `ps` in all its forms
/// shows the one, and with `-a` the other.
#[test]
fn containers_are_listed() {
    let Some(project) = Project::new() else { return };
    let (listener, port) = free_port();
    project.compose(&format!(
        "
services:
  web:
    image: busybox:latest
    init: true
    command: sleep 600
    ports: ['127.0.0.1:{port}:80']
    labels: {{text: a<b}}
  task: {{image: busybox:latest, command: sh -c 'exit 4'}}
"
    ));
    drop(listener);
    project.succeed(&["up", "-d"]);
    eventually("the end of the task", || (project.status("task-1") == "exited").then_some(()));

    let table = project.succeed(&["ps"]).stdout;
    let lines: Vec<&str> = table.lines().collect();
    let words: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(words, ["NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"]);
    assert_eq!(lines.len(), 2, "{table}");
    let binding = format!("127.0.0.1:{port}->80/tcp");
    for part in ["[PROJECT]-web-1 ", "busybox:latest ", " web ", "ago", "Up ", &binding] {
        assert!(lines[1].contains(part), "no `{part}` in\n{table}");
    }
    let table = project.succeed(&["ps", "-a"]).stdout;
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.contains("Exited (4)"), "{table}");

    let ids = project.succeed(&["ps", "-q"]).stdout;
    assert_eq!(ids, format!("{}\n", project.instance("web-1").0));
    assert_eq!(project.succeed(&["ps", "--services"]).stdout, "web\n");
    assert_eq!(project.succeed(&["ps", "-a", "--services"]).stdout, "task\nweb\n");
    let exited = project.succeed(&["ps", "--status", "exited", "-q"]).stdout;
    assert_eq!(exited, format!("{}\n", project.instance("task-1").0));
    assert_eq!(project.succeed(&["ps", "-a", "--services", "task"]).stdout, "task\n");
    assert_eq!(project.succeed(&["-p", &project.name, "ps", "--services"]).stdout, "web\n");

    let json = project.succeed(&["ps", "-a", "--format", "json"]).stdout;
    let rows: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2, "{json}");
    let fields = |row: &Value| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        (text("Name"), text("Service"), text("State"), row["ExitCode"].as_i64().unwrap())
    };
    assert_eq!(fields(&rows[0]), ("[PROJECT]-task-1".into(), "task".into(), "exited".into(), 4));
    assert_eq!(fields(&rows[1]), ("[PROJECT]-web-1".into(), "web".into(), "running".into(), 0));
    let publisher = &rows[1]["Publishers"][0];
    assert_eq!((&publisher["TargetPort"], &publisher["PublishedPort"]), (&80.into(), &port.into()));
    assert_eq!((&publisher["URL"], &publisher["Protocol"]), (&"127.0.0.1".into(), &"tcp".into()));
    assert!(rows[1]["Labels"].as_str().unwrap().contains("text=a<b"), "{json}");
    assert_eq!(rows[1]["Project"], "[PROJECT]");
}

/// Projects are listed with the states of their containers and with their files.
///
/// `ls` and `ls -a` while the project runs, when it is stopped, and when it is gone.
#[test]
fn projects_are_listed() {
    let Some(project) = Project::with(
        "
services:
  web: {image: busybox, init: true, command: sleep 600, scale: 2}
",
    ) else {
        return;
    };
    // Other scenarios have their lines as well.
    let lines = |args: &[&str]| -> Vec<String> {
        let output = project.succeed(args).stdout;
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        output.lines().filter(|line| line.contains("[PROJECT]")).map(words).collect()
    };
    project.succeed(&["up", "-d"]);
    let header = project.succeed(&["ls"]).stdout;
    let words: Vec<&str> = header.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(words, ["NAME", "STATUS", "CONFIG", "FILES"]);
    assert_eq!(lines(&["ls"]), ["[PROJECT] running(2) [DIR]/compose.yaml"]);
    assert_eq!(lines(&["ls", "-q"]), ["[PROJECT]"]);

    let stop = format!("/containers/{}/stop?t=5", project.full("web-2"));
    project.engine.post(&stop, &Value::Null);
    assert_eq!(lines(&["ls"]), ["[PROJECT] running(1) [DIR]/compose.yaml"]);
    let all = "[PROJECT] exited(1), running(1) [DIR]/compose.yaml";
    assert_eq!(lines(&["ls", "-a"]), [all]);
    let json = project.succeed(&["ls", "--format", "json"]).stdout;
    let rows: Vec<Value> = serde_json::from_str(&json).unwrap();
    let row = rows.iter().find(|row| row["Name"] == "[PROJECT]").unwrap();
    assert_eq!(row["Status"], "running(1)");
    assert_eq!(row["ConfigFiles"], "[DIR]/compose.yaml");

    project.succeed(&["down"]);
    assert_eq!(lines(&["ls", "-a"]), [""; 0]);
}

/// Ports, processes and ends are told as the engine has them.
///
/// `port`, `top` and `wait` of a service that publishes a port and of a task that fails.
#[test]
fn ports_processes_and_ends() {
    let Some(project) = Project::with(
        "
services:
  web: {image: busybox, init: true, command: sleep 600, ports: ['127.0.0.1::80']}
  task: {image: busybox, command: sh -c 'until test -e /out/go; do sleep 0.1; done; exit 3', volumes: [./out:/out]}
",
    ) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    let ports = &project.inspect("web-1")["NetworkSettings"]["Ports"];
    let port = ports["80/tcp"][0]["HostPort"].as_str().unwrap().to_owned();
    assert_eq!(project.succeed(&["port", "web", "80"]).stdout, format!("127.0.0.1:{port}\n"));
    let message = project.masked(&project.fail(&["port", "web", "81"]));
    assert!(message.contains("no port 81/tcp for container [PROJECT]-web-1: 80/tcp"), "{message}");
    let output = project.succeed(&["top", "web"]).stdout;
    let mut lines = output.lines();
    assert!(lines.next().unwrap().starts_with("SERVICE  #  "), "{output}");
    assert!(lines.any(|line| line.starts_with("web ") && line.ends_with("sleep 600")), "{output}");
    let id = project.instance("task-1").0;
    let wait = project.start(&["--debug", "wait", "task"]);
    // It knows what to wait for by now.
    wait.shows("/containers/json");
    project.file("out/go", "");
    let output = wait.finish();
    assert_eq!(output.code, Some(3), "{}", output.stderr);
    assert_eq!(output.stdout, format!("container \"{id}\" exited with status code 3\n"));
    assert!(project.fail(&["wait", "task"]).contains("no containers for project"));
}
