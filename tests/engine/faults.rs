//! Runs that are broken off at every single step, connections that break, and runs against each
//! other: the next run repairs what there is, and nothing is lost or left.

use serde_json::Value;

use crate::engine::eventually;
use crate::project::Project;
use crate::proxy::Proxy;
use crate::run::Running;

/// Two services, one after the other, with a network, a volume and an anonymous volume.
const COMPOSE: &str = "
services:
  db:
    image: busybox
    init: true
    command: sleep 600
    stop_grace_period: 0s
    volumes: [data:/data, /cache]
    environment: {MODE: first}
  web: {image: busybox, init: true, command: sleep 600, stop_grace_period: 0s, depends_on: [db]}
volumes: {data: {}}
";

const ALL: [&str; 4] =
    ["db-1 running", "web-1 running", "network [PROJECT]_default", "volume [PROJECT]_data"];

/// How a run is broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Break {
    /// It is killed before the request reaches the engine.
    Kill,
    /// It is killed when the request has just been sent.
    KillAfter,
    /// It gets an interrupt, and ends by itself.
    Interrupt,
    /// Its connections are cut, and the engine cannot be reached for a while.
    Cut,
}

/// Breaks a run off at the change with this number; false if it has come to its end before.
#[track_caller]
fn broken(project: &Project, proxy: &Proxy, args: &[&str], at: u32, how: Break) -> bool {
    proxy.stop_at(at);
    let run = project.start_at(&proxy.address, args);
    if !proxy.stands_still(|| run.has_ended()) {
        let output = run.finish();
        assert_eq!(output.code, Some(0), "{args:?}: {}", output.stderr);
        proxy.go_on();
        return false;
    }
    match how {
        Break::Kill => {
            drop(run);
            proxy.cut();
            proxy.comes_back();
        }
        Break::KillAfter => {
            proxy.go_on();
            drop(run);
        }
        Break::Interrupt => {
            run.signal("INT");
            interrupted(run, proxy, args, at);
        }
        Break::Cut => {
            proxy.cut();
            let output = run.finish();
            assert_eq!(output.code, Some(1), "{args:?} at {at}: {}", output.stderr);
            assert!(output.stderr.contains("error: "), "{args:?} at {at}: {}", output.stderr);
            assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
            proxy.comes_back();
        }
    }
    settled(project);
    true
}

/// Waits until the engine has done what it was asked for by a run that is gone.
fn settled(project: &Project) {
    let mut seen = (project.state(), 0);
    eventually("an engine that is done", || {
        let state = project.state();
        seen = if seen.0 == state { (state, seen.1 + 1) } else { (state, 0) };
        (seen.1 == 5).then_some(())
    });
}

fn interrupted(run: Running<'_>, proxy: &Proxy, args: &[&str], at: u32) {
    proxy.go_on();
    let output = run.finish();
    assert_eq!(output.code, Some(130), "{args:?} at {at}: {}", output.stderr);
}

/// Makes sure that the project is whole, and that its data is there.
#[track_caller]
fn repaired(project: &Project, at: u32, how: Break) {
    let output = project.run(&["up", "-d"]);
    assert_eq!(output.code, Some(0), "after {how:?} at {at}: {}", output.stderr);
    assert_eq!(project.resources(), ALL, "after {how:?} at {at}");
    let before = project.state();
    project.succeed(&["up", "-d"]);
    assert_eq!(project.state(), before, "after {how:?} at {at}");
}

/// Breaks `up` of a project that is not there yet at every step.
fn every_step_of_up(how: Break) {
    let Some(project) = Project::with(COMPOSE) else { return };
    let proxy = Proxy::new(project.engine);
    let mut at = 1;
    while broken(&project, &proxy, &["up", "-d"], at, how) {
        // What there is can be taken down as well as completed.
        if at % 2 == 0 {
            repaired(&project, at, how);
        }
        project.succeed(&["down", "-v", "-t", "0"]);
        assert_eq!(project.resources(), [""; 0], "after {how:?} at {at}");
        at += 1;
    }
    assert!(at > 6, "`up` makes two containers, a network and a volume, and starts two");
    assert_eq!(project.resources(), ALL);
}

/// Breaks the replacement of two containers at every step.
fn every_step_of_a_replacement(how: Break) {
    let Some(project) = Project::with(COMPOSE) else { return };
    let proxy = Proxy::new(project.engine);
    project.succeed(&["up", "-d"]);
    let written = "date > /data/file; date > /cache/file; cat /data/file /cache/file";
    let written = project.told("db-1", &["sh", "-c", written]);
    let mut at = 1;
    while broken(&project, &proxy, &["up", "-d", "--force-recreate"], at, how) {
        repaired(&project, at, how);
        let found = project.told("db-1", &["cat", "/data/file", "/cache/file"]);
        assert_eq!(found, written, "data is lost after {how:?} at {at}");
        at += 1;
    }
    assert!(at > 10, "each replacement has five steps");
    assert_eq!(project.resources(), ALL);
}

