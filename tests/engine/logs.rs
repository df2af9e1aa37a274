//! `logs`: what containers have written, and what they go on to write.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::engine::eventually;
use crate::project::Project;
use crate::run::Running;

const COMPOSE: &str = "
services:
  talk:
    image: busybox
    init: true
    command: sh -c 'for i in 1 2 3; do echo line $$i; done; echo odd >&2; exec sleep 600'
  done: {image: busybox, command: echo short}
";

/// Starts the project and waits until all has been written, and the one container has ended.
fn started() -> Option<Project> {
    let project = Project::with(COMPOSE)?;
    project.succeed(&["up", "-d"]);
    eventually("all output", || {
        let output = project.succeed(&["logs"]).stdout;
        (output.contains("odd") && output.contains("short")).then_some(())
    });
    eventually("the end of one container", || (project.status("done-1") == "exited").then_some(()));
    Some(project)
}

/// What was written is shown, of all containers or some, in whole or the end.
///
/// `logs` with several flags after the containers have written.
#[test]
fn what_was_written() {
    let Some(project) = started() else { return };
    let output = project.succeed(&["logs"]);
    assert_eq!(output.stderr, "");
    let mut lines: Vec<&str> = output.stdout.lines().collect();
    lines.sort_unstable();
    let expected = [
        "done-1  | short",
        "talk-1  | line 1",
        "talk-1  | line 2",
        "talk-1  | line 3",
        "talk-1  | odd",
    ];
    assert_eq!(lines, expected);
    assert_eq!(project.succeed(&["logs", "done"]).stdout, "done-1  | short\n");
    assert_eq!(project.succeed(&["logs", "--no-log-prefix", "done"]).stdout, "short\n");
    assert_eq!(project.succeed(&["logs", "--tail", "1", "talk", "done"]).stdout.lines().count(), 2);
    assert_eq!(project.succeed(&["logs", "--tail", "0"]).stdout, "");
    assert_eq!(project.succeed(&["logs", "--index", "1", "done"]).stdout, "done-1  | short\n");
    let timed = project.succeed(&["logs", "-t", "done"]).stdout;
    let year = timed.strip_prefix("done-1  | ").unwrap().split('-').next().unwrap();
    assert!(year.len() == 4 && timed.ends_with(" short\n"), "{timed}");
    let by_name = project.succeed(&["-p", &project.name, "logs", "done"]).stdout;
    assert_eq!(by_name, "done-1  | short\n");
    assert!(project.fail(&["logs", "nobody"]).contains("no such service: nobody"));
}

/// The output of a terminal has no frames, which changes nothing.
///
/// `up` and `logs` of a service with a terminal.
#[test]
fn terminals_are_read_as_well() {
    let Some(project) = Project::with(
        "
services:
  term: {image: busybox, tty: true, command: sh -c 'test -t 1 && echo shiny'}
",
    ) else {
        return;
    };
    for args in [&["up"][..], &["logs"], &["logs", "-f"]] {
        let output = project.succeed(args).stdout;
        assert!(output.contains("term-1  | shiny"), "{args:?}: {output}");
    }
}

/// Times bound what is shown, whether they are moments or ages.
///
/// `logs` with times before and after all output.
#[test]
fn times_bound_output() {
    let Some(project) = started() else { return };
    let lines = |flag: &str, time: &str| {
        let output = project.succeed(&["logs", flag, time, "done"]);
        assert_eq!(output.stderr, "", "{flag} {time}");
        output.stdout.lines().count()
    };
    for (long_ago, ahead) in [
        ("1h", "2100-01-01T00:00:00Z"),
        ("1h30m", "2100-01-01T00:00:00.5+02:00"),
        ("2020-01-01", "2100-01-01"),
        ("1600000000", "4100000000"),
        ("1600000000.5", "4100000000"),
    ] {
        assert_eq!(lines("--since", long_ago), 1, "{long_ago}");
        assert_eq!(lines("--until", long_ago), 0, "{long_ago}");
        assert_eq!(lines("--since", ahead), 0, "{ahead}");
        assert_eq!(lines("--until", ahead), 1, "{ahead}");
    }
}

