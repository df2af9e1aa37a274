//! Commands that are run in containers around their starts and stops.

use crate::engine::eventually;
use crate::peer::Tool;
use crate::project::Project;

/// Commands after the start are run as the file says, and dependents wait for them.
///
/// `up` of a service with two hooks and of one that depends on it. The hooks have run in order with
/// user, folder and variables of their own before the dependent has started.
#[test]
fn post_start_hooks_come_before_dependents() {
    for tool in Tool::all() {
        let Some(project) = Project::with(
            "
services:
  db:
    image: busybox
    init: true
    command: sleep 600
    user: '1000'
    environment: {WHO: container}
    volumes: ['./log:/log']
    post_start:
      - {command: [sh, -c, 'echo first $$(id -u) $$(pwd) $$WHO >> /log/lines; sleep 0.3'], user: root, working_dir: /tmp, environment: {WHO: hook}}
      - {command: [sh, -c, 'echo second $$(id -u) $$(pwd) $$WHO >> /log/lines'], user: root}
  web:
    image: busybox
    init: true
    command: sh -c 'echo dependent >> /log/lines; exec sleep 600'
    volumes: ['./log:/log']
    depends_on: [db]
",
        ) else {
            return;
        };
        tool.succeed(&project, &["up", "-d"]);
        project.awaits_file("log/lines");
        let lines = eventually("three lines", || {
            let lines = std::fs::read_to_string(project.path().join("log/lines")).unwrap();
            (lines.lines().count() == 3).then_some(lines)
        });
        assert_eq!(lines, "first 0 /tmp hook\nsecond 0 / container\ndependent\n");
        tool.succeed(&project, &["down", "-t", "0"]);
    }
}

/// A hook that fails ends `up`, with what it said; its container goes on.
///
/// `up -d` with a failing hook, then the same attached. Both exit with 1.
#[test]
fn a_failing_post_start_hook_ends_up() {
    for tool in Tool::all() {
        let Some(project) = Project::with(
            "
services:
  db:
    image: busybox
    init: true
    command: sleep 600
    post_start:
      - {command: [sh, -c, 'echo this is why; exit 3']}
  web: {image: busybox, init: true, command: sleep 600, depends_on: [db]}
",
        ) else {
            return;
        };
        let error = tool.fail(&project, &["up", "-d"]);
        assert!(error.contains("hook exited with status 3"), "{error}");
        assert_eq!(project.resources()[..2], ["db-1 running", "web-1 created"]);
        if tool.is_ours() {
            assert!(error.contains("it last wrote: this is why"), "{error}");
            assert!(error.contains("compose.yaml:8:"), "{error}");
            tool.succeed(&project, &["stop", "-t", "0"]);
            let output = project.run(&["up"]);
            assert_eq!(output.code, Some(1), "{}", output.stderr);
            assert!(output.stdout.contains("db-1 ->  | this is why"), "{}", output.stdout);
        }
        tool.succeed(&project, &["down", "-t", "0"]);
    }
}

/// What hooks write is shown beside the output of their containers.
///
/// An attached `up` with hooks on both sides, ended by a signal. Their lines have the container's name
/// with an arrow.
#[test]
fn hooks_are_shown_while_attached() {
    let Some(project) = Project::with(
        "
services:
  web:
    image: busybox
    init: true
    command: [sh, -c, 'echo running; exec sleep 600']
    stop_grace_period: 0s
    post_start: [{command: [echo, has started]}]
    pre_stop: [{command: [sh, -c, 'echo will stop; echo soon >&2']}]
",
    ) else {
        return;
    };
    let up = project.start(&["up"]);
    up.shows("web-1 ->  | has started\n");
    up.shows("web-1     | running\n");
    up.signal("INT");
    let output = up.finish();
    assert_eq!(output.code, Some(130), "{}", output.stderr);
    assert!(output.stdout.contains("web-1 ->  | will stop\n"), "{}", output.stdout);
    assert!(output.stderr.contains("web-1 ->  | soon\n"), "{}", output.stderr);
    // A stop has no place to show output.
    project.succeed(&["up", "-d"]);
    let output = project.succeed(&["stop"]);
    assert!(!format!("{}{}", output.stdout, output.stderr).contains("will stop"));
}

