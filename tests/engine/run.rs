//! Runs of programs: what they write as they write it, signals, and how they end.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::engine::{PATIENCE, eventually};
use crate::project::{Building, Project};

/// A run of a program that has not ended yet.
pub(crate) struct Running<'a> {
    project: &'a Project,
    what: String,
    child: Child,
    stdout: Stream,
    stderr: Stream,
    building: Option<Building>,
}

impl<'a> Running<'a> {
    pub(crate) fn start(project: &'a Project, command: Command) -> Self {
        Self::start_with(project, command, Stdio::null())
    }

    /// As [`Running::start`], with something to read.
    pub(crate) fn start_with(project: &'a Project, mut command: Command, stdin: Stdio) -> Self {
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = Stream::new(child.stdout.take().unwrap());
        let stderr = Stream::new(child.stderr.take().unwrap());
        let what = format!("{command:?}");
        Self { project, what, child, stdout, stderr, building: None }
    }

    /// The same, for as long as which no image is removed.
    pub(crate) fn holding(mut self, building: Option<Building>) -> Self {
        self.building = building;
        self
    }

    /// What was written to standard output so far.
    pub(crate) fn stdout(&self) -> String {
        self.project.masked(&self.stdout.text())
    }

    pub(crate) fn stderr(&self) -> String {
        self.project.masked(&self.stderr.text())
    }

    /// Waits until standard output or error has `text`.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) {
        eventually(format!("`{text}` of {}", self.what), || {
            let all_is_read = self.has_ended();
            let found = self.stdout().contains(text) || self.stderr().contains(text);
            assert!(found || !all_is_read, "no `{text}` in\n{}\n{}", self.stdout(), self.stderr());
            found.then_some(())
        });
    }

    /// Whether the program has closed its output.
    pub(crate) fn has_ended(&self) -> bool {
        self.stdout.has_ended() && self.stderr.has_ended()
    }

    /// The most memory that it took so far, in kilobytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.told("status", "VmHWM:")
    }

    /// What it has read or written so far, as the system counts it.
    pub(crate) fn io(&self, what: &str) -> u64 {
        self.told("io", &format!("{what}:"))
    }

    /// A number that the system tells of the process; 0 if it has ended.
    fn told(&self, file: &str, field: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id()));
        let text = text.unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix(field));
        value.and_then(|it| it.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }

    /// Sends a signal such as `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        let sent = kill.args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "{} has ended", self.what);
    }

    /// As [`Running::signal`], to all of its group.
    pub(crate) fn signal_all(&self, name: &str) {
        let mut kill = Command::new("kill");
        let group = format!("-{}", self.child.id());
        let sent = kill.args(["-s", name, "--", &group]).status().unwrap();
        assert!(sent.success(), "{} has ended", self.what);
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Output {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "{} does not end:\n{}\n{}",
                self.what,
                self.stdout(),
                self.stderr()
            );
            std::thread::sleep(Duration::from_millis(5));
        };
        self.stdout.join();
        self.stderr.join();
        Output { code: status.code(), stdout: self.stdout(), stderr: self.stderr() }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program writes, read as it comes.
struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn new(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut piece) {
                shared.lock().unwrap().extend_from_slice(&piece[..length]);
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    fn has_ended(&self) -> bool {
        self.reader.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn join(&mut self) {
        self.reader.take().unwrap().join().unwrap();
    }
}

/// What a run left. `[PROJECT]` and `[DIR]` stand for the name and the folder of the project.
pub(crate) struct Output {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}
