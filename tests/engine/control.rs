//! Containers that are there: stopped, started, restarted, paused, killed and removed.

use crate::project::Project;

const STACK: &str = "
services:
  db: {image: busybox, init: true, command: sleep 600}
  web:
    image: busybox
    init: true
    command: sleep 600
    depends_on: {db: {condition: service_started, restart: true}}
  job: {image: busybox, command: 'true', depends_on: [web]}
";

/// What is created waits for its start.
///
/// `create` makes containers of all services; `start` starts them in order.
#[test]
fn create_and_start() {
    let Some(project) = Project::with(STACK) else { return };
    project.succeed(&["create"]);
    for name in ["db-1", "web-1", "job-1"] {
        assert_eq!(project.status(name), "created");
    }
    let (db, _) = project.instance("db-1");
    project.succeed(&["create", "--scale", "db=2"]);
    assert_eq!((project.instance("db-1").0, project.status("db-2")), (db, "created".into()));
    project.succeed(&["start"]);
    assert_eq!(
        (project.status("db-2"), project.status("web-1")),
        ("running".into(), "running".into())
    );
}

/// Stops leave what others need, starts bring what is needed.
///
/// `stop` of the dependency alone; `stop` of all; `start` of the dependent, which starts both.
#[test]
fn stop_and_start() {
    let Some(project) = Project::with(STACK) else { return };
    project.succeed(&["up", "-d"]);
    let (db, _) = project.instance("db-1");
    project.succeed(&["stop", "db"]);
    assert_eq!(
        (project.status("db-1"), project.status("web-1")),
        ("exited".into(), "running".into())
    );
    project.succeed(&["stop", "-t", "5"]);
    assert_eq!(project.status("web-1"), "exited");
    let output = project.succeed(&["start", "web"]);
    let order: Vec<&str> = output.stderr.lines().filter(|it| it.ends_with("Started")).collect();
    assert_eq!(
        project.masked(&order.join("\n")),
        " Container [PROJECT]-db-1  Started\n Container [PROJECT]-web-1  Started"
    );
    assert_eq!(
        (project.status("db-1"), project.status("web-1")),
        ("running".into(), "running".into())
    );
    assert_eq!(project.instance("db-1").0, db);
    // What runs already is no news.
    assert_eq!(project.succeed(&["start", "web"]).stderr, "");
    assert!(project.fail(&["start", "nobody"]).contains("no such service: nobody"));
}

/// A restart keeps the container, and takes along what restarts with it.
///
/// `restart` of the dependency, with and without `--no-deps`.
#[test]
fn restart_takes_dependents_along() {
    let Some(project) = Project::with(STACK) else { return };
    project.succeed(&["up", "-d"]);
    let (db, web) = (project.instance("db-1"), project.instance("web-1"));
    project.succeed(&["restart", "db"]);
    let (db_after, web_after) = (project.instance("db-1"), project.instance("web-1"));
    assert_eq!((&db_after.0, &web_after.0), (&db.0, &web.0));
    assert_ne!(db_after.1, db.1);
    assert_ne!(web_after.1, web.1);
    project.succeed(&["restart", "--no-deps", "db"]);
    assert_ne!(project.instance("db-1").1, db_after.1);
    assert_eq!(project.instance("web-1"), web_after);
    project.succeed(&["stop", "web"]);
    project.succeed(&["restart", "web"]);
    assert_eq!(project.status("web-1"), "running");
}

/// Pauses, signals and removals change what they are for, and say when there is nothing to do.
#[test]
fn pause_kill_and_remove() {
    let Some(project) = Project::with(STACK) else { return };
    if project.engine.lacks_control_groups("pause_kill_and_remove") {
        return;
    }
    project.succeed(&["up", "-d"]);
    project.succeed(&["pause", "db"]);
    assert_eq!(project.status("db-1"), "paused");
    assert!(project.fail(&["pause", "db"]).contains("cannot pause container"));
    project.succeed(&["unpause", "db"]);
    assert_eq!(project.status("db-1"), "running");
    project.succeed(&["kill", "-s", "SIGTERM", "db"]);
    crate::engine::eventually("the end of db", || {
        (project.status("db-1") == "exited").then_some(())
    });
    assert_eq!(project.succeed(&["kill", "db"]).stderr, "no container to kill\n");
    let output = project.succeed(&["rm", "--force", "db"]);
    assert_eq!(project.masked(&output.stdout), "Going to remove [PROJECT]-db-1\n");
    // Without an answer nothing goes.
    let output = project.succeed(&["rm", "--stop", "web"]);
    assert!(output.stdout.ends_with("Are you sure? [yN] "), "{}", output.stdout);
    assert_eq!(project.status("web-1"), "exited");
    project.succeed(&["rm", "-fv"]);
    assert_eq!(project.resources(), ["network [PROJECT]_default"]);
    assert_eq!(project.succeed(&["rm"]).stderr, "No stopped containers\n");
    assert!(project.fail(&["start", "db"]).contains("service \"db\" has no container to start"));
}
