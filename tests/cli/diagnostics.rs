//! Problems of files: all at once, each with its place and help.

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

#[track_caller]
fn failed(compose: &str) -> String {
    Sandbox::with(compose).run(&["config", "-q"]).failed()
}

#[test]
fn misspelt_keys() {
    assert_snapshot!(failed("services:\n  web:\n    imgae: nginx\n    enviroment: {A: b}\nsevices: {}\n"), @"
    error: `services.web` has no key `imgae`
     --> compose.yaml:3:5
      |
    3 |     imgae: nginx
      |     ^^^^^
      |
      = help: did you mean `image`?
    error: `services.web` has no key `enviroment`
     --> compose.yaml:4:5
      |
    4 |     enviroment: {A: b}
      |     ^^^^^^^^^^
      |
      = help: did you mean `environment`?
    error: the top level of a Compose file has no key `sevices`
     --> compose.yaml:5:1
      |
    5 | sevices: {}
      | ^^^^^^^
      |
      = help: did you mean `services`?
    ");
}

#[test]
fn wrong_types_say_what_was_expected_and_found() {
    assert_snapshot!(failed("services:\n  web:\n    image: [nginx]\n    ports: 80\n    scale: many\n    environment: {A: [1]}\n"), @"
    error: `services.web.image` must be text, not a list
     --> compose.yaml:3:12
      |
    3 |     image: [nginx]
      |            ^^^^^^^
    error: `services.web.ports` must be a list, not an integer
     --> compose.yaml:4:12
      |
    4 |     ports: 80
      |            ^^
    error: `services.web.scale` is `many`, which is not an integer
     --> compose.yaml:5:12
      |
    5 |     scale: many
      |            ^^^^
    error: `services.web.environment.A` must be text, a boolean, a number or nothing, not a list
     --> compose.yaml:6:22
      |
    6 |     environment: {A: [1]}
      |                      ^^^
    ");
}

#[test]
fn independent_problems_are_reported_together() {
    assert_snapshot!(failed("
services:
  a: {image: i, ports: ['99999:80']}
  b: {image: i, depends_on: [nobody]}
  c: {image: i, networks: [nowhere], volumes: ['nothing:/x']}
  d: {}
  e: {image: i, healthcheck: {test: [true]}}
"), @"
    error: invalid port `99999:80`: `99999` is no host port or range
     --> compose.yaml:3:25
      |
    3 |   a: {image: i, ports: ['99999:80']}
      |                         ^^^^^^^^^^
    error: the service `b` depends on `nobody`, which is no service of this project
     --> compose.yaml:4:30
      |
    4 |   b: {image: i, depends_on: [nobody]}
      |                              ^^^^^^
    error: the service `c` uses the network `nowhere`, which is not declared
     --> compose.yaml:5:28
      |
    5 |   c: {image: i, networks: [nowhere], volumes: ['nothing:/x']}
      |                            ^^^^^^^
      |
      = help: declare it at the top level: `networks: {nowhere: }`
    error: the service `c` uses the volume `nothing`, which is not declared
     --> compose.yaml:5:48
      |
    5 |   c: {image: i, networks: [nowhere], volumes: ['nothing:/x']}
      |                                                ^^^^^^^^^^^^
      |
      = help: declare it at the top level: `volumes: {nothing: }`
    error: the service `d` has neither `image` nor `build`
     --> compose.yaml:6:3
      |
    6 |   d: {}
      |   ^
    error: `services.e.healthcheck.test[0]` must be text, not a boolean
     --> compose.yaml:7:38
      |
    7 |   e: {image: i, healthcheck: {test: [true]}}
      |                                      ^^^^
      |
      = help: put the value in quotes
    ");
}

#[test]
fn a_cycle_is_shown_as_it_goes() {
    assert_snapshot!(failed("
services:
  a: {image: i, depends_on: [b]}
  b: {image: i, links: [c]}
  c: {image: i, network_mode: 'service:a'}
"), @"
    error: services depend on each other: a -> b -> c -> a
     --> compose.yaml:3:30
      |
    3 |   a: {image: i, depends_on: [b]}
      |                              ^
    4 |   b: {image: i, links: [c]}
      |                         - `b` depends on the next
    5 |   c: {image: i, network_mode: 'service:a'}
      |                               ----------- `c` depends on the next
    ");
}

#[test]
fn duplicate_keys_name_both_places() {
    assert_snapshot!(failed("services:\n  a:\n    image: i\n    image: j\n"), @"
    error: the key `image` is defined twice
     --> compose.yaml:4:5
      |
    3 |     image: i
      |     ----- first defined here
    4 |     image: j
      |     ^^^^^
    ");
}

#[test]
fn a_required_variable_points_at_its_use() {
    assert_snapshot!(failed("services:\n  a:\n    image: registry/${NAME:?set NAME to an image}:1\n"), @"
    error: the variable `NAME` must have a value
     --> compose.yaml:3:21
      |
    3 |     image: registry/${NAME:?set NAME to an image}:1
      |                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: set NAME to an image
    ");
    assert_snapshot!(failed("services:\n  a:\n    image: ${oh no}\n"), @"
    error: this is no valid `${NAME}`
     --> compose.yaml:3:12
      |
    3 |     image: ${oh no}
      |            ^^^^^^^^
      |
      = help: write `$$` where a dollar is meant
    ");
}

#[test]
fn a_service_that_is_off_says_how_to_turn_it_on() {
    let files = "services: {web: {image: i, depends_on: [db]}, db: {image: j, profiles: [dev]}}";
    assert_snapshot!(failed(files), @"
    error: the service `web` depends on `db`, which is off
     --> compose.yaml:1:41
      |
    1 | services: {web: {image: i, depends_on: [db]}, db: {image: j, profiles: [dev]}}
      |                                         ^^    -- its profiles are `dev`
      |
      = help: pass `--profile dev`, or make the dependency `required: false`
    ");
}

#[test]
fn the_chain_of_files_is_told() {
    let sandbox = Sandbox::with("include: [sub/one.yaml]\nservices: {a: {image: i}}\n")
        .file("sub/one.yaml", "include: [two.yaml]\n")
        .file("sub/two.yaml", "services:\n  b:\n    extends: {file: three.yaml, service: base}\n")
        .file("sub/three.yaml", "services:\n  base:\n    image: i\n    comand: x\n");
    assert_snapshot!(sandbox.run(&["config", "-q"]).failed(), @"
    error: `services.b` has no key `comand`
     --> sub/three.yaml:4:5
      |
    4 |     comand: x
      |     ^^^^^^
      |
      = note: `sub/three.yaml` is extended at sub/two.yaml:3:21
      = note: `sub/two.yaml` is included at sub/one.yaml:1:11
      = note: `sub/one.yaml` is included at compose.yaml:1:11
      = help: did you mean `command`?
    ");
}

#[test]
fn problems_of_env_files_and_overrides_name_them() {
    let sandbox = Sandbox::with("services: {a: {image: i, env_file: [a.env]}}\n")
        .file("a.env", "GOOD=1\nBAD LINE\n")
        .file("compose.override.yaml", "services:\n  a:\n    imgae: j\n");
    assert_snapshot!(sandbox.run(&["config", "-q"]).failed(), @"
    error: `services.a` has no key `imgae`
     --> compose.override.yaml:3:5
      |
    3 |     imgae: j
      |     ^^^^^
      |
      = help: did you mean `image`?
    ");
    let sandbox = Sandbox::with("services: {a: {image: i}}").file(".env", "A='unterminated\n");
    assert_snapshot!(sandbox.run(&["config", "-q"]).failed(), @r"
    error: the quote that opens here is not closed
     --> .env:1:3
      |
    1 | A='unterminated
      |   ^^^^^^^^^^^^^
      |
      = help: close it with `'`, or write `\'` within the value
    ");
}

#[test]
fn broken_yaml_has_a_place() {
    assert_snapshot!(failed("services:\n  a: {image: i\n"), @"
    error: invalid YAML: unclosed bracket '{'
     --> compose.yaml:2:6
      |
    2 |   a: {image: i
      |      ^
    ");
    assert_snapshot!(failed("services:\n\ta: {image: i}\n"), @"
    error: a tab stands where YAML wants spaces
     --> compose.yaml:2:2
      |
    2 |     a: {image: i}
      |     ^
      |
      = help: indent with spaces
    ");
    assert_snapshot!(failed("a: *nothing\n"), @"
    error: there is no anchor `nothing` before this alias
     --> compose.yaml:1:4
      |
    1 | a: *nothing
      |    ^^^^^^^^
    ");
}

#[test]
fn missing_files_are_named() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.run(&["config"]).failed(), @"
    error: no configuration file provided: not found
     |
     = help: make a `compose.yaml` in `[DIR]`, or name a file with `-f`
    ");
    assert_snapshot!(sandbox.run(&["-f", "other.yaml", "config"]).failed(), @"error: there is no file `other.yaml`");
    assert_snapshot!(sandbox.run(&["--env-file", "no.env", "-f", "-", "config"]).failed(), @"error: there is no env file `no.env`");
    let sandbox =
        Sandbox::with("services: {a: {image: i, env_file: gone.env}}\ninclude: [gone.yaml]");
    assert_snapshot!(sandbox.run(&["config"]).failed(), @"
    error: there is no file `gone.yaml`
     --> compose.yaml:2:11
      |
    2 | include: [gone.yaml]
      |           ^^^^^^^^^
    ");
}

#[test]
fn warnings_are_one_line_each_and_come_once() {
    let sandbox = Sandbox::with(
        "version: '3'\nservices:\n  a:\n    image: i$UNSET\n    command: echo $UNSET ${OTHER}\n",
    );
    assert_snapshot!(sandbox.run(&["config", "-q"]), @"
    code: 0
    --- stderr
    warning: `version` is obsolete and ignored; remove it (compose.yaml:1:1)
    warning: the variable `UNSET` is not set; it becomes empty (compose.yaml:4:13)
    warning: the variable `OTHER` is not set; it becomes empty (compose.yaml:5:26)
    ");
}

#[test]
fn machines_read_json() {
    let sandbox = Sandbox::with("services:\n  a:\n    imgae: i$X\n");
    assert_snapshot!(sandbox.run(&["--diagnostics", "json", "config"]).failed(), @r#"
    {"severity":"warning","message":"the variable `X` is not set; it becomes empty","file":"compose.yaml","line":3,"column":13,"end_line":3,"end_column":15,"context":[],"notes":[],"help":[]}
    {"severity":"error","message":"`services.a` has no key `imgae`","file":"compose.yaml","line":3,"column":5,"end_line":3,"end_column":10,"context":[],"notes":[],"help":["did you mean `image`?"],"error":true}
    "#);
    assert_snapshot!(sandbox.run(&["--diagnostics=github", "config"]).failed(), @"
    ::warning file=compose.yaml,line=3,endLine=3,col=13,endColumn=15::the variable `X` is not set; it becomes empty
    ::error file=compose.yaml,line=3,endLine=3,col=5,endColumn=10::`services.a` has no key `imgae`%0Ahelp: did you mean `image`?
    ");
}

#[test]
fn no_colours_without_a_terminal() {
    assert!(!failed("services: {a: {imgae: i}}").contains('\x1b'));
}

#[test]
fn an_image_that_a_variable_leaves_empty() {
    let sandbox = Sandbox::with("services: {a: {image: $UNSET}, b: {image: $UNSET, build: .}}\n");
    assert_snapshot!(sandbox.run(&["config"]).failed(), @"
    warning: the variable `UNSET` is not set; it becomes empty (compose.yaml:1:23)
    error: the service `a` has neither `image` nor `build`: its `image` is empty
     --> compose.yaml:1:23
      |
    1 | services: {a: {image: $UNSET}, b: {image: $UNSET, build: .}}
      |                       ^^^^^^
    ");
}
