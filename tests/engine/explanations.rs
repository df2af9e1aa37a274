//! Why something is not as it should be, and where the time went.

use std::process::Command;

use serde_json::Value;

use crate::engine::eventually;
use crate::project::Project;

/// The end of a container is explained: its exit code, its last words, who waits for it.
///
/// `up` of a task whose program is not there, one that fails, one that is killed, and of a service that
/// waits for one of them; then `explain` of each, for people and for machines.
#[test]
fn ends_are_explained() {
    let Some(project) = Project::with(
        "services:
  lost: {image: busybox, command: sh -c no-such-program}
  killed: {image: busybox, init: true, command: sh -c 'kill -9 $$$$'}
  fails: {image: busybox, command: sh -c 'echo no moon today; exit 4'}
  waits:
    image: busybox
    command: 'true'
    depends_on: {fails: {condition: service_completed_successfully}}
",
    ) else {
        return;
    };
    let message = project.fail(&["up", "-d"]);
    for part in
        ["exit code 4", "last wrote: no moon today", "held back by it: waits", "waited for it for "]
    {
        assert!(message.contains(part), "no `{part}` in\n{message}");
    }
    project.run(&["up", "-d", "lost", "killed"]);
    for (service, parts) in [
        (
            "lost",
            &["(compose.yaml:2:3)", "exit code 127: its command was not found", "help: check"][..],
        ),
        ("killed", &["exit code 137: killed by SIGKILL"]),
        (
            "fails",
            &["ended with exit code 4", "last wrote: no moon today", "held back by it: waits"],
        ),
        (
            "waits",
            &[
                "was never started",
                "`fails` is not completed: [PROJECT]-fails-1 has ended with exit code 4",
            ],
        ),
    ] {
        eventually(format!("{parts:?} of {service}"), || {
            let told = project.succeed(&["explain", service]).stdout;
            parts.iter().all(|part| told.contains(part)).then_some(())
        });
    }
    let json = project.succeed(&["explain", "fails", "--json"]).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["containers"][0]["exit_code"], 4);
    assert_eq!(json[0]["containers"][0]["output"][0], "no moon today");
    assert_eq!(json[0]["holds_back"][0], "waits");
    assert!(project.fail(&["explain", "fial"]).contains("no such service: fial"));
}

/// A service that is out of memory is told so.
///
/// `up` of a service that takes more memory than it may.
#[test]
fn a_lack_of_memory_is_explained() {
    let Some(project) = Project::with(
        "services:
  hungry:
    image: busybox
    command: [sh, -c, 'x=y; while true; do x=$$x$$x; done']
    mem_limit: 16m
    memswap_limit: 16m
  waits:
    image: busybox
    depends_on: {hungry: {condition: service_completed_successfully}}
",
    ) else {
        return;
    };
    if project.engine.lacks_control_groups("a_lack_of_memory_is_explained") {
        return;
    }
    let message = project.fail(&["up", "-d"]);
    assert!(message.contains("exit code 137"), "{message}");
    assert!(message.contains("memory"), "{message}");
}

/// When patience ends, what is late is named with what its health check says.
///
/// `up --wait --wait-timeout` of a service that is fine, one that is never healthy, and a task that
/// does not end which another service waits for.
#[test]
fn what_is_late_is_named() {
    let Some(project) = Project::with(
        "services:
  fine: {image: busybox, init: true, command: sleep 600}
  sick:
    image: busybox
    init: true
    command: sh -c 'echo warming up; exec sleep 600'
    healthcheck: {test: 'echo still cold; exit 1', interval: 1h}
",
    ) else {
        return;
    };
    let message = project.fail(&["up", "--wait", "--wait-timeout", "2"]);
    for part in [
        "error: application not healthy after 2s\n",
        "compose.yaml:7:18",
        "[PROJECT]-sick-1 is not healthy yet, but starting",
        "every 1h0m0s",
        "the health check said: still cold",
        "[PROJECT]-sick-1 last wrote: warming up",
    ] {
        assert!(message.contains(part), "no `{part}` in\n{message}");
    }
    assert!(!message.contains("[PROJECT]-fine-1 is"), "{message}");
    // It is a limit for dependencies as well.
    project.compose(
        "services:
  task: {image: busybox, init: true, command: sleep 600}
  waits:
    image: busybox
    depends_on: {task: {condition: service_completed_successfully}}
",
    );
    let message = project.fail(&["up", "--wait", "--wait-timeout", "1"]);
    assert!(message.contains("[PROJECT]-task-1 has not ended yet"), "{message}");
}

/// A task that others wait for is meant to end; whatever else ends at once is told how to stay.
#[test]
fn tasks_may_end() {
    let Some(project) = Project::with(
        "services:
  task: {image: busybox, command: 'true'}
  short: {image: busybox, command: 'true'}
  waits:
    image: busybox
    init: true
    command: sleep 600
    depends_on: {task: {condition: service_completed_successfully}}
",
    ) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    let is_over = || (project.status("short-1") == "exited").then_some(());
    crate::engine::eventually("its end".to_owned(), is_over);
    let help = |service: &str| {
        let told = project.succeed(&["explain", service]).stdout;
        assert!(told.contains("exit code 0: its main process finished"), "{told}");
        told.contains("help: give it a command that stays")
    };
    assert!(!help("task"));
    assert!(help("short"));
}