/// Output is followed until no container is left that could write.
///
/// `logs -f`, then another line, then the container is stopped.
#[test]
fn output_is_followed_to_its_end() {
    let Some(project) = started() else { return };
    let logs = project.start(&["logs", "-f"]);
    logs.shows("talk-1  | line 3\n");
    project.told("talk-1", &["sh", "-c", "echo more > /proc/1/fd/1"]);
    logs.shows("talk-1  | more\n");
    let stop = format!("/containers/{}/stop?t=5", project.full("talk-1"));
    project.engine.post(&stop, &Value::Null);
    let output = logs.finish();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(output.stdout.contains("done-1  | short\n"), "{}", output.stdout);

    // Nothing that could write is left from the beginning.
    let output = project.succeed(&["logs", "-f", "--tail", "1"]).stdout;
    assert_eq!(output.lines().count(), 2, "{output}");
}

/// A container that writes nothing keeps nobody waiting.
///
/// `logs -f` of a silent service and of a task that has written; then an interrupt.
#[test]
fn silence_holds_up_nobody() {
    let Some(project) = Project::with(
        "
services:
  a-silent: {image: busybox, init: true, command: sleep 600}
  task: {image: busybox, command: echo short}
  z-silent: {image: busybox, init: true, command: sleep 600}
",
    ) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    let logs = project.start(&["logs", "-f"]);
    logs.shows("| short\n");
    logs.signal("INT");
    assert_eq!(logs.finish().code, Some(130));
}

/// Following also shows containers that are started meanwhile, and an interrupt ends it alone.
///
/// `logs -f`, then a container is started again; then an interrupt. The containers go on.
#[test]
fn following_hears_of_starts() {
    let Some(project) = started() else { return };
    let logs = project.start(&["logs", "-f"]);
    logs.shows("done-1  | short\n");
    // It follows once it shows what is new.
    eventually("output that is followed", || {
        project.told("talk-1", &["sh", "-c", "echo now > /proc/1/fd/1"]);
        logs.stdout().contains("talk-1  | now\n").then_some(())
    });
    let start = format!("/containers/{}/start", project.full("done-1"));
    project.engine.post(&start, &Value::Null);
    eventually("output of a container that was started again", || {
        (logs.stdout().matches("done-1  | short\n").count() >= 2).then_some(())
    });
    logs.signal("INT");
    let output = logs.finish();
    assert_eq!(output.code, Some(130), "{}", output.stderr);
    assert_eq!(project.status("talk-1"), "running");
}

/// Lines of a container that ends and starts again are shown once, and none is left out.
///
/// A task that writes a number is started several times, while `up` and `logs -f` show it. Both
/// have shown what `logs` tells afterwards.
#[test]
fn every_line_is_shown_once() {
    let Some(project) = Project::with(
        "
services:
  talk: {image: busybox, init: true, command: sh -c 'echo here; exec sleep 600'}
  task: {image: busybox, command: sh -c 'n=$$(cat /out/n); echo $$((n + 1)) | tee /out/n', volumes: [./out:/out]}
",
    ) else {
        return;
    };
    project.file("out/n", "0");
    let ended = |number: &str| {
        eventually(format!("the end of start {number}"), || {
            let written = std::fs::read_to_string(project.path().join("out/n")).unwrap();
            (written.trim() == number && project.status("task-1") == "exited").then_some(())
        });
    };
    let up = project.start(&["up"]);
    up.shows("task-1  | 1\n");
    let logs = project.start(&["logs", "-f"]);
    logs.shows("task-1  | 1\n");
    for number in ["1", "2", "3", "4"] {
        ended(number);
        let start = format!("/containers/{}/start", project.full("task-1"));
        project.engine.post(&start, &Value::Null);
    }
    for run in [up, logs] {
        run.shows("task-1  | 5\n");
        run.signal("INT");
        let output = run.finish();
        let lines: Vec<&str> =
            output.stdout.lines().filter_map(|line| line.strip_prefix("task-1  | ")).collect();
        assert_eq!(lines, ["1", "2", "3", "4", "5"], "{}", output.stdout);
    }
}

