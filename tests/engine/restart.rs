//! Engines that are really stopped and started again while they are at work: Docker's daemon, in a place
//! of its own.

use std::env;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::engine::{Engine, PATIENCE, eventually, say};
use crate::project::Project;

/// A daemon with data, networks and mounts of its own, of which nothing is left in the end.
struct Daemon {
    program: PathBuf,
    folder: PathBuf,
    engine: &'static Engine,
    child: Option<Child>,
}

impl Daemon {
    /// Starts one with the image that scenarios need; `None` if this machine has none to start.
    fn start(scenario: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let tested = Engine::get()?;
        if tested.cannot(scenario, "Podman has no daemon whose end containers notice") {
            return None;
        }
        let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        let Some(program) = daemon_of(tested).filter(|_| is_root) else {
            say(&format!("{scenario} is left out: there is no daemon here that may be started"));
            return None;
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // The paths of its sockets must be short.
        let name = format!("rcompose-dockerd-{}-{number}", std::process::id());
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("docker.sock");
        let address = format!("unix://{}", socket.display());
        let engine = Box::leak(Box::new(Engine { address, socket, podman: false }));
        let mut daemon = Self { program, folder, engine, child: None };
        daemon.launch();
        daemon.load(tested);
        Some(daemon)
    }

    fn launch(&mut self) {
        let path = |name: &str| self.folder.join(name).display().to_string();
        let place = self.program.parent().unwrap().display().to_string();
        let old = env::var("PATH").unwrap_or_default();
        let log = fs::File::options().create(true).append(true).open(path("log")).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--propagation", "slave"]).arg(&self.program);
        command.args(["--data-root", &path("data"), "--exec-root", &path("exec")]);
        command.args(["--pidfile", &path("pid"), "--host", &self.engine.address]);
        // Where the machine has a containerd, it is shared, but not what is in it.
        command.args(["--containerd-namespace", &self.name(), "--cgroup-parent", &self.name()]);
        command.args(["--containerd-plugins-namespace", &format!("{}-plugins", self.name())]);
        command.env("PATH", format!("{place}:{place}/../bin:{old}:/usr/sbin:/sbin"));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        eventually("an engine that answers", || {
            let gone = self.child.as_mut().unwrap().try_wait().unwrap();
            let log = || fs::read_to_string(self.folder.join("log")).unwrap();
            assert!(gone.is_none(), "the daemon has ended: {}", log());
            ask(&self.engine.socket, "GET", "/_ping", b"").ok()
        });
    }

    fn name(&self) -> String {
        self.folder.file_name().unwrap().to_string_lossy().into_owned()
    }

    /// Gives it the image that another engine has.
    fn load(&self, other: &Engine) {
        let archive = ask(&other.socket, "GET", "/images/busybox:latest/get", b"").unwrap();
        ask(&self.engine.socket, "POST", "/images/load?quiet=1", &archive).unwrap();
        self.engine.json("/images/busybox:latest/json");
    }

    /// Sends the daemon a signal, and waits until it has ended, and its own containerd with it.
    fn end(&mut self, signal: &str) {
        let Some(mut child) = self.child.take() else { return };
        let _ = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
        eventually("the end of the daemon", || child.try_wait().unwrap());
        eventually("the end of containerd", || {
            let mut own = self.processes();
            own.retain(|(_, command)| command.contains("containerd --config "));
            kill(&own);
            own.is_empty().then_some(())
        });
        // Marks of processes that were killed would be taken for theirs.
        for mark in ["pid", "exec/containerd/containerd.pid"] {
            let _ = fs::remove_file(self.folder.join(mark));
        }
    }

    /// The IDs and command lines of processes that name the folder; those that have ended have none.
    fn processes(&self) -> Vec<(String, String)> {
        let folder = self.folder.display().to_string();
        let mut found = Vec::new();
        for process in fs::read_dir("/proc").unwrap().flatten() {
            let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            if command.contains(&folder) {
                found.push((process.file_name().to_string_lossy().into_owned(), command));
            }
        }
        found
    }

    fn restart(&mut self, signal: &str) {
        self.end(signal);
        self.launch();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.end(if std::thread::panicking() { "KILL" } else { "TERM" });
        // What is left of containers, if the scenario has failed.
        kill(&self.processes());
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn kill(processes: &[(String, String)]) {
    for (id, _) in processes {
        // It may have ended by now.
        let _ = Command::new("kill").args(["-s", "KILL", id]).stderr(Stdio::null()).status();
    }
}

/// The daemon of the engine under test, or one that is installed.
fn daemon_of(tested: &Engine) -> Option<PathBuf> {
    let is_tested = |process: &PathBuf| {
        let command = fs::read(process.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(&tested.address)
    };
    let processes = fs::read_dir("/proc").unwrap().filter_map(|it| Some(it.ok()?.path()));
    let programs = processes.filter(is_tested).filter_map(|it| fs::read_link(it.join("exe")).ok());
    let path = env::var("PATH").unwrap_or_default() + ":/usr/sbin";
    let installed = path.split(':').map(|folder| Path::new(folder).join("dockerd"));
    let is_daemon = |it: &PathBuf| it.ends_with("dockerd") && it.exists();
    programs.chain(installed).find(is_daemon)
}

/// The body of an answer, which need not be text.
fn ask(socket: &Path, method: &str, path: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Type: application/x-tar\r\n\
         Content-Length: {length}\r\n\r\n"
    )?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let head = answer.windows(4).position(|it| it == b"\r\n\r\n");
    let rest = answer.split_off(head.map_or(answer.len(), |head| head + 4));
    if answer.starts_with(b"HTTP/1.0 200") {
        return Ok(rest);
    }
    Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned()))
}

/// What a run that has lost its engine may say.
#[track_caller]
fn has_failed(code: Option<i32>, stderr: &str) {
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("error: ") && !stderr.contains("panicked"), "{stderr}");
}

