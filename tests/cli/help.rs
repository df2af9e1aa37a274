//! Help, usage errors and exit codes.

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

#[test]
fn the_program_and_its_commands() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.run(&[]).quiet(), @"
    Define and run multi-container applications on Docker and Podman

    Usage: rcompose [OPTIONS] [COMMAND]

    Bring up and take down:
      up          Create and start containers
      down        Stop and remove containers and networks
      create      Create containers, but start none
      start       Start containers that are there
      stop        Stop containers
      restart     Restart containers
      scale       Set the number of containers of services
      pause       Pause containers
      unpause     Unpause containers
      kill        Send a signal to containers
      rm          Remove stopped containers
      wait        Wait until containers have ended
      watch       Take changed files over into containers, as `develop.watch` says

    Look at what runs:
      ps          List containers
      logs        View output of containers
      events      Show what happens to containers
      stats       Show what containers use of the machine, again and again
      top         Show the processes of containers
      port        Show the public address of a port
      dns         Reach services by name, and prove that they reach each other
      images      List images of containers
      volumes     List volumes
      ls          List projects
      explain     Show why a service does not run or is not healthy
      analyze     Show what the time until the containers were ready was spent on

    Work inside:
      exec        Run a command in a running container
      run         Run a one-off command in a container of its own
      attach      Connect to what a container reads and writes
      cp          Copy files and folders between containers and this machine
      export      Write the files of a container as an archive (tar)
      commit      Make an image of a container

    Images and projects:
      build       Build or rebuild images of services
      pull        Pull images
      push        Push images that are built
      publish     Publish the project to a registry, from where `-f oci://REPOSITORY[:TAG]` runs it
      lock        Write the digests of all images to `compose.lock.yaml`, for `up --locked` and others

    Files and plans:
      config      Parse, resolve and print the project in canonical form
      lint        Show what reviewers would flag in the Compose files and their Dockerfiles
      plan        Show what `up` would do, and why; nothing is changed

    For CI jobs:
      ci          Bring up a throw-away stack, run a command beside it, and take all down
      test        Bring up what a service depends on, run the service to its end, and take all down
      gc          Remove what killed `ci` and `test` jobs have left, of all projects

    About rcompose:
      doctor      Show which engines there are, which one is used, and what is wrong
      completion  Print the script by which a shell completes commands, flags, services and more
      version     Show the version

    Options:
          --dry-run  Show what would be done, and change nothing
      -h, --help     Print help (see more with '--help')

    Project:
      -f, --file <FILE>                 Compose file; the first says where the project is, later ones
                                        override it (`-`: standard input)
      -p, --project-name <NAME>         Project name
          --profile <PROFILE>           Profile to turn on (`*`: all)
          --env-file <FILE>             File of variables to read instead of `.env`
          --project-directory <FOLDER>  Folder that relative paths start from
          --compatibility               Name containers as version 1 of Docker Compose did
          --all-resources               Keep resources that no service uses

    Engine:
          --parallel <NUMBER>  How much is done at once, at the most (-1: no limit of ours)
      -H, --host <URL>         Address of the engine (`unix:///PATH`, `tcp://HOST:PORT`)
          --context <NAME>     Context of the Docker configuration to take the engine's address from
          --tls                Encrypt the connection to the engine
          --tlsverify          Encrypt it, and have the engine prove who it is
          --tlscacert <FILE>   Certificate of the authority that signed the engine's
          --tlscert <FILE>     Certificate that we show to the engine
          --tlskey <FILE>      Key of that certificate

    Output:
          --progress <FORM>     How progress is shown: auto, tty, plain, json or quiet
          --ansi <WHEN>         When colours are shown: auto, never or always
      -D, --debug               Show each request to the engine on standard error
      -l, --log-level <LEVEL>   What is said at least: debug, info, warn, error or fatal
          --diagnostics <FORM>  How problems in files are shown [default: plain] [possible values:
                                plain, json, github]

    Flags and examples of a command: rcompose COMMAND --help
    ");
    assert_eq!(sandbox.run(&["-h"]).quiet(), sandbox.run(&[]).quiet());
    assert!(sandbox.run(&["--help"]).quiet().contains("github"));
}

