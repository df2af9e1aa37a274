//! Locks: made at registries, kept, upgraded, and held to.

use std::fs;

use crate::digests::registry;
use crate::peer;
use crate::project::Project;
use crate::registry::Distribution;

fn lock(project: &Project) -> String {
    fs::read_to_string(project.path().join("compose.lock.yaml")).unwrap()
}

fn locked(project: &Project, name: &str) -> String {
    let text = lock(project);
    let line = text.lines().find_map(|line| line.trim().strip_prefix(&format!("{name}: ")));
    line.unwrap_or_default().to_owned()
}

/// What is new is locked, what is locked stays, what is unused goes, and an upgrade asks again.
#[test]
fn a_lock_is_made_and_kept() {
    let Some(project) = Project::new() else { return };
    let Some(registry) = registry(&project) else { return };
    let name = |tag: &str| format!("{}/team/app:{tag}", registry.address);
    let (first, second) = (registry.put("team/app:1", "a"), registry.put("team/app:2", "b"));
    let base = registry.put("team/app:base", "c");
    let stack = |web: &str| {
        project.compose(&format!(
            "services:\n  web: {{image: '{}'}}\n  built: {{build: .}}\n  \
             off: {{image: '{}', profiles: [x]}}\n",
            name(web),
            name("2")
        ));
    };
    stack("1");
    project.file("Dockerfile", &format!("FROM {}\n", name("base")));
    let output = project.succeed(&["lock"]);
    assert!(output.stderr.contains(&format!("Image {}  Locked sha256:", name("1"))));
    let digests = ["1", "2", "base"].map(|tag| locked(&project, &name(tag)));
    assert_eq!(digests, [first.clone(), second, base]);
    assert!(lock(&project).starts_with("# "), "it says what it is");
    project.succeed(&["lock", "--check"]);
    // The tag moves; the lock does not.
    let moved = registry.put("team/app:1", "d");
    let before = lock(&project);
    assert_eq!(project.succeed(&["lock"]).stderr, "");
    assert_eq!(lock(&project), before);
    project.succeed(&["lock", "--upgrade", "built", "--dry-run"]);
    let output = project.succeed(&["lock", "--upgrade", "built"]);
    assert_eq!((output.stderr.as_str(), lock(&project)), ("", before.clone()), "it did not move");
    project.succeed(&["lock", "--upgrade", "--dry-run"]);
    assert_eq!(lock(&project), before, "a dry run writes nothing");
    assert!(project.succeed(&["lock", "--upgrade"]).stderr.contains("Updated"));
    assert_eq!(locked(&project, &name("1")), moved);
    assert_ne!(moved, first);
    // What nothing uses goes.
    stack("2");
    assert!(project.fail(&["lock", "--check"]).contains("nothing uses"));
    assert!(project.succeed(&["lock"]).stderr.contains("Removed"));
    assert_eq!(locked(&project, &name("1")), "");
    project.succeed(&["lock", "--check"]);
}

/// Pushes an image of the engine to a registry; gives its ID.
fn push(project: &Project, registry: &Distribution, image: &str, tag: &str) -> String {
    let engine = project.engine;
    let repository = format!("{}/team/app", registry.address);
    let path = format!("/images/{image}/tag?repo={repository}&tag={tag}");
    assert_eq!(engine.request("POST", &path, "").0, 201);
    let path = format!("/images/{repository}:{tag}/push");
    let (status, body) = engine.request("POST", &path, "");
    assert!(status == 200 && !body.contains("errorDetail"), "{body}");
    let id = engine.json(&format!("/images/{image}/json"))["Id"].as_str().unwrap().to_owned();
    engine.request("DELETE", &format!("/images/{repository}:{tag}"), "");
    id
}

