//! Docker Compose and rcompose on the same project, in turns.

use std::env;
use std::process::Command;
use std::sync::Once;

use crate::engine::say;
use crate::project::Project;
use crate::run::{Output, Running};

/// The command line of Docker Compose; `None` if there is none, which one line says.
pub(crate) fn peer() -> Option<Vec<String>> {
    static SAID: Once = Once::new();
    let line = env::var("RCOMPOSE_TEST_PEER").unwrap_or_default();
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    if !words.is_empty() {
        return Some(words);
    }
    if env::var("RCOMPOSE_TEST_ENGINE").is_ok() {
        SAID.call_once(|| say("scenarios with Docker Compose need RCOMPOSE_TEST_PEER"));
    }
    None
}

/// Runs Docker Compose to its end.
#[track_caller]
pub(crate) fn run(peer: &[String], project: &Project, args: &[&str]) -> Output {
    let mut command = Command::new(&peer[0]);
    command.args(&peer[1..]);
    project.spawn(command, args).finish()
}

/// Runs Docker Compose, which must succeed.
#[track_caller]
pub(crate) fn succeed(peer: &[String], project: &Project, args: &[&str]) -> Output {
    let output = run(peer, project, args);
    assert_eq!(output.code, Some(0), "{args:?}\n{}\n{}", output.stdout, output.stderr);
    output
}

/// Runs Docker Compose, which must succeed; gives whether there is one.
#[track_caller]
pub(crate) fn succeeds(project: &Project, args: &[&str]) -> bool {
    let Some(peer) = peer() else { return false };
    succeed(&peer, project, args);
    true
}

/// Which program a scenario is about.
pub(crate) enum Tool {
    Ours,
    /// Docker Compose, by its command line.
    Peer(Vec<String>),
}

impl Tool {
    /// Ours, and Docker Compose if it is there: for scenarios in which both do the same.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::Ours).chain(peer().map(Self::Peer))
    }

    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Self::Ours)
    }

    pub(crate) fn start<'a>(&self, project: &'a Project, args: &[&str]) -> Running<'a> {
        self.start_with(project, &[], args)
    }

    /// Runs the program with more variables than the few that it has.
    pub(crate) fn start_with<'a>(
        &self,
        project: &'a Project,
        env: &[(&str, &str)],
        args: &[&str],
    ) -> Running<'a> {
        let mut command = match self {
            Self::Ours => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_rcompose"));
                command.env_clear().env("HOME", project.path());
                command
            }
            Self::Peer(words) => {
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]);
                command
            }
        };
        command.envs(env.iter().copied());
        project.spawn(command, args)
    }

    #[track_caller]
    pub(crate) fn run(&self, project: &Project, args: &[&str]) -> Output {
        self.start(project, args).finish()
    }

    #[track_caller]
    pub(crate) fn succeed(&self, project: &Project, args: &[&str]) -> Output {
        let output = self.run(project, args);
        assert_eq!(output.code, Some(0), "{args:?}\n{}\n{}", output.stdout, output.stderr);
        output
    }

    /// Runs the program, which must fail; gives its standard error.
    #[track_caller]
    pub(crate) fn fail(&self, project: &Project, args: &[&str]) -> String {
        let output = self.run(project, args);
        assert_eq!(output.code, Some(1), "{args:?}\n{}\n{}", output.stdout, output.stderr);
        output.stderr
    }
}

const COMPOSE: &str = "
services:
  web:
    image: busybox
    init: true
    command: [sh, -c, 'echo $$GREETING & exec sleep 600']
    env_file: [some.env]
    environment: {GREETING: 'a < b & c'}
    labels: {who: me}
    depends_on: {db: {condition: service_started, restart: true}}
    volumes: [data:/data, ./here:/here:ro]
    networks: {default: {aliases: [www]}, inner: {}}
    deploy: {replicas: 2, resources: {limits: {pids: 50}}}
  db:
    image: busybox
    init: true
    command: sleep 600
    networks: [inner]
    ports: ['127.0.0.1::80']
    ulimits: {nofile: 512}
    extra_hosts: ['there:10.0.0.1']
    tmpfs: [/scratch]
    configs: [{source: text, target: /etc/text}]
  shared: {image: busybox, init: true, command: sleep 600, network_mode: 'service:db'}
