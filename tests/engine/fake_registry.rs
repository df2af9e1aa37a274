//! A registry on this machine that answers as it is told to, and remembers what it was asked.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;
use sha2::{Digest as _, Sha256};

/// What is answered instead of what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A status with its words.
    Refuse(u16, &'static str),
    /// The same, and when to come again, in seconds.
    Later(u32),
    /// Half of it; then the connection is closed.
    Half,
}

#[derive(Default)]
struct State {
    /// What is answered to the next requests for manifests and for layers; the rest is served.
    manifests: VecDeque<Answer>,
    layers: VecDeque<Answer>,
    /// Requests, as `GET manifests/1`.
    asked: Vec<String>,
    /// The header that every request must have.
    login: Option<String>,
}

/// The files of an image.
struct Image {
    manifest: Vec<u8>,
    config: Vec<u8>,
    layer: Vec<u8>,
}

/// A registry that has one image, under any name and tag. It ends with the process.
pub(crate) struct Registry {
    /// As references have it: `127.0.0.1:PORT`.
    pub(crate) host: String,
    state: Arc<Mutex<State>>,
}

impl Registry {
    /// Serves an image that nobody else has.
    pub(crate) fn start(mark: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State::default()));
        let image = Arc::new(Image::new(mark));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (state, image) = (Arc::clone(&shared), Arc::clone(&image));
                // Whoever goes away early is no concern of the registry.
                thread::spawn(move || serve(&stream, &state, &image));
            }
        });
        Self { host, state }
    }

    /// Answers the next requests for manifests so.
    pub(crate) fn manifests(&self, answers: &[Answer]) {
        self.state.lock().unwrap().manifests.extend(answers);
    }

    /// Answers the next requests for layers so.
    pub(crate) fn layers(&self, answers: &[Answer]) {
        self.state.lock().unwrap().layers.extend(answers);
    }

    /// Wants a login of all who ask from now on.
    pub(crate) fn wants_login(&self, header: &str) {
        self.state.lock().unwrap().login = Some(header.to_owned());
    }

    /// The requests that begin so.
    pub(crate) fn asked(&self, start: &str) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|it| it.starts_with(start)).count()
    }
}

impl Image {
    fn new(mark: &str) -> Self {
        let mut builder = tar::Builder::new(Vec::new());
        // Too much for one piece, and nothing that can be packed.
        let mut noise = Sha256::digest(mark).to_vec();
        while noise.len() < 1 << 18 {
            let next = Sha256::digest(&noise[noise.len() - 32..]);
            noise.extend(next);
        }
        let mut header = tar::Header::new_ustar();
        header.set_size(noise.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, "noise", &*noise).unwrap();
        let layer = builder.into_inner().unwrap();
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let config = json!({
            "architecture": architecture, "os": "linux", "config": {"Cmd": ["/noise"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]}, "history": [{}],
        });
        let config = config.to_string().into_bytes();
        let part = |kind: &str, bytes: &[u8]| {
            json!({
                "mediaType": format!("application/vnd.docker.{kind}"),
                "size": bytes.len(), "digest": digest(bytes),
            })
        };
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": part("container.image.v1+json", &config),
            "layers": [part("image.rootfs.diff.tar", &layer)],
        });
        Self { manifest: manifest.to_string().into_bytes(), config, layer }
    }
}

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let digits: Vec<String> = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", digits.concat())
}

/// Answers the requests of one connection.
fn serve(stream: &TcpStream, state: &Mutex<State>, image: &Image) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            head.push(line.trim_end().to_owned());
        }
        let header = |name: &str| {
            head.iter().find_map(|line| {
                let (key, value) = line.split_once(": ")?;
                key.eq_ignore_ascii_case(name).then_some(value)
            })
        };
        let length = header("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let mut words = head[0].split(' ');
        let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let answer = answer(method, path, header("authorization"), state, image);
        let mut stream = stream;
        let sent = stream.write_all(&answer.bytes);
        if sent.is_err() || answer.last {
            return;
        }
    }
}

struct Sent {
    bytes: Vec<u8>,
    /// Whether nothing follows.
    last: bool,
}

fn answer(
    method: &str,
    path: &str,
    login: Option<&str>,
    state: &Mutex<State>,
    image: &Image,
) -> Sent {
    let mut state = state.lock().unwrap();
    let head_only = method == "HEAD";
    let sent = |status: &str, headers: &str, body: &[u8], part: usize| {
        let mut bytes = format!(
            "HTTP/1.1 {status}\r\nDocker-Distribution-Api-Version: registry/2.0\r\n\
             Content-Length: {}\r\n{headers}\r\n",
            body.len()
        )
        .into_bytes();
        if !head_only {
            bytes.extend(&body[..part]);
        }
        Sent { bytes, last: part < body.len() }
    };
    let whole = |status: &str, headers: &str, body: &[u8]| sent(status, headers, body, body.len());
    let refused = |code: &str| {
        let errors = json!({"errors": [{"code": code, "message": "as it was told"}]});
        errors.to_string().into_bytes()
    };
    if state.login.is_some() && state.login.as_deref() != login {
        state.asked.push(format!("{method} denied"));
        let kind = "Content-Type: application/json\r\n";
        let wants = format!("{kind}WWW-Authenticate: Basic realm=\"test\"\r\n");
        return whole("401 Unauthorized", &wants, &refused("UNAUTHORIZED"));
    }
    let Some((kind, name)) = ["manifests", "blobs"]
        .iter()
        .find_map(|kind| Some((*kind, path.split_once(&format!("/{kind}/"))?.1)))
    else {
        state.asked.push(format!("{method} {path}"));
        return whole("200 OK", "", b"{}");
    };
    let is_layer = name == digest(&image.layer);
    let what = if is_layer { "layers" } else { kind };
    state.asked.push(format!("{method} {what}"));
    let queue = if is_layer { &mut state.layers } else { &mut state.manifests };
    // Who asks whether it is there asks for it next, and is told the same.
    let told = match (kind, is_layer, head_only) {
        ("manifests", _, true) | (_, true, true) => queue.front().copied(),
        ("manifests", _, false) | (_, true, false) => queue.pop_front(),
        _ => None,
    };
    let (media, body) = match kind {
        "manifests" => (MANIFEST, &image.manifest),
        _ if is_layer => ("application/octet-stream", &image.layer),
        _ => ("application/octet-stream", &image.config),
    };
    let digest = digest(body);
    let headers = format!("Content-Type: {media}\r\nDocker-Content-Digest: {digest}\r\n");
    match told {
        None => whole("200 OK", &headers, body),
        Some(Answer::Half) => sent("200 OK", &headers, body, body.len() / 2),
        Some(Answer::Refuse(404, words)) => {
            let kind = "Content-Type: application/json\r\n";
            whole(&format!("404 {words}"), kind, &refused("MANIFEST_UNKNOWN"))
        }
        Some(Answer::Refuse(status, words)) => {
            whole(&format!("{status} {words}"), "Content-Type: text/plain\r\n", b"no\n")
        }
        Some(Answer::Later(seconds)) => {
            let headers = format!("Content-Type: application/json\r\nRetry-After: {seconds}\r\n");
            whole("429 Too Many Requests", &headers, &refused("TOOMANYREQUESTS"))
        }
    }
}
