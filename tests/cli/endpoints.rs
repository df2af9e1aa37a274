//! Which engine is spoken to, over what, and what is said if that cannot be.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

use insta::assert_snapshot;

use crate::fake::FakeEngine;
use crate::sandbox::Sandbox;
use crate::tls;

const NEW: &[&str] = &["Api-Version: 1.51", "Builder-Version: 2"];
const EMPTY: &str = "NAME                STATUS              CONFIG FILES\n";

/// Paths of sockets are short, and those of tests long.
fn short_folder() -> Folder {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("rcompose-{}-{number}", std::process::id()));
    fs::create_dir_all(&path).unwrap();
    Folder(path)
}

struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Text without what differs from run to run.
fn masked(text: &str, folder: &Path, port: u16) -> String {
    let text = text.replace(&*folder.to_string_lossy(), "[TMP]");
    text.replace(&format!(":{port}"), ":[PORT]")
}

#[test]
fn encrypted_ports() {
    let folder = short_folder();
    let engine = FakeEngine::start(&folder.0.join("engine.sock"), NEW);
    let certificates = folder.0.join("tls");
    let port = tls::serve(&certificates, "localhost", &engine.socket);
    let certificates = certificates.display().to_string();
    let host = format!("tcp://localhost:{}", port.number);
    let run = |env: &[(&str, &str)], args: &[&str]| {
        let sandbox = Sandbox::new().env("DOCKER_HOST", &host);
        env.iter().fold(sandbox, |sandbox, (name, value)| sandbox.env(name, value)).run(args)
    };
    let failed = |env: &[(&str, &str)], args: &[&str]| {
        masked(&run(env, args).failed(), &folder.0, port.number)
    };
    // Variables, flags, and flags that name the files one by one.
    let variables = [("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", &*certificates)];
    assert_eq!(run(&variables, &["ls"]).quiet(), EMPTY);
    assert_eq!(run(&variables[1..], &["--tlsverify", "ls"]).quiet(), EMPTY);
    let file = |name: &str| format!("{certificates}/{name}.pem");
    let (ca, own, key) = (file("ca"), file("cert"), file("key"));
    let flags = ["--tlscacert", &ca, "--tlscert", &own, "--tlskey", &key];
    assert_eq!(run(&[], &[&["--tlsverify"], &flags[..], &["ls"]].concat()).quiet(), EMPTY);
    // An empty variable is none, and a port that wants TLS is no other.
    let unencrypted = failed(&[("DOCKER_TLS_VERIFY", "")], &["ls"]);
    assert!(unencrypted.contains("cannot connect"), "{unencrypted}");
    // The engine wants to know us, too.
    assert_snapshot!(failed(&[], &["--tlsverify", "--tlscacert", &ca, "ls"]), @"
    error: cannot connect to the container engine at tcp://localhost:[PORT]: received fatal alert: CertificateRequired
     |
     = note: it is named by DOCKER_HOST
     = help: the engine wants a certificate that it knows: name yours with --tlscert and --tlskey, or as cert.pem and key.pem in DOCKER_CERT_PATH
    ");
    // Without its authority we do not believe it, unless we are told to believe anybody.
    let other = folder.0.join("other");
    tls::serve(&other, "localhost", &engine.socket);
    let unknown = format!("{}/ca.pem", other.display());
    let flags = ["--tlscert", &own, "--tlskey", &key];
    assert_snapshot!(failed(&[], &[&["--tlsverify", "--tlscacert", &unknown], &flags[..], &["ls"]].concat()), @"
    error: cannot connect to the container engine at tcp://localhost:[PORT]: invalid peer certificate: BadSignature
     |
     = note: it is named by DOCKER_HOST
     = help: name the authority that signed the engine's certificate with --tlscacert, or as ca.pem in DOCKER_CERT_PATH
    ");
    assert_eq!(run(&[], &[&["--tls"], &flags[..], &["ls"]].concat()).quiet(), EMPTY);
    // Another name is another engine.
    let address = format!("tcp://127.0.0.1:{}", port.number);
    assert_snapshot!(failed(&variables, &["-H", &address, "ls"]), @r#"
    error: cannot connect to the container engine at tcp://127.0.0.1:[PORT]: invalid peer certificate: certificate not valid for name "127.0.0.1"; certificate is only valid for DnsName("localhost")
     |
     = note: it is named by --host
     = help: use the name that is in the engine's certificate
    "#);
    // Files that are not there, and halves.
    assert_snapshot!(failed(&[("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/nowhere")], &["ls"]), @"
    error: cannot use the TLS certificate `/nowhere/ca.pem`: No such file or directory (os error 2)
     |
     = help: DOCKER_CERT_PATH names the folder of ca.pem, cert.pem and key.pem; --tlscacert, --tlscert and --tlskey name them one by one
    ");
    assert_snapshot!(failed(&variables[1..], &["--tls", "--tlskey", &ca, "ls"]), @"
    error: cannot use the TLS key `[TMP]/tls/ca.pem`: no items found
     |
     = help: DOCKER_CERT_PATH names the folder of ca.pem, cert.pem and key.pem; --tlscacert, --tlscert and --tlskey name them one by one
    ");
}

#[test]
fn a_port_without_tls() {
    let folder = short_folder();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = std::io::Write::write_all(
                &mut stream.unwrap(),
                b"HTTP/1.1 400 Bad Request\r\n\r\n",
            );
        }
    });
    let sandbox = Sandbox::new().env("DOCKER_HOST", &format!("tcp://127.0.0.1:{port}"));
    assert_snapshot!(masked(&sandbox.run(&["--tls", "ls"]).failed(), &folder.0, port), @"
    error: cannot connect to the container engine at tcp://127.0.0.1:[PORT]: received corrupt message of type InvalidContentType
     |
     = note: it is named by DOCKER_HOST
     = help: the engine does not seem to speak TLS on this port: leave DOCKER_TLS_VERIFY and --tlsverify out, or use the port that does (2376 as a rule)
    ");
}

#[test]
fn contexts() {
    let folder = short_folder();
    let engine = FakeEngine::start(&folder.0.join("engine.sock"), NEW);
    let config = folder.0.join("docker");
    let add = |hash: &str, meta: &str| {
        let path = config.join("contexts/meta").join(hash);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("meta.json"), meta).unwrap();
    };
    // Folders of contexts are named after the hash of their names.
    let there = "e244f187f696561d5fd7e00f618e7ba641dc52e3c137380f6fa23a854b773aac";
    let meta = |name: &str, host: &str, more: &str| {
        format!(r#"{{"Name":"{name}","Endpoints":{{"docker":{{"Host":"{host}"{more}}}}}}}"#)
    };
    add(there, &meta("there", &engine.address(), ""));
    let sandbox = || Sandbox::new().env("DOCKER_CONFIG", &config.display().to_string());
    assert_eq!(sandbox().run(&["--context", "there", "ls"]).quiet(), EMPTY);
    assert_eq!(sandbox().env("DOCKER_CONTEXT", "there").run(&["ls"]).quiet(), EMPTY);
    fs::write(config.join("config.json"), r#"{"currentContext":"there"}"#).unwrap();
    assert_eq!(sandbox().run(&["ls"]).quiet(), EMPTY);
    assert_eq!(engine.requests().len(), 6);
    // Whatever names an engine goes before the configuration.
    let masked = |text: &str| masked(text, &folder.0, 0);
    for (env, args) in [
        ([("DOCKER_HOST", "unix:///nowhere.sock")], &["ls"][..]),
        ([("DOCKER_CONTEXT", "there")], &["-H", "unix:///nowhere.sock", "ls"]),
        ([("DOCKER_HOST", "unix:///nowhere.sock")], &["--context", "default", "ls"]),
    ] {
        let sandbox = sandbox().env(env[0].0, env[0].1);
        let message = sandbox.run(args).failed();
        assert!(message.contains("unix:///nowhere.sock: there is no such socket"), "{message}");
    }
    assert_snapshot!(masked(&sandbox().env("DOCKER_CONTEXT", "gone").run(&["ls"]).failed()), @"
    error: there is no context `gone`
     |
     = help: the contexts are: default, there
    ");
    // A context has TLS files of its own.
    let certificates = config.join("contexts/tls").join(there).join("docker");
    let port = tls::serve(&certificates, "localhost", &engine.socket);
    let host = format!("tcp://localhost:{}", port.number);
    add(there, &meta("there", &host, ""));
    assert_eq!(sandbox().run(&["ls"]).quiet(), EMPTY);
    fs::remove_file(certificates.join("ca.pem")).unwrap();
    let message = sandbox().run(&["ls"]).failed();
    assert!(message.contains("invalid peer certificate: UnknownIssuer"), "{message}");
    add(there, &meta("there", &host, r#","SkipTLSVerify":true"#));
    assert_eq!(sandbox().run(&["ls"]).quiet(), EMPTY);
    // What is no context.
    add(there, r#"{"Name":"there","Endpoints":{}}"#);
    assert_snapshot!(masked(&sandbox().run(&["ls"]).failed()), @"
    error: the context `there` has no Docker endpoint
     |
     = help: use another context, or name the engine with --host
    ");
    add(there, "{");
    assert_snapshot!(masked(&sandbox().run(&["ls"]).failed()), @"error: cannot read `[TMP]/docker/contexts/meta/e244f187f696561d5fd7e00f618e7ba641dc52e3c137380f6fa23a854b773aac/meta.json`: EOF while parsing an object at line 1 column 1");
}

/// A sandbox whose `ssh` is a script.
fn with_ssh(script: &str) -> Sandbox {
    let sandbox = Sandbox::new().file("bin/ssh", format!("#!/bin/sh\n{script}\n"));
    let folder = sandbox.path().join("bin");
    fs::set_permissions(folder.join("ssh"), fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.env("PATH", &format!("{}:/usr/bin:/bin", folder.display()))
}

#[test]
fn logins_that_fail() {
    let refused = "echo 'me@host: Permission denied (publickey).' >&2; exit 255";
    assert_snapshot!(with_ssh(refused).run(&["-H", "ssh://me@host:2222", "ls"]).failed(), @"
    error: cannot connect to the container engine at ssh://me@host:2222: me@host: Permission denied (publickey).
     |
     = note: it is named by --host
     = help: try `ssh -p 2222 me@host docker version`: it must answer without asking for a password, so give ssh a key, and accept the host's
    ");
    let silent = with_ssh("exit 0").run(&["-H", "ssh://host", "ls"]).failed();
    assert!(silent.contains("at ssh://host: ssh ended without a word"), "{silent}");
    // Ours alone: the folder has no ssh.
    let sandbox = Sandbox::new().env("PATH", "/nowhere");
    assert_snapshot!(sandbox.run(&["-H", "ssh://host", "ls"]).failed(), @"
    error: cannot connect to the container engine at ssh://host: there is no `ssh` in any folder of PATH
     |
     = note: it is named by --host
     = help: install OpenSSH's client
    ");
}

#[test]
fn engines_that_will_not_do() {
    let folder = short_folder();
    let run = |address: &str, env: &[(&str, &str)]| {
        let sandbox = Sandbox::new().env("DOCKER_HOST", address);
        let sandbox = env.iter().fold(sandbox, |sandbox, (name, value)| sandbox.env(name, value));
        sandbox.run(&["ls"])
    };
    let failed = |address: &str| masked(&run(address, &[]).failed(), &folder.0, 0);
    let old = FakeEngine::start(&folder.0.join("old.sock"), &["Api-Version: 1.40"]);
    assert_snapshot!(failed(&old.address()), @"
    error: the engine at unix://[TMP]/old.sock is too old: it speaks API 1.40, but 1.41 is needed
     |
     = help: upgrade it to Docker 20.10 or Podman 4, or later
    ");
    let other = FakeEngine::start(&folder.0.join("other.sock"), &["Server: web"]);
    assert_snapshot!(failed(&other.address()), @"
    error: what answers at unix://[TMP]/other.sock is no engine
     |
     = help: name an engine with DOCKER_HOST or --host
    ");
    let odd = FakeEngine::start(&folder.0.join("odd.sock"), NEW);
    let message = run(&odd.address(), &[("DOCKER_API_VERSION", "new")]).failed();
    assert_snapshot!(message, @"error: DOCKER_API_VERSION is `new`, which is no version");
    // Nobody listens any more.
    let stale = folder.0.join("stale.sock");
    drop(UnixListener::bind(&stale).unwrap());
    assert_snapshot!(failed(&format!("unix://{}", stale.display())), @"
    error: cannot connect to the container engine at unix://[TMP]/stale.sock: nobody listens there
     |
     = note: it is named by DOCKER_HOST
     = help: start Docker or Podman, or name another engine with DOCKER_HOST or --host
    ");
}

#[test]
fn the_version_of_requests() {
    let folder = short_folder();
    let spoken = |name: &str, offered: &str, pinned: &str| {
        let engine = FakeEngine::start(&folder.0.join(name), &[offered]);
        let sandbox = Sandbox::new().env("DOCKER_HOST", &engine.address());
        assert_eq!(sandbox.env("DOCKER_API_VERSION", pinned).run(&["ls"]).quiet(), EMPTY);
        engine.requests().join(", ")
    };
    assert_eq!(spoken("a", "Api-Version: 1.45", ""), "HEAD /_ping, GET /v1.45/containers/json");
    assert_eq!(spoken("b", "Api-Version: 1.99", ""), "HEAD /_ping, GET /v1.51/containers/json");
    assert_eq!(spoken("c", "Api-Version: 1.51", "1.44"), "HEAD /_ping, GET /v1.44/containers/json");
}

#[test]
fn requests_can_be_watched() {
    let folder = short_folder();
    let engine = FakeEngine::start(&folder.0.join("engine.sock"), NEW);
    let sandbox = || Sandbox::new().env("DOCKER_HOST", &engine.address());
    for args in [&["-D", "ls", "-q"][..], &["--log-level", "debug", "ls", "-q"]] {
        let output = sandbox().run(args);
        let lines: Vec<&str> = output.stderr.lines().collect();
        assert_eq!(
            (output.code, output.stdout.as_str(), lines.len()),
            (Some(0), "", 2),
            "{output}"
        );
        assert!(lines[0].starts_with("debug: HEAD /_ping: 200 in "), "{output}");
    }
    assert_snapshot!(sandbox().run(&["-l", "loud", "ls"]).failed(), @"error: unable to parse logging level: loud");
    let warns = "version: '3'\nservices: {a: {image: i}}";
    assert!(!Sandbox::with(warns).run(&["config", "-q"]).stderr.is_empty());
    assert_eq!(Sandbox::with(warns).run(&["-l", "error", "config", "-q"]).quiet(), "");
}

/// A socket that may not be used is there, and says who may.
#[test]
fn a_socket_for_others() {
    let folder = short_folder();
    let engine = FakeEngine::start(&folder.0.join("engine.sock"), NEW);
    fs::set_permissions(&engine.socket, fs::Permissions::from_mode(0o000)).unwrap();
    let sandbox = Sandbox::new().env("DOCKER_HOST", &engine.address());
    // Root may do anything, unless that is taken from it.
    let mut command = Command::new("setpriv");
    let program = sandbox.command(&["ls"]);
    command.args(["--bounding-set", "-dac_override,-dac_read_search", "--"]);
    command.arg(program.get_program()).args(program.get_args());
    command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    let Ok(output) = command.output() else { return };
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    let message = masked(&message, &folder.0, 0);
    assert_snapshot!(message, @"
    error: cannot connect to the container engine at unix://[TMP]/engine.sock: permission denied
     |
     = note: it is named by DOCKER_HOST
     = help: its owner alone may use it: run as that user, or use a rootless engine
    ");
}

/// Runs in a file system of its own where no engine of this machine can be found; `None` where that is
/// not allowed.
fn alone(sandbox: &Sandbox, before: &str, args: &[&str]) -> Option<(Option<i32>, String, String)> {
    let program = sandbox.command(args);
    let env: Vec<_> = program.get_envs().filter_map(|(name, value)| Some((name, value?))).collect();
    let path = env.iter().find(|(name, _)| *name == "PATH").map(|(_, value)| value).unwrap();
    // Root may do anything, unless that is taken from it.
    let script = format!(
        "mount -t tmpfs none /run && {before} && exec setpriv --bounding-set \
         -dac_override,-dac_read_search env PATH={} \"$0\" \"$@\"",
        path.display()
    );
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &script]).arg(program.get_program()).args(program.get_args());
    command.current_dir(sandbox.path()).env_clear().envs(env);
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let allowed = Command::new("unshare").args(["-m", "true"]).status();
    if !allowed.is_ok_and(|status| status.success()) {
        let _ = writeln!(std::io::stderr(), "a file system of one's own is not to be had here");
        return None;
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some((output.status.code(), text(&output.stdout), text(&output.stderr)))
}

/// The first place whose engine answers is taken; all that were tried are told if none does.
#[test]
fn engines_are_found() {
    let folder = short_folder();
    let runtime = folder.0.join("run");
    let sandbox = |path: &str| {
        Sandbox::new().env("XDG_RUNTIME_DIR", &runtime.display().to_string()).env("PATH", path)
    };
    let nobody = sandbox("/nowhere");
    let Some((code, _, message)) = alone(&nobody, ":", &["ls"]) else { return };
    assert_eq!(code, Some(1), "{message}");
    let home = nobody.path().parent().unwrap().display().to_string();
    assert_snapshot!(masked(&message, &folder.0, 0).replace(&home, "[HOME]"), @"
    error: no container engine answers
     |
     = note: tried unix:///var/run/docker.sock (Docker): there is no such socket
     = note: tried unix://[TMP]/run/docker.sock (rootless Docker): there is no such socket
     = note: tried unix://[HOME]/.docker/run/docker.sock (Docker Desktop): there is no such socket
     = note: tried unix://[TMP]/run/podman/podman.sock (rootless Podman): there is no such socket
     = note: tried unix:///run/podman/podman.sock (Podman): there is no such socket
     = note: tried unix:///run/rcompose-podman.sock (Podman that rcompose has started): there is no such socket
     = note: tried podman: it is not installed
     = help: install and start Docker or Podman, or name an engine elsewhere with DOCKER_HOST or --host
    ");

    // Those that are there, but do not answer, are passed over.
    let path = "/usr/bin:/bin";
    drop({
        fs::create_dir_all(&runtime).unwrap();
        UnixListener::bind(runtime.join("docker.sock")).unwrap()
    });
    let engine = FakeEngine::start(
        &runtime.join("podman/podman.sock"),
        &["Api-Version: 1.41", "Libpod-Api-Version: 4.3.1"],
    );
    let (code, found, message) = alone(&sandbox(path), ":", &["ls"]).unwrap();
    assert_eq!((code, &*found, &*message), (Some(0), EMPTY, ""));
    assert_eq!(engine.requests(), ["HEAD /_ping", "GET /v1.41/containers/json"]);
}

/// Where Podman is installed and does not run, it is started for the command, and says why if it
/// cannot be.
#[test]
fn podman_is_started() {
    let folder = short_folder();
    // It is the other end of a socket that answers for it.
    let engine = FakeEngine::start(
        &folder.0.join("engine.sock"),
        &["Api-Version: 1.44", "Libpod-Api-Version: 5.8.0"],
    );
    let script = |text: &str| {
        let sandbox = Sandbox::new().file("bin/podman", format!("#!/bin/sh\n{text}\n"));
        let bin = sandbox.path().join("bin");
        fs::set_permissions(bin.join("podman"), fs::Permissions::from_mode(0o755)).unwrap();
        sandbox.env("PATH", &format!("{}:/usr/bin:/bin", bin.display()))
    };
    let listens = format!(
        "echo \"$@\" >{0}/args; eval socket=\\${{$#}}; exec ln -s {0}/engine.sock ${{socket#unix://}}",
        folder.0.display()
    );
    let Some((code, found, message)) = alone(&script(&listens), ":", &["ls"]) else { return };
    assert_eq!((code, &*found), (Some(0), EMPTY), "{message}");
    assert_eq!(engine.requests(), ["HEAD /_ping", "GET /v1.44/containers/json"]);
    let args = fs::read_to_string(folder.0.join("args")).unwrap();
    assert!(args.contains("system service --time=10 unix:///"), "{args}");

    let fails = script("echo 'Error: no subuid ranges found' >&2; exit 125");
    let (code, _, message) = alone(&fails, ":", &["ls"]).unwrap();
    assert_eq!(code, Some(1), "{message}");
    let told = "tried podman system service: Error: no subuid ranges found";
    assert!(message.contains(told), "{message}");

    // Who may not use an engine is not given another.
    fs::set_permissions(&engine.socket, fs::Permissions::from_mode(0o000)).unwrap();
    let denied = format!("ln -s {} /run/docker.sock", engine.socket.display());
    let (code, _, message) = alone(&script(&listens), &denied, &["ls"]).unwrap();
    assert_eq!(code, Some(1), "{message}");
    for part in ["docker.sock (Docker): permission denied", "help: its owner alone may use it"] {
        assert!(message.contains(part), "no `{part}` in\n{message}");
    }
    assert!(!message.contains("podman system service"), "{message}");
}

/// Text without what depends on the width of columns.
fn squeezed(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words = line.split("  ").filter(|it| !it.is_empty());
        words.map(str::trim).collect::<Vec<_>>().join(" | ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

const INFO: &str = r#"{"ServerVersion":"28.1.0","Driver":"overlay2","CgroupDriver":"systemd",
    "CgroupVersion":"2","OperatingSystem":"Debian","OSType":"linux","Architecture":"x86_64","NCPU":4,
    "MemTotal":8589934592,"DockerRootDir":"/var/lib/docker","LoggingDriver":"json-file",
    "SecurityOptions":["name=seccomp"],"Warnings":["WARNING: No swap limit support"]}"#;

const OLD_INFO: &str = r#"{"ServerVersion":"4.3.1","Driver":"overlay","CgroupDriver":"cgroupfs",
    "CgroupVersion":"1","OperatingSystem":"debian","OSType":"linux","Architecture":"amd64","NCPU":2,
    "MemTotal":4294967296,"DockerRootDir":"/home/me/storage","Rootless":true,"SecurityOptions":null}"#;

/// A list is there in any case, also where the engine stumbles over what goes while it looks.
#[test]
fn a_list_is_asked_for_again() {
    let folder = short_folder();
    let stumbles = ("/containers/json", "500 Internal Server Error", GONE);
    let answers = [stumbles, stumbles, ("/containers/json", "200 OK", "[]")];
    let engine = FakeEngine::answering(&folder.0.join("engine.sock"), NEW, &answers);
    let ls = || Sandbox::new().env("DOCKER_HOST", &engine.address()).run(&["ls", "-q"]);
    let seen = ls();
    assert_eq!((seen.code, &*seen.stdout), (Some(0), ""), "{seen}");
    let lists = engine.requests().iter().filter(|it| it.ends_with("/containers/json")).count();
    assert_eq!(lists, 3);
    // An engine that never gives one is told of.
    let stumbling = FakeEngine::answering(&folder.0.join("other.sock"), NEW, &[stumbles]);
    let seen = Sandbox::new().env("DOCKER_HOST", &stumbling.address()).run(&["ls", "-q"]);
    assert_eq!(seen.code, Some(1), "{seen}");
    assert!(seen.stderr.contains("container not known"), "{seen}");
}

/// What Podman says of a container that goes while it makes a list.
const GONE: &str = r#"{"cause":"container not known","message":"getting container from store \"e9\": container not known","response":500}"#;

/// `doctor` shows where engines may be, which one is used, and what is wrong.
#[test]
fn the_doctor_looks_everywhere() {
    let folder = short_folder();
    let answers = [("/info", "200 OK", INFO)];
    let engine = FakeEngine::answering(&folder.0.join("engine.sock"), NEW, &answers);
    let config = folder.0.join("docker");
    fs::create_dir_all(&config).unwrap();
    let config_text = config.display().to_string();
    let sandbox = || {
        let sandbox = Sandbox::new().env("DOCKER_HOST", &engine.address());
        sandbox.env("DOCKER_CONFIG", &config_text)
    };
    let seen = sandbox().run(&["doctor"]);
    assert_eq!(seen.code, Some(0), "{seen}");
    assert_snapshot!(squeezed(&masked(&seen.stdout, &folder.0, 0)), @"
    Engines:
    * used | unix://[TMP]/engine.sock | named by DOCKER_HOST | Docker, API 1.51

    Used: unix://[TMP]/engine.sock
    engine | Docker 28.1.0, API 1.51
    system | Debian, linux/x86_64
    resources | 4 processors, 8192 MiB of memory
    rootless | no
    storage | overlay2 in /var/lib/docker
    cgroups | v2, systemd
    logging | json-file
    BuildKit | yes
    health | by the engine

    Problems:
    the engine warns: No swap limit support
    help: see the documentation of the engine
    ");
    fs::write(config.join("config.json"), "{").unwrap();
    let seen = sandbox().run(&["doctor", "--format", "json"]).quiet();
    let seen: serde_json::Value = serde_json::from_str(&seen).unwrap();
    assert_eq!(seen["engine"]["name"], "Docker 28.1.0");
    assert_eq!(seen["engines"][0]["used"], true);
    let problem = seen["problems"][0]["message"].as_str().unwrap();
    assert!(problem.contains("docker/config.json` cannot be read"), "{problem}");

    let gone = Sandbox::new().env("DOCKER_HOST", "unix:///nowhere.sock");
    let seen = gone.run(&["doctor"]);
    assert_eq!(seen.code, Some(1), "{seen}");
    assert_snapshot!(seen.stdout, @"
    Engines:
      -  unix:///nowhere.sock  named by DOCKER_HOST  there is no such socket

    Problems:
      cannot connect to the container engine at unix:///nowhere.sock: there is no such socket
        help: start Docker or Podman, or name another engine with DOCKER_HOST or --host
    ");
    let seen = Sandbox::new().run(&["--context", "gone", "doctor"]);
    assert_eq!(seen.code, Some(1), "{seen}");
    assert!(seen.stdout.contains("there is no context `gone`"), "{seen}");
    assert!(sandbox().run(&["doctor", "--format", "xml"]).failed().contains("unsupported format"));

    // Engines in their own places, one of which may not be used.
    let runtime = folder.0.join("run");
    let sandbox = Sandbox::new().env("XDG_RUNTIME_DIR", &runtime.display().to_string());
    let sandbox = sandbox.env("PATH", "/nowhere");
    let podman = [("/info", "200 OK", OLD_INFO)];
    let podman = FakeEngine::answering(
        &runtime.join("podman/podman.sock"),
        &["Api-Version: 1.41", "Libpod-Api-Version: 4.3.1"],
        &podman,
    );
    fs::set_permissions(&engine.socket, fs::Permissions::from_mode(0o000)).unwrap();
    let denied = format!("ln -s {} /run/docker.sock", engine.socket.display());
    let Some((code, seen, _)) = alone(&sandbox, &denied, &["doctor"]) else { return };
    assert_eq!(code, Some(0), "{seen}");
    let home = sandbox.path().parent().unwrap().display().to_string();
    let seen = masked(&seen, &folder.0, 0).replace(&home, "[HOME]");
    assert_snapshot!(squeezed(&seen), @"
    Engines:
    - | unix:///var/run/docker.sock | Docker | permission denied
    - | unix://[TMP]/run/docker.sock | rootless Docker | there is no such socket
    - | unix://[HOME]/.docker/run/docker.sock | Docker Desktop | there is no such socket
    * used | unix://[TMP]/run/podman/podman.sock | rootless Podman | Podman 4.3, API 1.41
    - | unix:///run/podman/podman.sock | Podman | there is no such socket
    - | unix:///run/rcompose-podman.sock | Podman that rcompose has started | there is no such socket

    Used: unix://[TMP]/run/podman/podman.sock
    engine | Podman 4.3.1, API 1.41
    system | debian, linux/amd64
    resources | 2 processors, 4096 MiB of memory
    rootless | yes
    storage | overlay in /home/me/storage
    cgroups | v1, cgroupfs
    logging | default
    BuildKit | no
    health | by systemd, or rcompose

    Problems:
    unix:///var/run/docker.sock: permission denied
    help: its owner alone may use it: run as that user, or use a rootless engine
    health checks are left to timers of systemd
    help: without systemd they are run only while a command of rcompose waits for them
    it builds images without BuildKit
    help: builds that need a session (secrets of the client, its ssh agent) need Docker 23 or later
    without root and with version 1 of control groups, limits of memory, processors and processes have no effect, and nothing can be paused
    help: boot with `systemd.unified_cgroup_hierarchy=1`, or run the engine as root
    ");
    assert!(podman.requests().contains(&"GET /v1.41/info".to_owned()), "{:?}", podman.requests());
}
