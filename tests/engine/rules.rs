//! The rules by which containers are kept, replaced, started and removed, which are those of Docker
//! Compose: every scenario is run with both.

use serde_json::Value;

use crate::peer::Tool;
use crate::project::Project;

/// The IDs of containers such as `web-1`.
fn ids<const N: usize>(project: &Project, names: [&str; N]) -> [String; N] {
    names.map(|name| project.instance(name).0)
}

/// Which of the containers are others than before.
fn replaced<'a, const N: usize>(
    project: &Project,
    names: [&'a str; N],
    before: &[String; N],
) -> Vec<&'a str> {
    let now = ids(project, names);
    (0..N).filter(|index| now[*index] != before[*index]).map(|index| names[index]).collect()
}

/// Dependents that restart with a service do so when it is replaced, and not otherwise.
///
/// `up`, `up` with a changed dependency, `up` after the dependency was removed by hand. The first time
/// the dependent is started anew as the same container, the second time it is left alone.
#[test]
fn dependents_restart_with_a_replacement() {
    let compose = |mode: &str| {
        format!(
            "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    depends_on: {{db: {{condition: service_started, restart: true}}}}
  far: {{image: busybox, init: true, command: sleep 600, depends_on: [db]}}
  db: {{image: busybox, init: true, command: sleep 600, environment: {{MODE: {mode}}}}}
"
        )
    };
    for tool in Tool::all() {
        let Some(project) = Project::with(&compose("one")) else { return };
        tool.succeed(&project, &["up", "-d"]);
        let (web, far) = (project.instance("web-1"), project.instance("far-1"));
        let db = project.instance("db-1");
        project.compose(&compose("two"));
        tool.succeed(&project, &["up", "-d"]);
        let now = project.instance("web-1");
        assert_eq!(now.0, web.0);
        assert_ne!(now.1, web.1);
        assert_eq!(project.instance("far-1"), far);
        assert_ne!(project.instance("db-1").0, db.0);
        let path = format!("/containers/{}?force=1", project.full("db-1"));
        project.engine.request("DELETE", &path, "");
        tool.succeed(&project, &["up", "-d"]);
        assert_eq!(project.instance("web-1"), now);
        tool.succeed(&project, &["down", "-t", "0"]);
    }
}

/// What shares something with a container follows it.
///
/// `up` of services that share network, memory, processes and volumes of one, `up` with a change of
/// that one. All are replaced, and one that shares nothing is not; the next `up` changes nothing.
#[test]
fn sharers_follow_the_container_they_share_with() {
    let compose = |mode: &str| {
        format!(
            "
services:
  base: {{image: busybox, init: true, command: sleep 600, ipc: shareable, volumes: [/data], environment: {{MODE: {mode}}}}}
  net: {{image: busybox, init: true, command: sleep 600, network_mode: 'service:base'}}
  ipc: {{image: busybox, init: true, command: sleep 600, ipc: 'service:base'}}
  pid: {{image: busybox, command: sleep 600, pid: 'service:base'}}
  vol: {{image: busybox, init: true, command: sleep 600, volumes_from: [base]}}
  far: {{image: busybox, init: true, command: sleep 600}}
"
        )
    };
    let names = ["net-1", "ipc-1", "pid-1", "vol-1", "far-1"];
    for tool in Tool::all() {
        let Some(project) = Project::with(&compose("one")) else { return };
        tool.succeed(&project, &["up", "-d"]);
        let before = ids(&project, names);
        project.compose(&compose("two"));
        tool.succeed(&project, &["up", "-d"]);
        assert_eq!(replaced(&project, names, &before), ["net-1", "ipc-1", "pid-1", "vol-1"]);
        let base = project.instance("base-1").0;
        let mode = |name: &str, key: &str| project.inspect(name)["HostConfig"][key].clone();
        for (name, key) in [("net-1", "NetworkMode"), ("ipc-1", "IpcMode"), ("pid-1", "PidMode")] {
            assert_eq!(mode(name, key), format!("container:{base}"));
        }
        let state = project.state();
        tool.succeed(&project, &["up", "-d"]);
        assert_eq!(project.state(), state);
        tool.succeed(&project, &["down", "-v", "-t", "0"]);
    }
}

