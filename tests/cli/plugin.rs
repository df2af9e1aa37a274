//! As a plugin of the Docker CLI, without the Docker CLI.

use std::os::unix::net::UnixListener;
use std::process::Stdio;

use serde_json::Value;

use crate::sandbox::{Output, Sandbox};

const CALLER: &str = "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND";

fn called(sandbox: &Sandbox, name: &str, args: &[&str]) -> Output {
    sandbox.finish(sandbox.command_named(name, args), "")
}

#[test]
fn the_handshake() {
    let sandbox = Sandbox::new();
    let about = called(&sandbox, "docker-rcompose", &["docker-cli-plugin-metadata"]).quiet();
    let about: Value = serde_json::from_str(&about).unwrap();
    assert_eq!(about["SchemaVersion"], "0.1.0");
    assert_eq!(about["Version"], concat!("v", env!("CARGO_PKG_VERSION")));
    for key in ["Vendor", "ShortDescription"] {
        assert!(about[key].as_str().is_some_and(|it| !it.is_empty()), "{about}");
    }
}

#[test]
fn names_in_help() {
    let sandbox = Sandbox::new().env(CALLER, "docker");
    let usage = |name, args: &[&str]| {
        let help = called(&sandbox, name, args).quiet();
        help.lines().find(|line| line.starts_with("Usage: ")).unwrap().to_owned()
    };
    let whole = "Usage: docker rcompose [OPTIONS] [COMMAND]";
    assert_eq!(usage("docker-rcompose", &["rcompose"]), whole);
    assert_eq!(usage("docker-rcompose", &["rcompose", "--help"]), whole);
    assert_eq!(usage("docker-rcompose", &["help", "rcompose"]), whole);
    assert_eq!(usage("docker-rcompose", &["--help", "rcompose"]), whole);
    let up = "Usage: docker compose up [OPTIONS] [SERVICES]...";
    assert_eq!(usage("docker-compose", &["compose", "up", "--help"]), up);
    assert_eq!(usage("docker-compose", &["help", "compose", "up"]), up);
    let error = called(&sandbox, "docker-compose", &["compose", "up", "--nope"]).failed();
    assert!(error.contains("docker compose up"), "{error}");
}

#[test]
fn a_link_that_is_called_by_hand() {
    let sandbox = Sandbox::with("services: {web: {image: busybox}}");
    let services = called(&sandbox, "docker-compose", &["config", "--services"]).quiet();
    assert_eq!(services, "web\n");
}

#[test]
fn flags_of_the_docker_cli() {
    let sandbox = Sandbox::with("services: {web: {image: busybox}}").env(CALLER, "docker");
    let services = |flags: &[&str]| {
        let args = [flags, &["rcompose", "config", "--services"]].concat();
        called(&sandbox, "docker-rcompose", &args)
    };
    assert_eq!(services(&["--config", "elsewhere", "-D", "--tls=false"]).quiet(), "web\n");
    let error = called(&sandbox, "docker-rcompose", &["-c", "nowhere", "rcompose", "ls"]).failed();
    assert!(error.contains("nowhere"), "{error}");
    // The folder of contexts is that of the flag.
    let context = r#"{"Name":"box","Endpoints":{"docker":{"Host":"unix:///box.sock"}}}"#;
    let folder = "26f8567f2569182294c3fa5b9f9cb2270b554eef628b4c149cf82a42888ff4ae";
    let sandbox = sandbox.file(&format!("conf/contexts/meta/{folder}/meta.json"), context);
    let args = ["--config", "conf", "--context", "box", "rcompose", "ls"];
    let error = called(&sandbox, "docker-rcompose", &args).failed();
    assert!(error.contains("box.sock"), "{error}");
}

/// The Docker CLI gets a signal of its own, and closes the socket.
#[test]
fn the_end_of_the_callers_patience() {
    // The path of a socket must be short.
    let folder = std::env::temp_dir().join(format!("rcompose-plugin-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let [engine_path, caller_path] = ["engine", "caller"].map(|name| folder.join(name));
    // It takes what is asked, and never answers.
    let engine = UnixListener::bind(&engine_path).unwrap();
    let caller = UnixListener::bind(&caller_path).unwrap();
    let sandbox = Sandbox::with("services: {web: {image: busybox}}")
        .env(CALLER, "docker")
        .env("DOCKER_CLI_PLUGIN_SOCKET", &caller_path.to_string_lossy())
        .env("DOCKER_HOST", &format!("unix://{}", engine_path.display()));
    // Who answers to signals, and who does not.
    for command in ["pull", "ps"] {
        let mut program = sandbox.command_named("docker-rcompose", &["rcompose", command]);
        let mut child = program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (connection, _) = caller.accept().unwrap();
        let _asked = engine.accept().unwrap();
        assert_eq!(child.try_wait().unwrap(), None);
        drop(connection);
        assert_eq!(child.wait().unwrap().code(), Some(130), "{command}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
