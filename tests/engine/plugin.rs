//! As a plugin, called by the real Docker CLI.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use crate::engine::{eventually, say};
use crate::project::Project;
use crate::run::Running;

const COMPOSE: &str = "
services:
  web:
    image: busybox
    stop_grace_period: 20s
    # Ends a moment after it is asked to, with a code of its own.
    command: sh -c 'trap \"sleep 1; exit 3\" TERM; touch /tmp/up; while :; do sleep 0.1; done'
";

/// A project, and links to the program where the Docker CLI looks for plugins; `None` without a Docker CLI,
/// which one line says.
fn project() -> Option<Project> {
    let project = Project::with(COMPOSE)?;
    let version = Command::new("docker").arg("--version").stdout(Stdio::null()).status();
    if !version.is_ok_and(|status| status.success()) {
        say("plugins are left out: there is no Docker CLI");
        return None;
    }
    let folder = project.path().join("config/cli-plugins");
    fs::create_dir_all(&folder).unwrap();
    for name in ["docker-rcompose", "docker-compose"] {
        symlink(env!("CARGO_BIN_EXE_rcompose"), folder.join(name)).unwrap();
    }
    Some(project)
}

/// The Docker CLI, which finds the plugins.
fn docker(project: &Project) -> Command {
    let mut command = Command::new("docker");
    command.env("DOCKER_CONFIG", project.path().join("config")).env("HOME", project.path());
    for name in ["DOCKER_CONTEXT", "COMPOSE_FILE", "COMPOSE_PROJECT_NAME"] {
        command.env_remove(name);
    }
    command
}

#[track_caller]
fn code(project: &Project, args: &[&str]) -> (Option<i32>, String) {
    let output = project.spawn(docker(project), args).finish();
    (output.code, output.stdout + &output.stderr)
}

#[track_caller]
fn succeeds(project: &Project, args: &[&str]) -> String {
    let (code, text) = code(project, args);
    assert_eq!(code, Some(0), "{args:?}: {text}");
    text
}

/// A project is brought up, looked at and taken down, as `docker rcompose` and as `docker compose`.
#[test]
fn a_project_by_the_docker_cli() {
    let Some(project) = project() else { return };
    assert!(succeeds(&project, &["--help"]).contains("rcompose*"));
    for name in ["rcompose", "compose"] {
        let version = succeeds(&project, &[name, "version", "--short"]);
        assert_eq!(version.trim(), env!("CARGO_PKG_VERSION"));
        succeeds(&project, &[name, "up", "-d"]);
        assert_eq!(project.resources(), ["web-1 running", "network [PROJECT]_default"]);
        let shown = succeeds(&project, &[name, "ps", "--format", "{{.Service}} {{.State}}"]);
        assert_eq!(shown, "web running\n");
        // Codes are passed on as they are.
        assert_eq!(code(&project, &[name, "exec", "web", "sh", "-c", "exit 42"]).0, Some(42));
        assert_eq!(code(&project, &[name, "exec", "nobody", "true"]).0, Some(1));
        assert_eq!(code(&project, &[name, "up", "--nope"]).0, Some(1));
        succeeds(&project, &[name, "down", "-t", "0"]);
        assert!(project.resources().is_empty());
        for args in [&["help", name][..], &[name, "--help"], &[name]] {
            let usage = format!("Usage: docker {name} [OPTIONS] [COMMAND]");
            assert!(succeeds(&project, args).contains(&usage), "{args:?}");
        }
        // Its shell functions ask the plugin.
        let answer = succeeds(&project, &["__complete", name, "up", "w"]);
        assert!(answer.starts_with("web\tbusybox\n:4\n"), "{answer}");
    }
}

