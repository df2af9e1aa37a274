//! Engines that are reached over other ways than their socket.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::engine::say;
use crate::project::Project;
use crate::tls;

const STACK: &str = "
services:
  web:
    image: busybox
    command: sh -c 'trap \"exit 0\" TERM; echo here; while :; do sleep 0.1; done'
  task: {image: busybox, command: 'true'}
";

/// What a project goes through, with the program set up by `set`.
fn go_through(project: &Project, set: impl Fn(&mut Command)) {
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rcompose"));
        command.env_clear().env("HOME", project.path());
        set(&mut command);
        command.args(args).current_dir(project.path()).env("PWD", project.path());
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        assert!(output.status.success(), "{args:?}\n{stdout}\n{stderr}");
        stdout
    };
    run(&["up", "-d"]);
    assert_eq!(project.status("web-1"), "running");
    // Streams both ways, requests that end late, and many at once.
    assert_eq!(run(&["exec", "-T", "web", "echo", "inside"]), "inside\n");
    let zeros = "head -c 300000 /dev/zero | tr '\\0' 0";
    assert_eq!(run(&["exec", "-T", "web", "sh", "-c", zeros]).len(), 300_000);
    assert_eq!(run(&["logs", "--no-log-prefix", "web"]), "here\n");
    assert_eq!(run(&["run", "--rm", "-T", "task", "echo", "once"]), "once\n");
    assert!(run(&["ps", "--services"]).contains("web"));
    run(&["up", "-d", "--scale", "web=4"]);
    run(&["down"]);
    assert_eq!(project.resources(), [""; 0]);
}

/// A project on an engine behind TLS, both ends of which prove who they are.
#[test]
fn behind_tls() {
    let Some(project) = Project::with(STACK) else { return };
    let folder = project.path().join("certificates");
    let port = tls::serve(&folder, "localhost", &project.engine.socket);
    go_through(&project, |command| {
        command.env("DOCKER_HOST", format!("tcp://localhost:{}", port.number));
        command.env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", &folder);
    });
}

/// Carries standard input and output to a socket, as the engine's client does at the far end of ssh.
const BRIDGE: &str = r#"
use strict; use IO::Socket::UNIX; use IO::Select;
my $engine = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "no engine\n";
my $all = IO::Select->new(\*STDIN, $engine);
sub pass { my ($to, $bytes) = @_; while (length $bytes) { my $n = syswrite($to, $bytes); exit 1 unless $n; substr($bytes, 0, $n) = ''; } }
while (my @ready = $all->can_read) { for my $from (@ready) {
    my $n = sysread($from, my $bytes, 65536);
    if ($from == $engine) { exit 0 unless $n; pass(\*STDOUT, $bytes); }
    elsif ($n) { pass($engine, $bytes); }
    else { $all->remove($from); shutdown($engine, 1); }
} }
"#;

/// A project on an engine behind ssh, whose part a script plays; few logins serve many requests.
#[test]
fn behind_ssh() {
    let Some(project) = Project::with(STACK) else { return };
    if !Command::new("perl")
        .args(["-e", "use IO::Socket::UNIX;"])
        .status()
        .is_ok_and(|it| it.success())
    {
        say("behind_ssh is left out: there is no perl to play the far end");
        return;
    }
    project.file("bridge.pl", BRIDGE);
    let folder = project.path().display().to_string();
    let script = format!(
        "#!/bin/sh\necho \"$*\" >>'{folder}/logins'\nexec perl '{folder}/bridge.pl' '{}'\n",
        project.engine.socket.display()
    );
    project.file("bin/ssh", &script);
    let ssh = project.path().join("bin/ssh");
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    go_through(&project, |command| {
        command.env("DOCKER_HOST", "ssh://me@far.example:2222");
        command.env("PATH", format!("{folder}/bin:/usr/bin:/bin"));
    });
    let logins = fs::read_to_string(project.path().join("logins")).unwrap();
    let first = logins.lines().next().unwrap();
    assert!(first.starts_with("-l me -p 2222 -o ConnectTimeout=30 -T -- far.example "), "{first}");
    assert!(first.contains("docker system dial-stdio"), "{first}");
    // Nine commands, none of which needs more than a handful.
    assert!(logins.lines().count() < 60, "{} logins", logins.lines().count());
}
