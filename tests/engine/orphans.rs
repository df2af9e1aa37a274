//! Containers of services that are no longer in the files.

use crate::project::Project;

const BOTH: &str = "
services:
  web: {image: busybox, init: true, command: sleep 600}
  old: {image: busybox, init: true, command: sleep 600}
";
const ONE: &str = "
services:
  web: {image: busybox, init: true, command: sleep 600}
";

/// Orphans are spoken of, and removed only if that is asked for.
///
/// `up` of two services, then of one of them, then with `--remove-orphans`.
#[test]
fn up_warns_of_orphans_and_removes_them_if_asked() {
    let Some(project) = Project::with(BOTH) else { return };
    project.succeed(&["up", "-d"]);
    let old = project.instance("old-1");
    project.compose(ONE);
    let message = project.succeed(&["up", "-d"]).stderr;
    assert!(message.contains("found orphan containers ([PROJECT]-old-1)"), "{message}");
    assert!(message.contains("--remove-orphans"), "{message}");
    assert_eq!(project.instance("old-1"), old);

    let web = project.instance("web-1");
    let message = project.succeed(&["up", "-d", "--remove-orphans"]).stderr;
    assert!(!message.contains("found orphan"), "{message}");
    assert_eq!(project.resources(), ["web-1 running", "network [PROJECT]_default"]);
    assert_eq!(project.instance("web-1"), web);
}

/// `down` leaves orphans, and the network that they use, unless it is told otherwise.
///
/// `up` of two services, then `down` with a file of one of them, then with `--remove-orphans`.
#[test]
fn down_leaves_orphans_unless_asked() {
    let Some(project) = Project::with(BOTH) else { return };
    project.succeed(&["up", "-d"]);
    project.compose(ONE);
    let message = project.succeed(&["down"]).stderr;
    assert!(message.contains("Resource is still in use"), "{message}");
    assert_eq!(project.resources(), ["old-1 running", "network [PROJECT]_default"]);
    project.succeed(&["down", "--remove-orphans"]);
    assert_eq!(project.resources(), [""; 0]);
}

/// A service whose profile is off is no orphan.
///
/// `up` with a profile, then without. Nothing is said, and its container goes on.
#[test]
fn services_that_are_off_are_no_orphans() {
    let Some(project) = Project::with(
        "
services:
  web: {image: busybox, init: true, command: sleep 600}
  extra: {image: busybox, init: true, command: sleep 600, profiles: [more]}
",
    ) else {
        return;
    };
    project.succeed(&["--profile", "more", "up", "-d"]);
    let before = project.state();
    let message = project.succeed(&["up", "-d", "--remove-orphans"]).stderr;
    assert!(!message.contains("orphan"), "{message}");
    assert_eq!(project.state(), before);
    project.succeed(&["--profile", "*", "down"]);
    assert_eq!(project.resources(), [""; 0]);
}
