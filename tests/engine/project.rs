//! A project for one scenario: its folder, its runs of the program, and what the engine has of it.

use std::fs;
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::engine::{Engine, eventually, say};
use crate::run::{Output, Running};

/// Scenarios at once: an engine has addresses for some thirty networks.
const AT_ONCE: u32 = 6;

/// A project of which nothing is left when the scenario is over, however it ends.
pub(crate) struct Project {
    pub(crate) engine: &'static Engine,
    pub(crate) name: String,
    folder: PathBuf,
    /// What is set for the program besides.
    variables: Vec<(&'static str, &'static str)>,
    _turn: Turn,
}

impl Project {
    /// A project without files; `None` if there is no engine.
    pub(crate) fn new() -> Option<Self> {
        Some(Self::on(Engine::get()?))
    }

    /// A project without files, of an engine of the scenario's own.
    pub(crate) fn on(engine: &'static Engine) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let turn = Turn::take();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // No name is the beginning of another one.
        let name = format!("scenario-{}-{number:03}", std::process::id());
        let target = fs::canonicalize(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let folder = target.join(&name);
        fs::create_dir_all(&folder).unwrap();
        Self { engine, name, folder, variables: Vec::new(), _turn: turn }
    }

    /// A project with one Compose file; `None` if there is no engine.
    pub(crate) fn with(compose: &str) -> Option<Self> {
        let project = Self::new()?;
        project.compose(compose);
        Some(project)
    }

    /// Writes the Compose file.
    pub(crate) fn compose(&self, text: &str) {
        self.file("compose.yaml", text);
    }

    pub(crate) fn file(&self, path: &str, text: &str) {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes a program.
    pub(crate) fn script(&self, path: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        self.file(path, text);
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.folder.join(path), executable).unwrap();
    }

    /// Sets a variable for the program, whenever it is started.
    pub(crate) fn set(&mut self, name: &'static str, value: &'static str) {
        self.variables.push((name, value));
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Starts the program in the folder, with an environment of its own.
    pub(crate) fn start(&self, args: &[&str]) -> Running<'_> {
        self.start_at(&self.engine.address, args)
    }

    /// As [`Project::start`], with another address of the engine.
    pub(crate) fn start_at(&self, address: &str, args: &[&str]) -> Running<'_> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rcompose"));
        command.env_clear().env("HOME", &self.folder).envs(self.variables.iter().copied());
        self.spawn_at(address, command, args)
    }

