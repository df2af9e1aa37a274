//! Networks and volumes that are configured differently than they were, or are not the project's.

use serde_json::json;

use crate::peer::Tool;
use crate::project::Project;

fn network(project: &Project, key: &str) -> serde_json::Value {
    project.engine.json(&format!("/networks/{}_{key}", project.name))
}

fn with_network(settings: &str) -> String {
    format!(
        "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    depends_on: [db]
    networks: {{default: {{aliases: [www]}}, other: {{}}}}
  db:
    image: busybox
    init: true
    command: sleep 600
    container_name: {{NAME}}-data
    networks: {{default: {{aliases: [base]}}}}
  far: {{image: busybox, init: true, command: sleep 600, networks: [other]}}
networks: {{default: {{{settings}}}, other: {{}}}}
"
    )
}

/// A network that has changed is made anew under the containers, which stay what they are.
///
/// `up`, then `up` with a label for the network. The network is another one, the containers on it are
/// the same and were started anew, those elsewhere were left alone, and all names resolve.
#[test]
fn a_changed_network_is_made_anew() {
    for tool in Tool::all() {
        let Some(project) = Project::new() else { return };
        let why = "names of containers that join a network again are not found there";
        if project.engine.is_too_old("a_changed_network_is_made_anew", why) {
            return;
        }
        let compose = |settings: &str| {
            project.compose(&with_network(settings).replace("{NAME}", &project.name));
        };
        compose("");
        tool.succeed(&project, &["up", "-d"]);
        let old = network(&project, "default")["Id"].clone();
        let all = ["web-1", "far-1"].map(|name| project.instance(name));
        let db =
            project.engine.json(&format!("/containers/{}-data/json", project.name))["Id"].clone();
        project.told("web-1", &["sh", "-c", "echo kept > /file"]);

        compose("labels: {which: new}");
        tool.succeed(&project, &["up", "-d"]);
        let new = network(&project, "default");
        assert_ne!(new["Id"], old);
        assert_eq!(new["Labels"]["which"], "new");
        assert_eq!(project.told("web-1", &["cat", "/file"]), "kept\n");
        let now = ["web-1", "far-1"].map(|name| project.instance(name));
        assert_eq!((&now[0].0, &now[1]), (&all[0].0, &all[1]));
        assert_ne!(now[0].1, all[0].1);
        let same = project.engine.json(&format!("/containers/{}-data/json", project.name));
        assert_eq!(same["Id"], db);
        assert_eq!(same["State"]["Status"], "running");
        if tool.is_ours() {
            // Docker Compose loses the names of services and their aliases here.
            for name in ["db", "base", &format!("{}-data", project.name), "web", "www", "far"] {
                project.told("web-1", &["nslookup", "-type=a", name]);
            }
        }
        let before = project.state();
        tool.succeed(&project, &["up", "-d"]);
        assert_eq!(project.state(), before);
        tool.succeed(&project, &["down", "-t", "0"]);
        assert_eq!(project.resources(), [""; 0]);
    }
}

/// What is changed in network and service at once is changed at once.
///
/// `up`, then `up` with another subnet, and an address in it for a service. The container is a new one
/// with that address.
#[test]
fn a_service_may_change_with_its_network() {
    let compose = |third: &str| {
        format!(
            "
services:
  web: {{image: busybox, init: true, command: sleep 600, networks: {{default: {{ipv4_address: 10.231.{third}.7}}}}}}
  db: {{image: busybox, init: true, command: sleep 600}}
networks: {{default: {{ipam: {{config: [{{subnet: 10.231.{third}.0/24}}]}}}}}}
"
        )
    };
    let Some(project) = Project::with(&compose("71")) else { return };
    project.succeed(&["up", "-d"]);
    let (web, db) = (project.instance("web-1").0, project.instance("db-1").0);
    project.compose(&compose("72"));
    project.succeed(&["up", "-d"]);
    assert_ne!(project.instance("web-1").0, web);
    assert_eq!(project.instance("db-1").0, db);
    let addresses = project.told("web-1", &["ip", "-4", "address"]);
    assert!(addresses.contains("10.231.72.7/24"), "{addresses}");
    project.told("db-1", &["nslookup", "-type=a", "web"]);
}

