//! What tags stand for: digests in the output of `config`.

use std::path::Path;

use crate::peer;
use crate::project::Project;
use crate::registry::Distribution;

/// A registry for a scenario; `None` if its program is not installed.
pub(crate) fn registry(project: &Project) -> Option<Distribution> {
    Distribution::start(Path::new(project.path()), false)
}

/// A project with images of a registry: of services, of hooks, and of volumes.
fn images() -> Option<(Project, Distribution, String)> {
    let project = Project::new()?;
    let registry = registry(&project)?;
    let digest = registry.put("team/app:1", "one");
    registry.put("team/app:latest", "other");
    let name = format!("{}/team/app", registry.address);
    project.compose(&format!(
        "
name: pinned
services:
  web:
    image: {name}:1
    command: sleep 100
  untagged: {{image: {name}}}
  exact: {{image: '{name}:1@{digest}'}}
  built: {{build: .}}
"
    ));
    Some((project, registry, digest))
}

/// Both programs print the same, as a whole and as a file of nothing but pins.
#[test]
fn images_are_pinned_as_the_peer_pins_them() {
    let Some((project, _registry, digest)) = images() else { return };
    let whole = project.succeed(&["config", "--resolve-image-digests"]).stdout;
    assert!(whole.contains(&format!("team/app:1@{digest}")), "{whole}");
    assert!(whole.contains(&format!("team/app@{digest}")), "what is exact has no tag: {whole}");
    assert!(!whole.contains("app:latest\n"), "{whole}");
    let lock = project.succeed(&["config", "--lock-image-digests"]).stdout;
    assert!(lock.starts_with("services:\n  built: {}\n  exact:\n    image: "), "{lock}");
    let Some(peer) = peer::peer() else { return };
    for flags in [
        &["--resolve-image-digests"][..],
        &["--lock-image-digests"],
        &["--lock-image-digests", "--format", "json"],
        &["--resolve-image-digests", "--no-interpolate"],
        &["--lock-image-digests", "--no-interpolate"],
    ] {
        let args = [&["config"], flags].concat();
        let theirs = peer::succeed(&peer, &project, &args).stdout;
        assert_eq!(project.succeed(&args).stdout, theirs, "{args:?}");
    }
}

/// Images of hooks and volumes are pinned, too; what a file of pins cannot pin is warned of.
#[test]
fn images_of_hooks_and_volumes_are_pinned() {
    let Some((project, registry, digest)) = images() else { return };
    let name = format!("{}/team/app:1", registry.address);
    project.compose(&format!(
        "
services:
  web:
    image: {name}
    pre_start: [{{command: 'true', image: {name}}}]
    volumes:
      - {{type: image, source: {name}, target: /a}}
      - {{type: image, source: other, target: /b}}
      - {{type: volume, source: data, target: /c}}
  other: {{build: .}}
volumes: {{data: {{}}}}
"
    ));
    let pinned = format!("{name}@{digest}");
    let whole = project.succeed(&["config", "--resolve-image-digests"]).stdout;
    assert_eq!(whole.matches(&pinned).count(), 3, "{whole}");
    assert!(whole.contains("source: other\n"), "{whole}");
    let lock = project.succeed(&["config", "--lock-image-digests"]);
    assert_eq!(lock.stdout.matches(&pinned).count(), 2, "{}", lock.stdout);
    assert!(!lock.stdout.contains("type: volume") && !lock.stdout.contains("pre_start"));
    let warning = "the images of `pre_start` of `web` are not pinned";
    assert!(lock.stderr.contains(warning), "{}", lock.stderr);
    // As the file says, it can be laid over the project.
    project.file("pins.yaml", &lock.stdout);
    let both = ["-f", "compose.yaml", "-f", "pins.yaml", "config", "--images"];
    assert!(project.succeed(&both).stdout.contains(&pinned));
}

/// All images that no registry has are named, with their places.
#[test]
fn images_that_are_not_there_are_named() {
    let Some((project, registry, _)) = images() else { return };
    let name = format!("{}/team", registry.address);
    project.compose(&format!(
        "services:\n  a: {{image: '{name}/nothing:1'}}\n  b: {{image: '{name}/app:9'}}\n"
    ));
    let error = project.fail(&["config", "--resolve-image-digests"]);
    for text in ["nothing:1`: ", "app:9`: ", "compose.yaml:2:14", "compose.yaml:3:14"] {
        assert!(error.contains(text), "{text}: {error}");
    }
}