    /// Starts any program in the folder, to work with the engine under test.
    pub(crate) fn spawn(&self, command: Command, args: &[&str]) -> Running<'_> {
        self.spawn_at(&self.engine.address, command, args)
    }

    fn spawn_at(&self, address: &str, mut command: Command, args: &[&str]) -> Running<'_> {
        command.args(args).current_dir(&self.folder).env("PWD", &self.folder);
        command.env("DOCKER_HOST", address);
        let builds = args.iter().any(|arg| ["build", "--build"].contains(arg));
        let building = (self.engine.podman && builds).then(Building::begin);
        Running::start(self, command).holding(building)
    }

    /// Runs the program, which reads `input`, to its end.
    #[track_caller]
    pub(crate) fn run_reading(&self, args: &[&str], input: &str) -> Output {
        self.file("input", input);
        let input = fs::File::open(self.folder.join("input")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rcompose"));
        command.env_clear().env("HOME", &self.folder).args(args).current_dir(&self.folder);
        command.env("PWD", &self.folder).env("DOCKER_HOST", &self.engine.address);
        Running::start_with(self, command, input.into()).finish()
    }

    /// Runs the program to its end.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.start(args).finish()
    }

    /// Runs the program, which must succeed.
    #[track_caller]
    pub(crate) fn succeed(&self, args: &[&str]) -> Output {
        let output = self.run(args);
        assert_eq!(output.code, Some(0), "{args:?}\n{}\n{}", output.stdout, output.stderr);
        output
    }

    /// Runs the program, which must fail; gives its standard error.
    #[track_caller]
    pub(crate) fn fail(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.code, Some(1), "{args:?}\n{}\n{}", output.stdout, output.stderr);
        output.stderr
    }

    /// The engine's name of a container such as `web-1`.
    pub(crate) fn full(&self, short: &str) -> String {
        format!("{}-{short}", self.name)
    }

    /// All that the engine tells of a container such as `web-1`.
    #[track_caller]
    pub(crate) fn inspect(&self, short: &str) -> Value {
        self.engine.json(&format!("/containers/{}/json", self.full(short)))
    }

    /// The ID of a container and when it was started.
    #[track_caller]
    pub(crate) fn instance(&self, short: &str) -> (String, String) {
        let container = self.inspect(short);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&container["Id"]), text(&container["State"]["StartedAt"]))
    }

    /// `running`, `exited` …
    #[track_caller]
    pub(crate) fn status(&self, short: &str) -> String {
        status(&self.inspect(short)["State"]["Status"]).to_owned()
    }

    /// Runs a command in a container; gives its exit code and what it wrote.
    #[track_caller]
    pub(crate) fn exec(&self, short: &str, command: &[&str]) -> (i64, String) {
        self.engine.exec(&self.full(short), command)
    }

    /// What a command in a container wrote, which must have succeeded.
    #[track_caller]
    pub(crate) fn told(&self, short: &str, command: &[&str]) -> String {
        let (code, output) = self.exec(short, command);
        assert_eq!(code, 0, "{command:?}: {output}");
        output
    }

    /// Waits until a container has made a file in the folder.
    pub(crate) fn awaits_file(&self, path: &str) {
        let file = self.folder.join(path);
        eventually(format!("the file {path}"), || file.exists().then_some(()));
    }

    /// All that the engine has of the project: containers without the name of the project and with
    /// their states, networks and volumes.
    pub(crate) fn resources(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .of_project("containers/json")
            .iter()
            .map(|it| {
                let name = it["Names"][0].as_str().unwrap().trim_start_matches('/');
                let name = name.strip_prefix(&format!("{}-", self.name)).unwrap_or(name);
                format!("{name} {}", status(&it["State"]))
            })
            .collect();
        all.sort();
        for (list, kind) in [("networks", "network"), ("volumes", "volume")] {
            let found = self.of_project(list);
            let names = found.iter().map(|it| it["Name"].as_str().unwrap());
            let mut names: Vec<String> =
                names.map(|name| format!("{kind} {}", self.masked(name))).collect();
            names.sort();
            all.extend(names);
        }
        all
    }

    /// The state of the project in so much detail that any change shows.
    pub(crate) fn state(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut all: Vec<String> = Vec::new();
        for row in self.of_project("containers/json") {
            let path = format!("/containers/{}/json", text(&row["Id"]));
            let (code, answer) = self.engine.request("GET", &path, "");
            if code == 404 {
                continue; // It goes at this moment.
            }
            let it: Value = serde_json::from_str(&answer).unwrap();
            let [name, id] = [&it["Name"], &it["Id"]].map(text);
            let state = &it["State"];
            let [status, start] = [&state["Status"], &state["StartedAt"]].map(text);
            all.push(format!("{name} {id} {status} {start}"));
        }
        let networks = self.of_project("networks");
        all.extend(networks.iter().map(|it| format!("{} {}", it["Name"], it["Id"])));
        let volumes = self.of_project("volumes");
        all.extend(volumes.iter().map(|it| format!("{} {}", it["Name"], it["CreatedAt"])));
        all.sort();
        all
    }

    fn of_project(&self, list: &str) -> Vec<Value> {
        self.engine.labelled(list, &format!("com.docker.compose.project={}", self.name))
    }

    /// The volumes of the project's containers that have no name of their own.
    pub(crate) fn anonymous_volumes(&self) -> Vec<String> {
        let containers = self.of_project("containers/json");
        let mounts = containers.iter().filter_map(|it| it["Mounts"].as_array()).flatten();
        let names = mounts.filter(|it| it["Type"] == "volume").filter_map(|it| it["Name"].as_str());
        let is_hash =
            |name: &&str| name.len() == 64 && name.bytes().all(|it| it.is_ascii_hexdigit());
        names.filter(is_hash).map(str::to_owned).collect()
    }

    /// Makes a network or volume that is not the project's, but goes with it at the end.
    pub(crate) fn outsider(&self, list: &str, suffix: &str) -> String {
        let name = format!("{}-{suffix}", self.name);
        let body = json!({"Name": name, "Labels": {(LABEL): self.name}});
        self.engine.post(&format!("/{list}/create"), &body);
        name
    }

    /// Makes a container that is not the project's, but goes with it at the end.
    pub(crate) fn outside_container(&self, suffix: &str) {
        let path = format!("/containers/create?name={}-{suffix}", self.name);
        self.engine.post(&path, &json!({"Image": "busybox", "Labels": {(LABEL): self.name}}));
    }

    /// Text without what differs from run to run.
    pub(crate) fn masked(&self, text: &str) -> String {
        text.replace(&*self.folder.to_string_lossy(), "[DIR]").replace(&self.name, "[PROJECT]")
    }
}