/// Help is as wide as the terminal, but no wider than can be read well.
#[test]
fn the_width_of_help() {
    let sandbox = Sandbox::new();
    let widest = |columns: usize| {
        let program = env!("CARGO_BIN_EXE_rcompose");
        let line = format!("stty rows 24 cols {columns}; {program} -h; {program} up -h");
        let mut command = std::process::Command::new("script");
        let output = command.args(["-qec", &line, "/dev/null"]).current_dir(sandbox.path());
        let output = output.stdin(std::process::Stdio::null()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("--exit-code-from"), "{text}");
        // Examples are lines to be typed.
        let lines = text.lines().filter(|line| !line.starts_with("  rcompose "));
        lines.map(|line| line.trim_end().chars().count()).max().unwrap()
    };
    assert!((50..=60).contains(&widest(60)), "{}", widest(60));
    assert!((90..=100).contains(&widest(100)), "{}", widest(100));
    assert!((90..=100).contains(&widest(250)), "{}", widest(250));
}

#[test]
fn each_command_has_help() {
    let sandbox = Sandbox::new();
    for command in [
        "config", "create", "down", "exec", "kill", "logs", "ls", "pause", "port", "ps", "restart",
        "rm", "run", "start", "stop", "unpause", "up", "version",
    ] {
        let help = sandbox.run(&[command, "--help"]).quiet();
        insta::allow_duplicates! {
            assert!(help.contains(&format!("rcompose {command}")), "{help}");
        }
        // Deeper are further lines of what is said.
        let is_flag =
            |line: &&str| line.find('-').is_some_and(|at| at <= 6 && line[..at].trim().is_empty());
        for line in help.lines().filter(is_flag) {
            let said = line.trim_start().split("  ").nth(1).is_some();
            let next = help.lines().skip_while(|it| *it != line).nth(1).unwrap_or("");
            assert!(said || next.starts_with("          "), "{command}: no help for {line}");
        }
    }
}

#[test]
fn versions() {
    let sandbox = Sandbox::new();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(sandbox.run(&["version"]).quiet(), format!("rcompose version v{version}\n"));
    assert_eq!(sandbox.run(&["--version"]).quiet(), format!("rcompose version v{version}\n"));
    assert_eq!(sandbox.run(&["-v"]).quiet(), format!("rcompose version v{version}\n"));
    assert_eq!(sandbox.run(&["version", "--short"]).quiet(), format!("{version}\n"));
    let json = sandbox.run(&["version", "-f", "json"]).quiet();
    assert_eq!(json, format!("{{\"version\":\"v{version}\"}}\n"));
}

#[test]
fn usage_errors_end_with_1() {
    let sandbox = Sandbox::with("services: {a: {image: i}}");
    assert_snapshot!(sandbox.run(&["cofnig"]).failed(), @"
    error: unrecognized subcommand 'cofnig'

      tip: a similar subcommand exists: 'config'

    Usage: rcompose [OPTIONS] [COMMAND]

    For more information, try '--help'.
    ");
    assert_snapshot!(sandbox.run(&["config", "--nope"]).failed(), @"
    error: unexpected argument '--nope' found

      tip: a similar argument exists: '--no-path-resolution'

    Usage: rcompose config --no-path-resolution [SERVICES]...

    For more information, try '--help'.
    ");
    assert_snapshot!(sandbox.run(&["up", "-d", "--attach", "a"]).failed(), @"
    error: the argument '--detach' cannot be used with '--attach <SERVICE>'

    Usage: rcompose up --detach [SERVICES]...

    For more information, try '--help'.
    ");
    assert_snapshot!(sandbox.run(&["config", "--format", "toml"]).failed(), @r#"error: unsupported format "toml""#);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    use std::io::Read as _;
    let services: String = (0..5000).map(|n| format!("  s{n}: {{image: i}}\n")).collect();
    let sandbox = Sandbox::with(&format!("services:\n{services}"));
    let mut child = sandbox
        .command(&["config"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}
