//! Stands between the program and the engine: counts requests, stops time at one of them, and breaks
//! connections off.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::engine::{Engine, PATIENCE, eventually};

/// An engine's address of its own, until it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: String,
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    engine: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Method and path of each request, without version and IDs.
    requests: Vec<String>,
    changes: u32,
    /// The change at which time stops, counted from one.
    stop_at: Option<u32>,
    stopped: bool,
    /// Nothing is passed on any more.
    refuses: bool,
    /// What is not passed on: requests whose text contains the first get the second for an error.
    fails: Option<(String, String)>,
    connections: Vec<UnixStream>,
}

impl Proxy {
    pub(crate) fn new(engine: &Engine) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // The path of a socket must be short.
        let name = format!("rcompose-{}-{number}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let shared = Arc::new(Shared {
            engine: PathBuf::from(engine.address.strip_prefix("unix://").unwrap()),
            path: path.clone(),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let proxy = Self { address: format!("unix://{}", path.display()), shared };
        proxy.listen();
        proxy
    }

    fn listen(&self) {
        let _ = std::fs::remove_file(&self.shared.path);
        let listener = UnixListener::bind(&self.shared.path).unwrap();
        let shared = Arc::clone(&self.shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if shared.lock().refuses {
                    return;
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || drop(shared.serve(client.unwrap())));
            }
        });
    }

    /// Stops time when the change with this number, counted from one, is asked for.
    pub(crate) fn stop_at(&self, change: u32) {
        let mut state = self.shared.lock();
        (state.changes, state.stop_at, state.stopped) = (0, Some(change), false);
    }

    /// Waits until time stands still; false if `is_over` comes true before.
    pub(crate) fn stands_still(&self, is_over: impl Fn() -> bool) -> bool {
        eventually("a request or the end of the run", || {
            // In this order, as the last request comes before the end.
            let over = is_over();
            let stopped = self.shared.lock().stopped;
            (stopped || over).then_some(stopped)
        })
    }

    /// Lets time go on.
    pub(crate) fn go_on(&self) {
        let mut state = self.shared.lock();
        (state.stop_at, state.stopped) = (None, false);
        self.shared.changed.notify_all();
    }

    /// Breaks all connections off, and takes no others.
    pub(crate) fn cut(&self) {
        let mut state = self.shared.lock();
        state.refuses = true;
        for connection in state.connections.drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
        self.shared.changed.notify_all();
        drop(state);
        // Wakes the listener.
        let _ = UnixStream::connect(&self.shared.path);
        let _ = std::fs::remove_file(&self.shared.path);
    }

    /// Takes connections again.
    pub(crate) fn comes_back(&self) {
        let mut state = self.shared.lock();
        (state.refuses, state.stop_at, state.stopped) = (false, None, false);
        drop(state);
        self.listen();
    }

    /// Answers requests that contain `text` with an error.
    pub(crate) fn fails(&self, text: &str) {
        self.fails_with(text, &format!("{text} does not work"));
    }

    /// As [`Proxy::fails`], in the words of an engine.
    pub(crate) fn fails_with(&self, text: &str, message: &str) {
        self.shared.lock().fails = Some((text.to_owned(), message.to_owned()));
    }

    /// All requests so far, which are forgotten.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().requests)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes requests on as they come, and what the engine answers as it comes.
    fn serve(&self, client: UnixStream) -> io::Result<()> {
        let engine = UnixStream::connect(&self.engine)?;
        self.lock().connections.extend([client.try_clone()?, engine.try_clone()?]);
        let (mut from, mut to) = (engine.try_clone()?, client.try_clone()?);
        std::thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        let (mut client, mut engine) = (BufReader::new(client), engine);
        while let Some(head) = head(&mut client)? {
            if let Some(message) = self.asks(&head) {
                let answer = format!("{{\"message\":\"{message}\"}}");
                let length = answer.len();
                let mut body = Vec::new();
                pass_body(&head, &mut client, &mut body)?;
                write!(
                    client.get_mut(),
                    "HTTP/1.1 500 No\r\nContent-Length: {length}\r\n\r\n{answer}"
                )?;
                continue;
            }
            engine.write_all(head.as_bytes())?;
            pass_body(&head, &mut client, &mut engine)?;
            if head.to_ascii_lowercase().contains("\r\nupgrade:") {
                io::copy(&mut client, &mut engine)?;
                break;
            }
        }
        engine.shutdown(Shutdown::Write)
    }

    /// Takes note of a request, and keeps it while time stands still; tells what must fail.
    fn asks(&self, head: &str) -> Option<String> {
        let mut state = self.lock();
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let path = path.split('?').next().unwrap().trim_start_matches("/v1");
        let path = path.trim_start_matches(|it: char| it == '.' || it.is_ascii_digit());
        let parts = path.split('/').map(|part| if part.len() == 64 { "ID" } else { part });
        let request = format!("{method} {}", parts.collect::<Vec<_>>().join("/"));
        if !matches!(method, "GET" | "HEAD") {
            state.changes += 1;
            if state.stop_at == Some(state.changes) {
                state.stopped = true;
            }
        }
        let failing = state.fails.clone().filter(|(text, _)| request.contains(text));
        let failing = failing.map(|(_, message)| message);
        state.requests.push(request);
        let waits = |state: &mut State| state.stopped && !state.refuses;
        let wait = self.changed.wait_timeout_while(state, PATIENCE, waits);
        drop(wait.unwrap_or_else(PoisonError::into_inner));
        failing
    }
}

/// The first lines of a request; `None` at the end.
fn head(client: &mut BufReader<UnixStream>) -> io::Result<Option<String>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if client.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(head))
}

fn pass_body(
    head: &str,
    client: &mut BufReader<UnixStream>,
    engine: &mut impl io::Write,
) -> io::Result<()> {
    let head = head.to_ascii_lowercase();
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    if let Some(length) = field("content-length: ") {
        io::copy(&mut client.take(length.parse().unwrap()), engine)?;
    } else if field("transfer-encoding: ").is_some() {
        loop {
            let mut size = String::new();
            client.read_line(&mut size)?;
            engine.write_all(size.as_bytes())?;
            let size = u64::from_str_radix(size.trim(), 16).unwrap();
            io::copy(&mut client.take(size + 2), engine)?;
            if size == 0 {
                break;
            }
        }
    }
    Ok(())
}

/// Waits a moment, for what an engine does behind a connection that is gone.
pub(crate) fn a_moment() {
    std::thread::sleep(Duration::from_millis(50));
}
