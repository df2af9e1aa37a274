//! `pull`, and pulls of others, from a registry that is not always well.

use serde_json::Value;

use crate::fake_registry::{Answer, Registry};
use crate::project::Project;
use crate::schema::kind_of;

/// A project, and a registry of its own.
fn scene(scenario: &str) -> Option<(Project, Registry)> {
    let project = Project::new()?;
    if project.engine.cannot(scenario, "it has to be told of registries without encryption") {
        return None;
    }
    let registry = Registry::start(&project.name);
    Some((project, registry))
}

/// The reference of an image of the registry, which has any.
fn image(project: &Project, registry: &Registry, name: &str) -> String {
    format!("{}/{}/{name}:1", registry.host, project.name)
}

/// A scene with one service, and its image.
fn one(scenario: &str) -> Option<(Project, Registry, String)> {
    let (project, registry) = scene(scenario)?;
    let image = image(&project, &registry, "web");
    project.compose(&format!("services: {{web: {{image: '{image}'}}}}"));
    Some((project, registry, image))
}

fn is_there(project: &Project, image: &str) -> bool {
    project.engine.request("GET", &format!("/images/{image}/json"), "").0 == 200
}

fn remove(project: &Project, image: &str) {
    project.engine.request("DELETE", &format!("/images/{image}?force=1"), "");
}

const BAD: Answer = Answer::Refuse(502, "Bad Gateway");

/// What passes by itself is waited for, and told.
///
/// The registry answers 502 twice, and then 429; the image is there in the end, after four tries.
#[test]
fn a_registry_in_trouble_is_asked_again() {
    let Some((project, registry, image)) = one("a registry in trouble") else { return };
    registry.manifests(&[BAD, BAD, Answer::Later(1)]);
    let told = project.succeed(&["pull"]).stderr;
    assert!(is_there(&project, &image), "{told}");
    assert!(told.contains("Retrying in 0.5 s: 502 Bad Gateway"), "{told}");
    assert!(told.contains("Retrying in 2 s: toomanyrequests"), "{told}");
    assert!(told.contains(&format!("Image {}  Pulled", project.masked(&image))), "{told}");
    assert_eq!(registry.asked("GET manifests"), 4, "{told}");
    remove(&project, &image);
}

/// After some tries there is no hope.
///
/// A registry that never answers well is asked five times, and then the reason is told.
#[test]
fn there_is_an_end_to_patience() {
    let Some((project, registry, image)) = one("an end to patience") else { return };
    registry.manifests(&[BAD; 20]);
    let told = project.fail(&["up", "-d"]);
    assert_eq!(registry.asked("GET manifests"), 5, "{told}");
    let message = format!("cannot pull image `{}` of service `web`: ", project.masked(&image));
    assert!(told.contains(&message), "{told}");
    assert!(told.contains("502 Bad Gateway"), "{told}");
    assert!(told.contains("compose.yaml:1:25"), "{told}");
    assert_eq!(project.resources(), [""; 0]);
}

/// What stays as it is is not asked for again.
///
/// The registry answers 400, 403 and 404, and wants a login.
#[test]
fn refusals_are_final() {
    let Some((project, registry, _)) = one("final refusals") else { return };
    let refusals = [(400, "Bad Request"), (403, "Forbidden"), (404, "Not Found")];
    for (status, words) in refusals {
        let before = registry.asked("GET manifests");
        registry.manifests(&[Answer::Refuse(status, words)]);
        let told = project.fail(&["pull"]);
        assert!(!told.contains("Retrying"), "{status}: {told}");
        assert_eq!(registry.asked("GET manifests"), before + 1, "{status}: {told}");
    }
    registry.wants_login("Basic somebody-else");
    let told = project.fail(&["pull"]);
    assert!(!told.contains("Retrying"), "{told}");
    let help = format!("help: log in with `docker login {}`", registry.host);
    assert!(told.contains(&help), "{told}");
}

/// A layer that broke off is fetched again, by the engine or by us.
#[test]
fn half_a_layer_is_not_an_image() {
    let Some((project, registry, image)) = one("half a layer") else { return };
    registry.layers(&[Answer::Half]);
    let told = project.succeed(&["pull"]).stderr;
    assert!(is_there(&project, &image), "{told}");
    assert!(registry.asked("GET layers") > 1, "{told}");
    remove(&project, &image);
}