/// What the time was spent on is shown, and written for trace viewers; the engine's memory tells the
/// same story later.
///
/// `up --timings --trace` of a service that waits for the health of another one, then `analyze`.
#[test]
fn times_are_told() {
    let Some(project) = Project::with(
        "services:
  db:
    image: busybox
    init: true
    command: sh -c 'sleep 0.5; touch /ready; exec sleep 600'
    healthcheck: {test: test -e /ready, interval: 30s}
  web:
    image: busybox
    init: true
    command: sleep 600
    depends_on: {db: {condition: service_healthy}}
  alone: {image: busybox, init: true, command: sleep 600}
",
    ) else {
        return;
    };
    let output = project.succeed(&["up", "-d", "--timings", "--trace", "trace.json"]);
    let first_chain: Vec<&str> = output.stderr.split("\n\n").nth(1).unwrap().lines().collect();
    let chain: Vec<&str> =
        first_chain.iter().map(|line| line.split("Container ").nth(1).unwrap_or("")).collect();
    let story = ["[PROJECT]-db-1 started", "[PROJECT]-db-1 healthy", "[PROJECT]-web-1 started"];
    for (found, want) in chain[chain.len() - 3..].iter().zip(story) {
        assert!(found.starts_with(want), "{want}: {}", output.stderr);
    }
    let trace = std::fs::read_to_string(project.path().join("trace.json")).unwrap();
    let trace: Value = serde_json::from_str(&trace).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let healthy = events.iter().find(|it| it["name"] == "healthy").unwrap();
    assert_eq!((&healthy["ph"], &healthy["args"]["service"]), (&"X".into(), &"db".into()));
    assert!(healthy["dur"].as_u64().unwrap() > 100_000, "{healthy}");

    let told = project.succeed(&["analyze", "--trace", "again.json"]).stdout;
    let places =
        story.map(|part| told.find(part).unwrap_or_else(|| panic!("no `{part}` in\n{told}")));
    assert!(places.is_sorted(), "{told}");
    assert!(project.path().join("again.json").exists());
    // Nothing to do takes no time.
    let output = project.succeed(&["up", "-d", "--timings"]);
    assert!(!output.stderr.contains("created"), "{}", output.stderr);
}

/// What a CI job keeps: output of each service, what the engine knows, and the outcome.
///
/// `up --report` of a service that runs, two replicas and a task that fails another service, on GitHub
/// Actions. The folder has a log for each service, JSON for each container, and test cases of which two
/// have failed; the place of the failure is annotated.
#[test]
fn a_report_keeps_what_happened() {
    let Some(project) = Project::with(
        "services:
  fine: {image: busybox, init: true, command: sh -c 'echo hello; exec sleep 600'}
  many: {image: busybox, init: true, scale: 2, command: sh -c 'echo one of many; exec sleep 600'}
  task: {image: busybox, command: sh -c 'echo \"<oh no>\"; exit 9'}
  waits: {image: busybox, depends_on: {task: {condition: service_completed_successfully}}}
",
    ) else {
        return;
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_rcompose"));
    command.env("GITHUB_ACTIONS", "true");
    let output = project.spawn(command, &["up", "-d", "--report", "kept/here"]).finish();
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    let annotation = "::error file=compose.yaml,line=4,endLine=4,col=3,endColumn=7::";
    assert!(output.stderr.contains(annotation), "{}", output.stderr);
    let read =
        |name: &str| std::fs::read_to_string(project.path().join("kept/here").join(name)).unwrap();
    assert_eq!(read("task.log"), "<oh no>\n");
    assert_eq!(read("waits.log"), "");
    let known: Value =
        serde_json::from_str(&read(&format!("{}.json", project.full("task-1")))).unwrap();
    assert_eq!(known["State"]["ExitCode"], 9);
    let junit = project.masked(&read("junit.xml"));
    for part in [
        "<testsuite name=\"[PROJECT]\" tests=\"4\" failures=\"2\"",
        "name=\"fine\"",
        "<failure message=\"[PROJECT]-task-1 exited with code 9\">exit code 9",
        "<failure message=\"[PROJECT]-waits-1 was not started\">",
        "<system-out>&lt;oh no&gt;\n",
    ] {
        assert!(junit.contains(part), "no `{part}` in\n{junit}");
    }
    eventually("the output of both replicas", || {
        project.run(&["up", "-d", "--report", "later", "fine", "many"]);
        let many = std::fs::read_to_string(project.path().join("later/many.log")).unwrap();
        (many == "many-1  | one of many\nmany-2  | one of many\n").then_some(())
    });
}