networks: {inner: {labels: {which: inner}}}
volumes: {data: {labels: {which: data}}}
configs: {text: {file: text.conf}}
";

const NO_IDS: &str =
    "on Podman, where networks of containers have no IDs, Docker Compose replaces all it sees";

fn project() -> Option<Project> {
    let project = Project::with(COMPOSE)?;
    project.file("some.env", "ONE=1\nTWO=$ONE$ONE\n");
    project.file("text.conf", "text\n");
    project.file("here/file", "");
    Some(project)
}

const RESOURCES: [&str; 7] = [
    "db-1 running",
    "shared-1 running",
    "web-1 running",
    "web-2 running",
    "network [PROJECT]_default",
    "network [PROJECT]_inner",
    "volume [PROJECT]_data",
];

/// What Docker Compose made is as it should be for us, and ours to remove.
///
/// Its `up`, then ours, then our `down -v`. We change nothing and leave nothing.
#[test]
fn we_take_over() {
    let Some(peer) = peer() else { return };
    let Some(project) = project() else { return };
    succeed(&peer, &project, &["up", "-d"]);
    assert_eq!(project.resources(), RESOURCES);
    let before = project.state();
    project.succeed(&["up", "-d"]);
    assert_eq!(project.state(), before);
    assert_eq!(project.succeed(&["ps", "--services"]).stdout, "db\nshared\nweb\n");
    project.succeed(&["down", "-v"]);
    assert_eq!(project.resources(), [""; 0]);
}

/// What we made is as it should be for Docker Compose, and its to remove.
///
/// Our `up`, then its `up`, `ps`, `ls` and `down -v`. It changes nothing and leaves nothing.
#[test]
fn docker_compose_takes_over() {
    let Some(peer) = peer() else { return };
    let Some(project) = project() else { return };
    if project.engine.cannot("docker_compose_takes_over", NO_IDS) {
        return;
    }
    project.succeed(&["up", "-d"]);
    assert_eq!(project.resources(), RESOURCES);
    let before = project.state();
    succeed(&peer, &project, &["up", "-d"]);
    assert_eq!(project.state(), before);
    let services = succeed(&peer, &project, &["ps", "--services"]).stdout;
    let mut services: Vec<&str> = services.lines().collect();
    services.sort_unstable();
    assert_eq!(services, ["db", "shared", "web"]);
    let listed = succeed(&peer, &project, &["ls"]).stdout;
    let line = listed.lines().find(|line| line.starts_with("[PROJECT] ")).unwrap();
    assert!(line.contains("running(4)") && line.ends_with("[DIR]/compose.yaml"), "{listed}");
    succeed(&peer, &project, &["down", "-v"]);
    assert_eq!(project.resources(), [""; 0]);
}

/// One replaces what the other has made when the file changes.
///
/// Its `up`, our `up` with a change, its `up` with another. Both leave alone what has not changed.
#[test]
fn changes_in_turns() {
    let Some(peer) = peer() else { return };
    let compose = |mode: &str| {
        format!(
            "
services:
  web: {{image: busybox, init: true, command: sleep 600, environment: {{MODE: {mode}}}, volumes: [/data]}}
  db: {{image: busybox, init: true, command: sleep 600}}
"
        )
    };
    let Some(project) = Project::with(&compose("one")) else { return };
    if project.engine.cannot("changes_in_turns", NO_IDS) {
        return;
    }
    succeed(&peer, &project, &["up", "-d"]);
    let (first, db) = (project.instance("web-1"), project.instance("db-1"));
    project.told("web-1", &["sh", "-c", "echo passed on > /data/file"]);

    project.compose(&compose("two"));
    project.succeed(&["up", "-d"]);
    let second = project.instance("web-1");
    assert_ne!(second, first);
    assert_eq!(project.told("web-1", &["cat", "/data/file"]), "passed on\n");

    project.compose(&compose("three"));
    succeed(&peer, &project, &["up", "-d"]);
    assert_ne!(project.instance("web-1"), second);
    assert_eq!(project.told("web-1", &["cat", "/data/file"]), "passed on\n");
    assert_eq!(project.instance("db-1"), db);
    let passed_on = project.anonymous_volumes();
    project.succeed(&["down", "-v"]);
    assert_eq!(project.resources(), [""; 0]);
    for name in passed_on {
        project.engine.request("DELETE", &format!("/volumes/{name}"), "");
    }
}