/// An engine that restarts while `up` waits for health is no reason to lose anything.
///
/// `up -d` of a service that waits for the health of another, which never comes; the engine is killed, or
/// ended, and started again. The run ends and says why; the next `up -d`, now with health, repairs all with
/// the data that was there, and `down -v` leaves nothing.
#[test]
fn an_engine_restarts_while_up_waits() {
    let Some(mut daemon) = Daemon::start("an_engine_restarts_while_up_waits") else { return };
    let project = Project::on(daemon.engine);
    project.compose(
        "
services:
  db:
    image: busybox
    init: true
    command: sh -c 'echo again >> /data/starts; exec sleep 600'
    volumes: [data:/data, ./out:/out]
    healthcheck: {test: [CMD, test, -e, /out/ready], interval: 1s, retries: 1000}
  web: {image: busybox, init: true, command: sleep 600, depends_on: {db: {condition: service_healthy}}}
volumes: {data: {}}
",
    );
    for signal in ["KILL", "TERM"] {
        let up = project.start(&["up", "-d"]);
        up.shows("Container [PROJECT]-db-1  Waiting");
        daemon.restart(signal);
        let output = up.finish();
        has_failed(output.code, &output.stderr);
        project.file("out/ready", "");
        project.succeed(&["up", "-d"]);
        let all =
            ["db-1 running", "web-1 running", "network [PROJECT]_default", "volume [PROJECT]_data"];
        assert_eq!(project.resources(), all, "after {signal}");
        assert_eq!(project.told("db-1", &["cat", "/data/starts"]), "again\n".repeat(2));
        project.succeed(&["down", "-v"]);
        assert_eq!(project.resources(), [""; 0], "after {signal}");
        fs::remove_file(project.path().join("out/ready")).unwrap();
    }
}

/// What an engine has half made when it is killed is completed or goes.
///
/// `up -d` of ten services; the engine is killed when the first of them is there, and started again. The
/// next `up -d` makes the project whole, the one after it changes nothing, and `down -v` leaves nothing.
#[test]
fn an_engine_dies_while_up_makes_containers() {
    let Some(mut daemon) = Daemon::start("an_engine_dies_while_up_makes_containers") else {
        return;
    };
    let project = Project::on(daemon.engine);
    let service = |number: u32| {
        format!(
            "  s{number}: {{image: busybox, init: true, command: sleep 600, volumes: [/own]}}\n"
        )
    };
    let services: String = (0..10).map(service).collect();
    project.compose(&format!("services:\n{services}"));
    let up = project.start(&["up", "-d"]);
    eventually("the first container", || (!project.resources().is_empty()).then_some(()));
    daemon.restart("KILL");
    let output = up.finish();
    has_failed(output.code, &output.stderr);
    project.succeed(&["up", "-d"]);
    let mut all: Vec<String> = (0..10).map(|number| format!("s{number}-1 running")).collect();
    all.push("network [PROJECT]_default".to_owned());
    assert_eq!(project.resources(), all);
    let before = project.state();
    project.succeed(&["up", "-d"]);
    assert_eq!(project.state(), before);
    project.succeed(&["down", "-v"]);
    assert_eq!(project.resources(), [""; 0]);
}