const STOPPED: &str = "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    environment: {MODE: one}
    volumes: ['./log:/log']
    post_start: [{command: [sh, -c, 'echo started >> /log/lines']}]
    pre_stop: [{command: [sh, -c, 'echo stops >> /log/lines']}]
";

/// Commands before the stop are run by all that stops a container.
///
/// `up`, `restart`, `up` of a changed service, `stop`, `start`, and `down`. Each stop and each start of
/// the container has its hook.
#[test]
fn pre_stop_hooks_come_before_each_stop() {
    for tool in Tool::all() {
        let Some(project) = Project::with(STOPPED) else { return };
        let written = || {
            let path = project.path().join("log/lines");
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, "").unwrap();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        tool.succeed(&project, &["up", "-d"]);
        assert_eq!(written(), "started");
        tool.succeed(&project, &["restart"]);
        assert_eq!(written(), "stops started");
        project.compose(&STOPPED.replace("MODE: one", "MODE: two"));
        tool.succeed(&project, &["up", "-d"]);
        // Docker Compose forgets the hook here, which the specification does not.
        assert_eq!(written(), if tool.is_ours() { "stops started" } else { "started" });
        tool.succeed(&project, &["stop"]);
        assert_eq!(written(), "stops");
        tool.succeed(&project, &["start"]);
        assert_eq!(written(), "started");
        tool.succeed(&project, &["up", "-d", "--scale", "web=0"]);
        assert_eq!(written(), "stops");
        tool.succeed(&project, &["up", "-d"]);
        assert_eq!(written(), "started");
        tool.succeed(&project, &["down"]);
        assert_eq!(written(), "stops");
    }
}

/// Without files nobody knows of hooks, and a container that does not run has none.
///
/// `up`, `-p NAME stop` elsewhere, then `down`. No hook has run.
#[test]
fn hooks_need_files_and_a_container_that_runs() {
    for tool in Tool::all() {
        let Some(project) = Project::with(STOPPED) else { return };
        tool.succeed(&project, &["up", "-d"]);
        tool.succeed(&project, &["-p", &project.name, "stop"]);
        tool.succeed(&project, &["down"]);
        let text = std::fs::read_to_string(project.path().join("log/lines")).unwrap();
        assert_eq!(text, "started\n");
    }
}

/// A hook that fails keeps its container from being stopped and removed.
///
/// `up`, then `stop` and `down` whose hook fails. Both say so, and the container runs.
#[test]
fn a_failing_pre_stop_hook_keeps_the_container() {
    for tool in Tool::all() {
        let Some(project) = Project::with(
            "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    pre_stop: [{command: [sh, -c, 'echo not yet; exit 5']}]
",
        ) else {
            return;
        };
        tool.succeed(&project, &["up", "-d"]);
        for command in ["stop", "down"] {
            let error = tool.fail(&project, &[command]);
            assert!(error.contains("hook exited with status 5"), "{error}");
            assert_eq!(project.resources()[0], "web-1 running");
            if tool.is_ours() {
                assert!(error.contains("it last wrote: not yet"), "{error}");
            }
        }
    }
}

/// One-off containers have the hooks of their service after they have started.
///
/// `run` of a command that waits for what the hook makes.
#[test]
fn one_offs_have_post_start_hooks() {
    let Some(project) = Project::with(
        "
services:
  web:
    image: busybox
    init: true
    post_start: [{command: [touch, /made]}]
",
    ) else {
        return;
    };
    let wait = "until [ -e /made ]; do sleep 0.05; done; echo seen";
    let output = project.succeed(&["run", "--rm", "-T", "web", "sh", "-c", wait]);
    assert_eq!(output.stdout, "seen\n");
}

