//! What cannot be: it is refused with its place in the file, and changes nothing.

use crate::project::{Project, free_port};

const GOOD: &str = "
services:
  web: {image: busybox, init: true, command: sleep 600, volumes: [data:/data]}
volumes: {data: {}}
";

/// A file that is wrong changes nothing, whatever the command.
///
/// `up`, then `up` and `down` with files that are wrong in several ways. The project goes on as it
/// was; with the first file it can be taken down.
#[test]
fn a_wrong_file_changes_nothing() {
    let Some(project) = Project::with(GOOD) else { return };
    project.succeed(&["up", "-d"]);
    let before = project.state();
    for (wrong, message) in [
        ("services: {web: {imgae: busybox}}", "did you mean `image`?"),
        ("services: {web: {image: busybox, networks: [away]}}", "away"),
        ("services: {web: {image: busybox", "compose.yaml:1:"),
        ("services: {web: {image: busybox, ports: ['99999:80']}}", "99999"),
    ] {
        project.compose(wrong);
        for command in [&["up", "-d"][..], &["up"], &["down"], &["down", "-v", "--remove-orphans"]]
        {
            let told = project.fail(command);
            assert!(told.contains(message), "{command:?}: {told}");
            assert!(told.contains("compose.yaml:1:"), "{command:?}: {told}");
        }
    }
    assert_eq!(project.state(), before);
    project.compose(GOOD);
    project.succeed(&["down", "-v"]);
    assert_eq!(project.resources(), [""; 0]);
}

/// What an engine would refuse late is refused before anything is made.
///
/// `up` of new projects with a wrong key, a service that is not there, a file that is not there and
/// an image that cannot be had. The engine has nothing of the project afterwards.
#[test]
fn a_refused_project_leaves_nothing() {
    let Some(project) = Project::new() else { return };
    for (compose, args, message) in [
        ("services: {web: {imgae: busybox}}", &["up", "-d"][..], "did you mean `image`?"),
        ("services: {web: {image: busybox}}", &["up", "-d", "wbe"], "no such service: wbe"),
        ("services: {web: {image: busybox, env_file: [gone.env]}}", &["up", "-d"], "gone.env"),
        (
            "services: {web: {image: busybox, volumes: [v:/v]}, x: {image: 'localhost:1/none:1'}}\n\
             volumes: {v: {}}",
            &["up", "-d"],
            "cannot pull image `localhost:1/none:1` of service `x`",
        ),
        (
            "services: {web: {image: 'rcompose/none:1', pull_policy: never}}",
            &["up", "-d"],
            "image `rcompose/none:1` of `web` is not there, and must not be pulled",
        ),
    ] {
        project.compose(compose);
        let told = project.fail(args);
        assert!(told.contains(message), "{args:?} of {compose}: {told}");
    }
    assert_eq!(project.resources(), [""; 0]);
}

/// A port that is taken is told before anything is made, with who has it, and the next `up` can use it
/// once it is free.
///
/// The test itself listens on a port that a service publishes. `up` fails, says where and who, and the
/// engine has nothing of the project. When nobody listens any more, `up` succeeds.
#[test]
fn a_port_that_is_taken_by_a_process() {
    let Some(project) = Project::new() else { return };
    let (listener, port) = free_port();
    project.compose(&format!(
        "services:
  db: {{image: busybox, init: true, command: sleep 600}}
  web:
    image: busybox
    init: true
    command: sleep 600
    depends_on: [db]
    ports:
      - '1:1'
      - '{port}:80'
"
    ));
    for command in ["up", "plan"] {
        let message = project.fail(&[command]);
        for part in [
            &format!("port {port} of the host, which `web` publishes, is taken by "),
            &format!("(process {})", std::process::id()),
            "compose.yaml:10:9",
            &format!("help: stop it, or publish another port, such as `{}:80`", port + 1),
        ] {
            assert!(message.contains(part), "no `{part}` in\n{message}");
        }
        assert_eq!(project.resources(), [""; 0]);
    }

    drop(listener);
    project.compose(&format!(
        "services: {{web: {{image: busybox, init: true, command: sleep 600, ports: ['{port}:80']}}}}"
    ));
    project.succeed(&["up", "-d"]);
    assert_eq!(project.status("web-1"), "running");
    // Whoever has a port keeps it.
    project.succeed(&["up", "-d", "--force-recreate"]);
    assert_eq!(project.status("web-1"), "running");
}

