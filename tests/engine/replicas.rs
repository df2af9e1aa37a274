//! Several containers of one service.

use crate::project::Project;

fn compose(replicas: u32) -> String {
    format!(
        "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    deploy: {{replicas: {replicas}}}
"
    )
}

/// A service has as many containers as its file says.
///
/// `up` with three replicas, then with one, then with two by `--scale`. Numbers go up from one, the
/// highest go first, and the one that stays is left alone.
#[test]
fn replicas_come_and_go_at_the_end() {
    let Some(project) = Project::with(&compose(3)) else { return };
    project.succeed(&["up", "-d"]);
    let network = "network [PROJECT]_default";
    let expected = ["web-1 running", "web-2 running", "web-3 running", network];
    assert_eq!(project.resources(), expected);
    let numbers = ["1", "2", "3"].map(|number| {
        let labels = project.inspect(&format!("web-{number}"))["Config"]["Labels"].take();
        labels["com.docker.compose.container-number"].as_str().unwrap() == number
    });
    assert_eq!(numbers, [true; 3]);

    let first = project.instance("web-1");
    project.compose(&compose(1));
    project.succeed(&["up", "-d"]);
    assert_eq!(project.resources(), ["web-1 running", network]);
    project.succeed(&["up", "-d", "--scale", "web=2"]);
    assert_eq!(project.resources(), ["web-1 running", "web-2 running", network]);
    assert_eq!(project.instance("web-1"), first);
    project.succeed(&["up", "-d", "--scale", "web=0"]);
    assert_eq!(project.resources(), [network]);
}

/// A gap is not filled: numbers go on after the highest.
///
/// Of two containers the first is removed behind our back. `up` makes a third.
#[test]
fn gaps_stay() {
    let Some(project) = Project::with(&compose(2)) else { return };
    project.succeed(&["up", "-d"]);
    let second = project.instance("web-2");
    let first = format!("/containers/{}?force=1", project.full("web-1"));
    project.engine.request("DELETE", &first, "");
    project.succeed(&["up", "-d"]);
    let expected = ["web-2 running", "web-3 running", "network [PROJECT]_default"];
    assert_eq!(project.resources(), expected);
    assert_eq!(project.instance("web-2"), second);
}
