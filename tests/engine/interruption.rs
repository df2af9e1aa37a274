//! Runs that are broken off: the next one goes on from what there is.

use crate::engine::eventually;
use crate::project::Project;

/// A run that is killed can be completed and taken down.
///
/// `up` of six services in a chain is killed as soon as the first container exists, twice; then `up`
/// runs to its end, and `down` after it. All services run once, and nothing is left in the end.
#[test]
fn a_killed_up_is_completed_by_the_next() {
    let service = |number: u32| {
        let before = if number == 1 { String::new() } else { format!("s{}", number - 1) };
        format!("  s{number}: {{<<: *base, depends_on: [{before}]}}\n")
    };
    let base = "{image: busybox, init: true, command: sleep 600, volumes: [data:/data]}";
    let services: String = (1..=6).map(service).collect();
    let compose = format!("x-base: &base {base}\nservices:\n{services}volumes: {{data: {{}}}}\n");
    let Some(project) = Project::with(&compose) else { return };
    for container in ["s1-1", "s3-1"] {
        let up = project.start(&["up", "-d"]);
        eventually(format!("{container} or the end of up"), || {
            let found = project.resources().iter().any(|it| it.starts_with(container));
            (found || up.has_ended()).then_some(())
        });
        drop(up); // Kills it.
    }
    project.succeed(&["up", "-d"]);
    let mut expected: Vec<String> = (1..=6).map(|number| format!("s{number}-1 running")).collect();
    expected.push("network [PROJECT]_default".to_owned());
    expected.push("volume [PROJECT]_data".to_owned());
    assert_eq!(project.resources(), expected);
    project.succeed(&["down", "-v"]);
    assert_eq!(project.resources(), [""; 0]);
}

/// A replacement that is killed half-way is completed by the next run, under the right name.
///
/// `up --force-recreate` of a service that takes its time to stop is killed while the old container
/// stops and the new one stands beside it. The next `up` leaves one container that goes on running.
#[test]
fn a_killed_replacement_is_completed_by_the_next() {
    let Some(project) = Project::with(
        "
services:
  slow:
    image: busybox
    command: sh -c 'trap \"touch /out/stopping; sleep 3; exit 0\" TERM; while :; do sleep 0.1; done'
    volumes: [./out:/out]
",
    ) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    let (old, _) = project.instance("slow-1");
    let up = project.start(&["up", "-d", "--force-recreate"]);
    project.awaits_file("out/stopping");
    drop(up); // Kills it.
    project.succeed(&["up", "-d"]);
    eventually("the end of the old container", || {
        let (status, state) = project.engine.request("GET", &format!("/containers/{old}/json"), "");
        (status == 404 || !state.contains("\"Running\":true")).then_some(())
    });
    assert_eq!(project.resources(), ["slow-1 running", "network [PROJECT]_default"]);
    let before = project.state();
    project.succeed(&["up", "-d"]);
    assert_eq!(project.state(), before);
    project.succeed(&["down", "-t", "0"]);
    assert_eq!(project.resources(), [""; 0]);
}

/// An interrupt during a wait ends `up` and leaves what there is.
///
/// `up -d` of a service that waits for a task without end is interrupted. The task goes on, the
/// service was not started; `down` removes both.
#[test]
fn an_interrupted_wait_leaves_what_there_is() {
    let Some(project) = Project::with(
        "
services:
  task: {image: busybox, init: true, command: sleep 600}
  web:
    image: busybox
    depends_on: {task: {condition: service_completed_successfully}}
",
    ) else {
        return;
    };
    let up = project.start(&["up", "-d"]);
    up.shows("Container [PROJECT]-task-1  Started\n");
    up.signal("INT");
    let output = up.finish();
    assert_eq!(output.code, Some(130), "{}", output.stderr);
    let expected = ["task-1 running", "web-1 created", "network [PROJECT]_default"];
    assert_eq!(project.resources(), expected);
    project.succeed(&["down"]);
    assert_eq!(project.resources(), [""; 0]);
}

/// Two runs at once make one project: neither minds that the other was first.
///
/// Several `up` of one project at the same time. All succeed, and each service has one container.
#[test]
fn runs_at_once_make_one_project() {
    let Some(project) = Project::with(
        "
services:
  a: {image: busybox, init: true, command: sleep 600}
  b: {image: busybox, init: true, command: sleep 600}
  c: {image: busybox, init: true, command: sleep 600, depends_on: [a]}
",
    ) else {
        return;
    };
    // The network is there: engines may make two of one name at once.
    project.succeed(&["create"]);
    project.succeed(&["rm", "-f"]);
    let runs = [(); 3].map(|()| project.start(&["up", "-d"]));
    for run in runs {
        let output = run.finish();
        assert_eq!(output.code, Some(0), "{}", output.stderr);
    }
    let expected = ["a-1 running", "b-1 running", "c-1 running", "network [PROJECT]_default"];
    assert_eq!(project.resources(), expected);
}
