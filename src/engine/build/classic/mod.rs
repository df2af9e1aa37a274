//! Images made by the builder behind `POST /build`: Docker's classic one, and that of engines which have
//! no `BuildKit`.
//!
//! It is sent the whole context with each build, as it has nothing to compare it with. What it cannot do
//! is refused before anything is sent.

mod place;
mod steps;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc as blocking;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, Either, StreamBody};
use hyper::Response;
use hyper::body::{Frame, Incoming};
use tokio::sync::mpsc::{self, Sender};

use crate::context::{self, Pack};
use crate::engine::Engine;
use crate::engine::build::classic::steps::Steps;
use crate::engine::build::{Refusal, missing, random_id};
use crate::engine::connect::{Body, encode};
use crate::engine::error::Error;
use crate::engine::quirks::builds::{self, BuildRequest, OtherContext};
use crate::event::BuildEvent;
use crate::labels;
use crate::spec::{BuildContext, BuildSecret, BuildSpec, Dockerfile, NamedContext, SecretSource};

/// Bytes of an archive that are sent at once, and how many such pieces wait.
const PIECE: usize = 128 << 10;
const PIECES: usize = 8;

const TRANSFER: &str = "[internal] load build context";

/// Builds an image; gives its ID. `logins` is what the engine may show to registries, as the header
/// `X-Registry-Config` has it.
///
/// Dropped, it leaves the engine to stop the build.
///
/// # Errors
/// What the builder cannot do, what is missing here, and what goes wrong with a step, with its place in
/// the Dockerfile if that can be told.
pub(super) async fn build(
    engine: &Engine,
    spec: &BuildSpec,
    logins: &str,
    tell: &dyn Fn(BuildEvent),
) -> Result<Option<String>, Error> {
    if let Some(gate) = builds::refused(spec, engine.facts()) {
        let help = builds::help(engine.facts());
        return Err(Refusal { key: gate.key, message: gate.says.to_owned(), help }.into());
    }
    let rules = builds::own_rules(engine.facts());
    let (archives, mut request) = archives(spec, rules)?;
    request.query.extend(query(spec));
    builds::adapt(&mut request, engine.facts());
    let text = archives.first().map_or_else(String::new, |it| it.pack.dockerfile_text().to_owned());
    let name = match &spec.dockerfile {
        Dockerfile::Path(path) => path.as_str(),
        Dockerfile::Inline(_) => "Dockerfile",
    };
    let mut steps = Steps::new(&spec.service, (&text, name), tell);
    steps.begin(TRANSFER);
    let answer = match send(engine, &request, archives, logins).await {
        Ok((answer, bytes)) => {
            steps.sent("transferring context", bytes);
            answer
        }
        Err(
            Error::Refused { message, .. } | Error::NotFound(message) | Error::Conflict(message),
        ) => {
            return Err(steps.failed(message.trim()));
        }
        Err(error) => return Err(error),
    };
    steps.end();
    listen(answer, &mut steps).await?;
    match steps.finish() {
        Some(image) => Ok(Some(image)),
        None => Err(Error::Answer("the build ended without an image".to_owned())),
    }
}

async fn listen(answer: Response<Incoming>, steps: &mut Steps<'_>) -> Result<(), Error> {
    let mut body = answer.into_body();
    let mut waiting: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Error::Answer(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        waiting.extend_from_slice(&data);
        while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = waiting.drain(..=end).collect();
            hear(&line, steps)?;
        }
    }
    hear(&waiting, steps)
}

fn hear(line: &[u8], steps: &mut Steps<'_>) -> Result<(), Error> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(());
    }
    let message = serde_json::from_slice(line).map_err(|error| Error::Answer(error.to_string()))?;
    steps.hear(message)
}

/// A context as it is sent.
struct Archive {
    /// The name of a context that is not the main one.
    name: Option<String>,
    pack: Pack,
}