/// Breaks `down` at every step.
fn every_step_of_down(how: Break) {
    let Some(project) = Project::with(COMPOSE) else { return };
    let proxy = Proxy::new(project.engine);
    let mut at = 1;
    loop {
        project.succeed(&["up", "-d"]);
        project.told("db-1", &["sh", "-c", "echo kept > /data/file"]);
        if !broken(&project, &proxy, &["down"], at, how) {
            break;
        }
        if at % 2 == 0 {
            repaired(&project, at, how);
            assert_eq!(project.told("db-1", &["cat", "/data/file"]), "kept\n");
        }
        project.succeed(&["down"]);
        assert_eq!(project.resources(), ["volume [PROJECT]_data"], "after {how:?} at {at}");
        at += 1;
    }
    assert!(at > 5, "`down` stops and removes two containers and removes a network");
    assert_eq!(project.resources(), ["volume [PROJECT]_data"]);
}

/// `up` is killed before each change it asks for. `up` completes or `down` removes what there is.
#[test]
fn up_is_killed_before_every_step() {
    every_step_of_up(Break::Kill);
}

/// `up` is killed when each change has just been asked for.
#[test]
fn up_is_killed_after_every_step() {
    every_step_of_up(Break::KillAfter);
}

/// `up` is interrupted at each change. It ends by itself, with code 130.
#[test]
fn up_is_interrupted_at_every_step() {
    every_step_of_up(Break::Interrupt);
}

/// The engine goes away at each change of `up`. That is an error, and no panic.
#[test]
fn the_engine_goes_at_every_step_of_up() {
    every_step_of_up(Break::Cut);
}

/// A replacement is killed before each step. The next `up` completes it, with all data.
#[test]
fn a_replacement_is_killed_before_every_step() {
    every_step_of_a_replacement(Break::Kill);
}

/// A replacement is killed after each step was asked for.
#[test]
fn a_replacement_is_killed_after_every_step() {
    every_step_of_a_replacement(Break::KillAfter);
}

/// A replacement is interrupted at each step. What has begun is completed.
#[test]
fn a_replacement_is_interrupted_at_every_step() {
    every_step_of_a_replacement(Break::Interrupt);
}

/// The engine goes away at each step of a replacement.
#[test]
fn the_engine_goes_at_every_step_of_a_replacement() {
    every_step_of_a_replacement(Break::Cut);
}

/// `down` is killed before each step. `up` repairs and `down` completes it; the volume stays.
#[test]
fn down_is_killed_before_every_step() {
    every_step_of_down(Break::Kill);
}

/// `down` is killed after each step was asked for.
#[test]
fn down_is_killed_after_every_step() {
    every_step_of_down(Break::KillAfter);
}

/// `down` is interrupted at each step.
#[test]
fn down_is_interrupted_at_every_step() {
    every_step_of_down(Break::Interrupt);
}

/// The engine goes away at each step of `down`.
#[test]
fn the_engine_goes_at_every_step_of_down() {
    every_step_of_down(Break::Cut);
}

/// A run that attends containers says so when the engine goes, and does not wait for ever.
///
/// `up` and `logs -f` are attached; the connections break. Both end with code 1 and a reason; the
/// containers go on, and `up` finds them as they should be.
#[test]
fn an_engine_that_goes_ends_what_attends() {
    let Some(project) = Project::with(
        "
services:
  web: {image: busybox, init: true, command: sh -c 'echo here; exec sleep 600'}
",
    ) else {
        return;
    };
    let proxy = Proxy::new(project.engine);
    let up = project.start_at(&proxy.address, &["up"]);
    up.shows("web-1  | here\n");
    let logs = project.start_at(&proxy.address, &["logs", "-f"]);
    logs.shows("web-1  | here\n");
    proxy.cut();
    for run in [up, logs] {
        let output = run.finish();
        assert_eq!(output.code, Some(1), "{}", output.stderr);
        assert!(output.stderr.contains("error: "), "{}", output.stderr);
        assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    }
    assert_eq!(project.status("web-1"), "running");
    let before = project.state();
    project.succeed(&["up", "-d"]);
    assert_eq!(project.state(), before);
}