/// Lines of all containers are shown in the order in which they were written, not container by container.
///
/// Three services write in turns, each after the other by files that they share; then `logs`, with and
/// without times, and `logs -f`, which begins with what there is.
#[test]
fn lines_are_in_order_of_time() {
    let Some(project) = Project::with(
        "
x-turns: &turns
  image: busybox
  volumes: [./out:/out]
  command: |
    sh -c 'for i in 0 3 6 9 12; do
      n=$$((i + ME)); while [ ! -e /out/$$n ]; do usleep 2000; done
      echo number $$n; echo error $$n >&2; usleep 20000; touch /out/$$((n + 1))
    done'
services:
  c: {<<: *turns, environment: {ME: 0}}
  a: {<<: *turns, environment: {ME: 1}}
  b: {<<: *turns, environment: {ME: 2}}
",
    ) else {
        return;
    };
    if project
        .engine
        .is_too_old("lines_are_in_order_of_time", "Podman 4 tells times in whole seconds")
    {
        return;
    }
    project.file("out/0", "");
    project.succeed(&["up", "-d"]);
    project.awaits_file("out/15");
    for name in ["a-1", "b-1", "c-1"] {
        eventually(format!("the end of {name}"), || {
            (project.status(name) == "exited").then_some(())
        });
    }
    let split = |output: &str| -> (Vec<String>, Vec<String>) {
        let lines = output.lines().map(|line| line.split_once(' ').unwrap());
        lines.map(|(time, line)| (time.to_owned(), line.to_owned())).unzip()
    };
    let stamped = ["logs", "-t", "--no-log-prefix"];
    let (times, lines) = split(&project.succeed(&stamped).stdout);
    // An engine stamps the two streams of a container apart, and may write them in another order within
    // microseconds: hundredths of a second are told apart.
    let rough: Vec<&str> = times.iter().map(|time| &time[..22]).collect();
    assert!(rough.is_sorted() && times.len() == 30, "{times:?}");
    let plain = project.succeed(&["logs", "--no-log-prefix"]).stdout;
    assert_eq!(plain.lines().collect::<Vec<_>>(), lines);
    let output = project.succeed(&["logs"]).stdout;
    let sources: Vec<&str> = output.lines().map(|line| &line[..3]).collect();
    let turns = sources.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(turns >= 9, "{output}");
    // An engine that is slow to begin with one of them is not waited for without end.
    eventually("lines in order", || {
        let (times, _) = split(&project.succeed(&[&stamped[..], &["-f"]].concat()).stdout);
        assert_eq!(times.len(), 30);
        times.is_sorted().then_some(())
    });
    // Of each container the end.
    assert_eq!(project.succeed(&["logs", "-n", "2", "-f"]).stdout.lines().count(), 6);
}

/// A line that engines keep in pieces is one line, with one time.
///
/// A service without and one with a terminal write a line of 50,000 characters each and a short one.
#[test]
fn long_lines_are_whole() {
    let Some(project) = Project::with(
        "
services:
  plain: {image: busybox, command: &long sh -c 'printf %050000d 0; echo; echo short'}
  term: {image: busybox, tty: true, command: *long}
",
    ) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    let long = "0".repeat(50_000);
    let services = if project.engine.cannot(
        "the terminal of long_lines_are_whole",
        "Podman keeps what a terminal shows in pieces of any size, each with a time before it",
    ) {
        &["plain"][..]
    } else {
        &["plain", "term"]
    };
    for service in services.iter().copied() {
        eventually(format!("the end of {service}"), || {
            (project.status(&format!("{service}-1")) == "exited").then_some(())
        });
        for args in [&["logs"][..], &["logs", "-f"]] {
            let output = project.succeed(&[args, &["--no-log-prefix", service]].concat()).stdout;
            let lines: Vec<&str> = output.lines().collect();
            assert!(lines == [&*long, "short"], "{service} {args:?}: {} bytes", output.len());
        }
        let timed = project.succeed(&["logs", "-t", "--no-log-prefix", service]).stdout;
        let lines: Vec<&str> = timed.lines().map(|line| line.split_once(' ').unwrap().1).collect();
        assert!(lines == [&*long, "short"], "{service}: {}", timed.replace(&long, "LONG"));
    }
}