/// What shares something with a container goes before it.
///
/// `up` of three services in a row, each sharing with the one before; then all are replaced, stopped, and
/// removed. Nothing is in the way of anything, and an anonymous volume goes along.
#[test]
fn sharers_are_in_nobodys_way() {
    let Some(project) = Project::with(
        "
services:
  base: {image: busybox, init: true, command: sleep 600}
  near: {image: busybox, command: sleep 600, pid: 'service:base', volumes: [/own]}
  far: {image: busybox, init: true, command: sleep 600, network_mode: 'service:near'}
",
    ) else {
        return;
    };
    let names = ["base-1", "near-1", "far-1"];
    project.succeed(&["up", "-d"]);
    project.told("near-1", &["sh", "-c", "echo kept > /own/file"]);
    let before = ids(&project, names);
    project.succeed(&["up", "-d", "--force-recreate"]);
    assert_eq!(replaced(&project, names, &before), names);
    assert_eq!(project.told("near-1", &["cat", "/own/file"]), "kept\n");
    project.succeed(&["stop", "-t", "0"]);
    project.succeed(&["rm", "-f", "-v"]);
    assert_eq!(project.resources(), ["network [PROJECT]_default"]);
}

/// Of too many replicas those go first that are not as they should be, then the newest.
///
/// Three replicas, two of them of an older file, then two, then one.
#[test]
fn the_oldest_that_are_right_stay() {
    let compose = |mode: &str| {
        format!(
            "services: {{a: {{image: busybox, init: true, command: sleep 600, environment: {{MODE: {mode}}}}}}}"
        )
    };
    for tool in Tool::all() {
        let Some(project) = Project::with(&compose("one")) else { return };
        tool.succeed(&project, &["up", "-d", "--scale", "a=2"]);
        project.compose(&compose("two"));
        tool.succeed(&project, &["up", "-d", "--scale", "a=3", "--no-recreate"]);
        let third = project.instance("a-3");
        tool.succeed(&project, &["up", "-d", "--scale", "a=1", "-t", "0"]);
        assert_eq!(project.resources()[0], "a-3 running");
        assert_eq!(project.instance("a-3"), third);
        tool.succeed(&project, &["up", "-d", "--scale", "a=3"]);
        assert_eq!(project.resources()[..3], ["a-3 running", "a-4 running", "a-5 running"]);
        tool.succeed(&project, &["up", "-d", "--scale", "a=2", "-t", "0"]);
        assert_eq!(project.resources()[..2], ["a-3 running", "a-4 running"]);
        tool.succeed(&project, &["down", "-t", "0"]);
    }
}

/// What was asked for decides over what has changed, and for whom.
///
/// `up` of a service and its dependency with each of the flags, after a change of both.
#[test]
fn flags_decide_over_replacements() {
    let compose = |mode: u8| {
        format!(
            "
services:
  web: {{image: busybox, init: true, command: sleep 600, environment: {{MODE: '{mode}'}}, depends_on: [db]}}
  db: {{image: busybox, init: true, command: sleep 600, environment: {{MODE: '{mode}'}}}}
"
        )
    };
    let names = ["web-1", "db-1"];
    for tool in Tool::all() {
        let Some(project) = Project::with(&compose(1)) else { return };
        tool.succeed(&project, &["up", "-d"]);
        let up = |args: &[&str]| {
            let before = ids(&project, names);
            tool.succeed(&project, &[&["up", "-d", "-t", "0"][..], args].concat());
            replaced(&project, names, &before)
        };
        assert_eq!(up(&["--force-recreate"]), ["web-1", "db-1"]);
        assert_eq!(up(&["--force-recreate", "web"]), ["web-1"]);
        assert_eq!(up(&["--always-recreate-deps", "web"]), ["db-1"]);
        assert_eq!(up(&["-V", "web"]), ["web-1"]);
        project.compose(&compose(2));
        assert_eq!(up(&["--no-recreate"]), [""; 0]);
        assert_eq!(up(&["--no-deps", "web"]), ["web-1"]);
        assert_eq!(up(&["web"]), ["db-1"]);
        assert_eq!(up(&[]), [""; 0]);
        tool.succeed(&project, &["down", "-t", "0"]);
    }
}

