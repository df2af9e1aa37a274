//! Flags of `run` that change what its container is.

use crate::peer::Tool;
use crate::project::{Project, free_port};

const COMPOSE: &str = "
services:
  web:
    image: busybox
    init: true
    command: [echo, from the file]
    environment: {FROM: file, KEPT: file}
    volumes: [data:/data]
    cap_drop: [NET_RAW]
    ports: ['80']
  old: {image: busybox, init: true, command: sleep 600}
volumes: {data: {}}
";

/// Volumes are mounted besides those of the service, and in their place.
///
/// `run` with a folder of the host, a volume by name, one without a name, and one over the service's.
#[test]
fn volumes_of_a_one_off() {
    for tool in Tool::all() {
        let Some(project) = Project::with(COMPOSE) else { return };
        project.file("here/file", "from the host");
        let volume = project.outsider("volumes", "mine");
        let seen = "cat /there/file; touch /there/x 2>&1; grep -c ' /mine ' /proc/mounts; \
                    grep -c ' /nameless ' /proc/mounts; cat /data/file";
        let args = [
            "run",
            "--rm",
            "-T",
            "-v",
            "./here:/there:ro",
            "-v",
            &format!("{volume}:/mine"),
            "--volume",
            "/nameless",
            "-v",
            "./here:/data",
            "web",
            "sh",
            "-c",
            seen,
        ];
        let output = tool.succeed(&project, &args);
        assert_eq!(
            output.stdout,
            "from the hosttouch: /there/x: Read-only file system\n1\n1\nfrom the host"
        );
        tool.succeed(&project, &["down", "-v"]);
        assert_eq!(project.engine.request("GET", &format!("/volumes/{volume}"), "").0, 200);
    }
}

/// Ports are published as asked for, and those of the service only with `-P`.
///
/// `run -d -p`, then `run -d -P`. The first has its port alone, the second that of the service.
#[test]
fn ports_of_a_one_off() {
    for tool in Tool::all() {
        let Some(project) = Project::with(COMPOSE) else { return };
        let (listener, port) = free_port();
        drop(listener);
        let publish = format!("127.0.0.1:{port}:8080");
        let run = |flags: &[&str]| {
            let name = project.full("one");
            let args = [&["run", "-d", "--name", &name][..], flags].concat();
            tool.succeed(&project, &[&args[..], &["web", "sleep", "600"]].concat());
            let ports = project.inspect("one")["HostConfig"]["PortBindings"].clone();
            project.engine.request(
                "DELETE",
                &format!("/containers/{}?force=1", project.full("one")),
                "",
            );
            let ports = ports.as_object().cloned().unwrap_or_default();
            // Some engines also tell of ports that lead nowhere.
            let ports = ports.iter().filter(|(_, to)| !to.is_null());
            ports.map(|(port, to)| (port.clone(), to[0].clone())).collect::<Vec<_>>()
        };
        let ports = run(&["-p", &publish]);
        assert_eq!(ports.len(), 1);
        assert_eq!(ports[0].0, "8080/tcp");
        assert_eq!(ports[0].1["HostPort"], port.to_string());
        assert_eq!(ports[0].1["HostIp"], "127.0.0.1");
        let ports = run(&["-P"]);
        assert_eq!(ports.iter().map(|(port, _)| port.as_str()).collect::<Vec<_>>(), ["80/tcp"]);
        assert_eq!(run(&[]), []);
        tool.succeed(&project, &["down", "-v"]);
    }
}

/// Variables come from files and flags.
///
/// `run` with two files of variables and `-e`. The flag wins, then the first file, then the service.
#[test]
fn variables_of_a_one_off() {
    for tool in Tool::all() {
        let Some(project) = Project::with(COMPOSE) else { return };
        project.file("one.env", "FROM=one\nONE='a b'\n");
        project.file("two.env", "FROM=two\nTWO=${ONE}-2\n# nothing\n");
        let args = [
            "run",
            "--rm",
            "-T",
            "--env-from-file",
            "one.env",
            "--env-from-file",
            "two.env",
            "-e",
            "LAST=flag",
            "-e",
            "TWO=flag",
            "web",
            "sh",
            "-c",
            "echo $FROM $KEPT $ONE $TWO $LAST",
        ];
        assert_eq!(tool.succeed(&project, &args).stdout, "one file a b flag flag\n");
        let missing = ["run", "--rm", "-T", "--env-from-file", "none.env", "web"];
        assert!(tool.fail(&project, &missing).contains("none.env"));
        tool.succeed(&project, &["down", "-v"]);
    }
}