/// A reader that has seen enough is no error.
///
/// The first line of much output, and of output that does not end, is taken.
#[test]
fn a_reader_may_go() {
    let Some(project) = Project::with(
        "
services:
  much: {image: busybox, command: seq 100000}
  endless: {image: busybox, init: true, command: sh -c 'while :; do echo more; usleep 1000; done'}
",
    ) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    eventually("the end of one", || (project.status("much-1") == "exited").then_some(()));
    for args in ["logs much", "logs -f endless", "logs -f"] {
        let mut shell = Command::new("sh");
        let program = env!("CARGO_BIN_EXE_rcompose");
        shell.args(["-c", &format!("{{ {program} {args}; echo code $? >&2; }} | head -n 1")]);
        let output = project.spawn(shell, &[]).finish();
        assert_eq!(output.stderr, "code 0\n", "{args}");
        assert_eq!(output.stdout.lines().count(), 1, "{args}");
    }
    project.succeed(&["kill"]);
}

/// A flood of output takes no memory and keeps nobody from leaving.
///
/// Two services write as fast as they can, while `logs -f` and `up` show them to a reader that is
/// fast, and `logs` shows what there is. None takes more than 40 MB, and an interrupt ends each soon.
#[test]
fn a_flood_takes_no_memory() {
    let flood = "image: busybox, init: true, command: 'yes the same line again and again'";
    let logging = "logging: {driver: json-file, options: {max-size: 20m}}";
    let Some(project) = Project::with(&format!(
        "services:\n  a: {{{flood}, {logging}}}\n  b: {{{flood}, {logging}}}\n"
    )) else {
        return;
    };
    if project
        .engine
        .is_too_old("a_flood_takes_no_memory", "Podman 4 takes minutes to read so many lines")
    {
        return;
    }
    let to_nowhere = |args: &str| {
        let mut shell = Command::new("sh");
        let program = env!("CARGO_BIN_EXE_rcompose");
        shell.args(["-c", &format!("exec {program} {args} > /dev/null")]);
        project.spawn(shell, &[])
    };
    let up = to_nowhere("up");
    up.shows("Container [PROJECT]-a-1  Started\n");
    up.shows("Container [PROJECT]-b-1  Started\n");
    let logs = to_nowhere("logs -f");
    let written = |run: &Running<'_>| run.io("wchar") > 3_000_000;
    eventually("much output", || (written(&up) && written(&logs)).then_some(()));
    for (what, run) in [("logs", logs), ("up", up)] {
        let peak = run.peak_memory();
        assert!(peak < 40_000, "{what} took {peak} kB");
        let since = Instant::now();
        run.signal("INT");
        let output = run.finish();
        assert_eq!(output.code, Some(130), "{what}: {}", output.stderr);
        assert!(since.elapsed() < Duration::from_secs(8), "{what} took {:?}", since.elapsed());
    }
    assert_eq!([project.status("a-1"), project.status("b-1")], ["exited", "exited"]);
    let logs = to_nowhere("logs --tail 50000");
    let mut peak = 0;
    eventually("the end of all output", || {
        if logs.has_ended() {
            return Some(());
        }
        peak = logs.peak_memory().max(peak);
        None
    });
    assert_eq!(logs.finish().code, Some(0));
    assert!((1..40_000).contains(&peak), "logs took {peak} kB");
}
