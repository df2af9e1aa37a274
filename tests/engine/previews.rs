//! `plan` and dry runs: what would be done is shown, and nothing is touched.

use serde_json::Value;

use crate::project::Project;

const COMPOSE: &str = "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    environment: {MODE: calm, GONE: '1'}
    volumes: [data:/data]
    depends_on: {db: {condition: service_healthy}}
  db:
    image: busybox
    init: true
    command: sleep 600
    healthcheck: {test: ['CMD', 'true'], interval: 60s}
volumes: {data: {}}
";

/// A plan says what `up` would do, and does not do it; after `up` it says that nothing changes.
///
/// `plan` of a project that is not there, `up`, `plan` again, with exit codes in detail.
#[test]
fn a_plan_touches_nothing() {
    let Some(project) = Project::with(COMPOSE) else { return };
    let output = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    let want = "\
+ network [PROJECT]_default  create: missing
+ volume [PROJECT]_data      create: missing
+ container [PROJECT]-db-1   create and start: missing
+ container [PROJECT]-web-1  create and start: missing
    once [PROJECT]-db-1 is healthy

[PROJECT]: 4 to create
";
    assert_eq!(output.stdout, want);
    assert_eq!(project.resources(), [""; 0]);

    project.succeed(&["up", "-d"]);
    let before = project.state();
    let output = project.succeed(&["plan", "--detailed-exitcode"]);
    assert_eq!(output.stdout, "[PROJECT]: nothing to do; 2 containers run as they should\n");
    assert_eq!(project.succeed(&["up", "--plan"]).stdout, output.stdout);
    assert_eq!(project.state(), before);
    assert_eq!(project.run(&["plan", "nothing"]).code, Some(1));
}

/// What has changed is told with its old and its new value, and the place of the new one.
///
/// `up`, other values in the file, `plan` for people and for machines.
#[test]
fn a_plan_tells_what_changed() {
    let Some(project) = Project::with(COMPOSE) else { return };
    project.succeed(&["up", "-d"]);
    let before = project.state();
    let changed = COMPOSE
        .replace("MODE: calm, GONE: '1'", "MODE: loud, NEW: 'a b'")
        .replacen("command: sleep 600", "command: sleep 700", 1)
        .replace("[data:/data]", "['data:/data:ro']");
    project.compose(&changed);
    let want = "\
~ container [PROJECT]-web-1  replace and start: configured differently
    command           sleep 600 -> sleep 700  (compose.yaml:6:14)
    environment.GONE  1 -> (none)  (compose.yaml:7:18)
    environment.MODE  calm -> loud  (compose.yaml:7:25)
    environment.NEW   (none) -> a b  (compose.yaml:7:36)
    volumes./data     [PROJECT]_data -> [PROJECT]_data, read-only  (compose.yaml:8:14)
    once [PROJECT]-db-1 is healthy

[PROJECT]: 1 to replace; 1 container runs as it should
";
    assert_eq!(project.succeed(&["plan"]).stdout, want);
    let json: Value = serde_json::from_str(&project.succeed(&["plan", "--json"]).stdout).unwrap();
    assert_eq!(json["has_changes"], true);
    assert_eq!(json["unchanged"][0], "[PROJECT]-db-1");
    let web = &json["resources"][0];
    assert_eq!((&web["action"], &web["service"]), (&"replace".into(), &"web".into()));
    assert_eq!(web["waits_for"][0]["condition"], "healthy");
    let mode = &web["changes"][2];
    assert_eq!((&mode["old"], &mode["new"]), (&"calm".into(), &"loud".into()));
    assert_eq!((&mode["file"], &mode["line"]), (&"compose.yaml".into(), &7.into()));
    assert_eq!(project.state(), before);
}

