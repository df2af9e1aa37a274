//! `scale`, `wait --down-project` and `start --wait`.

use crate::engine::eventually;
use crate::peer::{peer, run};
use crate::project::Project;
use crate::proxy::Proxy;

const STACK: &str = "
services:
  db: {image: busybox, init: true, command: sleep 600, stop_grace_period: 0s}
  web: {image: busybox, init: true, command: sleep 600, depends_on: [db], stop_grace_period: 0s}
";

/// Services get more containers and fewer, and what they depend on is started.
#[test]
fn services_get_so_many_containers() {
    let Some(project) = Project::with(STACK) else { return };
    project.succeed(&["scale", "web=2"]);
    let network = "network [PROJECT]_default";
    assert_eq!(project.resources(), ["db-1 running", "web-1 running", "web-2 running", network]);
    let first = project.instance("web-1");
    project.succeed(&["scale", "web=3", "db=2"]);
    assert_eq!(project.resources().len(), 6);
    project.succeed(&["scale", "web=1"]);
    assert_eq!(project.resources(), ["db-1 running", "web-1 running", network]);
    assert_eq!(project.instance("web-1"), first);
    project.succeed(&["scale", "web=0"]);
    assert_eq!(project.resources(), ["db-1 running", network]);
}

/// Without dependencies they are left as they are.
#[test]
fn dependencies_are_left_out() {
    let Some(project) = Project::with(STACK) else { return };
    project.succeed(&["scale", "--no-deps", "web=2"]);
    let network = "network [PROJECT]_default";
    assert_eq!(project.resources(), ["web-1 running", "web-2 running", network]);
}

/// Numbers that are none, and services that are not there, change nothing.
#[test]
fn numbers_that_cannot_be() {
    let Some(project) = Project::with(STACK) else { return };
    for (arg, want) in [
        ("web", "invalid scale specifier: web"),
        ("web=", "invalid scale specifier: web="),
        ("=2", "invalid scale specifier: =2"),
        ("web=many", "can't parse replica value as int: web=many"),
        ("web=-1", "no service can have so many containers: web=-1"),
        ("nobody=1", "no such service: nobody"),
    ] {
        let message = project.fail(&["scale", "db=1", arg]);
        assert!(message.contains(want), "{arg}: {message}");
        // The other one panics over a number below nothing.
        if let Some(peer) = peer().filter(|_| arg != "web=-1") {
            assert_eq!(run(&peer, &project, &["scale", arg]).code, Some(1), "{arg}");
        }
    }
    assert_eq!(project.run(&["scale"]).code, Some(1));
    assert_eq!(project.resources(), [""; 0]);
}

/// When what is waited for has ended, the project goes, orphans too; the exit code stays.
#[test]
fn the_project_goes_when_the_wait_is_over() {
    let Some(project) = Project::with(STACK) else { return };
    project.succeed(&["up", "-d"]);
    project.compose(
        "
services:
  web: {image: busybox, command: [sh, -c, 'until test -e /out/go; do sleep 0.1; done; exit 3'], volumes: [./out:/out]}
",
    );
    project.succeed(&["up", "-d"]);
    let proxy = Proxy::new(project.engine);
    let wait = project.start_at(&proxy.address, &["wait", "--down-project", "web"]);
    let waits = || proxy.requests().iter().any(|it| it.ends_with("/wait")).then_some(());
    eventually("a run that waits", waits);
    project.file("out/go", "");
    let output = wait.finish();
    assert_eq!(output.code, Some(3), "{}", output.stderr);
    assert!(output.stdout.ends_with("exited with status code 3\n"), "{}", output.stdout);
    assert_eq!(project.resources(), [""; 0]);
}

const SLOW: &str = "
services:
  web:
    image: busybox
    init: true
    command: [sh, -c, 'sleep 600']
    healthcheck: {test: test -e /out/go, interval: 200ms, retries: 1000}
    volumes: [./out:/out]
    stop_grace_period: 0s
";

/// `start --wait` ends when all is healthy.
#[test]
fn starts_are_waited_for() {
    let Some(project) = Project::with(SLOW) else { return };
    project.file("out/keep", "");
    project.succeed(&["create"]);
    let start = project.start(&["start", "--wait"]);
    start.shows("Waiting");
    assert!(!start.has_ended());
    project.file("out/go", "");
    let output = start.finish();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(output.stderr.contains("Container [PROJECT]-web-1  Healthy"), "{}", output.stderr);
}

/// It does not wait for ever, if it must not; what was started stays.
#[test]
fn patience_ends() {
    let Some(project) = Project::with(SLOW) else { return };
    project.file("out/keep", "");
    project.succeed(&["create"]);
    let message = project.fail(&["start", "--wait", "--wait-timeout", "1"]);
    assert!(message.contains("application not healthy after 1s"), "{message}");
    assert_eq!(project.status("web-1"), "running");
    assert_eq!(project.run(&["start", "--wait", "--wait-timeout", "-1"]).code, Some(1));
}