/// A wait goes on when the connection that tells of events breaks.
///
/// `up -d` waits for a task to end; all connections break while nothing is asked for, and can be made
/// again at once. When the task ends, its dependent is started.
#[test]
fn a_wait_survives_a_broken_connection() {
    let Some(project) = Project::with(
        "
services:
  task:
    image: busybox
    init: true
    command: sh -c 'until [ -e /out/go ]; do sleep 0.1; done'
    volumes: [./out:/out]
  web:
    image: busybox
    init: true
    command: sleep 600
    depends_on: {task: {condition: service_completed_successfully}}
",
    ) else {
        return;
    };
    let proxy = Proxy::new(project.engine);
    let up = project.start_at(&proxy.address, &["up", "-d"]);
    up.shows("Container [PROJECT]-task-1  Started\n");
    // Looks are short and far between; what is open is the stream of events.
    proxy.requests();
    eventually("a look at the task", || {
        proxy.requests().contains(&"GET /containers/ID/json".to_owned()).then_some(())
    });
    crate::proxy::a_moment();
    proxy.cut();
    proxy.comes_back();
    project.file("out/go", "");
    let output = up.finish();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let expected = ["task-1 exited", "web-1 running", "network [PROJECT]_default"];
    assert_eq!(project.resources(), expected);
}

/// An engine that refuses one request is quoted, and what does not hang on it is there.
///
/// The start of a container fails for reasons of the engine.
#[test]
fn an_engine_that_fails_is_quoted() {
    let Some(project) = Project::with(COMPOSE) else { return };
    let proxy = Proxy::new(project.engine);
    proxy.fails("/start");
    let output = project.start_at(&proxy.address, &["up", "-d"]).finish();
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(output.stderr.contains("/start does not work"), "{}", output.stderr);
    let expected =
        ["db-1 created", "web-1 created", "network [PROJECT]_default", "volume [PROJECT]_data"];
    assert_eq!(project.resources(), expected);
    repaired(&project, 1, Break::Cut);
}

/// `up` and `down` of one project at once end, whatever they leave; the next run repairs.
///
/// Several times `up` begins and `down` a few changes later.
#[test]
fn up_against_down() {
    let Some(project) = Project::with(COMPOSE) else { return };
    for at in [2, 4, 5] {
        let proxy = Proxy::new(project.engine);
        proxy.stop_at(at);
        let up = project.start_at(&proxy.address, &["up", "-d"]);
        assert!(proxy.stands_still(|| up.has_ended()));
        let down = project.start(&["down", "-t", "0"]);
        // They meet anywhere.
        proxy.go_on();
        for (what, run) in [("up", up), ("down", down)] {
            let output = run.finish();
            assert!(matches!(output.code, Some(0 | 1)), "{what} at {at}: {}", output.stderr);
            assert!(!output.stderr.contains("panicked"), "{what} at {at}: {}", output.stderr);
        }
        repaired(&project, at, Break::Cut);
        project.succeed(&["down", "-t", "0"]);
        assert_eq!(project.resources(), ["volume [PROJECT]_data"]);
    }
}

/// Two `up` at once that begin from nothing make one project.
///
/// One stops before each of its changes while the other runs to its end.
#[test]
fn one_up_overtakes_another() {
    let Some(project) = Project::with(COMPOSE) else { return };
    for at in 1..=6 {
        let proxy = Proxy::new(project.engine);
        proxy.stop_at(at);
        let first = project.start_at(&proxy.address, &["up", "-d"]);
        if !proxy.stands_still(|| first.has_ended()) {
            break;
        }
        project.succeed(&["up", "-d"]);
        proxy.go_on();
        let output = first.finish();
        assert_eq!(output.code, Some(0), "overtaken at {at}: {}", output.stderr);
        assert_eq!(project.resources(), ALL, "overtaken at {at}");
        project.succeed(&["down", "-v", "-t", "0"]);
    }
}

