//! Where engines differ: the same comes of it on each.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::engine::eventually;
use crate::project::{Project, free_port};

/// What is waited for is healthy for everybody afterwards.
///
/// `up --wait` of a service whose check the engine would first run in an hour. `ps` tells its health.
#[test]
fn health_is_known_to_the_engine() {
    let Some(project) = Project::with(
        "
services:
  db:
    image: busybox
    init: true
    command: sh -c 'touch /ready; exec sleep 600'
    healthcheck: {test: test -e /ready, interval: 1s}
",
    ) else {
        return;
    };
    project.succeed(&["up", "--wait"]);
    eventually("the engine's word", || {
        let health = project.inspect("db-1")["State"]["Health"]["Status"].take();
        (health == "healthy").then_some(())
    });
    let rows = project.succeed(&["ps"]).stdout;
    assert!(rows.contains("(healthy)"), "{rows}");
    let row: Value =
        serde_json::from_str(&project.succeed(&["ps", "--format", "json"]).stdout).unwrap();
    assert_eq!(row["Health"], "healthy");
}

/// A check that goes on failing is found out after its retries, not before.
///
/// `up --wait` of a service that is never healthy, with two retries a quarter of a second apart.
#[test]
fn retries_come_before_the_end() {
    let Some(project) = Project::with(
        "
services:
  db:
    image: busybox
    init: true
    command: sleep 600
    healthcheck: {test: 'false', interval: 250ms, retries: 3}
",
    ) else {
        return;
    };
    let begin = Instant::now();
    let message = project.fail(&["up", "--wait"]);
    assert!(message.contains("container [PROJECT]-db-1 is unhealthy"), "{message}");
    assert!(begin.elapsed() > Duration::from_millis(500), "{:?}", begin.elapsed());
    let checks = project.inspect("db-1")["State"]["Health"]["Log"].as_array().unwrap().len();
    assert!(checks >= 3, "{checks} checks");
}

/// A replica keeps its port of a range, and others' ports are left out.
///
/// Two ports in a row, the first of which another container has. One replica gets the second one, and
/// keeps it when it is replaced; there is none for two replicas.
#[test]
fn ranges_go_around_others() {
    let Some(project) = Project::new() else { return };
    let (listeners, first) = eventually("two free ports in a row", || {
        let (one, port) = free_port();
        Some(((one, std::net::TcpListener::bind(("0.0.0.0", port + 1)).ok()?), port))
    });
    let compose = |scale: u32, text: &str| {
        format!(
            "
services:
  other: {{image: busybox, init: true, command: sleep 600, ports: ['{first}:80']}}
  web:
    image: busybox
    init: true
    command: sleep 600
    scale: {scale}
    environment: {{TEXT: '{text}'}}
    ports: ['{first}-{}:80']
    depends_on: [other]
",
            first + 1
        )
    };
    drop(listeners);
    for text in ["before", "after"] {
        project.compose(&compose(1, text));
        project.succeed(&["up", "-d", "other"]);
        project.succeed(&["up", "-d"]);
        let bindings = project.inspect("web-1")["NetworkSettings"]["Ports"].take();
        assert_eq!(bindings["80/tcp"][0]["HostPort"], (first + 1).to_string(), "{text}");
    }
    project.compose(&compose(2, "after"));
    let message = project.fail(&["up", "-d"]);
    for part in ["all ports are allocated", "compose.yaml:10:", "help: stop what uses the port"] {
        assert!(message.contains(part), "no `{part}` in\n{message}");
    }
}

/// A tmpfs with a size alone is everybody's.
#[test]
fn a_tmpfs_can_be_written() {
    let Some(project) = Project::with(
        "
services:
  web:
    image: busybox
    init: true
    user: '1000'
    command: sleep 600
    volumes: [{type: tmpfs, target: /work, tmpfs: {size: 1m}}]
    tmpfs: ['/more:size=64k']
",
    ) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    project.told("web-1", &["sh", "-c", "echo text >/work/file && echo text >/more/file"]);
    let full = project.told("web-1", &["sh", "-c", "df -k /work | tail -n 1"]);
    assert!(full.contains("1024"), "{full}");
}

/// What must be there to be mounted is not made.
#[test]
fn a_missing_source_is_refused() {
    let Some(project) = Project::with(
        "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    volumes: [{type: bind, source: ./gone, target: /work, bind: {create_host_path: false}}]
",
    ) else {
        return;
    };
    let message = project.fail(&["up", "-d"]);
    assert!(message.contains("bind source path does not exist: [DIR]/gone"), "{message}");
    assert!(!project.path().join("gone").exists());
    project.file("gone/file", "here");
    project.succeed(&["up", "-d"]);
    assert_eq!(project.told("web-1", &["cat", "/work/file"]), "here");
}

/// The host has an address inside.
#[test]
fn the_host_is_known_inside() {
    let Some(project) = Project::with(
        "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    extra_hosts: ['outside=host-gateway', 'other:10.1.2.3']
",
    ) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    let hosts = project.told("web-1", &["cat", "/etc/hosts"]);
    let address = |name: &str| {
        let mut lines = hosts.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let line = lines.find(|words| words.contains(&name)).unwrap_or_else(|| panic!("{hosts}"));
        line[0].parse::<std::net::IpAddr>().unwrap_or_else(|_| panic!("{hosts}"))
    };
    assert!(!address("outside").is_loopback());
    assert_eq!(address("other").to_string(), "10.1.2.3");
}

/// A link is a name by which another service is reached.
#[test]
fn links_are_names() {
    let Some(project) = Project::with(
        "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    links: ['db:database']
  db:
    image: busybox
    init: true
    command: sh -c 'mkdir /www; echo it is me >/www/index.html; exec httpd -f -p 80 -h /www'
",
    ) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    for name in ["database", "db"] {
        let get = format!("timeout 5 wget -qO- http://{name}/");
        eventually(format!("an answer of {name}"), || {
            let (_, told) = project.exec("web-1", &["sh", "-c", &get]);
            told.contains("it is me").then_some(())
        });
    }
}

/// What an engine cannot do is told with its place, or done.
///
/// `up` of a service with a part of a volume.
#[test]
fn parts_of_volumes() {
    let Some(project) = Project::with(
        "
services:
  maker:
    image: busybox
    command: sh -c 'mkdir -p /data/part; echo part >/data/part/file'
    volumes: [data:/data]
  web:
    image: busybox
    init: true
    command: sleep 600
    volumes: [{type: volume, source: data, target: /part, volume: {subpath: part}}]
    depends_on: {maker: {condition: service_completed_successfully}}
volumes: {data: }
",
    ) else {
        return;
    };
    let output = project.succeed(&["up", "-d"]);
    let (code, _) = project.exec("web-1", &["cat", "/part/file"]);
    let is_warned =
        output.stderr.contains("`subpath`") && output.stderr.contains("compose.yaml:11:");
    assert_eq!(code == 0, !is_warned, "{}", output.stderr);
}

/// A container that others stop is not waited for, whatever its restart policy.
#[test]
fn a_stop_by_others_is_an_end() {
    let Some(project) = Project::with(
        "
services:
  web:
    image: busybox
    command: sh -c 'trap \"exit 0\" TERM; echo here; while :; do sleep 0.1; done'
    restart: unless-stopped
",
    ) else {
        return;
    };
    let up = project.start(&["up"]);
    up.shows("web-1  | here\n");
    project.engine.post(&format!("/containers/{}/stop?t=5", project.full("web-1")), &Value::Null);
    let output = up.finish();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(output.stdout.contains("web-1 exited with code 0\n"), "{}", output.stdout);
}
