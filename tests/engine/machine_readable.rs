//! What programs read: every event is as `docs/events.schema.json` says.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::project::{Project, free_port};
use crate::schema::{kind_of, schema};

/// Every line of progress in JSON is one of the events that are described.
///
/// `up` of a project with a warning, `up` with other settings, `up` that fails for several reasons, and
/// `down`; all lines of standard error are read and compared with the schema, and every kind of event
/// has been seen.
#[test]
fn events_are_as_described() {
    let Some(project) = Project::new() else { return };
    let service = "image: busybox, init: true, command: sleep 600";
    let compose = |web: &str| {
        format!(
            "services:\n  web: {{{service}, volumes: [data:/data], {web}}}\nvolumes: {{data: {{}}}}\n"
        )
    };
    let (listener, port) = free_port();
    let mut seen = BTreeSet::new();
    project.file("input", &"x".repeat(3 << 20));
    // A transfer is told of by builders with sessions alone.
    let has_sessions =
        !project.engine.cannot("events_are_as_described", "its builder has no sessions");
    let build = "services: {built: {build: {context: ., dockerfile_inline: \"FROM busybox\\nCOPY . /x\\nRUN echo x\\n\"}}}";
    for (text, args, code) in [
        (compose("environment: {A: $UNSET}"), &["up", "-d"][..], 0),
        (compose("environment: {A: b}"), &["up", "-d"], 0),
        (format!("services: {{other: {{{service}}}}}"), &["up", "-d"], 0),
        (compose(&format!("ports: ['{port}:80']")), &["up", "-d"], 1),
        (compose("imgae: x"), &["up", "-d"], 1),
        (
            "services:\n  task: {image: busybox, command: 'false'}\n  web: {image: busybox, depends_on: {task: {condition: service_completed_successfully}}}".to_owned(),
            &["up", "-d"],
            1,
        ),
        (build.to_owned(), &["build", "--no-cache"], 0),
        (compose("environment: {A: b}"), &["down", "-v", "--remove-orphans"], 0),
    ] {
        project.compose(&text);
        let output = project.run(&[&["--progress", "json"], args].concat());
        assert_eq!(output.code, Some(code), "{}", output.stderr);
        for line in output.stderr.lines() {
            let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
            seen.insert(kind_of(&event));
        }
    }
    drop(listener);
    // Layers come from registries, and watches and names have scenarios of their own.
    let mut kinds: BTreeSet<String> =
        schema()["$defs"].as_object().unwrap().keys().cloned().collect();
    kinds.remove("layer");
    kinds.remove("watch");
    kinds.remove("name");
    assert!(!has_sessions || seen == kinds, "{seen:?}");
}

/// Without a terminal there is a line for each change, and a sum.
///
/// `up`, `up` again and `down` with their output in a pipe.
#[test]
fn a_pipe_gets_a_line_for_each_change_and_a_sum() {
    let Some(project) =
        Project::with("services: {web: {image: busybox, init: true, command: sleep 600}}")
    else {
        return;
    };
    let lines = |args: &[&str]| -> Vec<String> {
        let output = project.succeed(args).stderr;
        // Times differ.
        let sum = |line: &str| line.split(" in ").next().unwrap().to_owned();
        output.lines().map(sum).collect()
    };
    // Some engines make containers beside their networks.
    let want = [
        " Container [PROJECT]-web-1  Created",
        " Container [PROJECT]-web-1  Creating",
        " Network [PROJECT]_default  Created",
        " Network [PROJECT]_default  Creating",
        " Container [PROJECT]-web-1  Starting",
        " Container [PROJECT]-web-1  Started",
        " Project [PROJECT]  2 created, 1 started",
    ];
    let mut up = lines(&["up", "-d"]);
    up[..4].sort();
    assert_eq!(up, want);
    assert_eq!(lines(&["up", "-d"]), [" Container [PROJECT]-web-1  Running"]);
    let down = lines(&["down"]);
    assert_eq!(down.last().unwrap(), " Project [PROJECT]  1 stopped, 2 removed");
    assert!(project.succeed(&["--progress", "quiet", "up", "-d"]).stderr.is_empty());
}
