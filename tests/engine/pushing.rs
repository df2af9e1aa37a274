//! `push` and `pull` with the distribution's own registry, with and without logins.

use crate::project::Project;
use crate::registry::{Distribution, USER};

/// A project whose `web` is built under a name and a tag of a registry; `db` is not built.
struct Scene {
    project: Project,
    registry: Distribution,
    image: String,
    tag: String,
}

impl Scene {
    fn new(scenario: &str, with_login: bool) -> Option<Self> {
        let project = Project::new()?;
        let why = "it has to be told of registries without encryption";
        if project.engine.cannot(scenario, why) {
            return None;
        }
        let registry = Distribution::start(project.path(), with_login)?;
        let name = format!("{}/team/{}", registry.address, project.name);
        let (image, tag) = (format!("{name}:1"), format!("{name}:stable"));
        project.compose(&format!(
            "
services:
  web: {{image: '{image}', build: {{context: ., tags: ['{tag}']}}, depends_on: [db]}}
  db: {{image: busybox}}
"
        ));
        let scene = Self { project, registry, image, tag };
        for tag in ["1", "stable"] {
            let path = format!("/images/busybox/tag?repo={name}&tag={tag}");
            assert_eq!(scene.project.engine.request("POST", &path, "").0, 201);
        }
        Some(scene)
    }

    /// Logs in with this password.
    fn login(&self, password: &str) {
        let auth = base64(&format!("{}:{password}", USER.0));
        let host = &self.registry.address;
        let config = format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"{auth}\"}}}}}}");
        self.project.file(".docker/config.json", &config);
    }

    fn remove(&self) {
        for image in [&self.image, &self.tag] {
            self.project.engine.request("DELETE", &format!("/images/{image}"), "");
        }
    }

    fn is_there(&self) -> bool {
        self.project.engine.request("GET", &format!("/images/{}/json", self.image), "").0 == 200
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.remove();
    }
}

fn base64(text: &str) -> String {
    use ::base64::Engine as _;
    ::base64::prelude::BASE64_STANDARD.encode(text)
}

/// What is built is pushed under all its names, and can be pulled again.
#[test]
fn images_go_and_come_back() {
    let Some(scene) = Scene::new("push and pull", false) else { return };
    let project = &scene.project;
    let told = project.succeed(&["push"]).stderr;
    for image in [&scene.image, &scene.tag] {
        assert!(told.contains(&format!("Image {}  Pushed", project.masked(image))), "{told}");
    }
    assert!(!told.contains("busybox"), "{told}");
    let told = project.succeed(&["push", "--include-deps", "web"]).stderr;
    assert!(told.contains(" db  Skipped\n"), "{told}");
    // Nothing but layers is left out.
    let layers = |args: &[&str]| {
        let told = project.succeed(&[&["--progress", "json"], args].concat()).stderr;
        assert!(told.contains("\"Pushed\""), "{told}");
        told.contains("parent_id")
    };
    assert!(layers(&["push"]));
    assert!(!layers(&["push", "-q"]));
    scene.remove();
    project.succeed(&["pull", "web"]);
    assert!(scene.is_there());
}

/// Logins of Docker's configuration open the door, and nothing else does.
///
/// Push and pull without a login, with a wrong one and with the right one; nobody is told the password.
#[test]
fn logins_are_used() {
    let Some(scene) = Scene::new("logins", true) else { return };
    let project = &scene.project;
    let host = &scene.registry.address;
    let without = project.fail(&["push"]);
    assert!(without.contains("no basic auth credentials"), "{without}");
    assert!(without.contains(&format!("help: log in with `docker login {host}`")), "{without}");
    scene.login("a-wrong-one");
    let wrong = project.fail(&["push"]);
    assert!(wrong.contains("unauthorized"), "{wrong}");
    let ignored = project.succeed(&["push", "--ignore-push-failures"]).stderr;
    assert!(!ignored.contains("error:"), "{ignored}");
    for told in [&without, &wrong, &ignored] {
        assert!(!told.contains("Retrying") && !told.contains("a-wrong-one"), "{told}");
    }
    scene.login(USER.1);
    project.succeed(&["push"]);
    scene.remove();
    project.succeed(&["pull", "web"]);
    assert!(scene.is_there());
    scene.remove();
    scene.login("a-wrong-one");
    let wrong = project.fail(&["pull", "web"]);
    assert!(wrong.contains(&format!("help: log in with `docker login {host}`")), "{wrong}");
    assert!(!scene.is_there());
    // A helper knows better than the file.
    project.script(
        "bin/docker-credential-test",
        &format!("#!/bin/sh\necho '{{\"Username\":\"{}\",\"Secret\":\"{}\"}}'\n", USER.0, USER.1),
    );
    project.file(".docker/config.json", "{\"credsStore\": \"test\"}");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_rcompose"));
    let folder = project.path();
    command.env_clear().env("HOME", folder);
    command.env("PATH", format!("{}/bin:/usr/bin:/bin", folder.display()));
    let output = project.spawn(command, &["pull", "web"]).finish();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(scene.is_there());
}