/// Containers of hooks run before the service, with its volumes, networks and environment.
///
/// `up` of two replicas with two hooks, `up` again, `up --force-recreate`, `stop` and `start`, and `run`.
/// The hooks have run once for both, not while a replica runs, again before they are replaced or started,
/// and not for a one-off; none is left.
#[test]
fn pre_start_hooks_prepare_a_service() {
    let Some(project) = Project::with(
        "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    scale: 2
    environment: {WHO: service, BOTH: service}
    volumes: [data:/data]
    networks: [inner]
    depends_on: [db]
    configs: [{source: text, target: /text}]
    pre_start:
      - command: [sh, -c, 'nslookup -type=a db >/dev/null && echo first $$WHO $$BOTH $$(id -u) >> /data/log']
        environment: {BOTH: hook}
      - {image: 'busybox:latest', command: [sh, -c, 'echo second $$(cat /text) $$(id -u) $$(pwd) >> /data/log'], user: '1', working_dir: /tmp}
  db: {image: busybox, init: true, command: sleep 600, networks: [inner]}
volumes: {data: {}}
networks: {inner: {}}
configs: {text: {content: words}}
",
    ) else {
        return;
    };
    // The second hook is not root.
    project.succeed(&[
        "run",
        "--rm",
        "-T",
        "web",
        "sh",
        "-c",
        "chmod 777 /data; touch /data/log; chmod 666 /data/log",
    ]);
    project.succeed(&["up", "-d"]);
    let log = || project.told("web-1", &["cat", "/data/log"]);
    let once = "first service hook 0\nsecond words 1 /tmp\n";
    assert_eq!(log(), once);
    let resources = ["db-1 running", "web-1 running", "web-2 running"];
    assert_eq!(project.resources()[..3], resources);
    assert_eq!(project.resources().len(), 5);
    project.succeed(&["up", "-d", "--scale", "web=3"]);
    assert_eq!(log(), once);
    project.succeed(&["up", "-d", "--force-recreate"]);
    assert_eq!(log(), once.repeat(2));
    project.succeed(&["stop", "-t", "0", "web"]);
    project.succeed(&["start"]);
    assert_eq!(log(), once.repeat(3));
    assert_eq!(project.resources()[..3], resources);
    project.succeed(&["start"]);
    assert_eq!(log(), once.repeat(3));
}

/// A hook that fails keeps its service from starting, and stays to be looked at until the next start.
///
/// An attached `up` with a failing hook, then one that works, then `down` after another failure.
#[test]
fn a_failing_pre_start_hook_keeps_the_service_down() {
    let compose = |code: u8| {
        format!(
            "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    pre_start: [{{command: [sh, -c, 'echo this is why; exit {code}']}}]
"
        )
    };
    let Some(project) = Project::with(&compose(3)) else { return };
    let output = project.run(&["up"]);
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    for part in [
        "service \"web\" pre_start[0] exited with code 3",
        "it last wrote: this is why",
        "retained for inspection",
        "compose.yaml:7:",
    ] {
        assert!(output.stderr.contains(part), "no `{part}` in\n{}", output.stderr);
    }
    assert!(output.stdout.contains("web pre_start[0] -> "), "{}", output.stdout);
    let all = ["web-1 created", "web-pre_start-0 exited", "network [PROJECT]_default"];
    assert_eq!(project.resources(), all);
    // It is not one of the service's.
    assert_eq!(project.succeed(&["ps", "-a", "-q"]).stdout.lines().count(), 1);
    project.compose(&compose(0));
    project.succeed(&["up", "-d"]);
    assert_eq!(project.resources(), ["web-1 running", "network [PROJECT]_default"]);
    project.succeed(&["stop", "-t", "0"]);
    project.compose(&compose(4));
    project.fail(&["up", "-d"]);
    project.succeed(&["down"]);
    assert_eq!(project.resources(), [""; 0]);
}

/// Hooks for each replica are refused.
#[test]
fn pre_start_hooks_run_once_for_all_replicas() {
    let Some(project) = Project::with(
        "
services:
  web: {image: busybox, pre_start: [{command: 'true', per_replica: true}]}
",
    ) else {
        return;
    };
    let error = project.fail(&["up", "-d"]);
    assert!(error.contains("`per_replica` is not supported"), "{error}");
    assert_eq!(project.resources(), [""; 0]);
}
