//! What waits for what, and what is said when the wait is in vain.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::engine::{eventually, moment};
use crate::project::Project;

/// A service starts when what it depends on has started, or has done its work.
///
/// `up` of a chain: a server, a task that needs it, a service that needs the task. The times of the
/// engine are in that order, and the task ended before its dependent began.
#[test]
fn dependents_start_after_starts_and_ends() {
    let Some(project) = Project::with(
        "
services:
  last:
    image: busybox
    init: true
    command: sleep 600
    depends_on:
      first: {condition: service_started}
      task: {condition: service_completed_successfully}
  task:
    image: busybox
    command: sleep 1
    depends_on: [first]
  first: {image: busybox, init: true, command: sleep 600}
",
    ) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    let [first, task, last] =
        ["first-1", "task-1", "last-1"].map(|name| project.inspect(name)["State"].take());
    assert!(moment(&first["StartedAt"]) <= moment(&task["StartedAt"]), "{first} {task}");
    assert!(moment(&task["FinishedAt"]) <= moment(&last["StartedAt"]), "{task} {last}");
    assert_eq!((&task["ExitCode"], &last["Status"]), (&Value::from(0), &Value::from("running")));
}

/// A service starts when what it depends on is healthy, and soon after.
///
/// `up` of a service that becomes ready after a while, which engines would see half a minute later (if
/// at all: Podman leaves it to systemd), and of one that waits for that. Its first look finds what the
/// other has written, and it does not come late.
#[test]
fn dependents_start_after_health() {
    let Some(project) = Project::with(
        "
services:
  web:
    image: busybox
    init: true
    command: sh -c 'test -e /out/ready && echo in time; exec sleep 600'
    volumes: [./out:/out]
    depends_on: {db: {condition: service_healthy}}
  db:
    image: busybox
    init: true
    command: sh -c 'sleep 1; touch /out/ready; exec sleep 600'
    volumes: [./out:/out]
    healthcheck: {test: test -e /out/ready, interval: 30s}
",
    ) else {
        return;
    };
    let begin = Instant::now();
    project.succeed(&["up", "-d"]);
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    eventually("output of web", || {
        (project.succeed(&["logs", "web"]).stdout == "web-1  | in time\n").then_some(())
    });
}

/// A task that fails is shown with its last words, and only what needs it is held back.
///
/// `up` of a service that runs, a task that fails after it, and a service that waits for the task;
/// then `up` with the task mended, then `down`. The failure names service, place, output and what
/// runs; the second `up` leaves what ran alone and completes the project.
#[test]
fn a_failed_task_is_explained_and_can_be_mended() {
    let compose = |code: u8| {
        format!(
            "services:
  good: {{image: busybox, init: true, command: sleep 600}}
  task:
    image: busybox
    command: sh -c 'echo cannot find the moon; exit {code}'
    depends_on: [good]
  needs:
    image: busybox
    init: true
    command: sleep 600
    depends_on: {{task: {{condition: service_completed_successfully}}}}
"
        )
    };
    let Some(project) = Project::with(&compose(3)) else { return };
    let message = project.fail(&["up", "-d"]);
    for part in [
        "error: service \"task\" didn't complete successfully: exit 3\n",
        "compose.yaml:3:3",
        "[PROJECT]-task-1 last wrote: cannot find the moon\n",
        "still running: [PROJECT]-good-1; not running: [PROJECT]-needs-1, [PROJECT]-task-1",
    ] {
        assert!(message.contains(part), "no `{part}` in\n{message}");
    }
    let expected =
        ["good-1 running", "needs-1 created", "task-1 exited", "network [PROJECT]_default"];
    assert_eq!(project.resources(), expected);

    let good = project.instance("good-1");
    project.compose(&compose(0));
    project.succeed(&["up", "-d"]);
    let expected =
        ["good-1 running", "needs-1 running", "task-1 exited", "network [PROJECT]_default"];
    assert_eq!(project.resources(), expected);
    assert_eq!(project.instance("good-1"), good);

    project.succeed(&["down"]);
    assert_eq!(project.resources(), [""; 0]);
}