/// What does not concern the container does not replace it.
///
/// `up`, then `up` with other dependencies, profiles, pull policy, scale, and a config with other
/// content in its file.
#[test]
fn what_does_not_matter_replaces_nothing() {
    for tool in Tool::all() {
        let Some(project) = Project::with(
            "
services:
  web: {image: busybox, init: true, command: sleep 600, configs: [text]}
  db: {image: busybox, init: true, command: sleep 600}
configs: {text: {file: text.conf}}
",
        ) else {
            return;
        };
        project.file("text.conf", "one");
        tool.succeed(&project, &["up", "-d"]);
        let before = project.state();
        project.compose(
            "
services:
  web: {image: busybox, init: true, command: sleep 600, configs: [text], depends_on: [db], pull_policy: missing, scale: 1, x-note: y}
  db: {image: busybox, init: true, command: sleep 600, deploy: {replicas: 1}, attach: true}
configs: {text: {file: text.conf, x-note: y}}
",
        );
        project.file("text.conf", "two");
        tool.succeed(&project, &["up", "-d", "web"]);
        let after = project.state();
        let web = |state: &[String]| state.iter().find(|it| it.contains("-web-1 ")).cloned();
        assert_eq!(web(&after), web(&before));
        tool.succeed(&project, &["down", "-t", "0"]);
    }
}

/// A newer image under the same name replaces the container.
///
/// `up` with a name for one image, the name given to another one, `up`.
#[test]
fn a_newer_image_replaces_its_container() {
    for tool in Tool::all() {
        let Some(project) = Project::new() else { return };
        if project.engine.podman {
            return;
        }
        let name = format!("rcompose-rules-{}", project.name);
        let tag = |from: &str| {
            let path = format!("/images/{from}/tag?repo={name}&tag=1");
            assert_eq!(project.engine.request("POST", &path, "").0, 201);
        };
        tag("busybox");
        // Another image with the same content, but for a label.
        project.compose(&format!(
            "services: {{web: {{image: '{name}:1', init: true, command: sleep 600}}}}"
        ));
        tool.succeed(&project, &["up", "-d"]);
        let before = project.instance("web-1");
        tool.succeed(&project, &["up", "-d"]);
        assert_eq!(project.instance("web-1"), before);
        let path = format!("/commit?container={}&repo={name}&tag=1", project.full("web-1"));
        project.engine.post(&path, &Value::Null);
        tool.succeed(&project, &["up", "-d"]);
        assert_ne!(project.instance("web-1").0, before.0);
        tool.succeed(&project, &["down", "-t", "0"]);
        project.engine.request("DELETE", &format!("/images/{name}:1?force=1"), "");
    }
}

/// A container that runs without its network is replaced.
///
/// `up`, the container taken off its network by hand, `up`.
#[test]
fn a_container_off_its_network_is_replaced() {
    for tool in Tool::all() {
        let Some(project) =
            Project::with("services: {web: {image: busybox, init: true, command: sleep 600}}")
        else {
            return;
        };
        tool.succeed(&project, &["up", "-d"]);
        let before = project.instance("web-1");
        let path = format!("/networks/{}_default/disconnect", project.name);
        let body = serde_json::json!({"Container": project.full("web-1"), "Force": true});
        project.engine.post(&path, &body);
        tool.succeed(&project, &["up", "-d", "-t", "0"]);
        assert_ne!(project.instance("web-1").0, before.0);
        tool.succeed(&project, &["down", "-t", "0"]);
    }
}

/// A task runs again with every `up`, and a container that was stopped is started.
///
/// `up` twice with a task that writes a line, and `stop` between them.
#[test]
fn tasks_run_with_every_up() {
    for tool in Tool::all() {
        let Some(project) = Project::with(
            "
services:
  task: {image: busybox, command: sh -c 'echo line >> /log/lines', volumes: ['./log:/log']}
  web: {image: busybox, init: true, command: sleep 600, depends_on: {task: {condition: service_completed_successfully}}}
",
        ) else {
            return;
        };
        tool.succeed(&project, &["up", "-d"]);
        let before = ids(&project, ["task-1", "web-1"]);
        tool.succeed(&project, &["stop", "-t", "0"]);
        tool.succeed(&project, &["up", "-d"]);
        assert_eq!(replaced(&project, ["task-1", "web-1"], &before), [""; 0]);
        assert_eq!(project.status("web-1"), "running");
        let lines = std::fs::read_to_string(project.path().join("log/lines")).unwrap();
        assert_eq!(lines, "line\nline\n");
        tool.succeed(&project, &["down", "-t", "0"]);
    }
}

