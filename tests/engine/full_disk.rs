//! Disks that are full, the engine's and ours: one message with what to do, and nothing half done.

use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::engine::{eventually, say};
use crate::project::Project;
use crate::proxy::Proxy;
use crate::run::Output;

const THREE: &str = "
services:
  a: {image: busybox, init: true, command: sleep 600}
  b: {image: busybox, init: true, command: sleep 600}
  c: {image: busybox, init: true, command: sleep 600}
";

const FULL: &str = "write /var/lib/engine/1f/data: no space left on device";

/// Looks for the one message of a run that has failed for want of room.
#[track_caller]
fn check(output: &Output, help: &str) {
    let told = &output.stderr;
    assert_eq!(output.code, Some(1), "{told}");
    assert_eq!(told.lines().filter(|it| it.starts_with("error:")).count(), 1, "{told}");
    assert!(told.to_lowercase().contains("no space left on device"), "{told}");
    assert!(told.contains(help), "{told}");
}

/// An engine whose disk is full.
///
/// An engine that refuses in such words to start containers, to make them, and to pull an image: three
/// times `up -d` fails with one message, however many services run into it. Once there is room, `up -d`
/// does what is left to do, and `down` leaves nothing.
#[test]
fn an_engine_without_room() {
    let Some(project) = Project::with(THREE) else { return };
    let proxy = Proxy::new(project.engine);
    let up = |request: &str| {
        proxy.fails_with(request, FULL);
        let output = project.start_at(&proxy.address, &["up", "-d"]).finish();
        check(&output, "help: free space on the engine's disk");
        output.stderr
    };
    up("/containers/create");
    // Now all three are asked for before the first is refused.
    proxy.requests();
    proxy.stop_at(1);
    let run = project.start_at(&proxy.address, &["up", "-d"]);
    let mut asked = 0;
    eventually("three containers that are asked for", || {
        let requests = proxy.requests();
        asked += requests.iter().filter(|it| it.contains("/containers/create")).count();
        (asked == 3).then_some(())
    });
    proxy.go_on();
    let output = run.finish();
    check(&output, "help: free space on the engine's disk");
    let note = output.stderr.lines().find(|it| it.contains("= note: for the same reason: "));
    assert_eq!(note.unwrap_or("").matches("container [PROJECT]-").count(), 2, "{}", output.stderr);
    up("/start");
    project.compose("services: {a: {image: 'localhost:1/none:1'}}");
    let told = up("/images/create");
    assert!(told.contains("cannot pull image `localhost:1/none:1` of service `a`"), "{told}");
    project.compose(THREE);
    project.succeed(&["up", "-d"]);
    for name in ["a-1", "b-1", "c-1"] {
        assert_eq!(project.status(name), "running");
    }
    project.succeed(&["down"]);
    assert_eq!(project.resources(), [""; 0]);
}

/// What rcompose writes itself.
///
/// The report, the trace and the output of `logs` go to where there is no room. Each time that is the one
/// thing that is wrong, and the service runs on.
#[test]
fn our_own_files_without_room() {
    let Some(project) = Project::with(
        "services: {web: {image: busybox, init: true, command: 'sh -c \"echo hello; sleep 600\"'}}",
    ) else {
        return;
    };
    let help = "help: free some space on that disk, or";
    let output = project.run(&["up", "-d", "--trace", "/dev/full"]);
    check(&output, help);
    assert!(output.stderr.contains("cannot write `/dev/full`"), "{}", output.stderr);
    let report = project.path().join("report");
    std::fs::create_dir(&report).unwrap();
    symlink("/dev/full", report.join("web.log")).unwrap();
    let output = project.run(&["up", "-d", "--report", "report"]);
    check(&output, help);
    assert!(output.stderr.contains("cannot write `report/web.log`"), "{}", output.stderr);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut logs = Command::new(env!("CARGO_BIN_EXE_rcompose"));
    logs.arg("logs").current_dir(project.path()).env("DOCKER_HOST", &project.engine.address);
    let logs = logs.stdout(full).stderr(Stdio::piped()).output().unwrap();
    let stderr = String::from_utf8(logs.stderr).unwrap();
    check(&Output { code: logs.status.code(), stdout: String::new(), stderr }, help);
    assert_eq!(project.status("web-1"), "running");
}

/// Files of containers that find no room here.
///
/// `cp` and `export` of more than a small disk can take. They say so, and leave nothing on it.
#[test]
fn copies_without_room() {
    const MOUNT: &str = "mount -t tmpfs -o size=64k none small && \"$@\"; code=$?; \
                         test -z \"$(ls -A small)\" || echo there is something left; exit $code";
    let Some(project) = Project::with(THREE) else { return };
    let small = ["--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh"];
    std::fs::create_dir(project.path().join("small")).unwrap();
    let on_small_disk = |args: &[&str]| {
        let args: Vec<&str> = small.iter().chain(args).copied().collect();
        project.spawn(Command::new("unshare"), &args).finish()
    };
    if on_small_disk(&["true"]).code != Some(0) {
        say("copies_without_room is left out: no small disk can be mounted here");
        return;
    }
    project.succeed(&["up", "-d", "a"]);
    let program = env!("CARGO_BIN_EXE_rcompose");
    for args in [
        &[program, "cp", "a:/bin/busybox", "small/"][..],
        &[program, "export", "-o", "small/x", "a"],
    ] {
        let output = on_small_disk(args);
        check(&output, "help: free some space on that disk, or name another place");
        assert_eq!(output.stdout, "", "{args:?}");
    }
}