/// The number of requests does not grow with the number of services.
///
/// `up -d` of what runs already, `ps`, `logs` of nothing and `ls`, for two and for twenty services.
#[test]
fn requests_do_not_grow_with_services() {
    let services = |count: u32| -> String {
        let service = |number| {
            let before = if number == 0 { String::new() } else { ", depends_on: [s0]".to_owned() };
            format!("  s{number}: {{image: busybox, init: true, command: sleep 600{before}}}\n")
        };
        (0..count).map(service).collect()
    };
    let Some(project) = Project::with(&format!("services:\n{}", services(2))) else { return };
    let proxy = Proxy::new(project.engine);
    let count = |args: &[&str]| {
        let output = project.start_at(&proxy.address, args).finish();
        assert_eq!(output.code, Some(0), "{args:?}: {}", output.stderr);
        let mut requests = proxy.requests();
        requests.sort();
        requests
    };
    let few = count(&["up", "-d"]);
    let commands = [&["up", "-d"][..], &["up", "-d", "--no-recreate"], &["ps"], &["ls"]];
    let before = commands.map(count);
    project.compose(&format!("services:\n{}", services(20)));
    let many = count(&["up", "-d"]);
    assert_eq!(commands.map(count), before);
    let mut listing = vec!["GET /containers/json", "HEAD /_ping"];
    if project.engine.podman {
        // Health is told in a list of its own.
        listing.insert(1, "GET /v4.0.0/libpod/containers/json");
    }
    assert_eq!(before[2], listing);
    // What is new needs to be made and started, and nothing more is asked for, but how many processors
    // there are for so much.
    assert_eq!(many.iter().filter(|it| *it == "GET /info").count(), 1);
    assert!(!few.contains(&"GET /info".to_owned()));
    // Old engines are asked once more for networks, in case they have made a second one of a name.
    let asked = few.iter().filter(|request| *request == "GET /networks").count() - 1;
    assert_eq!(many.len() + asked - few.len(), 18 * 2 - 2 * 2, "{few:?} {many:?}");
    let down = count(&["down", "-t", "0"]);
    assert_eq!(down.iter().filter(|it| *it == "GET /info").count(), 1);
}

/// Stops in the order of dependencies, each container with its own grace, those that can at once.
///
/// Of three services that take no notice of the stop signal, one depends on the two others; then `stop`.
/// The dependent has ended before the others, and each was killed after its own time.
#[test]
fn each_container_has_its_own_grace() {
    let deaf = "image: busybox, command: sh -c 'trap \"\" TERM; touch /out/$$WHO; while :; do sleep 0.1; done', volumes: ['./out:/out']";
    let Some(project) = Project::with(&format!(
        "
services:
  web: {{{deaf}, environment: {{WHO: web}}, stop_grace_period: 1s, depends_on: [one, two]}}
  one: {{{deaf}, environment: {{WHO: one}}, stop_grace_period: 1s}}
  two: {{{deaf}, environment: {{WHO: two}}, stop_grace_period: 3s}}
"
    )) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    for who in ["web", "one", "two"] {
        project.awaits_file(&format!("out/{who}"));
    }
    project.succeed(&["stop"]);
    let time = |name: &str| -> f64 {
        let state = project.inspect(name)["State"].take();
        assert_eq!(state["ExitCode"], 137, "{state}");
        let text = crate::engine::moment(&state["FinishedAt"]);
        let time = &text["2000-01-01T".len()..];
        let parts: Vec<f64> = time.split(':').map(|part| part.parse().unwrap()).collect();
        parts[0] * 3600.0 + parts[1] * 60.0 + parts[2]
    };
    let [web, one, two] = ["web-1", "one-1", "two-1"].map(time);
    assert!((0.9..2.5).contains(&(one - web)), "one {one} web {web}");
    assert!((2.9..4.5).contains(&(two - web)), "two {two} web {web}");
}

/// Output goes on while containers stop, and a third interrupt leaves at once.
///
/// `up` of a service that goes on writing when it is asked to stop. An interrupt: what is written then is
/// shown. A second one asks for its end, which does not reach the engine; a third one leaves.
#[test]
fn output_goes_on_while_containers_stop() {
    let Some(project) = Project::with(
        "
services:
  slow:
    image: busybox
    command: sh -c 'trap \"echo stopping; bye=yes\" TERM; echo ready; while :; do sleep 0.1; [ -z \"$$bye\" ] || echo still here; done'
    stop_grace_period: 1m
",
    ) else {
        return;
    };
    let proxy = Proxy::new(project.engine);
    let up = project.start_at(&proxy.address, &["up"]);
    up.shows("slow-1  | ready\n");
    up.signal("INT");
    up.shows("slow-1  | stopping\n");
    up.shows("slow-1  | still here\nslow-1  | still here\n");
    assert_ne!(project.status("slow-1"), "exited");
    // The kill does not come through.
    proxy.stop_at(1);
    up.signal("INT");
    assert!(proxy.stands_still(|| up.has_ended()));
    up.signal("INT");
    let output = up.finish();
    assert_eq!(output.code, Some(130), "{}", output.stderr);
    assert_ne!(project.status("slow-1"), "exited");
    let kill = format!("/containers/{}/kill", project.full("slow-1"));
    project.engine.post(&kill, &Value::Null);
}