/// One-offs are orphans once they have ended.
///
/// `run -d` of one that ends and one that goes on, then `up --remove-orphans`, then `down
/// --remove-orphans`. The first goes with the first, the other with the second.
#[test]
fn one_offs_that_have_ended_are_orphans() {
    for tool in Tool::all() {
        let Some(project) =
            Project::with("services: {web: {image: busybox, init: true, command: sleep 600}}")
        else {
            return;
        };
        let [short, long] = ["short", "long"].map(|name| project.full(name));
        tool.succeed(&project, &["run", "-d", "--name", &short, "web", "true"]);
        tool.succeed(&project, &["run", "-d", "--name", &long, "web", "sleep", "600"]);
        crate::engine::eventually("the end of the first", || {
            (project.status("short") == "exited").then_some(())
        });
        let said = tool.succeed(&project, &["up", "-d"]).stderr;
        assert!(said.contains("-short") && !said.contains("-long"), "{said}");
        tool.succeed(&project, &["up", "-d", "--remove-orphans"]);
        assert_eq!(project.resources()[..2], ["long running", "web-1 running"]);
        tool.succeed(&project, &["down", "-t", "0"]);
        assert_eq!(project.resources()[0], "long running");
        tool.succeed(&project, &["down", "--remove-orphans", "-t", "0"]);
        assert_eq!(project.resources(), [""; 0]);
    }
}

/// What is not to run is not waited for.
///
/// `up` of a service whose dependency has no replica, and would have to be healthy.
#[test]
fn dependencies_without_replicas_are_not_waited_for() {
    for tool in Tool::all() {
        let Some(project) = Project::with(
            "
services:
  web: {image: busybox, init: true, command: sleep 600, depends_on: {db: {condition: service_healthy}}}
  db: {image: busybox, init: true, command: sleep 600, scale: 0, healthcheck: {test: 'false'}}
",
        ) else {
            return;
        };
        tool.succeed(&project, &["up", "-d"]);
        assert_eq!(project.resources()[0], "web-1 running");
        tool.succeed(&project, &["down", "-t", "0"]);
    }
}

/// A container with a name of its own gets another one when the file says so.
///
/// `up` with two names in turn. There is one container all the time, in the end with the second name.
#[test]
fn a_container_may_get_another_name() {
    for tool in Tool::all() {
        let Some(project) = Project::new() else { return };
        let compose = |name: &str| {
            let name = project.full(name);
            project.compose(&format!(
                "services: {{web: {{image: busybox, init: true, command: sleep 600, container_name: {name}}}}}"
            ));
        };
        compose("first");
        tool.succeed(&project, &["up", "-d"]);
        compose("second");
        tool.succeed(&project, &["up", "-d", "-t", "0"]);
        assert_eq!(project.resources(), ["second running", "network [PROJECT]_default"]);
        tool.succeed(&project, &["down", "-t", "0"]);
    }
}

/// A container that was paused is not started, which is an error.
///
/// `up`, `pause`, `up`. It fails, and the container is paused as before.
#[test]
fn what_is_paused_stays_paused() {
    for tool in Tool::all() {
        let Some(project) =
            Project::with("services: {web: {image: busybox, init: true, command: sleep 600}}")
        else {
            return;
        };
        if project.engine.podman {
            return;
        }
        tool.succeed(&project, &["up", "-d"]);
        tool.succeed(&project, &["pause"]);
        let error = tool.fail(&project, &["up", "-d"]);
        assert!(error.contains("cannot start a paused container"), "{error}");
        assert_eq!(project.status("web-1"), "paused");
        tool.succeed(&project, &["unpause"]);
        tool.succeed(&project, &["down", "-t", "0"]);
    }
}
