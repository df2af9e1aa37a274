//! `up` that stays: output, ends and signals.

use serde_json::Value;

use crate::engine::{eventually, moment};
use crate::project::Project;

/// Output is shown with names, and an interrupt stops the containers in order.
///
/// `up` of a service and one that depends on it, both of which write; then an interrupt. Lines have
/// the names of their containers before them and go to the stream they came from. Both containers are
/// stopped, not removed, the dependent first; the code is 130.
#[test]
fn an_interrupt_stops_what_up_shows() {
    let Some(project) = Project::with(
        "
services:
  web:
    image: busybox
    command: sh -c 'trap \"echo bye; exit 0\" TERM; echo hello; echo oops >&2; while :; do sleep 0.1; done'
    depends_on: [cache]
  cache:
    image: busybox
    command: sh -c 'trap \"exit 0\" TERM; echo warm; while :; do sleep 0.1; done'
",
    ) else {
        return;
    };
    let up = project.start(&["up"]);
    for line in
        ["Attaching to cache-1, web-1\n", "web-1    | hello\n", "cache-1  | warm\n", "oops\n"]
    {
        up.shows(line);
    }
    up.signal("INT");
    let output = up.finish();
    assert_eq!(output.code, Some(130), "{}", output.stderr);
    for (part, stream) in [
        ("web-1    | hello\n", &output.stdout),
        ("web-1    | bye\n", &output.stdout),
        ("web-1 exited with code 0\n", &output.stdout),
        ("web-1    | oops\n", &output.stderr),
        ("Container [PROJECT]-web-1  Stopped\n", &output.stderr),
    ] {
        assert!(stream.contains(part), "no `{part}` in\n{stream}");
    }
    assert!(!output.stdout.contains("oops"), "{}", output.stdout);
    let expected = ["cache-1 exited", "web-1 exited", "network [PROJECT]_default"];
    assert_eq!(project.resources(), expected);
    let [web, cache] = ["web-1", "cache-1"].map(|name| project.inspect(name)["State"].take());
    assert!(moment(&web["FinishedAt"]) <= moment(&cache["FinishedAt"]), "{web} {cache}");
    assert_eq!([&web["ExitCode"], &cache["ExitCode"]], [&Value::from(0), &Value::from(0)]);
}

/// A second interrupt does not wait.
///
/// `up` of a service that takes no notice of the stop signal and has a minute; two interrupts. The
/// container is killed.
#[test]
fn a_second_interrupt_kills() {
    let Some(project) = Project::with(
        "
services:
  deaf:
    image: busybox
    command: sh -c 'trap \"\" TERM; echo ready; while :; do sleep 0.1; done'
    stop_grace_period: 1m
",
    ) else {
        return;
    };
    let up = project.start(&["up"]);
    up.shows("deaf-1  | ready\n");
    up.signal("INT");
    up.shows("Gracefully Stopping...");
    up.shows("Container [PROJECT]-deaf-1  Stopping\n");
    up.signal("INT");
    let output = up.finish();
    assert_eq!(output.code, Some(130), "{}", output.stderr);
    assert_eq!(project.status("deaf-1"), "exited");
    assert_eq!(project.inspect("deaf-1")["State"]["ExitCode"], 137);
}

/// `up` ends when all that it shows has ended.
///
/// `up` of two tasks, one of which fails. All output and both codes are shown; the code is 0, as with
/// Docker Compose.
#[test]
fn up_ends_with_its_containers() {
    let Some(project) = Project::with(
        "
services:
  one: {image: busybox, command: sh -c 'echo first; printf last'}
  two: {image: busybox, command: sh -c 'seq 1000; exit 7'}
",
    ) else {
        return;
    };
    let output = project.succeed(&["up"]);
    for line in [
        "one-1  | first\n",
        "one-1  | last\n",
        "one-1 exited with code 0\n",
        "two-1 exited with code 7\n",
    ] {
        assert!(output.stdout.contains(line), "no `{line}` in\n{}", output.stdout);
    }
    let numbers: Vec<String> = output
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("two-1  | ").map(str::to_owned))
        .collect();
    assert_eq!(numbers, (1..=1000).map(|number| number.to_string()).collect::<Vec<_>>());
}

