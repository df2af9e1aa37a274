//! `volumes`, `images`, `stats`, `events`, `top` and `port`: what a project has, uses and does.

use serde_json::Value;

use crate::engine::eventually;
use crate::project::Project;

const STACK: &str = "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    volumes: [data:/data]
    deploy: {replicas: 2}
    stop_grace_period: 0s
  db: {image: busybox, init: true, command: sleep 600, volumes: [logs:/logs], stop_grace_period: 0s}
volumes: {data: {labels: {who: me}}, logs: {}}
";

fn up() -> Option<Project> {
    let project = Project::with(STACK)?;
    project.succeed(&["up", "-d"]);
    Some(project)
}

/// Volumes of the project are listed in all forms, and of services only what runs there.
#[test]
fn volumes_are_listed() {
    let Some(project) = up() else { return };
    project.outsider("volumes", "outside");
    let list = |args: &[&str]| project.succeed(&[&["volumes"], args].concat()).stdout;
    let table = "DRIVER    VOLUME NAME\nlocal     [PROJECT]_data\nlocal     [PROJECT]_logs\n";
    assert_eq!(list(&[]), table);
    assert_eq!(list(&["-q"]), "[PROJECT]_data\n[PROJECT]_logs\n");
    assert_eq!(list(&["-q", "db"]), "[PROJECT]_logs\n");
    assert_eq!(list(&["-q", "db", "web"]), "[PROJECT]_data\n[PROJECT]_logs\n");
    assert_eq!(list(&["--format", "{{.Label \"who\"}}-{{.Size}}", "web"]), "me-N/A\n");
    let row: Value = serde_json::from_str(list(&["--format", "json", "web"]).trim()).unwrap();
    let keys: Vec<&String> = row.as_object().unwrap().keys().collect();
    let want = [
        "Availability",
        "Driver",
        "Group",
        "Labels",
        "Links",
        "Mountpoint",
        "Name",
        "Scope",
        "Size",
        "Status",
    ];
    assert_eq!(keys, want);
    assert_eq!((&row["Name"], &row["Driver"]), (&"[PROJECT]_data".into(), &"local".into()));
    assert!(row["Mountpoint"].as_str().unwrap().starts_with('/'), "{row}");
    project.succeed(&["stop", "db"]);
    assert_eq!(list(&["-q", "db"]), "");
    assert!(project.fail(&["volumes", "nobody"]).contains("no such service: nobody"));
}

/// Images of all containers, running or not, in all forms.
#[test]
fn images_are_listed() {
    let Some(project) = up() else { return };
    project.succeed(&["stop", "db"]);
    let id = project.inspect("web-1")["Image"].as_str().unwrap().to_owned();
    let id = id.trim_start_matches("sha256:");
    let table = project.succeed(&["images"]).stdout;
    let lines: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    let header = ["CONTAINER", "REPOSITORY", "TAG", "PLATFORM", "IMAGE", "ID", "SIZE", "CREATED"];
    assert_eq!(lines[0], header);
    let names: Vec<&str> = lines[1..].iter().map(|line| line[0]).collect();
    assert_eq!(names, ["[PROJECT]-db-1", "[PROJECT]-web-1", "[PROJECT]-web-2"]);
    assert!(lines[1][1].ends_with("busybox"), "{table}");
    assert_eq!((lines[1][2], lines[1][4]), ("latest", &id[..12]));
    assert!(lines[1][3].starts_with("linux/") && lines[1][5].ends_with('B'), "{table}");
    assert_eq!(project.succeed(&["images", "-q"]).stdout, format!("{id}\n"));
    let json = project.succeed(&["images", "--format", "json", "db"]).stdout;
    assert!(json.ends_with("]\n\n"), "{json}");
    let rows: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(rows[0]["ContainerName"], "[PROJECT]-db-1");
    assert_eq!(rows[0]["ID"], format!("sha256:{id}"));
    assert!(rows[0]["Size"].as_i64().unwrap() > 1000, "{json}");
    // A service that nobody knows has no images.
    assert_eq!(project.succeed(&["images", "nobody", "-q"]).stdout, "");
    assert_eq!(project.succeed(&["images", "--format", "json", "nobody"]).stdout, "null\n\n");
    assert!(project.fail(&["images", "--format", "x"]).contains("could not be parsed"));
}