/// Marks what scenarios make beside their projects.
const LABEL: &str = "rcompose.scenario";

impl Drop for Project {
    fn drop(&mut self) {
        // A scenario that has failed must not end all others as well.
        let removal = catch_unwind(AssertUnwindSafe(|| self.remove()));
        if removal.is_err() {
            say(&format!("{} could not be removed", self.name));
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Project {
    /// Removes all that is the project's or goes with it.
    fn remove(&self) {
        let mark = format!("{LABEL}={}", self.name);
        let labels = [format!("com.docker.compose.project={}", self.name), mark];
        // What a replaced container has passed on is anonymous, but does not go with the last one.
        let anonymous = self.anonymous_volumes();
        for (list, path, options) in [
            ("containers/json", "containers", "?force=1&v=1"),
            // Some engines keep what another container hangs on, whose turn comes later.
            ("containers/json", "containers", "?force=1&v=1"),
            ("networks", "networks", ""),
            ("volumes", "volumes", "?force=1"),
            ("images/json", "images", "?force=1"),
        ] {
            let removing = list == "images/json" && self.engine.podman;
            let _removing = removing.then(Removing::begin);
            for it in labels.iter().flat_map(|label| self.engine.labelled(list, label)) {
                let id = if list == "volumes" { &it["Name"] } else { &it["Id"] };
                let path = format!("/{path}/{}", id.as_str().unwrap());
                if list == "containers/json" && self.engine.podman {
                    // Its removal would first wait for as long as the container may take to stop.
                    self.engine.request("POST", &format!("{path}/kill"), "");
                }
                self.engine.request("DELETE", &format!("{path}{options}"), "");
            }
        }
        for name in anonymous {
            self.engine.request("DELETE", &format!("/volumes/{name}"), "");
        }
        for left in self.resources() {
            say(&format!("{} leaves {left}", self.name));
        }
    }
}

/// The right to run, as one of a few scenarios.
struct Turn;

static RUNNING: Mutex<u32> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

impl Turn {
    fn take() -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |running: &mut u32| *running >= AT_ONCE;
        let mut running = ENDED.wait_while(running, full).unwrap_or_else(PoisonError::into_inner);
        *running += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_one();
    }
}

/// A build that goes on. Podman's builds fail, and its lists of images as well, when an image that they look
/// at goes away: so none is removed meanwhile.
pub(crate) struct Building;

/// The removal of images.
struct Removing;

/// How many builds go on, and whether images are being removed.
static IMAGES: Mutex<(u32, bool)> = Mutex::new((0, false));
static IMAGES_CHANGED: Condvar = Condvar::new();

fn wait_for_images(is_taken: fn(&mut (u32, bool)) -> bool) -> MutexGuard<'static, (u32, bool)> {
    let images = IMAGES.lock().unwrap_or_else(PoisonError::into_inner);
    IMAGES_CHANGED.wait_while(images, is_taken).unwrap_or_else(PoisonError::into_inner)
}

impl Building {
    fn begin() -> Self {
        wait_for_images(|(_, removing)| *removing).0 += 1;
        Self
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        IMAGES.lock().unwrap_or_else(PoisonError::into_inner).0 -= 1;
        IMAGES_CHANGED.notify_all();
    }
}

impl Removing {
    fn begin() -> Self {
        wait_for_images(|(builds, removing)| *builds > 0 || *removing).1 = true;
        Self
    }
}

impl Drop for Removing {
    fn drop(&mut self) {
        IMAGES.lock().unwrap_or_else(PoisonError::into_inner).1 = false;
        IMAGES_CHANGED.notify_all();
    }
}

/// The engine's word for a state. Podman has one of its own for what has just ended.
fn status(word: &Value) -> &str {
    match word.as_str().unwrap() {
        "stopped" => "exited",
        "stopping" => "running",
        word => word,
    }
}

/// A port of the host that nobody uses, kept until it is dropped.
pub(crate) fn free_port() -> (TcpListener, u16) {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}