/// One failure interrupts nobody, and is not forgotten.
///
/// Of three images two are refused; the third is pulled, and both errors have their places. With
/// `--ignore-pull-failures` it ends well.
#[test]
fn siblings_are_pulled_all_the_same() {
    let Some((project, registry)) = scene("siblings") else { return };
    let missing = "localhost:1/none/a:1";
    let good = image(&project, &registry, "b");
    project.compose(&format!(
        "services:\n  a: {{image: '{missing}'}}\n  b: {{image: '{good}'}}\n  c: {{image: '{missing}-c', build: .}}\n"
    ));
    let told = project.fail(&["pull"]);
    assert!(is_there(&project, &good), "{told}");
    for part in [
        &format!("cannot pull image `{missing}` of service `a`"),
        &format!("cannot pull image `{missing}-c` of service `c`"),
        "compose.yaml:2:14",
        "compose.yaml:4:14",
        "help: run `rcompose build c`",
    ] {
        assert!(told.contains(part), "no `{part}` in\n{told}");
    }
    let told = project.succeed(&["pull", "--ignore-pull-failures"]).stderr;
    assert!(!told.contains("error:") && told.contains("connection refused"), "{told}");
    // `up` is as fair, but it needs all of them.
    remove(&project, &good);
    let told = project.fail(&["up", "-d", "a", "b"]);
    assert!(is_there(&project, &good), "{told}");
    assert_eq!(project.resources(), [""; 0]);
    remove(&project, &good);
}

/// What is pulled, by policy and flags.
#[test]
fn flags_of_pull() {
    let Some((project, registry)) = scene("flags of pull") else { return };
    let [a, b, c] = ["a", "b", "c"].map(|name| image(&project, &registry, name));
    project.compose(&format!(
        "
services:
  a: {{image: '{a}', depends_on: [b]}}
  b: {{image: '{b}', pull_policy: missing}}
  c: {{image: '{c}', build: .}}
  d: {{build: .}}
  e: {{image: '{c}', pull_policy: never}}
"
    ));
    let pulled = |args: &[&str]| {
        let told = project.succeed(&[&["pull"], args].concat()).stderr;
        let lines = told.lines().filter_map(|line| {
            let line = line.strip_suffix("  Pulled")?;
            Some(line.rsplit('/').next()?.trim_end_matches(":1").to_owned())
        });
        let mut names: Vec<String> = lines.collect();
        names.sort();
        (names.join(" "), told)
    };
    let (names, told) = pulled(&[]);
    assert_eq!(names, "a b c");
    assert!(told.contains(" d  Skipped: no image to be pulled\n"), "{told}");
    let (names, told) = pulled(&["--ignore-buildable"]);
    assert_eq!(names, "a");
    let said = |image: &str, text: &str| format!("Image {}  {text}", project.masked(image));
    assert!(told.contains(&said(&b, "Skipped: image is already present")), "{told}");
    assert!(told.contains(&said(&c, "Skipped: image can be built")), "{told}");
    assert_eq!(pulled(&["a"]).0, "a");
    remove(&project, &b);
    assert_eq!(pulled(&["--include-deps", "a"]).0, "a b");
    assert_eq!(pulled(&["--policy", "missing"]).0, "");
    assert_eq!(pulled(&["--policy", "always", "b"]).0, "b");
    assert!(pulled(&["--parallel", "a"]).1.contains("DEPRECATED"));
    for image in [a, b, c] {
        remove(&project, &image);
    }
}

/// Programs are told of each layer, unless that is not wanted.
#[test]
fn layers_are_told() {
    let Some((project, _registry, image)) = one("layers") else { return };
    let layers = |args: &[&str]| {
        let told = project.succeed(&[&["--progress", "json"], args].concat()).stderr;
        let events = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let layers: Vec<Value> = events.filter(|event| event.get("parent_id").is_some()).collect();
        assert!(layers.iter().all(|layer| kind_of(layer) == "layer"), "{told}");
        remove(&project, &image);
        layers
    };
    let told = layers(&["pull"]);
    let parent = format!("Image {}", project.masked(&image));
    assert!(told.iter().all(|layer| layer["parent_id"] == parent));
    assert!(told.iter().any(|layer| layer["text"] == "Pull complete" && layer["percent"] == 100));
    assert_eq!(layers(&["pull", "--quiet"]), [Value::Null; 0]);
    assert_eq!(layers(&["create", "--quiet-pull"]), [Value::Null; 0]);
    assert_eq!(
        layers(&["create", "--quiet-pull", "--force-recreate", "--pull=always"]),
        [Value::Null; 0]
    );
}