/// Capabilities are added and taken away, whatever the file says.
///
/// `run` with `--cap-add` of what the file drops, and `--cap-drop` of another.
#[test]
fn capabilities_of_a_one_off() {
    for tool in Tool::all() {
        let Some(project) = Project::with(COMPOSE) else { return };
        let name = project.full("one");
        let args = [
            "run",
            "-d",
            "--name",
            &name,
            "--cap-add",
            "NET_RAW",
            "--cap-add",
            "SYS_TIME",
            "--cap-drop",
            "CHOWN",
            "web",
            "sleep",
            "600",
        ];
        tool.succeed(&project, &args);
        let bits = project.told("one", &["sh", "-c", "grep CapBnd /proc/1/status"]);
        let bits = u64::from_str_radix(bits.split_whitespace().last().unwrap(), 16).unwrap();
        let has = |bit: u32| bits & (1 << bit) != 0;
        // CHOWN, NET_RAW, SYS_TIME
        assert_eq!([0, 13, 25].map(has), [false, true, true], "{bits:x}");
        tool.succeed(&project, &["down", "-v", "--remove-orphans", "-t", "0"]);
    }
}

/// Only what the command writes is shown if that is asked for.
///
/// `run -q` of a service with something to create before: standard error is empty.
#[test]
fn a_quiet_one_off() {
    for tool in Tool::all() {
        let Some(project) = Project::with(COMPOSE) else { return };
        let args = ["run", "--rm", "-T", "-q", "--quiet-pull", "web"];
        let output = tool.succeed(&project, &args);
        assert_eq!((&*output.stdout, &*output.stderr), ("from the file\n", ""));
        tool.succeed(&project, &["down", "-v"]);
    }
}

/// Orphans are named, and removed if that is asked for.
///
/// `up`, a file without one of the services, `run`, then `run --remove-orphans`.
#[test]
fn orphans_of_a_one_off() {
    for tool in Tool::all() {
        let Some(project) = Project::with(COMPOSE) else { return };
        tool.succeed(&project, &["up", "-d", "old"]);
        project.compose("services: {web: {image: busybox, command: echo yes}}");
        let run = |flags: &[&str]| {
            let args = [&["run", "--rm", "-T"][..], flags, &["web"]].concat();
            tool.succeed(&project, &args)
        };
        let output = run(&[]);
        assert_eq!(output.stdout, "yes\n");
        let said = output.stderr.to_lowercase();
        assert!(
            said.contains("found orphan containers ([project]-old-1)") || !tool.is_ours(),
            "{said}"
        );
        assert_eq!(project.resources()[0], "old-1 running");
        run(&["--remove-orphans"]);
        assert_eq!(project.resources(), ["network [PROJECT]_default"]);
        tool.succeed(&project, &["down", "-v"]);
    }
}

/// Images are pulled as asked for.
///
/// `run --pull never` of an image that is not there, `--pull often`, and `--build`.
#[test]
fn images_of_a_one_off() {
    let Some(project) = Project::with(
        "
services: {web: {image: 'rcompose.invalid/none:1', command: 'true'}, here: {image: busybox, command: 'true'}}
",
    ) else {
        return;
    };
    let error = project.fail(&["run", "--rm", "-T", "--pull", "never", "web"]);
    assert!(error.contains("must not be pulled"), "{error}");
    let error = project.fail(&["run", "--rm", "-T", "--pull", "often", "here"]);
    assert!(error.contains("invalid --pull option \"often\""), "{error}");
    // There is nothing to build.
    project.succeed(&["run", "--rm", "-T", "--build", "here"]);
    project.succeed(&["run", "--rm", "-T", "--pull", "missing", "here"]);
}

/// A one-off has the names of its service on the networks only if that is asked for.
///
/// `run` beside a service, once without and once with `--use-aliases`: the names that others can find it
/// by differ.
#[test]
fn names_of_a_one_off() {
    for tool in Tool::all() {
        let Some(project) = Project::with(
            "
services:
  web: {image: busybox, init: true, command: sleep 600, networks: {default: {aliases: [www]}}}
",
        ) else {
            return;
        };
        let names = |flags: &[&str]| {
            let name = project.full("one");
            let args =
                [&["run", "-d", "--name", &name][..], flags, &["web", "sleep", "600"]].concat();
            tool.succeed(&project, &args);
            let network = format!("{}_default", project.name);
            let found = &project.inspect("one")["NetworkSettings"]["Networks"][&network]["Aliases"];
            let found = found.as_array().unwrap().clone();
            project.engine.request("DELETE", &format!("/containers/{name}?force=1"), "");
            ["web", "www", name.as_str()].map(|name| found.iter().any(|it| it == name))
        };
        assert_eq!(names(&[])[..2], [false, false]);
        assert_eq!(names(&["--use-aliases"])[..2], [true, true]);
        tool.succeed(&project, &["down", "-t", "0"]);
    }
}
