//! What answers like an engine that has nothing.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Statuses and bodies, by the end of the path.
type Answers = BTreeMap<&'static str, VecDeque<(&'static str, &'static str)>>;

/// An engine without containers behind a socket.
pub(crate) struct FakeEngine {
    pub(crate) socket: PathBuf,
    requests: Arc<Mutex<Vec<String>>>,
}

impl FakeEngine {
    /// `headers` is what a ping is answered with, such as `Api-Version: 1.45`.
    pub(crate) fn start(socket: &Path, headers: &[&str]) -> Self {
        Self::answering(socket, headers, &[])
    }

    /// Answers other requests as `answers` has it: the end of their path, the status and a body. Those for
    /// the same path are given one after the other, and the last of them from then on.
    pub(crate) fn answering(
        socket: &Path,
        headers: &[&str],
        answers: &[(&'static str, &'static str, &'static str)],
    ) -> Self {
        fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(socket).unwrap();
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let mut by_path: Answers = BTreeMap::new();
        for (path, status, body) in answers {
            by_path.entry(path).or_default().push_back((status, body));
        }
        let answers = Arc::new(Mutex::new(by_path));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (headers, answers, log) =
                    (headers.clone(), Arc::clone(&answers), Arc::clone(&log));
                std::thread::spawn(move || serve(stream.unwrap(), &headers, &answers, &log));
            }
        });
        Self { socket: socket.to_owned(), requests }
    }

    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// The requests so far, without their filters.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(stream: UnixStream, headers: &str, answers: &Mutex<Answers>, log: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    loop {
        let mut request = String::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(size) = line.to_lowercase().strip_prefix("content-length:") {
                length = size.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
            if request.is_empty() {
                line.split(['?', '\r']).next().unwrap().clone_into(&mut request);
            }
        }
        let mut body = vec![0; length];
        std::io::Read::read_exact(&mut reader, &mut body).unwrap();
        let request = request.trim_end_matches(" HTTP/1.1").to_owned();
        log.lock().unwrap().push(request.clone());
        let mut answers = answers.lock().unwrap();
        let known = answers.iter_mut().find(|(path, _)| request.ends_with(**path));
        let (status, body) = match known {
            Some((_, left)) if left.len() > 1 => left.pop_front().unwrap(),
            Some((_, left)) => left[0],
            None if request.contains("/_ping") => ("200 OK", ""),
            None => ("200 OK", "[]"),
        };
        drop(answers);
        let answer =
            format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