/// `up` of a project that runs already shows what comes from now on.
///
/// `up -d`, then `up`. The container is not replaced; what it writes after that is shown, what it
/// wrote before is not. Without a terminal `--no-log-prefix` leaves the text alone.
#[test]
fn up_joins_what_runs() {
    let Some(project) = Project::with(
        "
services:
  web: {image: busybox, init: true, command: sh -c 'echo before; exec sleep 600'}
",
    ) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    let web = project.instance("web-1");
    let up = project.start(&["up", "--no-log-prefix"]);
    up.shows("Attaching to web-1\n");
    // What is written before the engine has answered is not shown: so again and again.
    eventually("output of a container that ran", || {
        project.told("web-1", &["sh", "-c", "echo after > /proc/1/fd/1"]);
        up.stdout().contains("\nafter\n").then_some(())
    });
    assert_eq!(project.instance("web-1"), web);
    up.signal("TERM");
    let output = up.finish();
    assert_eq!(output.code, Some(130), "{}", output.stderr);
    assert!(!output.stdout.contains("before"), "{}", output.stdout);
    assert_eq!(project.status("web-1"), "exited");
}

/// A container that others start meanwhile is followed as well.
///
/// `up` of one replica; meanwhile another run makes a second one. Its output is shown from its
/// beginning, and the interrupt stops both.
#[test]
fn what_others_start_is_followed() {
    let Some(project) = Project::with(
        "
services:
  web: {image: busybox, init: true, command: sh -c 'echo hello; exec sleep 600'}
",
    ) else {
        return;
    };
    let up = project.start(&["up"]);
    up.shows("web-1  | hello\n");
    project.succeed(&["up", "-d", "--scale", "web=2"]);
    up.shows("web-2  | hello\n");
    up.signal("INT");
    let output = up.finish();
    assert_eq!(output.code, Some(130), "{}", output.stderr);
    let expected = ["web-1 exited", "web-2 exited", "network [PROJECT]_default"];
    assert_eq!(project.resources(), expected);
}

/// A silent container that others restart keeps nobody waiting.
///
/// `up` of two services, one of which writes nothing and is restarted behind its back; then the other
/// one writes, which is shown, and an interrupt stops both.
#[test]
fn a_silent_restart_holds_up_nobody() {
    let Some(project) = Project::with(
        "
services:
  other: {image: busybox, init: true, command: sh -c 'echo here; exec sleep 600'}
  silent: {image: busybox, init: true, command: sleep 600}
",
    ) else {
        return;
    };
    let up = project.start(&["up"]);
    up.shows("other-1   | here\n");
    up.shows("Container [PROJECT]-silent-1  Started\n");
    let restart = format!("/containers/{}/restart?t=5", project.full("silent-1"));
    project.engine.post(&restart, &Value::Null);
    project.told("other-1", &["sh", "-c", "echo alive > /proc/1/fd/1"]);
    up.shows("other-1   | alive\n");
    up.shows("silent-1 exited with code 143");
    up.signal("INT");
    let output = up.finish();
    assert_eq!(output.code, Some(130), "{}", output.stderr);
    let expected = ["other-1 exited", "silent-1 exited", "network [PROJECT]_default"];
    assert_eq!(project.resources(), expected);
}

/// A container that restarts is followed, and `up` does not end.
///
/// `up` of a service with a restart policy that fails again and again, until it is interrupted.
#[test]
fn restarts_are_followed() {
    let Some(project) = Project::with(
        "
services:
  again: {image: busybox, command: sh -c 'echo try; exit 2', restart: 'on-failure:20'}
",
    ) else {
        return;
    };
    let attempts = |text: &str| text.matches("again-1  | try\n").count();
    let up = project.start(&["up"]);
    up.shows("again-1 exited with code 2 (restarting)\n");
    eventually("three attempts", || (attempts(&up.stdout()) >= 3).then_some(()));
    up.signal("INT");
    let output = up.finish();
    assert_eq!(output.code, Some(130), "{}", output.stderr);
    assert_ne!(project.status("again-1"), "running");
}

const TESTED: &str = "
services:
  db: {image: busybox, init: true, command: sleep 600}
  test: {image: busybox, command: sh -c 'echo tested; exit 7', depends_on: [db]}
";

/// The end of one container ends all, and gives the exit code.
///
/// `up` of a service beside a task that fails, with each of the flags. Both end; the code is that of the
/// task, or of the service that was asked for.
#[test]
fn the_end_of_one_ends_all() {
    let Some(project) = Project::with(TESTED) else { return };
    for (args, code) in [
        (&["--abort-on-container-exit"][..], 7),
        (&["--abort-on-container-failure"], 7),
        (&["--exit-code-from", "test"], 7),
        (&["--exit-code-from", "db"], 143),
    ] {
        let args = [&["up"], args].concat();
        let output = project.run(&args);
        assert_eq!(output.code, Some(code), "{args:?}: {}", output.stderr);
        assert!(output.stdout.contains("test-1 exited with code 7\n"), "{}", output.stdout);
        assert!(output.stderr.contains("Aborting on container exit..."), "{}", output.stderr);
        assert_eq!(project.status("db-1"), "exited");
    }
    assert!(
        project.fail(&["up", "--exit-code-from", "nobody"]).contains("no such service: nobody")
    );
}