/// The files that the builder is sent, and what it is to be told of them. `rules` is the file in which it
/// looks for what is not copied, if that is not Docker's.
fn archives(
    spec: &BuildSpec,
    rules: Option<&'static str>,
) -> Result<(Vec<Archive>, BuildRequest), Error> {
    let mut request = BuildRequest::default();
    let mut archives = Vec::new();
    match &spec.context {
        BuildContext::Folder(folder) => {
            let mut pack = Pack::new(Path::new(folder), &spec.dockerfile)
                .map_err(|error| unpackable(&error))?;
            if let Some(text) = &spec.pinned {
                pack.read_instead(text);
            }
            for secret in &spec.secrets {
                let name = pack.hide(".secret", read_secret(secret)?);
                request.secrets.push((secret.id.clone(), name));
            }
            request.query.push(("dockerfile", pack.dockerfile().to_owned()));
            archives.push(Archive { name: None, pack: pack.with_rules_in(rules) });
        }
        BuildContext::Remote(address) => {
            request.query.push(("remote", address.clone()));
            if let Dockerfile::Path(path) = &spec.dockerfile {
                request.query.push(("dockerfile", path.clone()));
            }
        }
    }
    for (name, context) in &spec.contexts {
        let other = match context {
            NamedContext::Folder(folder) => {
                let pack =
                    Pack::of_folder(Path::new(folder)).map_err(|error| unpackable(&error))?;
                archives.push(Archive { name: Some(name.clone()), pack });
                OtherContext::Folder
            }
            NamedContext::Service { image, .. } => OtherContext::Image(image.clone()),
            NamedContext::Remote(address) => match address.strip_prefix("docker-image://") {
                Some(image) => OtherContext::Image(image.to_owned()),
                None => OtherContext::Address(address.clone()),
            },
        };
        request.contexts.push((name.clone(), other));
    }
    Ok((archives, request))
}

#[expect(clippy::disallowed_methods, reason = "secrets are read when they are sent, not before")]
fn read_secret(secret: &BuildSecret) -> Result<Vec<u8>, Error> {
    let id = &secret.id;
    match &secret.source {
        SecretSource::Variable { value: Some(value), .. } => Ok(value.clone().into_bytes()),
        SecretSource::Variable { name, value: None } => {
            Err(missing(format!("the variable `{name}` of the secret `{id}` is not set")))
        }
        SecretSource::File(path) => std::fs::read(path).map_err(|error| {
            missing(format!("cannot read the secret `{id}` in `{path}`: {error}"))
        }),
        SecretSource::Elsewhere => Err(missing(format!("the secret `{id}` has no content here"))),
    }
}

fn unpackable(error: &context::Error) -> Error {
    missing(error.to_string())
}

/// What the builder is asked for, in Docker's words.
fn query(spec: &BuildSpec) -> Vec<(&'static str, String)> {
    let json = |value: serde_json::Value| value.to_string();
    let mut labels = spec.labels.clone();
    labels.insert(labels::IMAGE_BUILDER.to_owned(), "classic".to_owned());
    let mut query = vec![
        // What is left of a build that fails is of no use to anybody.
        ("rm", "true".to_owned()),
        ("forcerm", "true".to_owned()),
        ("labels", json(serde_json::json!(labels))),
    ];
    query.extend(spec.tags.iter().map(|tag| ("t", tag.clone())));
    let mut add = |name: &'static str, value: Option<String>| {
        query.extend(value.map(|value| (name, value)));
    };
    let flag = |is_set: bool| is_set.then(|| "true".to_owned());
    let filled = |is_empty: bool, value: serde_json::Value| (!is_empty).then(|| json(value));
    add("buildargs", filled(spec.args.is_empty(), serde_json::json!(spec.args)));
    add("target", spec.target.clone());
    let caches: Vec<&str> = spec.cache_from.iter().filter_map(|it| cached_image(it)).collect();
    add("cachefrom", filled(caches.is_empty(), serde_json::json!(caches)));
    add("nocache", flag(spec.no_cache));
    add("pull", flag(spec.pull));
    add("networkmode", spec.network.clone());
    for (name, address) in &spec.extra_hosts {
        add("extrahosts", Some(format!("{name}:{address}")));
    }
    add("shmsize", spec.shm_size.map(|size| size.to_string()));
    let limits = spec
        .ulimits
        .iter()
        .map(|(name, soft, hard)| serde_json::json!({"Name": name, "Soft": soft, "Hard": hard}));
    let limits: Vec<serde_json::Value> = limits.collect();
    add("ulimits", filled(limits.is_empty(), serde_json::json!(limits)));
    add("memory", spec.memory.map(|bytes| bytes.to_string()));
    add("isolation", spec.isolation.clone());
    add("platform", spec.platforms.first().cloned());
    query
}

/// The image whose layers may be used again. Other caches are nothing to this builder, and a build goes
/// without them as it would if they were empty.
fn cached_image(cache: &str) -> Option<&str> {
    if !cache.contains('=') {
        return Some(cache);
    }
    let mut fields = cache.split(',');
    let is_registry = fields.clone().any(|field| field == "type=registry");
    fields.find_map(|field| field.strip_prefix("ref=")).filter(|_| is_registry)
}