/// A service that ends instead of becoming healthy is not waited for any longer.
///
/// `up` of a service with a health check that ends at once, and of one that waits for its health.
#[test]
fn an_end_instead_of_health() {
    let Some(project) = Project::with(
        "services:
  db:
    image: busybox
    command: sh -c 'echo no disk; exit 5'
    healthcheck: {test: 'true', interval: 1h}
  web:
    image: busybox
    depends_on: {db: {condition: service_healthy}}
",
    ) else {
        return;
    };
    let message = project.fail(&["up", "-d"]);
    for part in [
        "error: dependency failed to start: container [PROJECT]-db-1 exited (5)\n",
        "compose.yaml:2:3",
        "[PROJECT]-db-1 last wrote: no disk\n",
        "nothing runs; not running: [PROJECT]-db-1, [PROJECT]-web-1",
    ] {
        assert!(message.contains(part), "no `{part}` in\n{message}");
    }
    assert_eq!(project.status("web-1"), "created");
}

/// A health check that fails is shown with what it said.
///
/// `up` of a service that is never healthy, and of one that waits for its health.
#[test]
fn a_failed_health_check_is_explained() {
    let Some(project) = Project::with(
        "services:
  db:
    image: busybox
    init: true
    command: sh -c 'echo began; exec sleep 600'
    healthcheck: {test: 'echo the moon is down; exit 1', interval: 200ms, retries: 2}
  web:
    image: busybox
    depends_on: {db: {condition: service_healthy}}
",
    ) else {
        return;
    };
    let message = project.fail(&["up", "-d"]);
    for part in [
        "error: dependency failed to start: container [PROJECT]-db-1 is unhealthy\n",
        "compose.yaml:6:",
        "the health check said: the moon is down\n",
        "[PROJECT]-db-1 last wrote: began\n",
        "still running: [PROJECT]-db-1; not running: [PROJECT]-web-1",
    ] {
        assert!(message.contains(part), "no `{part}` in\n{message}");
    }
    assert_eq!(project.status("web-1"), "created");
}

/// What is not required is warned of only.
///
/// `up` of a service that depends on a task that fails and is not required. It runs all the same.
#[test]
fn a_dependency_that_is_not_required_may_fail() {
    let Some(project) = Project::with(
        "
services:
  task: {image: busybox, command: sh -c 'exit 1'}
  web:
    image: busybox
    init: true
    command: sleep 600
    depends_on: {task: {condition: service_completed_successfully, required: false}}
",
    ) else {
        return;
    };
    let output = project.succeed(&["up", "-d"]);
    assert!(output.stderr.contains("Skipped: optional dependency"), "{}", output.stderr);
    assert_eq!(project.status("web-1"), "running");
}

/// A service without a health check cannot be waited for.
///
/// `up` of a service that waits for the health of one that has no check. The message says what to do.
#[test]
fn health_needs_a_check() {
    let Some(project) = Project::with(
        "services:
  db: {image: busybox, init: true, command: sleep 600}
  web:
    image: busybox
    depends_on: {db: {condition: service_healthy}}
",
    ) else {
        return;
    };
    let message = project.fail(&["up", "-d"]);
    for part in ["[PROJECT]-db-1 has no healthcheck configured", "help: give it a `healthcheck`"] {
        assert!(message.contains(part), "no `{part}` in\n{message}");
    }
}

/// `--wait` ends when all is up, and says so when that takes too long or cannot be.
///
/// `up --wait` of a service that becomes healthy, one without a health check and a task; then with a
/// service that never becomes healthy, and with a task that fails.
#[test]
fn waiting_for_all() {
    let compose = |task: &str, ready: &str| {
        format!(
            "
services:
  db:
    image: busybox
    init: true
    command: sh -c 'sleep 0.5; touch /ready; exec sleep 600'
    healthcheck: {{test: test -e {ready}, interval: 30s}}
  web: {{image: busybox, init: true, command: sleep 600}}
  task: {{image: busybox, command: '{task}'}}
"
        )
    };
    let Some(project) = Project::with(&compose("true", "/ready")) else { return };
    let output = project.succeed(&["up", "--wait"]);
    assert!(output.stderr.contains("Container [PROJECT]-db-1  Healthy"), "{}", output.stderr);
    assert_eq!(output.stdout, "");
    project.compose(&compose("true", "/never"));
    let message = project.fail(&["up", "-d", "--wait", "--wait-timeout", "1"]);
    assert!(message.contains("application not healthy after 1s"), "{message}");
    assert_eq!(project.status("db-1"), "running");
    project.compose(&compose("false", "/ready"));
    let message = project.fail(&["up", "--wait"]);
    assert!(message.contains("task-1") && message.contains("exited (1)"), "{message}");
}