/// What containers use is shown once, in all forms.
#[test]
fn stats_once() {
    let Some(project) = up() else { return };
    if project.engine.cannot("stats_once", "without control groups of its own it knows no usage") {
        return;
    }
    let stats = |args: &[&str]| project.succeed(&[&["stats", "--no-stream"], args].concat()).stdout;
    let table = stats(&[]);
    let lines: Vec<&str> = table.lines().collect();
    let header: Vec<&str> =
        lines[0].split("  ").map(str::trim).filter(|it| !it.is_empty()).collect();
    let want = [
        "CONTAINER ID",
        "NAME",
        "CPU %",
        "MEM USAGE / LIMIT",
        "MEM %",
        "NET I/O",
        "BLOCK I/O",
        "PIDS",
    ];
    assert_eq!(header, want);
    assert_eq!(lines.len(), 4, "{table}");
    let row: Value = serde_json::from_str(stats(&["--format", "json", "db"]).trim()).unwrap();
    assert_eq!((&row["Name"], &row["PIDs"]), (&"[PROJECT]-db-1".into(), &"2".into()));
    assert_eq!(row["Container"], project.instance("db-1").0);
    assert!(row["MemUsage"].as_str().unwrap().contains("B / "), "{row}");
    let id = stats(&["--format", "{{.ID}}", "--no-trunc", "db"]);
    assert_eq!(id, format!("{}\n", project.instance("db-1").0));
    project.succeed(&["stop", "db"]);
    assert_eq!(stats(&["--format", "{{.Name}}", "db"]), "");
    assert_eq!(
        stats(&["--format", "{{.Name}} {{.MemUsage}}", "-a", "db"]),
        "[PROJECT]-db-1 0B / 0B\n"
    );
    assert_eq!(project.run(&["stats", "a", "b"]).code, Some(1));
}

/// What containers use is shown again and again, also of those that start meanwhile, until a signal.
#[test]
fn stats_go_on() {
    let Some(project) = up() else { return };
    if project.engine.cannot("stats_go_on", "without control groups of its own it knows no usage") {
        return;
    }
    project.succeed(&["stop", "db"]);
    let stats = project.start(&["stats", "--format", "{{.Name}} {{.PIDs}}"]);
    stats.shows("[PROJECT]-web-1 2\n[PROJECT]-web-2 2\n[PROJECT]-web-1 ");
    assert!(!stats.stdout().contains("db"), "{}", stats.stdout());
    project.succeed(&["start", "db"]);
    stats.shows("[PROJECT]-db-1 2\n");
    // Nothing but text goes into a pipe.
    assert!(!stats.stdout().contains('\x1b'));
    project.succeed(&["stop", "db"]);
    let before = stats.stdout().matches("db-1").count();
    eventually("a picture without what has stopped", || {
        stats.stdout().ends_with("web-1 2\n[PROJECT]-web-2 2\n").then_some(())
    });
    assert!(stats.stdout().matches("db-1").count() <= before + 1);
    stats.signal("INT");
    assert_eq!(stats.finish().code, Some(130));
}

fn seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// What happened between two times, as text and as JSON; the end of that time is the end.
#[test]
fn events_between_times() {
    let Some(project) = up() else { return };
    let reason = "Podman may tell only a part of what has been";
    if project.engine.cannot("events_between_times", reason) {
        return;
    }
    let since = seconds().to_string();
    project.succeed(&["stop", "db"]);
    project.succeed(&["start", "db"]);
    let (id, _) = project.instance("db-1");
    // Times are whole seconds here.
    let until = (seconds() + 1).to_string();
    let events = |args: &[&str]| {
        let times = ["events", "--since", &since, "--until", &until];
        project.succeed(&[&times, args].concat()).stdout
    };
    let json = events(&["--json", "db"]);
    let rows: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let actions: Vec<&str> = rows.iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert!(actions.contains(&"die") && actions.contains(&"start"), "{json}");
    for row in &rows {
        let keys: Vec<&String> = row.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["action", "attributes", "id", "service", "time", "type"]);
        assert_eq!(
            (&row["id"], &row["service"], &row["type"]),
            (&id.as_str().into(), &"db".into(), &"container".into())
        );
        assert_eq!(row["attributes"]["name"], "[PROJECT]-db-1");
        assert!(!row["attributes"].to_string().contains("com.docker.compose"), "{row}");
    }
    let text = events(&["db"]);
    let (first, rest) = text.split_once('\n').unwrap();
    assert!(rest.starts_with('\n'), "a blank line follows each: {text}");
    let words: Vec<&str> = first.split(' ').collect();
    assert_eq!((words[1].len(), words[2], words[4]), (15, "container", &*id));
    assert!(first.contains("name=[PROJECT]-db-1") && first.ends_with(')'), "{first}");
    let others = events(&["web"]);
    assert!(!others.contains(" die ") && !others.contains("-db-1"), "{others}");
    assert!(project.fail(&["events", "nobody"]).contains("no such service: nobody"));
    assert!(project.fail(&["events", "--since", "noon"]).contains("invalid --since option"));
}