/// A network is not taken from containers that an `up` does not concern.
///
/// `up` of two services, then `up` of one of them with a changed network. It fails with the name of the
/// other container, and nothing has stopped.
#[test]
fn a_network_that_others_use_stays() {
    let compose = |settings: &str| {
        format!(
            "
services:
  web: {{image: busybox, init: true, command: sleep 600}}
  db: {{image: busybox, init: true, command: sleep 600}}
networks: {{default: {{{settings}}}}}
"
        )
    };
    let Some(project) = Project::with(&compose("")) else { return };
    project.succeed(&["up", "-d"]);
    let before = project.state();
    project.compose(&compose("labels: {which: new}"));
    let error = project.fail(&["up", "-d", "web"]);
    assert!(
        error.contains("cannot be made anew")
            && error.contains("[PROJECT]-db-1")
            && error.contains("compose.yaml:5:"),
        "{error}"
    );
    assert_eq!(project.state(), before);
}

/// A network with another name takes the containers along, and the old one goes.
///
/// `up`, then `up` with a `name` for the network. The containers are on the new one alone.
#[test]
fn a_renamed_network_replaces_the_old_one() {
    let Some(project) = Project::with(
        "
services: {web: {image: busybox, init: true, command: sleep 600}}
",
    ) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    project.compose(&format!(
        "
services: {{web: {{image: busybox, init: true, command: sleep 600}}}}
networks: {{default: {{name: {}-renamed}}}}
",
        project.name
    ));
    project.succeed(&["up", "-d"]);
    assert_eq!(project.resources(), ["web-1 running", "network [PROJECT]-renamed"]);
    let before = project.state();
    project.succeed(&["up", "-d"]);
    assert_eq!(project.state(), before);
    project.succeed(&["down", "-t", "0"]);
    assert_eq!(project.resources(), [""; 0]);
}

/// A container whose network somebody has removed gets a new one.
///
/// `up`, `stop`, the network removed by hand, `up`. The service runs on a network of that name.
#[test]
fn a_lost_network_is_made_again() {
    let Some(project) = Project::with(
        "
services: {web: {image: busybox, init: true, command: sleep 600}}
",
    ) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    project.succeed(&["stop", "-t", "0"]);
    let id = network(&project, "default")["Id"].as_str().unwrap().to_owned();
    project.engine.request("DELETE", &format!("/networks/{id}"), "");
    assert_eq!(project.resources(), ["web-1 exited"]);
    project.succeed(&["up", "-d"]);
    assert_eq!(project.resources(), ["web-1 running", "network [PROJECT]_default"]);
    let web = project.inspect("web-1");
    let on = &web["NetworkSettings"]["Networks"][format!("{}_default", project.name)];
    assert_ne!(*on, json!(null));
}

fn with_volume(label: &str) -> String {
    format!(
        "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    volumes: [data:/data, other:/other, /anonymous]
  db: {{image: busybox, init: true, command: sleep 600, volumes: [other:/other]}}
volumes: {{data: {{labels: {{which: {label}}}}}, other: {{}}}}
"
    )
}

const SAVE: &str = "echo data > /data/file; echo other > /other/file; echo own > /anonymous/file";

/// Data is lost only if somebody says so.
///
/// `up`, then `up` with a changed volume and no answer, `no`, and nobody to ask: data, volume and
/// containers stay. Then `-y`: the volume is new, others are as they were.
#[test]
fn a_changed_volume_needs_consent() {
    for tool in Tool::all() {
        let Some(project) = Project::with(&with_volume("old")) else { return };
        tool.succeed(&project, &["up", "-d"]);
        project.told("web-1", &["sh", "-c", SAVE]);
        let before = project.state();
        project.compose(&with_volume("new"));
        let output = tool.succeed(&project, &["up", "-d"]);
        let question = "Volume \"[PROJECT]_data\" exists but doesn't match configuration in compose \
                        file. Recreate (data will be lost)?";
        assert!(output.stdout.contains(question), "{}\n{}", output.stdout, output.stderr);
        assert_eq!(project.state(), before);

        let db = project.instance("db-1");
        tool.succeed(&project, &["up", "-d", "-y"]);
        assert_eq!(project.instance("db-1"), db);
        let volume = project.engine.json(&format!("/volumes/{}_data", project.name));
        assert_eq!(volume["Labels"]["which"], "new");
        assert_ne!(project.exec("web-1", &["ls", "/data/file"]).0, 0);
        assert_eq!(project.told("web-1", &["cat", "/other/file"]), "other\n");
        if tool.is_ours() {
            // Docker Compose gives up the anonymous volumes of the container too.
            assert_eq!(project.told("web-1", &["cat", "/anonymous/file"]), "own\n");
        }
        let before = project.state();
        assert!(!tool.succeed(&project, &["up", "-d"]).stdout.contains("data will be lost"));
        assert_eq!(project.state(), before);
        tool.succeed(&project, &["down", "-v", "-t", "0"]);
    }
}