/// Sends all of it; gives the answer and how many bytes have travelled.
async fn send(
    engine: &Engine,
    request: &BuildRequest,
    archives: Vec<Archive>,
    logins: &str,
) -> Result<(Response<Incoming>, u64), Error> {
    let query: Vec<String> =
        request.query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    let path = format!("/build?{}", query.join("&"));
    let is_single = archives.iter().all(|archive| archive.name.is_none());
    let boundary = if is_single { String::new() } else { random_id()? };
    let kind = if is_single {
        "application/x-tar".to_owned()
    } else {
        format!("multipart/form-data; boundary={boundary}")
    };
    let (sender, pieces) = mpsc::channel(PIECES);
    let (tell_why, why) = blocking::channel();
    let bytes = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&bytes);
    tokio::task::spawn_blocking(move || {
        let mut out = Pieces { sender, counted, buffer: Vec::with_capacity(PIECE) };
        let written = if is_single {
            archives.into_iter().try_for_each(|archive| archive.pack.write(&mut out))
        } else {
            write_parts(archives, &boundary, &mut out)
        };
        if let Err(error) = written {
            let _ = tell_why.send(error);
            // The request must not end as if that were all.
            let _ = out.sender.blocking_send(Err(io::Error::from(io::ErrorKind::InvalidData)));
        }
    });
    let pieces = futures_util::stream::unfold(pieces, async |mut pieces| {
        pieces.recv().await.map(|piece: io::Result<Bytes>| (piece, pieces))
    });
    let frames = pieces.map(|piece| piece.map(Frame::data));
    let body: Body = Either::Right(StreamBody::new(Box::pin(frames) as _));
    match engine.transport.post_archive(&path, &kind, logins, body).await {
        Ok(answer) => Ok((answer, bytes.load(Ordering::Relaxed))),
        // An engine that says no may stop taking what is sent; then its word counts.
        Err(error @ (Error::Unreachable { .. } | Error::Answer(_))) => {
            Err(why.try_recv().map_or(error, |why| unpackable(&why)))
        }
        Err(error) => Err(error),
    }
}

/// Writes several archives, each with its name.
fn write_parts(
    archives: Vec<Archive>,
    boundary: &str,
    mut out: &mut Pieces,
) -> Result<(), context::Error> {
    let failed = |cause| context::Error::Unreadable { path: "the request".into(), cause };
    for Archive { name, pack } in archives {
        let name = match name {
            Some(name) => format!("build-context-{name}"),
            None => "MainContext".to_owned(),
        };
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}.tar\"\
             \r\nContent-Type: application/x-tar\r\n\r\n"
        );
        out.write_all(head.as_bytes()).map_err(failed)?;
        pack.write(&mut out)?;
        out.write_all(b"\r\n").map_err(failed)?;
    }
    out.write_all(format!("--{boundary}--\r\n").as_bytes()).map_err(failed)?;
    out.flush().map_err(failed)
}

/// What is written, as pieces of a request.
struct Pieces {
    sender: Sender<io::Result<Bytes>>,
    counted: Arc<AtomicU64>,
    buffer: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE)));
        self.counted.fetch_add(piece.len() as u64, Ordering::Relaxed);
        // Nobody waits for it any more: the build is over or was given up.
        let sent = self.sender.blocking_send(Ok(piece));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(spec: &BuildSpec) -> Vec<String> {
        query(spec).into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn only_what_is_asked_for_is_said() {
        let spec = BuildSpec { tags: vec!["a:1".to_owned()], ..BuildSpec::default() };
        let labels = r#"labels={"com.docker.compose.image.builder":"classic"}"#;
        assert_eq!(asked(&spec), ["rm=true", "forcerm=true", labels, "t=a:1"]);
    }

    #[test]
    fn all_that_can_be_asked_for() {
        let spec = BuildSpec {
            tags: vec!["a:1".to_owned(), "b".to_owned()],
            args: [("V".to_owned(), "1 2".to_owned())].into(),
            target: Some("t".to_owned()),
            cache_from: ["c:1", "type=registry,ref=d", "type=gha"].map(str::to_owned).to_vec(),
            no_cache: true,
            pull: true,
            network: Some("host".to_owned()),
            extra_hosts: vec![("h".to_owned(), "::1".to_owned()), ("g".to_owned(), "1".to_owned())],
            shm_size: Some(7),
            ulimits: vec![("nofile".to_owned(), 1, 2)],
            memory: Some(9),
            isolation: Some("default".to_owned()),
            platforms: vec!["linux/arm64".to_owned()],
            ..BuildSpec::default()
        };
        assert_eq!(
            asked(&spec)[3..],
            [
                "t=a:1",
                "t=b",
                r#"buildargs={"V":"1 2"}"#,
                "target=t",
                r#"cachefrom=["c:1","d"]"#,
                "nocache=true",
                "pull=true",
                "networkmode=host",
                "extrahosts=h:::1",
                "extrahosts=g:1",
                "shmsize=7",
                r#"ulimits=[{"Hard":2,"Name":"nofile","Soft":1}]"#,
                "memory=9",
                "isolation=default",
                "platform=linux/arm64",
            ]
        );
    }
}