/// What happens is told as it happens, but for one-offs, until a signal.
#[test]
fn events_go_on() {
    let Some(project) = up() else { return };
    let events = project.start(&["events", "--json"]);
    // Nothing tells when it has begun to listen.
    eventually("the first event", || {
        project.succeed(&["restart", "-t", "0", "db"]);
        events.stdout().contains("\"action\":\"start\"").then_some(())
    });
    project.succeed(&["run", "--rm", "-T", "db", "true"]);
    project.succeed(&["stop", "-t", "0", "web"]);
    events.shows("\"service\":\"web\"");
    let lines = events.stdout();
    assert!(!lines.contains("-run-"), "{lines}");
    events.signal("TERM");
    assert_eq!(events.finish().code, Some(130));
}

/// Processes are those of what runs; ports those of what runs, by number.
#[test]
fn top_and_port() {
    let Some(project) = Project::with(
        "
services:
  web: {image: busybox, init: true, command: sleep 600, ports: ['127.0.0.1::80'], scale: 2, stop_grace_period: 0s}
",
    ) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    let output = project.succeed(&["top"]).stdout;
    let mut services: Vec<Vec<&str>> =
        output.lines().skip(1).map(|line| line.split_whitespace().take(2).collect()).collect();
    services.dedup();
    assert_eq!(services, [["web", "1"], ["web", "2"]]);
    assert_eq!(project.succeed(&["top", "nobody"]).stdout, "");
    let port = |number: &str| {
        let ports = project.inspect(&format!("web-{number}"))["NetworkSettings"]["Ports"].take();
        format!("127.0.0.1:{}\n", ports["80/tcp"][0]["HostPort"].as_str().unwrap())
    };
    assert_eq!(project.succeed(&["port", "--index", "2", "web", "80"]).stdout, port("2"));
    project.succeed(&["kill", "web"]);
    eventually("the end", || {
        (project.status("web-1") == "exited" && project.status("web-2") == "exited").then_some(())
    });
    assert!(project.fail(&["port", "web", "80"]).contains("service \"web\" is not running"));
    assert!(
        project
            .fail(&["port", "--index", "2", "web", "80"])
            .contains("is not running container #2")
    );
    assert_eq!(project.succeed(&["top"]).stdout, "");
}

fn by_name<'a>(name: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    [&["-p", name], args].concat()
}

/// Without files, services that are not there are no problem of those who look, and one of those who
/// want something of them.
#[test]
fn unknown_services_without_files() {
    let Some(project) = up() else { return };
    let name = project.name.clone();
    let silent = [
        (&["ps", "-q", "nobody"][..], ""),
        (&["images", "-q", "nobody"], ""),
        (&["volumes", "-q", "nobody"], ""),
        (&["top", "nobody"], ""),
        (&["stats", "--no-stream", "--format", "{{.Name}}", "nobody"], ""),
        (&["logs", "nobody"], ""),
        (&["events", "--since", "1s", "--until", "0s", "nobody"], ""),
    ];
    for (args, want) in silent {
        assert_eq!(project.succeed(&by_name(&name, args)).stdout, want, "{args:?}");
    }
    let refused = [
        &["port", "nobody", "80"][..],
        &["wait", "nobody"],
        &["exec", "nobody", "true"],
        &["attach", "nobody"],
        &["cp", "nobody:/etc", "."],
        &["cp", "compose.yaml", "nobody:/"],
        &["export", "nobody"],
        &["commit", "nobody"],
        &["start", "nobody"],
        &["restart", "nobody"],
        // Without files there is nothing to make containers of.
        &["-f", "missing.yaml", "scale", "web=1"],
    ];
    for args in refused {
        assert_eq!(project.run(&by_name(&name, args)).code, Some(1), "{args:?}");
    }
    assert_eq!(
        project.succeed(&by_name(&name, &["volumes", "-q", "db"])).stdout,
        "[PROJECT]_logs\n"
    );
}
