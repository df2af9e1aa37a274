//! Which files, which project, which services.

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

fn names(sandbox: &Sandbox, args: &[&str]) -> String {
    let args = [args, &["config", "--services"]].concat();
    sandbox.run(&args).quiet().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn files_are_searched_upwards_with_their_override() {
    let sandbox = Sandbox::with("services: {a: {image: i}}")
        .file("compose.override.yml", "services: {b: {image: i}}")
        .below("deep/deeper");
    assert_eq!(names(&sandbox, &[]), "a b");
    assert_eq!(names(&sandbox, &["-f", "../../compose.yaml"]), "a");
}

#[test]
fn the_first_of_several_files_wins_with_a_warning() {
    let sandbox = Sandbox::with("services: {a: {image: i}}")
        .file("docker-compose.yml", "services: {b: {image: i}}");
    assert_snapshot!(sandbox.run(&["config", "--services"]), @"
    code: 0
    --- stdout
    a
    --- stderr
    warning: found several Compose files: `compose.yaml`, `docker-compose.yml`; using `compose.yaml`
    ");
}

#[test]
fn variables_name_files() {
    let sandbox = Sandbox::new()
        .file("one.yaml", "services: {a: {image: i}}")
        .file("two.yaml", "services: {b: {image: i}}")
        .file(".env", "COMPOSE_FILE=one.yaml:two.yaml\n");
    assert_eq!(names(&sandbox, &[]), "a b");
    let sandbox = sandbox.env("COMPOSE_FILE", "two.yaml");
    assert_eq!(names(&sandbox, &[]), "b");
}

#[test]
fn the_name_of_the_project() {
    let name = |sandbox: &Sandbox, args: &[&str]| {
        let args = [args, &["config"]].concat();
        sandbox.run(&args).quiet().lines().next().unwrap_or_default().to_owned()
    };
    let plain = Sandbox::with("services: {a: {image: i}}");
    assert_eq!(name(&plain, &[]), "name: project");
    let named = Sandbox::with("name: From File\nservices: {a: {image: i}}");
    assert_eq!(name(&named, &[]), "name: fromfile");
    let named = named.env("COMPOSE_PROJECT_NAME", "from-env");
    assert_eq!(name(&named, &[]), "name: from-env");
    assert_eq!(name(&named, &["-p", "flag"]), "name: flag");
    assert_snapshot!(named.run(&["-p", "Not Good", "config"]).failed(), @"
    error: invalid project name `Not Good`: it must consist only of lowercase letters, digits, hyphens and underscores, and begin with a letter or digit
     |
     = help: use `notgood`
    ");
}

#[test]
fn profiles() {
    let sandbox = Sandbox::with(
        "services: {a: {image: i}, b: {image: i, profiles: [x]}, c: {image: i, profiles: [y]}}",
    );
    assert_eq!(names(&sandbox, &[]), "a");
    assert_eq!(names(&sandbox, &["--profile", "x"]), "a b");
    assert_eq!(names(&sandbox, &["--profile", "*"]), "a b c");
    let sandbox = sandbox.env("COMPOSE_PROFILES", "x, y");
    assert_eq!(names(&sandbox, &[]), "a b c");
}

#[test]
fn named_services_bring_what_they_depend_on() {
    let sandbox = Sandbox::with(
        "services: {a: {image: i, depends_on: [b]}, b: {image: i, links: [c]}, c: {image: i}, d: {image: i}}",
    );
    let listed = sandbox.run(&["config", "--images", "a"]).quiet();
    assert_eq!(listed.lines().count(), 3);
    assert_snapshot!(sandbox.run(&["config", "e"]).failed(), @"error: no such service: e");
}

#[test]
fn later_files_override() {
    let sandbox = Sandbox::new()
        .file(
            "a.yaml",
            "services: {a: {image: one, environment: {A: '1', B: '1'}, ports: ['1:1']}}",
        )
        .file("b.yaml", "services: {a: {image: two, environment: [B=2], ports: ['2:2']}}");
    assert_snapshot!(sandbox.run(&["-f", "a.yaml", "-f", "b.yaml", "config"]).quiet(), @r#"
    name: project
    services:
      a:
        environment:
          A: "1"
          B: "2"
        image: two
        networks:
          default: null
        ports:
          - mode: ingress
            target: 1
            published: "1"
            protocol: tcp
          - mode: ingress
            target: 2
            published: "2"
            protocol: tcp
    networks:
      default:
        name: project_default
    "#);
}
