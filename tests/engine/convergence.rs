//! A second `up`: what is as it should be is left alone, what is not is replaced.

use crate::project::Project;

fn compose(mode: &str) -> String {
    format!(
        "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    environment: {{MODE: {mode}}}
    volumes: [data:/data]
    depends_on: [db]
  db: {{image: busybox, init: true, command: sleep 600}}
volumes: {{data: {{}}}}
"
    )
}

/// A project that is as its files say is left alone.
///
/// `up` twice. Every container, network and volume is the same, down to the time of its start.
#[test]
fn a_second_up_changes_nothing() {
    let Some(project) = Project::with(&compose("calm")) else { return };
    project.succeed(&["up", "-d"]);
    let before = project.state();
    let output = project.succeed(&["up", "-d"]);
    assert_eq!(project.state(), before);
    assert!(output.stderr.contains("Container [PROJECT]-web-1  Running"), "{}", output.stderr);
}

/// What has changed is replaced, and nothing else.
///
/// `up` with another environment, then with flags that want more and less. IDs tell what was
/// replaced; a replacement has the name and the number of the old container, and says whose place it
/// took.
#[test]
fn only_what_changed_is_replaced() {
    let Some(project) = Project::with(&compose("calm")) else { return };
    project.succeed(&["up", "-d"]);
    let (web, db) = (project.instance("web-1"), project.instance("db-1"));

    project.compose(&compose("loud"));
    project.succeed(&["up", "-d", "--no-recreate"]);
    assert_eq!((project.instance("web-1"), project.instance("db-1")), (web.clone(), db.clone()));

    let output = project.succeed(&["up", "-d"]);
    assert!(output.stderr.contains("Container [PROJECT]-web-1  Recreated"), "{}", output.stderr);
    let replaced = project.instance("web-1");
    assert_ne!(replaced, web);
    assert_eq!(project.instance("db-1"), db);
    assert_eq!(project.told("web-1", &["sh", "-c", "echo $MODE"]), "loud\n");
    let labels = project.inspect("web-1")["Config"]["Labels"].take();
    assert_eq!(labels["com.docker.compose.replace"], "web-1");
    assert_eq!(labels["com.docker.compose.container-number"], "1");
    let expected =
        ["db-1 running", "web-1 running", "network [PROJECT]_default", "volume [PROJECT]_data"];
    assert_eq!(project.resources(), expected);

    // A dependency that was not named is replaced only if it has changed.
    project.succeed(&["up", "-d", "--force-recreate", "web"]);
    let forced = project.instance("web-1");
    assert_ne!(forced, replaced);
    assert_eq!(project.instance("db-1"), db);
    project.succeed(&["up", "-d", "--force-recreate"]);
    assert_ne!(project.instance("web-1"), forced);
    assert_ne!(project.instance("db-1"), db);
}

/// What has stopped or gone is there again after `up`.
///
/// One container is stopped and another removed behind our back. `up` starts the one as it is and
/// makes the other anew.
#[test]
fn what_is_missing_comes_back() {
    let Some(project) = Project::with(&compose("calm")) else { return };
    project.succeed(&["up", "-d"]);
    let (web, db) = (project.instance("web-1"), project.instance("db-1"));
    project.engine.post(&format!("/containers/{}/stop?t=5", web.0), &serde_json::Value::Null);
    project.engine.request("DELETE", &format!("/containers/{}?force=1", db.0), "");
    project.succeed(&["up", "-d"]);
    let again = project.instance("web-1");
    assert_eq!(again.0, web.0);
    assert_ne!(again.1, web.1);
    assert_ne!(project.instance("db-1").0, db.0);
    assert_eq!(
        (project.status("web-1"), project.status("db-1")),
        ("running".into(), "running".into())
    );
}

/// Who shares a network with a container, or restarts with it, goes along when it is replaced.
///
/// `up` of a service, one that shares its network, one that restarts with it, and one that only
/// depends on it; then with the first one changed. The sharing one is replaced, the restarting one is
/// started again, the last one is left alone.
#[test]
fn a_replacement_takes_along_what_hangs_on_it() {
    let compose = |mode: &str| {
        format!(
            "
x-base: &base {{image: busybox, init: true, command: sleep 600}}
services:
  main: {{<<: *base, environment: {{MODE: {mode}}}}}
  sharing: {{<<: *base, network_mode: 'service:main'}}
  restarting:
    <<: *base
    depends_on: {{main: {{condition: service_started, restart: true}}}}
  waiting: {{<<: *base, depends_on: [main]}}
"
        )
    };
    let names = ["main-1", "sharing-1", "restarting-1", "waiting-1"];
    let Some(project) = Project::with(&compose("calm")) else { return };
    project.succeed(&["up", "-d"]);
    let before = names.map(|name| project.instance(name));
    project.compose(&compose("loud"));
    project.succeed(&["up", "-d"]);
    let after = names.map(|name| project.instance(name));
    for (name, (old, new)) in names.iter().zip(before.iter().zip(&after)) {
        let (replaced, restarted) = (old.0 != new.0, old.1 != new.1);
        let expected = match *name {
            "main-1" | "sharing-1" => (true, true),
            "restarting-1" => (false, true),
            _ => (false, false),
        };
        assert_eq!((replaced, restarted), expected, "{name}");
        assert_eq!(project.status(name), "running");
    }
    let mode = project.inspect("sharing-1")["HostConfig"]["NetworkMode"].take();
    assert_eq!(mode, format!("container:{}", after[0].0));
    let unchanged = project.state();
    project.succeed(&["up", "-d"]);
    assert_eq!(project.state(), unchanged);
}

/// `--parallel 1` makes one change at a time, and progress may be told to machines.
///
/// `up` of several services, as JSON: nothing begins before what began before it is done.
#[test]
fn one_at_a_time() {
    let Some(project) = Project::with(
        "
services:
  a: {image: busybox, init: true, command: sleep 600}
  b: {image: busybox, init: true, command: sleep 600}
  c: {image: busybox, init: true, command: sleep 600}
",
    ) else {
        return;
    };
    let output = project.succeed(&["--parallel", "1", "--progress", "json", "up", "-d"]);
    let events: Vec<serde_json::Value> =
        output.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 15, "{}", output.stderr);
    // The last one is the sum.
    for pair in events[..14].chunks(2) {
        assert_eq!(pair[0]["id"], pair[1]["id"], "{}", output.stderr);
        assert_eq!((&pair[0]["status"], &pair[1]["status"]), (&"Working".into(), &"Done".into()));
    }
    assert_eq!(project.succeed(&["--progress", "quiet", "down", "-t", "0"]).stderr, "");
}
