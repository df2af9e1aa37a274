//! How containers are stopped: signals, time and order.

use std::fs;
use std::time::{Duration, Instant};

use crate::project::Project;

/// Long after what is stopped at once, and long before the ten seconds that others get.
const AT_ONCE: Duration = Duration::from_secs(8);

/// Containers get the signal and the time that the file gives them.
///
/// `down` of a service with a signal of its own, one that needs two seconds, and one that takes no
/// notice and gets one second. The first two end in their own way, and the last one holds up nobody.
#[test]
fn signal_and_time_are_those_of_the_file() {
    let Some(project) = Project::with(
        "
services:
  polite:
    image: busybox
    command: sh -c 'trap \"touch /out/polite; exit 0\" USR1; touch /out/1; while :; do sleep 0.1; done'
    stop_signal: SIGUSR1
    volumes: [./out:/out]
  slow:
    image: busybox
    command: sh -c 'trap \"sleep 2; touch /out/slow; exit 0\" TERM; touch /out/2; while :; do sleep 0.1; done'
    volumes: [./out:/out]
  deaf:
    image: busybox
    command: sh -c 'trap \"\" TERM; touch /out/3; while :; do sleep 0.1; done'
    stop_grace_period: 1s
    volumes: [./out:/out]
",
    ) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    for number in ["1", "2", "3"] {
        project.awaits_file(&format!("out/{number}"));
    }
    let begin = Instant::now();
    project.succeed(&["down"]);
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
    for name in ["polite", "slow"] {
        assert!(project.path().join("out").join(name).exists(), "{name} was killed");
    }
}

/// No time at all is a time as well.
///
/// `down` of a service that takes no notice and gets no time. It is killed at once.
#[test]
fn no_time_at_all() {
    let Some(project) = Project::with(
        "
services:
  deaf: {image: busybox, command: sleep 600, stop_grace_period: 0s}
",
    ) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    let begin = Instant::now();
    project.succeed(&["down"]);
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
}

/// The time of the command goes before that of the file, and dependents stop first.
///
/// `down -t 0` of a service that takes no notice and has a minute; `down` of a service and its
/// dependent, which write down when they stop.
#[test]
fn time_of_the_command_and_order() {
    let deaf = "
services:
  deaf:
    image: busybox
    command: sh -c 'trap \"\" TERM; touch /out/1; while :; do sleep 0.1; done'
    stop_grace_period: 1m
    volumes: [./out:/out]
";
    let Some(project) = Project::with(deaf) else { return };
    project.succeed(&["up", "-d"]);
    project.awaits_file("out/1");
    let begin = Instant::now();
    project.succeed(&["down", "-t", "0"]);
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());

    project.compose(
        "
x-base: &base
  image: busybox
  command: sh -c 'trap \"echo $$SELF >> /out/order; exit 0\" TERM; touch /out/$$SELF; while :; do sleep 0.1; done'
  volumes: [./out:/out]
services:
  a: {<<: *base, environment: {SELF: a}}
  b: {<<: *base, environment: {SELF: b}, depends_on: [a]}
  c: {<<: *base, environment: {SELF: c}, depends_on: [b]}
",
    );
    project.succeed(&["up", "-d"]);
    for name in ["a", "b", "c"] {
        project.awaits_file(&format!("out/{name}"));
    }
    project.succeed(&["down"]);
    let order = fs::read_to_string(project.path().join("out/order")).unwrap();
    assert_eq!(order, "c\nb\na\n");
}

/// Who takes no notice of the signal is named, with what to do about it.
///
/// `stop` of a service that ignores its signal and one that ends with it; `down` of what was stopped
/// says nothing.
#[test]
fn who_ignores_the_signal_is_named() {
    let Some(project) = Project::with(
        "
services:
  deaf:
    image: busybox
    command: sh -c 'trap \"\" USR1; touch /out/1; while :; do sleep 0.1; done'
    stop_signal: SIGUSR1
    stop_grace_period: 1s
    volumes: [./out:/out]
  fine: {image: busybox, init: true, command: sleep 600}
",
    ) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    project.awaits_file("out/1");
    let message = project.succeed(&["stop"]).stderr;
    for part in [
        "warning: [PROJECT]-deaf-1 ignored SIGUSR1 and was killed after 1 s",
        "its process is `sh -c trap",
        "set `init: true`",
    ] {
        assert!(message.contains(part), "no `{part}` in\n{message}");
    }
    assert!(!message.contains("fine-1 ignored"), "{message}");
    assert!(!project.succeed(&["down"]).stderr.contains("ignored"));
}

/// In a hurry nobody waits for somebody else, and all share one time.
///
/// `down --fast` of a chain of four services of which each takes a second to stop.
#[test]
fn in_a_hurry_all_stop_at_once() {
    let service = |name: &str, needs: &str| {
        format!(
            "
  {name}:
    image: busybox
    command: sh -c 'trap \"sleep 2; touch /out/bye-{name}; exit 0\" TERM; touch /out/{name}; while :; do sleep 0.1; done'
    volumes: [./out:/out]
    depends_on: [{needs}]"
        )
    };
    let services =
        [service("a", ""), service("b", "a"), service("c", "b"), service("d", "c")].concat();
    let Some(project) = Project::with(&format!("services:{services}\n")) else { return };
    project.succeed(&["up", "-d"]);
    for name in ["a", "b", "c", "d"] {
        project.awaits_file(&format!("out/{name}"));
    }
    let begin = Instant::now();
    project.succeed(&["down", "--fast"]);
    assert!(begin.elapsed() < Duration::from_secs(7), "{:?}", begin.elapsed());
    for name in ["a", "b", "c", "d"] {
        assert!(project.path().join(format!("out/bye-{name}")).exists(), "{name} was killed");
    }
    assert_eq!(project.resources(), [""; 0]);
}
