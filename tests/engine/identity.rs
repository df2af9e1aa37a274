//! Names, labels and hashes: what makes a project ours, and Docker Compose's.

use serde_json::Value;

use crate::project::Project;

const COMPOSE: &str = "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    environment: {MODE: loud}
    depends_on:
      db: {condition: service_started, restart: true}
    volumes: [data:/data]
    labels: {who: me}
  db: {image: busybox, init: true, command: sleep 600}
volumes: {data: {}}
";

/// Other tools find a project by its names and labels.
///
/// `up` of two services, a network and a volume. Every name and label is as Docker Compose has it,
/// and the hashes are those that `config --hash` prints.
#[test]
fn names_labels_and_hashes() {
    let Some(project) = Project::with(COMPOSE) else { return };
    project.succeed(&["up", "-d"]);
    let expected =
        ["db-1 running", "web-1 running", "network [PROJECT]_default", "volume [PROJECT]_data"];
    assert_eq!(project.resources(), expected);

    let hashes = project.succeed(&["config", "--hash", "*"]).stdout;
    let folder = project.path().to_str().unwrap();
    for (service, depends_on) in [("db", ""), ("web", "db:service_started:true")] {
        let container = project.inspect(&format!("{service}-1"));
        let labels = &container["Config"]["Labels"];
        let label = |name: &str| text(&labels[format!("com.docker.compose.{name}")]).to_owned();
        assert_eq!(label("project"), project.name);
        assert_eq!(label("service"), service);
        assert_eq!(label("container-number"), "1");
        assert_eq!(label("oneoff"), "False");
        assert_eq!(label("depends_on"), depends_on);
        assert_eq!(label("project.working_dir"), folder);
        assert_eq!(label("project.config_files"), format!("{folder}/compose.yaml"));
        assert_eq!(label("image").trim_start_matches("sha256:"), image(&container));
        assert!(label("version").starts_with('2'), "{labels}");
        let line = format!("{service} {}\n", label("config-hash"));
        assert!(hashes.contains(&line), "{line} is not in {hashes}");
        for absent in ["replace", "slug", "project.environment_file"] {
            assert_eq!(labels[format!("com.docker.compose.{absent}")], Value::Null);
        }
    }
    assert_eq!(project.inspect("web-1")["Config"]["Labels"]["who"], "me");

    for (kind, name, key) in [("network", "default", "networks"), ("volume", "data", "volumes")] {
        let found = project.engine.json(&format!("/{key}/{}_{name}", project.name));
        let labels = &found["Labels"];
        let label = |name: &str| text(&labels[format!("com.docker.compose.{name}")]).to_owned();
        assert_eq!(label("project"), project.name);
        assert_eq!(label(kind), name);
        assert_eq!(label("config-hash").len(), 64);
        assert!(label("version").starts_with('2'), "{labels}");
    }
}

/// Names that were given are kept, and the files that were named are noted.
///
/// `up` with `-p`, `-f` twice and `--env-file`, of resources that have names of their own. The names
/// and the labels say so; `down -v` finds all of it again.
#[test]
fn given_names() {
    let Some(project) = Project::new() else { return };
    let base = "
        services:
          web:
            image: ${IMAGE}
            init: true
            command: sleep 600
            container_name: ${COMPOSE_PROJECT_NAME}-special
            volumes: [data:/data]
        volumes: {data: {name: '${COMPOSE_PROJECT_NAME}.data'}}
        networks: {default: {name: '${COMPOSE_PROJECT_NAME}.net'}}
    ";
    project.file("base.yaml", base);
    project.file("over.yaml", "services: {web: {hostname: there}}");
    project.file("some.env", "IMAGE=busybox");
    let name = project.name.clone();
    let options = ["-p", &name, "-f", "base.yaml", "-f", "over.yaml", "--env-file", "some.env"];
    project.succeed(&[&options[..], &["up", "-d"]].concat());
    let expected = ["special running", "network [PROJECT].net", "volume [PROJECT].data"];
    assert_eq!(project.resources(), expected);

    let container = project.inspect("special");
    let folder = project.path().to_str().unwrap();
    let label = |name: &str| text(&container["Config"]["Labels"][name]).to_owned();
    assert_eq!(
        label("com.docker.compose.project.config_files"),
        format!("{folder}/base.yaml,{folder}/over.yaml")
    );
    assert_eq!(label("com.docker.compose.project.environment_file"), format!("{folder}/some.env"));
    assert_eq!(container["Config"]["Hostname"], "there");
    project.succeed(&[&options[..], &["down", "-v"]].concat());
    assert_eq!(project.resources(), [""; 0]);
}

/// What an engine has of a project is enough to remove it.
///
/// `up`, then `down -v` with the name of the project from a folder without files. Nothing is left.
#[test]
fn a_name_is_enough_to_take_down() {
    let Some(project) = Project::with(COMPOSE) else { return };
    project.succeed(&["up", "-d"]);
    std::fs::remove_file(project.path().join("compose.yaml")).unwrap();
    project.succeed(&["-p", &project.name, "down", "-v"]);
    assert_eq!(project.resources(), [""; 0]);
    let again = project.succeed(&["-p", &project.name, "down", "-v"]).stderr;
    assert!(again.contains("no resource found to remove for project `[PROJECT]`"), "{again}");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The ID of a container's image, without the name of its hash.
fn image(container: &Value) -> &str {
    text(&container["Image"]).trim_start_matches("sha256:")
}