/// Every key that makes a container another one is named by the plan.
///
/// A service with nothing but an image, then one key more at a time.
#[test]
fn a_plan_names_every_key() {
    let bare = "services: {web: {image: busybox, init: true, command: sleep 600}}";
    let Some(project) = Project::with(bare) else { return };
    project.succeed(&["up", "-d"]);
    for (key, value, told) in [
        ("user", "nobody", "user  (none) -> nobody"),
        ("working_dir", "/tmp", "working_dir  (none) -> /tmp"),
        ("hostname", "here", "hostname"),
        ("tty", "true", "tty  (none) -> true"),
        ("stop_signal", "SIGINT", "stop_signal"),
        ("stop_grace_period", "3s", "stop_grace_period  (none) -> 3s"),
        ("entrypoint", "[/bin/sh, -c]", "entrypoint  (none) -> /bin/sh -c"),
        ("healthcheck", "{test: exit 0, interval: 90s}", "healthcheck.interval  (none) -> 1m30s"),
        ("read_only", "true", "read_only  (none) -> true"),
        ("restart", "'on-failure:3'", "restart  (none) -> on-failure:3"),
        ("cap_add", "[NET_ADMIN]", "cap_add"),
        ("mem_limit", "256m", "mem_limit  (none) -> 256m"),
        ("cpus", "0.5", "cpus  (none) -> 0.5"),
        ("extra_hosts", "['there:10.0.0.1']", "extra_hosts  (none) -> there:10.0.0.1"),
        ("dns", "[10.0.0.2]", "dns  (none) -> 10.0.0.2"),
        ("labels", "{a: b}", "labels.a  (none) -> b"),
        ("ports", "['8123:80']", "ports.80  (none) -> 8123"),
        ("tmpfs", "[/scratch]", "volumes./scratch  (none) -> tmpfs"),
        ("sysctls", "{net.core.somaxconn: 1024}", "sysctls"),
        ("ulimits", "{nofile: 512}", "ulimits"),
        ("network_mode", "none", "network_mode  (none) -> none"),
    ] {
        let with = format!(
            "services: {{web: {{image: busybox, init: true, command: sleep 600, {key}: {value}}}}}"
        );
        project.compose(&with);
        let plan = project.succeed(&["plan"]).stdout;
        let flat: Vec<&str> = plan.lines().map(str::trim).collect();
        // Columns are as wide as the widest key.
        let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let found = flat.iter().any(|line| squeezed(line).starts_with(&squeezed(told)));
        assert!(found, "{key}: {plan}");
    }
}

/// What Docker Compose has made needs nothing.
///
/// Docker Compose's `up`, then `plan`.
#[test]
fn a_plan_after_docker_compose_is_empty() {
    let quick = COMPOSE.replace("60s", "1s");
    let Some(project) = Project::with(&quick) else { return };
    if !crate::peer::succeeds(&project, &["up", "-d"]) {
        return;
    }
    let output = project.succeed(&["plan", "--detailed-exitcode"]);
    assert_eq!(output.stdout, "[PROJECT]: nothing to do; 2 containers run as they should\n");
}

/// A dry run of any command changes nothing, and says what it would do.
///
/// Every command that changes something, with `--dry-run` before or after it.
#[test]
fn dry_runs_touch_nothing() {
    let Some(project) = Project::with(COMPOSE) else { return };
    if project.engine.lacks_control_groups("dry_runs_touch_nothing") {
        return;
    }
    let output = project.succeed(&["up", "--dry-run"]);
    assert!(output.stdout.ends_with("[PROJECT]: 4 to create\n"), "{}", output.stdout);
    assert_eq!(project.resources(), [""; 0]);
    project.succeed(&["up", "-d"]);
    project.succeed(&["pause", "db"]);
    let before = project.state();
    for (args, told) in [
        (
            &["--dry-run", "up", "-d", "--force-recreate"][..],
            "~ container [PROJECT]-web-1  replace",
        ),
        (&["create", "--dry-run", "--scale", "web=2"], "+ container [PROJECT]-web-2  create"),
        (&["--dry-run", "stop"], "~ container [PROJECT]-web-1  stop"),
        (&["restart", "--dry-run"], "~ container [PROJECT]-web-1  restart"),
        (&["kill", "--dry-run"], "~ container [PROJECT]-web-1  kill"),
        (&["pause", "web", "--dry-run"], "~ container [PROJECT]-web-1  pause"),
        (&["unpause", "db", "--dry-run"], "~ container [PROJECT]-db-1  unpause"),
        (&["rm", "-sf", "--dry-run"], "- container [PROJECT]-web-1  remove"),
        (&["run", "--dry-run", "web", "true"], "+ container [PROJECT]-web-run-"),
        (&["exec", "--dry-run", "web", "rm", "-r", "/"], "[PROJECT]-web-1: rm -r /"),
        (&["down", "-v", "--dry-run"], "- volume [PROJECT]_data"),
    ] {
        let output = project.succeed(args);
        assert!(output.stdout.contains(told), "{args:?}: {}", output.stdout);
        assert_eq!(project.state(), before, "{args:?}");
    }
}
