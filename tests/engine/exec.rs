//! Commands run in containers.

use std::process::Command;

use crate::project::Project;

const STACK: &str = "
services:
  web: {image: busybox, init: true, command: sleep 600, environment: {KNOWN: '1'}, deploy: {replicas: 2}}
  over: {image: busybox, command: 'true'}
";

/// A command's output, errors and exit code are those of the container's.
///
/// `exec` with its flags, in services that run, do not run, and are not there.
#[test]
fn output_and_code_are_those_of_the_command() {
    let Some(project) = Project::with(STACK) else { return };
    project.succeed(&["up", "-d"]);
    let output = project.run(&["exec", "web", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((output.code, &*output.stdout, &*output.stderr), (Some(7), "out\n", "err\n"));
    let args = ["exec", "-e", "OWN=2", "-w", "/tmp", "-u", "1:1", "web", "sh", "-c"];
    let output = project.succeed(&[&args[..], &["echo $KNOWN $OWN; pwd; id -u"]].concat());
    assert_eq!(output.stdout, "1 2\n/tmp\n1\n");
    // Flags behind the service are the command's.
    let output = project.succeed(&["exec", "web", "echo", "-d", "--index=7", "--detach=true"]);
    assert_eq!(output.stdout, "-d --index=7 --detach=true\n");
    for (index, number) in [("1", "web-1"), ("2", "web-2")] {
        let output = project.succeed(&["exec", "--index", index, "web", "hostname"]).stdout;
        assert!(project.instance(number).0.starts_with(output.trim()), "{output}");
    }
    assert!(project.fail(&["exec", "--index", "3", "web", "true"]).contains("container #3"));
    assert!(project.fail(&["exec", "over", "true"]).contains("service \"over\" is not running"));
    assert!(project.fail(&["exec", "nobody", "true"]).contains("no such service: nobody"));
    project.succeed(&["exec", "-d", "web", "touch", "/tmp/detached"]);
    crate::engine::eventually("the work of a detached command", || {
        let there = project.run(&["exec", "web", "test", "-e", "/tmp/detached"]);
        (there.code == Some(0)).then_some(())
    });
}

/// Pipes carry any amount of anything both ways, and their end.
#[test]
fn pipes_both_ways() {
    let Some(project) = Project::with(STACK) else { return };
    project.succeed(&["up", "-d"]);
    let program = env!("CARGO_BIN_EXE_rcompose");
    let line = format!("head -c 3000000 /dev/zero | {program} exec -T web cat | wc -c");
    let output = project.spawn(Command::new("sh"), &["-c", &line]).finish();
    assert_eq!(output.stdout.trim(), "3000000", "{}", output.stderr);
}

/// A command that does not read does not hold up anybody.
#[test]
fn input_that_nobody_reads() {
    let Some(project) = Project::with(STACK) else { return };
    if project.engine.cannot("input_that_nobody_reads", "Podman breaks the output off as well") {
        return;
    }
    project.succeed(&["up", "-d"]);
    let program = env!("CARGO_BIN_EXE_rcompose");
    let line = format!("head -c 3000000 /dev/zero | {program} exec -T web echo done");
    let output = project.spawn(Command::new("sh"), &["-c", &line]).finish();
    assert_eq!(output.stdout, "done\n", "{}", output.stderr);
}