/// Containers are made of what the lock says, whatever the tag stands for now.
#[test]
fn containers_are_made_of_what_is_locked() {
    let Some(project) = Project::new() else { return };
    let scenario = "a project that is held to its lock";
    if project.engine.cannot(scenario, "it is not told of registries without encryption") {
        return;
    }
    let Some(registry) = registry(&project) else { return };
    let name = format!("{}/team/app:1", registry.address);
    project.compose(&format!(
        "services: {{web: {{image: '{name}', command: sleep 600, init: true, stop_grace_period: 0s}}}}"
    ));
    let first = push(&project, &registry, "busybox", "1");
    project.succeed(&["lock"]);
    let second = push(&project, &registry, "alpine", "1");
    assert_ne!(first, second);
    project.succeed(&["up", "-d", "--locked"]);
    let container = project.inspect("web-1");
    assert_eq!(container["Image"], first.as_str());
    let labels = &container["Config"]["Labels"];
    assert_eq!(labels["com.docker.compose.image"], first.as_str());
    let hash = project.succeed(&["config", "--hash", "web"]).stdout;
    assert!(hash.contains(labels["com.docker.compose.config-hash"].as_str().unwrap()));
    // Nothing to do for ourselves, and as long as the tag stands for the same not for others either.
    let before = project.instance("web-1");
    project.succeed(&["up", "-d", "--locked"]);
    assert_eq!(project.instance("web-1"), before);
    let locked = name.replace(":1", &format!("@{}", locked(&project, &name)));
    let locked = project.engine.json(&format!("/images/{locked}/json"));
    assert_eq!(locked["Id"], first.as_str());
    let repository = name.trim_end_matches(":1");
    let tag = format!("/images/{first}/tag?repo={repository}&tag=1");
    assert_eq!(project.engine.request("POST", &tag, "").0, 201);
    project.succeed(&["up", "-d"]);
    assert_eq!(project.instance("web-1"), before);
    if peer::succeeds(&project, &["up", "-d"]) {
        assert_eq!(project.instance("web-1"), before);
    }
    // The tag as it stands now, and back again.
    project.succeed(&["up", "-d", "--pull", "always"]);
    assert_eq!(project.inspect("web-1")["Image"], second.as_str());
    project.succeed(&["up", "-d", "--locked"]);
    assert_eq!(project.inspect("web-1")["Image"], first.as_str());
    let output = project.succeed(&["run", "--rm", "--locked", "web", "busybox"]);
    assert!(output.stdout.contains("BusyBox"), "{}", output.stdout);
    project.succeed(&["down"]);
    project.succeed(&["create", "--locked"]);
    assert_eq!(project.inspect("web-1")["Image"], first.as_str());
    project.succeed(&["down"]);
    for image in [name.clone(), format!("{repository}@{}", self::locked(&project, &name))] {
        project.engine.request("DELETE", &format!("/images/{image}"), "");
    }
}

/// An image that is not in the lock is named with its place, and nothing is begun.
#[test]
fn a_stale_lock_is_refused() {
    let Some(project) = Project::with("services:\n  web: {image: busybox}\n") else { return };
    assert!(project.fail(&["up", "-d", "--locked"]).contains("there is no lock file"));
    project.file("compose.lock.yaml", "version: 1\nimages: {}\n");
    let error = project.fail(&["up", "-d", "--locked"]);
    for text in ["`busybox:latest` is not in the lock file", "compose.yaml:2:16", "rcompose lock"] {
        assert!(error.contains(text), "{text}: {error}");
    }
    assert_eq!(project.resources(), [""; 0]);
}

/// Builds take base images as the lock has them, by each builder of the engine.
#[test]
fn builds_take_what_is_locked() {
    let Some(project) = Project::new() else { return };
    let scenario = "a build that is held to its lock";
    if project.engine.cannot(scenario, "it is not told of registries without encryption") {
        return;
    }
    let Some(registry) = registry(&project) else { return };
    let name = format!("{}/team/app:1", registry.address);
    project.compose("services: {web: {build: {context: ., args: {TAG: '1'}}}}");
    let base = name.trim_end_matches(":1");
    project.file("Dockerfile", &format!("ARG TAG=0\nFROM {base}:${{TAG}}\nCOPY mark /\n"));
    project.file("mark", "x");
    let layers = |image: &str| {
        let image = project.engine.json(&format!("/images/{image}/json"));
        image["RootFS"]["Layers"].as_array().unwrap().clone()
    };
    push(&project, &registry, "busybox", "1");
    project.succeed(&["lock"]);
    let digest = locked(&project, &name);
    push(&project, &registry, "alpine", "1");
    let (first, second) = (layers("busybox"), layers("alpine"));
    let image = format!("{}-web", project.name);
    let build = |args: &[&str], buildkit: &str| {
        let mut command = std::process::Command::new("env");
        command.arg(format!("DOCKER_BUILDKIT={buildkit}")).arg(env!("CARGO_BIN_EXE_rcompose"));
        let output = project.spawn(command, args).finish();
        assert_eq!(output.code, Some(0), "{args:?}: {}\n{}", output.stdout, output.stderr);
        layers(&image)
    };
    for buildkit in ["1", "0"] {
        let found = build(&["build", "--locked", "--no-cache"], buildkit);
        assert_eq!(found[..first.len()], first[..], "DOCKER_BUILDKIT={buildkit}");
        let found = build(&["build", "--no-cache", "--pull"], buildkit);
        assert_eq!(found[..second.len()], second[..], "DOCKER_BUILDKIT={buildkit}");
        project.engine.request("DELETE", &format!("/images/{image}?force=1"), "");
        project.engine.request("DELETE", &format!("/images/{name}"), "");
    }
    let printed = project.succeed(&["build", "--locked", "--print"]).stdout;
    assert!(printed.contains(&format!("@{digest}")), "{printed}");
    project.engine.request("DELETE", &format!("/images/{base}@{digest}"), "");
}
