//! `attach`, and leaving what runs on a terminal to itself.

use std::process::Command;

use crate::project::Project;

const STACK: &str = "
services:
  echo: {image: busybox, command: [sh, -c, 'while read it; do test $$it = end && exit 5; echo got $$it; done'], stdin_open: true, stop_grace_period: 0s}
  quiet: {image: busybox, command: [sh, -c, 'trap \"echo over; exit 9\" TERM; while true; do echo here; sleep 0.1; done'], stop_grace_period: 0s, scale: 2}
  screen: {image: busybox, command: [sh, -c, 'while read it; do echo got $$it; done'], stdin_open: true, tty: true, stop_grace_period: 0s}
";

fn up() -> Option<Project> {
    let project = Project::with(STACK)?;
    project.succeed(&["up", "-d"]);
    Some(project)
}

/// What is typed is read, what is written is seen, and the exit code is that of the container.
#[test]
fn input_and_output_and_code() {
    let Some(project) = up() else { return };
    let program = env!("CARGO_BIN_EXE_rcompose");
    // Input has no end, as that of a container that others may attach to has none.
    let line = format!(
        "mkfifo in && exec 3<>in && printf 'one\\ntwo\\nend\\n' >&3 && {program} attach echo <&3"
    );
    let output = project.spawn(Command::new("sh"), &["-c", &line]).finish();
    assert_eq!(
        (output.code, &*output.stdout),
        (Some(5), "got one\ngot two\n"),
        "{}",
        output.stderr
    );
    let message = project.fail(&["attach", "echo"]);
    assert!(message.contains("service \"echo\" is not running"), "{message}");
}

/// Signals go to the container, or end only us.
#[test]
fn signals_are_passed_on() {
    let Some(project) = up() else { return };
    let attached = project.start(&["attach", "--no-stdin", "--sig-proxy=false", "quiet"]);
    attached.shows("here");
    attached.signal("INT");
    assert_eq!(attached.finish().code, Some(130));
    assert_eq!(project.status("quiet-1"), "running");

    let attached = project.start(&["attach", "--index", "2", "quiet"]);
    attached.shows("here");
    attached.signal("TERM");
    let output = attached.finish();
    assert_eq!(output.code, Some(9), "{}", output.stderr);
    assert!(output.stdout.ends_with("over\n"), "{}", output.stdout);
    assert_eq!(project.status("quiet-2"), "exited");
    assert_eq!(project.status("quiet-1"), "running");
}

/// What is not running, or paused, or on a terminal that we have not, is refused.
#[test]
fn what_cannot_be_attached_to() {
    let Some(project) = up() else { return };
    if project.engine.lacks_control_groups("what_cannot_be_attached_to") {
        return;
    }
    assert!(project.fail(&["attach", "nobody"]).contains("service \"nobody\" is not running"));
    assert!(project.fail(&["attach", "--index", "7", "quiet"]).contains("container #7"));
    assert!(project.fail(&["attach", "screen"]).contains("the input device is not a TTY"));
    let message = project.fail(&["attach", "--detach-keys", "ctrl-x,nothing", "screen"]);
    assert!(message.contains("invalid detach keys"), "{message}");
    project.succeed(&["pause", "quiet"]);
    let message = project.fail(&["attach", "quiet"]);
    assert!(message.contains("cannot attach to a paused container"), "{message}");
    project.succeed(&["unpause", "quiet"]);
}

/// Runs the program on a terminal, types by a line of shell again and again, as nothing tells when keys
/// are looked for, and gives what was seen.
fn on_terminal(project: &Project, types: &str, args: &str) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_rcompose");
    let known = Command::new("script").arg("--version").output();
    if !known.is_ok_and(|known| known.status.success()) {
        crate::engine::say("terminals are left out: there is no `script` to make one");
        return None;
    }
    let home = project.path().display();
    let line = format!(
        "export HOME={home}; (while sleep 0.3; do {types} || exit; done) | script -qec '{program} {args}; echo code $?' /dev/null"
    );
    Some(project.spawn(Command::new("sh"), &["-c", &line]).finish().stdout)
}

const USUAL_KEYS: &str = "printf '\\020\\021'";

/// The keys leave a container to itself: the usual ones, those of the flag, and those of the
/// configuration.
#[test]
fn keys_leave_a_container_to_itself() {
    let Some(project) = up() else { return };
    let (id, started) = project.instance("screen-1");
    let types = format!("printf 'x\\r'; sleep 0.5; {USUAL_KEYS}");
    let Some(seen) = on_terminal(&project, &types, "attach screen") else { return };
    assert!(seen.contains("got x") && seen.contains("read escape sequence"), "{seen}");
    assert!(seen.trim_end().ends_with("code 1"), "{seen}");
    let types = format!("{USUAL_KEYS}; printf '\\001d'");
    let seen = on_terminal(&project, &types, "attach --detach-keys ctrl-a,d screen").unwrap();
    assert!(seen.contains("read escape sequence"), "{seen}");
    project.file(".docker/config.json", r#"{"detachKeys": "ctrl-e,e"}"#);
    let seen = on_terminal(&project, "printf '\\005e'", "attach screen").unwrap();
    assert!(seen.contains("read escape sequence"), "{seen}");
    assert_eq!(project.instance("screen-1"), (id, started));
    assert_eq!(project.status("screen-1"), "running");
}

/// The keys leave a command and a one-off container to themselves as well.
#[test]
fn keys_leave_commands_to_themselves() {
    let Some(project) = up() else { return };
    let Some(seen) = on_terminal(&project, USUAL_KEYS, "exec quiet sleep 600") else { return };
    assert!(seen.contains("read escape sequence") && seen.trim_end().ends_with("code 1"), "{seen}");
    let run = format!("run --name {} quiet sleep 600", project.full("left"));
    let seen = on_terminal(&project, USUAL_KEYS, &run).unwrap();
    assert!(seen.trim_end().ends_with("code 0"), "{seen}");
    assert_eq!(project.status("left"), "running");
}
