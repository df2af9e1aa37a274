//! Engines that answer nonsense, slowly or not at all: an error that says so, and no hang or panic.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::ops::Deref;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::sandbox::Sandbox;

const COMPOSE: &str = "services: {a: {image: i}}";

/// A sandbox with an engine, whose socket goes with it.
struct Fake {
    sandbox: Sandbox,
    socket: PathBuf,
}

impl Deref for Fake {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.sandbox
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// A sandbox whose engine gives `answer` for each request but the first, and then closes the connection.
/// `None` leaves the question open.
fn sandbox(
    pause: Duration,
    answer: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> Fake {
    let sandbox = Sandbox::with(COMPOSE);
    // The path of a socket must be short.
    let name = format!("rcompose-{}-{:?}.sock", std::process::id(), std::thread::current().id());
    let path = std::env::temp_dir().join(name.replace(['(', ')'], ""));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    let answer = std::sync::Arc::new(answer);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let answer = std::sync::Arc::clone(&answer);
            std::thread::spawn(move || serve(client.unwrap(), pause, &*answer));
        }
    });
    let sandbox = sandbox.env("DOCKER_HOST", &format!("unix://{}", path.display()));
    Fake { sandbox, socket: path }
}

fn serve(client: UnixStream, pause: Duration, answer: &dyn Fn(&str) -> Option<Vec<u8>>) {
    let mut client = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if client.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let bytes = if head.contains(" /_ping ") {
        Some(b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nConnection: close\r\n\r\n".to_vec())
    } else {
        answer(&head)
    };
    match bytes {
        Some(bytes) => {
            for piece in bytes.chunks(bytes.len().div_ceil(4).max(1)) {
                std::thread::sleep(pause);
                let _ = client.get_mut().write_all(piece);
            }
        }
        // Until the other side goes.
        None => drop(client.read_to_end(&mut Vec::new())),
    }
}

fn json(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into()
}

/// The lists of an engine that has the image `i` and nothing else.
fn nothing(head: &str) -> Vec<u8> {
    let path = head.split(' ').nth(1).unwrap();
    if path.contains("/images/") {
        return json("200 OK", r#"{"Id":"sha256:1","Config":{}}"#);
    }
    json("200 OK", if path.contains("/volumes") { r#"{"Volumes":null}"# } else { "[]" })
}

#[test]
fn nonsense_is_an_error() {
    let cases: [(&str, &[u8], &str); 7] = [
        ("no HTTP", b"\x00\x01 what?\r\n\r\n", "the engine's answer cannot be read"),
        ("nothing", b"", "the engine's answer cannot be read"),
        ("half a head", b"HTTP/1.1 200 OK\r\nContent-Le", "the engine's answer cannot be read"),
        ("no JSON", &json("200 OK", "<html>"), "the engine's answer cannot be read"),
        ("other JSON", &json("200 OK", "{\"a\":[1,2]}"), "the engine's answer cannot be read"),
        ("half of JSON", &json("200 OK", "[{\"Id\":"), "the engine's answer cannot be read"),
        ("a proxy", &json("502 Bad Gateway", "<html>go away</html>"), "<html>go away</html>"),
    ];
    for (what, answer, message) in cases {
        let answer = answer.to_vec();
        let sandbox = sandbox(Duration::ZERO, move |_| Some(answer.clone()));
        for args in [&["ps"][..], &["up", "-d"], &["down"], &["logs"], &["ls"]] {
            let error = sandbox.run(args).failed();
            assert!(error.starts_with("error: ") && error.contains(message), "{what}: {error}");
            assert!(!error.contains("panicked"), "{what}: {error}");
        }
    }
}

#[test]
fn an_answer_that_breaks_off_is_an_error() {
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[{\"Id\":\"a\"";
    let sandbox = sandbox(Duration::ZERO, |_| Some(cut.to_vec()));
    for args in [&["ps"][..], &["up", "-d"], &["down"], &["logs"]] {
        let error = sandbox.run(args).failed();
        assert!(error.contains("the engine's answer cannot be read"), "{args:?}: {error}");
    }
}

#[test]
fn an_engine_that_fails_is_quoted_with_what_was_asked() {
    let sandbox = sandbox(Duration::ZERO, |head| {
        let fails = !head.starts_with("GET ");
        let refusal = r#"{"message":"out of luck"}"#;
        Some(if fails { json("500 Internal Server Error", refusal) } else { nothing(head) })
    });
    let error = sandbox.run(&["up", "-d"]).failed();
    assert!(error.contains("cannot create network `project_default`: out of luck"), "{error}");
}

#[test]
fn an_engine_that_is_slow_is_waited_for() {
    let sandbox = sandbox(Duration::from_millis(150), |head| Some(nothing(head)));
    let output = sandbox.run(&["ps", "-q"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert_eq!(sandbox.run(&["down"]).code, Some(0));
}

#[test]
fn who_waits_for_an_engine_may_leave() {
    for (silent, args) in [
        ("/containers/json", &["ps"][..]),
        ("/containers/json", &["logs", "-f"]),
        ("/networks", &["up", "-d"]),
        ("/networks/create", &["up", "-d"]),
        ("/networks/create", &["up"]),
    ] {
        let sandbox = sandbox(Duration::ZERO, move |head| {
            if head.contains("/events") {
                return Some(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n".to_vec());
            }
            let path = head.split([' ', '?']).nth(1).unwrap();
            (!path.ends_with(silent)).then(|| nothing(head))
        });
        let mut command = sandbox.command(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It has asked when it sleeps.
        std::thread::sleep(Duration::from_millis(300));
        let since = Instant::now();
        while child.try_wait().unwrap().is_none() {
            assert!(since.elapsed() < Duration::from_secs(10), "{args:?} stays at {silent}");
            terminate(&child);
            std::thread::sleep(Duration::from_millis(100));
        }
        let mut error = String::new();
        child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        assert!(!error.contains("panicked"), "{args:?}: {error}");
    }
}

/// An interrupt would not reach who was started in the background: shells have those ignore it.
fn terminate(child: &Child) {
    let mut kill = std::process::Command::new("kill");
    let _ = kill.args(["-s", "TERM", &child.id().to_string()]).stderr(Stdio::null()).status();
}
