//! The engine under test, asked over its socket without the help of the program under test.

use std::env;
use std::fmt::Display;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longer than anything here takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A container engine.
pub(crate) struct Engine {
    /// As `DOCKER_HOST` has it.
    pub(crate) address: String,
    pub(crate) socket: PathBuf,
    pub(crate) podman: bool,
}

impl Engine {
    /// The engine that the scenarios are to use; `None` if there is none, which one line says.
    pub(crate) fn get() -> Option<&'static Self> {
        static ENGINE: OnceLock<Option<Engine>> = OnceLock::new();
        ENGINE
            .get_or_init(|| {
                let Ok(address) = env::var("RCOMPOSE_TEST_ENGINE") else {
                    say("engine scenarios need RCOMPOSE_TEST_ENGINE; run `make test`");
                    return None;
                };
                let path = address.strip_prefix("unix://").unwrap_or_else(|| {
                    panic!("RCOMPOSE_TEST_ENGINE must be unix:///PATH, and is `{address}`")
                });
                let socket = PathBuf::from(path);
                let mut engine = Self { address, socket, podman: false };
                let version = engine.json("/version");
                engine.podman = version["Components"]
                    .as_array()
                    .is_some_and(|parts| parts.iter().any(|it| it["Name"] == "Podman Engine"));
                Some(engine)
            })
            .as_ref()
    }

    /// Whether a scenario asks for what Podman cannot do; a line says so.
    pub(crate) fn cannot(&self, scenario: &str, reason: &str) -> bool {
        if self.podman {
            say(&format!("{scenario} is left out: {reason}"));
        }
        self.podman
    }

    /// Whether a scenario asks for what Podman 4 cannot do; a line says so.
    pub(crate) fn is_too_old(&self, scenario: &str, reason: &str) -> bool {
        let version = self.json("/version")["Version"].as_str().unwrap_or_default().to_owned();
        self.podman && version.starts_with("4.") && self.cannot(scenario, reason)
    }

    /// Whether a scenario asks for what builders of Docker before 23 cannot do; a line says so.
    pub(crate) fn builds_the_old_way(&self, scenario: &str, reason: &str) -> bool {
        let version = self.json("/version")["Version"].as_str().unwrap_or_default().to_owned();
        let major: u32 = version.split('.').next().unwrap().parse().unwrap_or_default();
        let is_old = !self.podman && major < 23;
        if is_old {
            say(&format!("{scenario} is left out: {reason}"));
        }
        is_old
    }

    /// Whether a scenario asks for what an engine without root cannot do where there are only control
    /// groups of the first version: it can pause nothing, not even for a commit, and limits nothing. A line
    /// says so.
    pub(crate) fn lacks_control_groups(&self, scenario: &str) -> bool {
        let info = self.json("/info");
        let options = info["SecurityOptions"].as_array().into_iter().flatten();
        let mut options = options.filter_map(Value::as_str);
        let lacks = info["CgroupVersion"] == "1" && options.any(|it| it.contains("rootless"));
        if lacks {
            say(&format!(
                "{scenario} is left out: it needs control groups, which root alone has here"
            ));
        }
        lacks
    }

    /// The status and the body of an answer.
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let answer = self.exchange(method, path, body).unwrap_or_else(|error| {
            panic!("the engine at {} does not answer {method} {path}: {error}", self.address)
        });
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    /// As the older protocol version the engine does not cut its answer into chunks.
    fn exchange(&self, method: &str, path: &str, body: &str) -> io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Type: application/json\r\n\
             X-Registry-Auth: e30=\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    /// What the engine says of something that must be there.
    #[track_caller]
    pub(crate) fn json(&self, path: &str) -> Value {
        let (status, body) = self.request("GET", path, "");
        assert_eq!(status, 200, "GET {path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Asks for a change that must succeed.
    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = self.request("POST", path, &body);
        assert!((200..300).contains(&status), "POST {path}: {status} {answer}");
        serde_json::from_str(&answer).unwrap_or_default()
    }

    /// What has the label, as the lists of containers, networks and volumes tell it.
    pub(crate) fn labelled(&self, list: &str, label: &str) -> Vec<Value> {
        let filters = encode(&json!({"label": [label]}).to_string());
        let all = if list == "containers/json" { "all=1&" } else { "" };
        let mut answer = self.json(&format!("/{list}?{all}filters={filters}"));
        if list == "volumes" {
            answer = answer["Volumes"].take();
        }
        match answer {
            Value::Array(items) => items,
            _ => Vec::new(),
        }
    }

    /// Runs a command in a container; gives its exit code and what it wrote.
    #[track_caller]
    pub(crate) fn exec(&self, container: &str, command: &[&str]) -> (i64, String) {
        let wanted =
            json!({"AttachStdout": true, "AttachStderr": true, "Tty": true, "Cmd": command});
        let made = self.post(&format!("/containers/{container}/exec"), &wanted);
        let id = made["Id"].as_str().unwrap();
        let start = json!({"Detach": false, "Tty": true}).to_string();
        let (status, output) = self.request("POST", &format!("/exec/{id}/start"), &start);
        assert_eq!(status, 200, "{output}");
        let code = eventually(format!("the end of {command:?}"), || {
            let state = self.json(&format!("/exec/{id}/json"));
            (state["Running"] == false).then(|| state["ExitCode"].as_i64().unwrap())
        });
        (code, output.replace("\r\n", "\n"))
    }
}

/// Writes a line past the capture of the test harness.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Waits until `probe` has something to give.
#[track_caller]
pub(crate) fn eventually<T>(what: impl Display, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// A time of the engine in a form that sorts: engines leave out zeros at the end.
pub(crate) fn moment(time: &Value) -> String {
    let time = time.as_str().unwrap();
    let (seconds, rest) = time.split_at("2000-01-01T00:00:00".len());
    let digits = rest.strip_prefix('.').unwrap_or("");
    let digits = digits.split(|char: char| !char.is_ascii_digit()).next().unwrap_or("");
    format!("{seconds}.{digits:0<9}")
}

/// Text as a part of an address.
fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
