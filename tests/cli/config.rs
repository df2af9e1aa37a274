//! `config` and its flags.

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

const STACK: &str = "
name: shop
services:
  web:
    image: web:${TAG:-1}
    depends_on: [db]
    ports: ['8080:80']
    profiles: [front]
  db:
    image: db
    volumes: ['data:/data']
    networks: [back]
    environment: {PASSWORD: a$$b}
  job: {build: ./job, environment: [MODE]}
networks: {back: , unused: }
volumes: {data: , spare: }
configs: {conf: {content: x}}
";

#[test]
fn the_canonical_project() {
    assert_snapshot!(Sandbox::with(STACK).run(&["config"]).quiet(), @"
    name: shop
    services:
      db:
        environment:
          PASSWORD: a$$b
        image: db
        networks:
          back: null
        volumes:
          - type: volume
            source: data
            target: /data
            volume: {}
      job:
        build:
          context: [DIR]/job
          dockerfile: Dockerfile
        environment:
          MODE: null
        networks:
          default: null
    networks:
      back:
        name: shop_back
      default:
        name: shop_default
    volumes:
      data:
        name: shop_data
    ");
}

#[test]
fn json_has_no_final_newline() {
    let stdout =
        Sandbox::with("services: {a: {image: i}}").run(&["config", "--format", "json"]).quiet();
    assert_snapshot!(stdout, @r#"
    {
      "name": "project",
      "networks": {
        "default": {
          "name": "project_default",
          "ipam": {}
        }
      },
      "services": {
        "a": {
          "command": null,
          "entrypoint": null,
          "image": "i",
          "networks": {
            "default": null
          }
        }
      }
    }
    "#);
    assert!(stdout.ends_with('}'));
}

#[test]
fn lists() {
    let sandbox = Sandbox::with(STACK);
    let list = |args: &[&str]| sandbox.run(args).quiet();
    assert_snapshot!(list(&["config", "--services"]), @"
    db
    job
    ");
    assert_snapshot!(list(&["--profile", "front", "config", "--services"]), @"
    db
    job
    web
    ");
    assert_snapshot!(list(&["config", "--volumes"]), @"data");
    assert_snapshot!(list(&["--all-resources", "config", "--volumes"]), @"
    data
    spare
    ");
    assert_snapshot!(list(&["config", "--networks"]), @"
    back
    default
    ");
    assert_snapshot!(list(&["config", "--profiles"]), @"front");
    assert_snapshot!(list(&["config", "--images"]), @"
    db
    shop-job
    ");
    assert_snapshot!(list(&["--compatibility", "config", "--images"]), @"
    db
    shop_job
    ");
}

#[test]
fn models_are_listed() {
    let sandbox =
        Sandbox::with("services: {a: {image: i, models: [m]}}\nmodels: {m: {model: ai/small}}");
    assert_snapshot!(sandbox.run(&["config", "--models"]).quiet(), @"ai/small");
}

#[test]
fn hashes() {
    let sandbox = Sandbox::with(STACK);
    assert_snapshot!(sandbox.run(&["config", "--hash", "*"]).quiet(), @"
    db cef2e7e554b8ff21c7943720645b61692e07fc22b0eb6d6480b84d65da2b5e83
    job 65423b03bb9e86571d708276f3b2cab7b36a02c72ffd1b2b0597f3519e8df6ca
    ");
    assert_snapshot!(sandbox.run(&["config", "--hash", "db"]).quiet(), @"db cef2e7e554b8ff21c7943720645b61692e07fc22b0eb6d6480b84d65da2b5e83");
    assert_snapshot!(sandbox.run(&["config", "--hash", "bd"]).failed(), @"error: no such service: bd (did you mean `db`?)");
}

#[test]
fn the_default_platform_counts_in_the_hash_of_what_is_built() {
    let hashes = |env: &[(&str, &str)]| {
        let sandbox = Sandbox::with(STACK);
        let sandbox = env.iter().fold(sandbox, |it, (name, value)| it.env(name, value));
        sandbox.run(&["config", "--hash", "*"]).quiet()
    };
    let (plain, arm) = (hashes(&[]), hashes(&[("DOCKER_DEFAULT_PLATFORM", "linux/arm64")]));
    let line = |text: &str, name: &str| {
        text.lines().find(|line| line.starts_with(name)).map(str::to_owned).unwrap()
    };
    assert_eq!(line(&plain, "db"), line(&arm, "db"));
    assert_ne!(line(&plain, "job"), line(&arm, "job"));
}

#[test]
fn variables_and_environment() {
    let sandbox =
        Sandbox::with("services: {a: {image: '${I:?needed}', labels: {x: '${A:-b}${C:+d}'}}}")
            .env("I", "image")
            .env("ZED", "last");
    assert_snapshot!(sandbox.run(&["config", "--variables"]).quiet(), @"
    NAME                REQUIRED            DEFAULT VALUE       ALTERNATE VALUE
    A                   false               b                   
    C                   false                                   d
    I                   true
    ");
    assert_snapshot!(sandbox.run(&["config", "--variables", "--format", "json"]).quiet(), @r#"
    {
        "A": {
            "Name": "A",
            "DefaultValue": "b",
            "PresenceValue": "",
            "Required": false
        },
        "C": {
            "Name": "C",
            "DefaultValue": "",
            "PresenceValue": "d",
            "Required": false
        },
        "I": {
            "Name": "I",
            "DefaultValue": "",
            "PresenceValue": "",
            "Required": true
        }
    }
    "#);
    assert_snapshot!(sandbox.run(&["config", "--variables", "--format", "yaml"]).quiet(), @r#"
    A:
        name: A
        defaultvalue: b
        presencevalue: ""
        required: false
    C:
        name: C
        defaultvalue: ""
        presencevalue: d
        required: false
    I:
        name: I
        defaultvalue: ""
        presencevalue: ""
        required: true
    "#);
    let env = sandbox.run(&["config", "--environment"]).quiet();
    assert_snapshot!(env.replace(&format!("{}", sandbox.path().display()), "[DIR]"), @"
    COMPOSE_PROJECT_NAME=project
    HOME=[HOME]
    I=image
    PWD=[DIR]
    ZED=last
    ");
}

#[test]
fn steps_can_be_left_out() {
    let files = "
services:
  a:
    image: $IMAGE
    build: .
    env_file: [{path: missing.env, required: false}]
    volumes: ['./x:/x']
    depends_on: [gone]
";
    let sandbox = Sandbox::with(files).env("IMAGE", "i");
    assert_snapshot!(sandbox.run(&["config", "--no-interpolate", "--no-consistency"]).quiet(), @"
    name: project
    networks:
      default:
        name: project_default
    services:
      a:
        build:
          context: [DIR]
          dockerfile: Dockerfile
        depends_on:
          gone:
            condition: service_started
            required: true
        env_file:
          - path: [DIR]/missing.env
            required: false
        image: $IMAGE
        networks:
          default: null
        volumes:
          - bind:
              create_host_path: true
            source: [DIR]/x
            target: /x
            type: bind
    ");
    assert_snapshot!(sandbox.run(&["config", "--no-normalize", "--no-consistency"]).quiet(), @"
    name: project
    services:
      a:
        build:
          context: [DIR]
        depends_on:
          gone:
            condition: service_started
            required: true
        image: i
        volumes:
          - type: bind
            source: [DIR]/x
            target: /x
            bind:
              create_host_path: true
    ");
    assert_snapshot!(sandbox.run(&["config", "--no-path-resolution", "--no-consistency"]).quiet(), @"
    name: project
    services:
      a:
        build:
          context: .
          dockerfile: Dockerfile
        depends_on:
          gone:
            condition: service_started
            required: true
        image: i
        networks:
          default: null
        volumes:
          - type: bind
            source: ./x
            target: /x
            bind:
              create_host_path: true
    networks:
      default:
        name: project_default
    ");
    assert_snapshot!(sandbox.run(&["config", "--no-env-resolution", "--no-consistency"]).quiet(), @"
    name: project
    services:
      a:
        build:
          context: [DIR]
          dockerfile: Dockerfile
        depends_on:
          gone:
            condition: service_started
            required: true
        env_file:
          - path: [DIR]/missing.env
            required: false
        image: i
        networks:
          default: null
        volumes:
          - type: bind
            source: [DIR]/x
            target: /x
            bind:
              create_host_path: true
    networks:
      default:
        name: project_default
    ");
}

#[test]
fn the_output_can_go_to_a_file_or_nowhere() {
    let sandbox = Sandbox::with("services: {a: {image: i}}");
    assert_eq!(sandbox.run(&["config", "-q"]).quiet(), "");
    // Lists are not quiet.
    assert_eq!(sandbox.run(&["config", "-q", "--services"]).quiet(), "a\n");
    assert_eq!(sandbox.run(&["config", "-q", "--images"]).quiet(), "i\n");
    assert_eq!(sandbox.run(&["config", "-o", "out.yaml"]).quiet(), "");
    assert_eq!(sandbox.read("out.yaml"), sandbox.run(&["config"]).quiet());
    assert_snapshot!(sandbox.run(&["config", "-o", "missing/out.yaml"]).failed(), @"error: cannot write `missing/out.yaml`: No such file or directory (os error 2)");
}

#[test]
fn what_names_no_image_cannot_be_pinned() {
    let sandbox = Sandbox::with("services: {a: {image: 'Upper:1'}, b: {image: 'b:'}}");
    assert_snapshot!(sandbox.run(&["config", "--resolve-image-digests"]).failed(), @r"
    error: `Upper:1` is no reference of an image: a repository must be lowercase
     --> compose.yaml:1:23
      |
    1 | services: {a: {image: 'Upper:1'}, b: {image: 'b:'}}
      |                       ^^^^^^^^^
    error: `b:` is no reference of an image: a tag has letters, digits, `_`, `.` and `-`, and begins with none of the last two
     --> compose.yaml:1:46
      |
    1 | services: {a: {image: 'Upper:1'}, b: {image: 'b:'}}
      |                                              ^^^^
    ");
    let file = sandbox.run(&["config", "--lock-image-digests"]);
    assert_eq!(file.failed(), sandbox.run(&["config", "--resolve-image-digests"]).failed());
}

#[test]
fn standard_input_is_a_file() {
    let sandbox = Sandbox::new();
    let output =
        sandbox.run_with(&["-f", "-", "config"], "services: {a: {image: i, volumes: ['.:/x']}}");
    assert_snapshot!(output.quiet(), @"
    name: project
    services:
      a:
        image: i
        networks:
          default: null
        volumes:
          - type: bind
            source: [DIR]
            target: /x
            bind:
              create_host_path: true
    networks:
      default:
        name: project_default
    ");
}

#[test]
fn a_dollar_survives_config() {
    let first =
        Sandbox::with("services: {a: {image: i, command: echo $$HOME}}").run(&["config"]).quiet();
    let again = Sandbox::with(&first).run(&["-p", "project", "config"]).quiet();
    assert_eq!(first, again);
}

#[test]
fn flags_may_be_repeated_and_switches_have_values() {
    let sandbox = Sandbox::with("services: {a: {image: i}}");
    let args =
        ["-p", "one", "-p", "two", "config", "--format", "json", "--format=", "--quiet=true"];
    assert_eq!(sandbox.run(&args).quiet(), "");
    let output = sandbox.run(&["-p", "one", "-p", "two", "config", "--quiet", "--quiet=false"]);
    assert_eq!(output.quiet().lines().next(), Some("name: two"));
}

#[test]
fn files_of_variables_need_not_be_utf8() {
    let sandbox = Sandbox::with("services: {a: {image: 'i${A}', env_file: e, label_file: e}}")
        .file(".env", b"# caf\xe9\nA=a\n")
        .file("e", b"# caf\xe9\nB=b\n");
    assert_snapshot!(sandbox.run(&["config"]).quiet(), @"
    name: project
    services:
      a:
        environment:
          B: b
        image: ia
        labels:
          B: b
        networks:
          default: null
    networks:
      default:
        name: project_default
    ");
}