/// An answer is read from standard input, and only a clear yes counts.
///
/// `up` with a changed volume and several answers. `n`, `yes` and an empty line keep the data, as with
/// Docker Compose; `y` does not.
#[test]
fn only_a_clear_answer_loses_data() {
    let Some(project) = Project::with(&with_volume("old")) else { return };
    project.succeed(&["up", "-d"]);
    project.told("web-1", &["sh", "-c", SAVE]);
    project.compose(&with_volume("new"));
    let before = project.state();
    for answer in ["", "n\n", "yes\n", "\n"] {
        let output = project.run_reading(&["up", "-d"], answer);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        assert_eq!(project.state(), before, "{answer}");
    }
    let output = project.run_reading(&["up", "-d"], "y\n");
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_ne!(project.exec("web-1", &["ls", "/data/file"]).0, 0);
}

/// A look at the plan asks nothing and loses nothing.
///
/// `plan` and `up --dry-run` with a changed volume: it stays. With `-y` the plan has it made anew.
#[test]
fn plans_ask_nothing() {
    let Some(project) = Project::with(&with_volume("old")) else { return };
    project.succeed(&["up", "-d"]);
    project.compose(&with_volume("new"));
    let before = project.state();
    for args in [&["plan"][..], &["up", "--dry-run"], &["plan", "-y"]] {
        let output = project.succeed(args);
        assert!(!output.stdout.contains("data will be lost"), "{}", output.stdout);
        let replaced = output.stdout.contains("volume [PROJECT]_data");
        assert_eq!(replaced, args.contains(&"-y"), "{}", output.stdout);
    }
    assert_eq!(project.state(), before);
}

/// A volume is not taken from a container that an `up` does not concern.
///
/// `up`, then `up -y` of one of two services on a changed volume. It fails, and all runs on.
#[test]
fn a_volume_that_others_use_stays() {
    let compose = |label: &str| {
        format!(
            "
services:
  web: {{image: busybox, init: true, command: sleep 600, volumes: [data:/data]}}
  db: {{image: busybox, init: true, command: sleep 600, volumes: [data:/data]}}
volumes: {{data: {{labels: {{which: {label}}}}}}}
"
        )
    };
    let Some(project) = Project::with(&compose("old")) else { return };
    project.succeed(&["up", "-d"]);
    project.compose(&compose("new"));
    let before = project.state();
    let error = project.fail(&["up", "-d", "-y", "web"]);
    assert!(error.contains("[PROJECT]-db-1"), "{error}");
    assert_eq!(project.state(), before);
}

/// What is there already is used, with a warning that names its owner.
///
/// A network and a volume made by hand and one labelled by another project, then `up`. All are used,
/// each with a warning, and `down` leaves them. `down -v` leaves the data of the other project.
#[test]
fn resources_of_others_are_used_with_a_warning() {
    let Some(project) = Project::with(
        "
services: {web: {image: busybox, init: true, command: sleep 600, volumes: [data:/data, far:/far]}}
volumes: {data: {}, far: {}}
",
    ) else {
        return;
    };
    let name = |key: &str| format!("{}_{key}", project.name);
    let mark = |owner: Option<&str>| {
        let mut labels = json!({"rcompose.scenario": project.name});
        if let Some(owner) = owner {
            labels["com.docker.compose.project"] = owner.into();
        }
        labels
    };
    project.engine.post("/volumes/create", &json!({"Name": name("data"), "Labels": mark(None)}));
    let other = json!({"Name": name("far"), "Labels": mark(Some("someone-else"))});
    project.engine.post("/volumes/create", &other);
    project
        .engine
        .post("/networks/create", &json!({"Name": name("default"), "Labels": mark(None)}));
    let said = project.succeed(&["up", "-d"]).stderr;
    for warning in [
        "network `[PROJECT]_default` was not made by Compose; it is used as it is",
        "volume `[PROJECT]_data` was not made by Compose; it is used as it is",
        "volume `[PROJECT]_far` belongs to the project `someone-else`; it is used as it is",
    ] {
        assert!(said.contains(warning), "{said}");
    }
    project.succeed(&["down", "-t", "0"]);
    for path in [format!("/networks/{}", name("default")), format!("/volumes/{}", name("far"))] {
        assert_eq!(project.engine.request("GET", &path, "").0, 200, "{path}");
    }
    let said = project.succeed(&["down", "-v"]).stderr;
    let warning = "volume `[PROJECT]_far` belongs to the project `someone-else`; it is kept";
    assert!(said.contains(warning), "{said}");
    for (key, status) in [("far", 200), ("data", 404)] {
        let path = format!("/volumes/{}", name(key));
        assert_eq!(project.engine.request("GET", &path, "").0, status, "{path}");
    }
}