/// All ports that containers of other projects have are told at once, with how to free them.
///
/// One project publishes two ports, another one wants both, one of them on an address of its own. `up`
/// of the second one fails and names both.
#[test]
fn ports_that_are_taken_by_containers() {
    let Some(first) = Project::new() else { return };
    let Some(second) = Project::new() else { return };
    let (one, two) = (free_port(), free_port());
    let (a, b) = (one.1, two.1);
    drop((one, two));
    let compose = |address: &str| {
        format!(
            "
services:
  x: {{image: busybox, init: true, command: sleep 600, ports: ['{address}{a}:80']}}
  y: {{image: busybox, init: true, command: sleep 600, ports: ['{b}:80', '{b}:80/udp']}}
"
        )
    };
    first.compose(&compose(""));
    first.succeed(&["up", "-d"]);
    second.compose(&compose("127.0.0.1:"));
    let message = second.fail(&["up", "-d"]);
    for part in [
        &format!("port 127.0.0.1:{a} of the host, which `x` publishes, is taken by container"),
        &format!("{}-x-1 of project `{}`", first.name, first.name),
        &format!("port {b} of the host, which `y` publishes"),
        &format!("port {b}/udp of the host, which `y` publishes"),
        &format!("help: stop it with `rcompose -p {} stop y`", first.name),
    ] {
        assert!(message.contains(part), "no `{part}` in\n{message}");
    }
    assert_eq!(second.resources(), [""; 0]);
}

/// A project that is in its own way is told so.
///
/// Two services with one port, and a service with a port and two replicas.
#[test]
fn ports_that_are_wanted_twice() {
    let Some(project) = Project::new() else { return };
    let (listener, port) = free_port();
    drop(listener);
    project.compose(&format!(
        "services:
  x: {{image: busybox, ports: ['{port}:80']}}
  y: {{image: busybox, ports: ['127.0.0.1:{port}:81']}}
"
    ));
    let message = project.fail(&["up", "-d"]);
    for part in [
        format!("`x` and `y` both publish port 127.0.0.1:{port}"),
        "published here first".to_owned(),
    ] {
        assert!(message.contains(&part), "no `{part}` in\n{message}");
    }
    project
        .compose(&format!("services: {{x: {{image: busybox, scale: 2, ports: ['{port}:80']}}}}"));
    let message = project.fail(&["up", "-d"]);
    let wanted = format!("`x` has several containers, but only one of them can have port {port}");
    assert!(message.contains(&wanted), "no `{wanted}` in\n{message}");
    assert_eq!(project.resources(), [""; 0]);
}

/// A name that is taken by a container of others is spoken of, and that container is left alone.
///
/// A container that is not the project's has the name of a replica. `up` fails and says so.
#[test]
fn a_name_that_is_taken() {
    let Some(project) = Project::with("services:\n  web: {image: busybox}\n") else { return };
    project.outside_container("web-1");
    let outsider = project.inspect("web-1")["Id"].take();
    let message = project.fail(&["up", "-d"]);
    for part in [
        "cannot create container [PROJECT]-web-1 of service `web`",
        "already in use",
        "compose.yaml:2:3",
    ] {
        assert!(message.contains(part), "no `{part}` in\n{message}");
    }
    assert_eq!(project.inspect("web-1")["Id"], outsider);
    project.succeed(&["down"]);
    assert_eq!(project.inspect("web-1")["Id"], outsider);
}

/// A command that is not in the image is named with its service.
///
/// `up` of a service whose command does not exist.
#[test]
fn a_command_that_is_not_there() {
    let Some(project) =
        Project::with("services:\n  web: {image: busybox, command: no-such-thing}\n")
    else {
        return;
    };
    let message = project.fail(&["up", "-d"]);
    for part in [
        "cannot start container [PROJECT]-web-1 of service `web`",
        "no-such-thing",
        "compose.yaml:2:3",
    ] {
        assert!(message.contains(part), "no `{part}` in\n{message}");
    }
    assert_ne!(project.status("web-1"), "running");
}

/// Flags that do not go together are refused, and change nothing.
///
/// `up` and `create` with flags of builds and watching.
#[test]
fn flags_that_do_not_go_together() {
    let Some(project) =
        Project::with("services:\n  web: {image: busybox, build: .}\n  db: {image: busybox}\n")
    else {
        return;
    };
    for (args, message) in [
        (&["up", "--build", "--no-build"][..], "cannot be used with"),
        (&["up", "-d", "--watch"], "cannot be used with"),
        (&["up", "--no-build", "--watch"], "cannot be used with"),
        (&["up", "--wait", "--watch"], "cannot be used with"),
    ] {
        let told = project.fail(args);
        assert!(told.contains(message), "{args:?}: {told}");
        assert_eq!(project.resources(), [""; 0]);
    }
    // Nothing has to be built for the other one.
    project.succeed(&["create", "--build", "--quiet-pull", "db"]);
    project.succeed(&["create", "--no-build", "--quiet-build"]);
    assert_eq!(project.resources(), ["db-1 created", "web-1 created", "network [PROJECT]_default"]);
}