/// The engine is the one that flags before the plugin's name say.
#[test]
fn flags_before_the_name() {
    let Some(project) = project() else { return };
    let address = project.engine.address.clone();
    let endpoint = format!("host={address}");
    succeeds(&project, &["context", "create", "box", "--docker", &endpoint]);
    succeeds(&project, &["rcompose", "up", "-d"]);
    let shows = |flags: &[&str]| {
        let mut command = docker(&project);
        // What the flags say is all there is.
        command.args(flags).args(["rcompose", "ps", "-q"]).current_dir(project.path());
        command.env_remove("DOCKER_HOST");
        let output = Running::start(&project, command).finish();
        (output.code, output.stdout.lines().count(), output.stderr)
    };
    let one = (Some(0), 1, String::new());
    assert_eq!(shows(&["-H", &address]), one);
    assert_eq!(shows(&[&format!("--host={address}")]), one);
    assert_eq!(shows(&["--context", "box"]), one);
    assert_eq!(shows(&["-c", "box", "-l", "warn"]), one);
    let config = project.path().join("config").to_string_lossy().into_owned();
    assert_eq!(shows(&["--config", &config, "--context", "box"]), one);
    let (code, _, error) = shows(&["-H", "unix:///nowhere.sock"]);
    assert!(code == Some(1) && error.contains("nowhere.sock"), "{error}");
    let (code, _, error) = shows(&["-D", "-H", &address]);
    assert!(code == Some(0) && error.contains("/containers/json"), "{error}");
}

/// The first signal stops the container with grace, however it gets here; none is counted twice, which would
/// kill it.
#[test]
fn one_signal_counts_once() {
    let Some(project) = project() else { return };
    // To the Docker CLI alone, as from a supervisor; or to all, as from a terminal whose output is piped.
    for (signal, to_all) in [("INT", false), ("TERM", false), ("INT", true)] {
        let mut command = docker(&project);
        command.process_group(0);
        let running = project.spawn(command, &["rcompose", "up"]);
        eventually("the trap of the container", || {
            let is_there = project.resources().contains(&"web-1 running".to_owned());
            (is_there && project.exec("web-1", &["test", "-e", "/tmp/up"]).0 == 0).then_some(())
        });
        if to_all {
            running.signal_all(signal);
        } else {
            running.signal(signal);
        }
        let output = running.finish();
        assert_eq!(output.code, Some(130), "{}{}", output.stdout, output.stderr);
        let notices = output.stderr.matches("Gracefully").count();
        let notices = notices + output.stdout.matches("Gracefully").count();
        assert_eq!(notices, 1, "{}{}", output.stdout, output.stderr);
        assert_eq!(project.inspect("web-1")["State"]["ExitCode"], 3);
        project.succeed(&["down"]);
    }
}

/// Ctrl-C where the Docker CLI and the plugin share a terminal: one stops, two kill.
#[test]
fn keys_of_a_terminal() {
    let Some(project) = project() else { return };
    for (keys, want) in [(1, 3), (2, 137)] {
        let mut command = docker(&project);
        let line = std::mem::replace(&mut command, Command::new("script"));
        for (name, value) in line.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        command.env("COMPOSE_MENU", "false");
        let typed = project.path().join(format!("keys-{keys}"));
        assert!(Command::new("mkfifo").arg(&typed).status().unwrap().success());
        // Opened for both, so that neither side waits for the other.
        let mut pipe = fs::OpenOptions::new().read(true).write(true).open(&typed).unwrap();
        let stdin = Stdio::from(fs::File::open(&typed).unwrap());
        command.args(["-qec", "docker rcompose up", "/dev/null"]).current_dir(project.path());
        command.env("DOCKER_HOST", &project.engine.address);
        let running = Running::start_with(&project, command, stdin);
        eventually("the trap of the container", || {
            let is_there = project.resources().contains(&"web-1 running".to_owned());
            (is_there && project.exec("web-1", &["test", "-e", "/tmp/up"]).0 == 0).then_some(())
        });
        for number in 0..keys {
            std::io::Write::write_all(&mut pipe, b"\x03").unwrap();
            if number == 0 {
                running.shows("Gracefully");
            }
        }
        let output = running.finish();
        assert_eq!(output.code, Some(130), "{}", output.stdout);
        assert_eq!(project.inspect("web-1")["State"]["ExitCode"], want, "{}", output.stdout);
        project.succeed(&["down"]);
    }
}
