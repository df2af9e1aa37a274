//! Commands that need an engine when there is none, and what is refused before one is asked.

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

/// An engine that nobody will ever start.
fn sandbox(compose: &str) -> Sandbox {
    let sandbox = Sandbox::with(compose);
    let socket = format!("unix://{}/no.sock", sandbox.path().display());
    sandbox.env("DOCKER_HOST", &socket)
}

#[test]
fn an_engine_that_does_not_answer() {
    let sandbox = sandbox("services: {a: {image: i}}");
    assert_snapshot!(sandbox.run(&["up", "-d"]).failed(), @"
    error: cannot connect to the container engine at unix://[DIR]/no.sock: there is no such socket
     |
     = note: it is named by DOCKER_HOST
     = help: start Docker or Podman, or name another engine with DOCKER_HOST or --host
    ");
    for command in [&["ps"][..], &["logs"], &["down"], &["ls"]] {
        assert!(sandbox.run(command).failed().contains("cannot connect to the container engine"));
    }
}

#[test]
fn addresses_that_cannot_be() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.run(&["-H", "nonsense", "ls"]).failed(), @"
    error: the engine address `nonsense` is none
     |
     = help: name it as unix:///PATH, tcp://HOST:PORT or ssh://[USER@]HOST[:PORT]
    ");
    assert_snapshot!(sandbox.run(&["--context", "gone", "ls"]).failed(), @"
    error: there is no context `gone`
     |
     = help: make it with `docker context create`
    ");
    assert_snapshot!(sandbox.run(&["--context", "a", "-H", "b", "ls"]).failed(), @"
    error: the argument '--context <NAME>' cannot be used with '--host <URL>'

    Usage: rcompose [OPTIONS] [COMMAND]

    For more information, try '--help'.
    ");
}

#[test]
fn all_is_checked_before_the_engine_is_asked() {
    // Were it asked, the message would be that it does not answer.
    let check = |compose: &str, args: &[&str]| sandbox(compose).run(args).failed();
    assert_snapshot!(check("services: {a: {imgae: i}}", &["up"]), @"
    error: `services.a` has no key `imgae`
     --> compose.yaml:1:16
      |
    1 | services: {a: {imgae: i}}
      |                ^^^^^
      |
      = help: did you mean `image`?
    ");
    assert_snapshot!(check("services: {a: {image: i, profiles: [p]}}", &["up"]), @"error: no service selected");
    assert_snapshot!(check("services: {a: {image: i}}", &["up", "b"]), @"error: no such service: b");
    assert_snapshot!(check("services: {a: {image: i}}", &["up", "--scale", "b=2"]), @"error: no such service: b");
    assert_snapshot!(check("services: {a: {image: i}}", &["up", "--scale", "a=x"]), @r#"error: invalid --scale option "a=x". Should be SERVICE=NUM"#);
    assert_snapshot!(check("services: {a: {image: i}}", &["up", "--attach", "b"]), @"error: cannot attach to services not included in up: b");
    assert_snapshot!(check("services: {a: {image: i}}", &["up", "--pull", "often"]), @r#"error: invalid --pull option "often": use always, missing, never or build"#);
    assert_snapshot!(check("services: {a: {image: i, container_name: one}}", &["up", "--scale", "a=2"]), @"
    error: `a` cannot have 2 containers, as they would share one `container_name`
     --> compose.yaml:1:42
      |
    1 | services: {a: {image: i, container_name: one}}
      |                                          ^^^
    ");
    assert_snapshot!(check("services: {a: {image: i, scale: 99999}}", &["up"]), @"
    error: `a` asks for 99999 containers; 10000 is the most
     --> compose.yaml:1:33
      |
    1 | services: {a: {image: i, scale: 99999}}
      |                                 ^^^^^
    ");
    assert_snapshot!(check("services: {a: {image: i, secrets: [s], restart: often}}\nsecrets: {s: {environment: NONE}}", &["up"]), @"
    error: service `a`: `often` is no restart policy; it is no, always, on-failure[:RETRIES] or unless-stopped
     --> compose.yaml:1:49
      |
    1 | services: {a: {image: i, secrets: [s], restart: often}}
      |                                                 ^^^^^
    error: service `a`: environment variable `NONE` required by secret `s` is not set
     --> compose.yaml:1:35
      |
    1 | services: {a: {image: i, secrets: [s], restart: often}}
      |                                   ^^^
    ");
    assert_snapshot!(check("services: {a: {image: i}}", &["logs", "--index", "1"]), @"error: --index requires one service to be selected");
    assert_snapshot!(check("services: {a: {image: i}}", &["logs", "--since", "noon"]), @r#"error: invalid --since option "noon": use a time (2013-01-02T13:23:37Z), seconds since 1970, or an age (42m)"#);
    assert_snapshot!(check("services: {a: {image: i}}", &["ps", "--status", "happy"]), @"error: there is no state `happy`: use paused, restarting, removing, running, dead, created, exited");
    assert_snapshot!(check("services: {a: {image: i}}", &["ps", "b"]), @"error: no such service: b");
    assert_snapshot!(check("services: {a: {image: i}}", &["down", "b"]), @"error: no such service: b");
}

#[test]
fn flags_of_all_commands_that_cannot_be() {
    let check = |args: &[&str]| Sandbox::new().run(&[args, &["version"]].concat()).failed();
    assert_snapshot!(check(&["--no-ansi", "--ansi", "always"]), @"error: `--no-ansi` and `--ansi` do not go together: use `--ansi`");
    assert_snapshot!(check(&["--workdir", "a", "--project-directory", "b"]), @"error: `--workdir` and `--project-directory` do not go together: use the latter");
    assert_snapshot!(check(&["--ansi", "maybe"]), @r#"error: unknown --ansi value "maybe": expected never, always or auto"#);
    assert_snapshot!(check(&["--progress", "loud"]), @r#"error: unsupported --progress value "loud""#);
    assert_snapshot!(check(&["--progress", "plain", "--ansi", "always"]), @"error: can't use --progress plain while ANSI support is forced");
    let sandbox = Sandbox::new().env("COMPOSE_PARALLEL_LIMIT", "many");
    assert_snapshot!(sandbox.run(&["version"]).failed(), @r#"error: COMPOSE_PARALLEL_LIMIT must be an integer (found: "many")"#);
    // The flag comes before the variable.
    assert_eq!(sandbox.run(&["--parallel", "-1", "version"]).code, Some(0));
    // The project's own env file may set it, too.
    let sandbox = Sandbox::new()
        .file("compose.yaml", "services: {a: {image: i}}")
        .file(".env", "COMPOSE_PARALLEL_LIMIT=few");
    assert_snapshot!(sandbox.run(&["config"]).failed(), @r#"error: COMPOSE_PARALLEL_LIMIT must be an integer (found: "few")"#);
}

/// Names of flags that Docker Compose still takes, and no longer tells of.
#[test]
fn older_flags_do_what_they_did() {
    let sandbox = || sandbox("services: {a: {image: i, build: .}}");
    let check = |args: &[&str]| {
        let seen = sandbox().run(&[args, &["config"]].concat());
        assert_eq!(seen.code, Some(0), "{seen}");
        (seen.stdout.clone(), seen.stderr.clone())
    };
    let (old, told) = check(&["--workdir", "other"]);
    assert_eq!(old, check(&["--project-directory", "other"]).0);
    assert_snapshot!(told, @"warning: `--workdir` is outdated: use `--project-directory`");
    let (_, told) = check(&["--no-ansi", "--progress", "none"]);
    assert_snapshot!(told, @"warning: `--no-ansi` is outdated: use `--ansi never`");
}

#[test]
fn what_is_listed_copied_and_scaled_is_checked_first() {
    let check = |args: &[&str]| sandbox("services: {a: {image: i}}").run(args).failed();
    assert_snapshot!(check(&["ps", "--format", "table {{.Name | uper}}"]), @"
    error: there is no function `uper`
     --> --format:1:17
      |
    1 | table {{.Name | uper}}
      |                 ^^^^
      |
      = help: did you mean `upper`?
    ");
    assert_snapshot!(check(&["volumes", "--format", "{{if .Name}}"]), @"
    error: the block is not closed
     --> --format:1:1
      |
    1 | {{if .Name}}
      | ^^^^^^^^^^^^
      |
      = help: write `{{end}}` behind it
    ");
    assert_snapshot!(check(&["ls", "--filter", "name=["]).lines().next().unwrap_or_default(), @r#"error: invalid filter "name=[": found unclosed character class"#);
    assert_snapshot!(check(&["images", "--format", "{{.ID}}"]), @r#"error: format value "{{.ID}}" could not be parsed: use table or json"#);
    assert_snapshot!(check(&["cp", "a:/x", "a:/y"]), @"error: copying between services is not supported");
    assert_snapshot!(check(&["cp", "x", "y"]), @"error: unknown copy direction");
    assert_snapshot!(check(&["scale", "a=-1"]), @"error: invalid scale specifier: no service can have so many containers: a=-1");
    assert_snapshot!(check(&["scale", "a=two"]), @"error: invalid scale specifier: can't parse replica value as int: a=two");
    assert_snapshot!(check(&["scale", "b=1"]), @"error: no such service: b");
    assert_snapshot!(check(&["down", "--rmi", "some"]), @r#"error: invalid value for --rmi: "some": use all or local"#);
    assert_snapshot!(check(&["attach", "--detach-keys", "ctrl-p,nothing", "a"]), @r#"error: invalid detach keys "ctrl-p,nothing": use characters and ctrl-CHARACTER, with commas between them"#);
    assert_snapshot!(check(&["commit", "a", "UPPER"]), @"error: invalid reference format: repository name must be lowercase: UPPER");
    assert_snapshot!(check(&["events", "--until", "soon"]), @r#"error: invalid --until option "soon": use a time (2013-01-02T13:23:37Z), seconds since 1970, or an age (42m)"#);
}
