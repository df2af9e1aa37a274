//! Where the engine is, and the pooled connection to it.
#![expect(clippy::disallowed_methods, reason = "contexts are files of the Docker configuration")]

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use tokio::net::{TcpStream, UnixStream};

use crate::engine::error::{Error, chain};
use crate::engine::facts::Api;
use crate::env::Env;

/// An address of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    Unix(PathBuf),
    /// Host and port, without encryption.
    Tcp(String),
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(out, "unix://{}", path.display()),
            Self::Tcp(address) => write!(out, "tcp://{address}"),
        }
    }
}

impl Endpoint {
    /// The engine's address: the flag, `DOCKER_HOST`, the context, then the sockets that engines
    /// use.
    ///
    /// # Errors
    /// A context that does not exist, or an address that cannot be used.
    pub fn find(env: &Env, host: Option<&str>, context: Option<&str>) -> Result<Self, Error> {
        let host =
            host.or_else(|| context.is_none().then(|| env.non_empty("DOCKER_HOST")).flatten());
        if let Some(host) = host {
            return Self::parse(host);
        }
        let config = env
            .non_empty("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| env.home().map(|home| home.join(".docker")));
        let named = context
            .map(str::to_owned)
            .or_else(|| env.non_empty("DOCKER_CONTEXT").map(str::to_owned))
            .or_else(|| config.as_deref().and_then(current_context));
        match named.as_deref() {
            Some("default") if env.non_empty("DOCKER_HOST").is_some() => {
                Self::parse(env.non_empty("DOCKER_HOST").unwrap_or_default())
            }
            None | Some("" | "default") => Ok(Self::default_socket(env)),
            Some(name) => {
                let missing = || Error::Endpoint(format!("there is no context `{name}`"));
                let host = config.as_deref().and_then(|config| context_host(config, name));
                Self::parse(&host.ok_or_else(missing)?)
            }
        }
    }

    /// The first socket that is there; Docker's if none is, so that the error names it.
    fn default_socket(env: &Env) -> Self {
        let mut sockets = vec![PathBuf::from("/var/run/docker.sock")];
        let runtime = env.non_empty("XDG_RUNTIME_DIR").map(PathBuf::from);
        sockets.extend(runtime.iter().map(|folder| folder.join("docker.sock")));
        sockets.push(PathBuf::from("/run/podman/podman.sock"));
        sockets.extend(runtime.iter().map(|folder| folder.join("podman/podman.sock")));
        let found = sockets.iter().find(|socket| socket.exists()).unwrap_or(&sockets[0]);
        Self::Unix(found.clone())
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let invalid =
            |why: &str| Err(Error::Endpoint(format!("the engine address `{text}` {why}")));
        match text.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(PathBuf::from(path))),
            Some(("tcp" | "http", address)) if !address.is_empty() => {
                let address = address.trim_end_matches('/');
                let has_port =
                    address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
                Ok(Self::Tcp(if has_port { address.to_owned() } else { format!("{address}:2375") }))
            }
            Some(("ssh" | "npipe" | "https", _)) => {
                invalid("cannot be used yet; use unix:// or tcp://")
            }
            _ => invalid("is none; it is unix:///PATH or tcp://HOST:PORT"),
        }
    }
}

fn current_context(config: &Path) -> Option<String> {
    let text = std::fs::read_to_string(config.join("config.json")).ok()?;
    let config: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(config.get("currentContext")?.as_str()?.to_owned())
}

/// The host of a context, whose files are named after the hash of its name.
fn context_host(config: &Path, name: &str) -> Option<String> {
    use std::fmt::Write as _;
    let hash = Sha256::digest(name.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let path = config.join("contexts/meta").join(hash).join("meta.json");
    let meta: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
    Some(meta.pointer("/Endpoints/docker/Host")?.as_str()?.to_owned())
}

type StreamedBody =
    StreamBody<Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, std::io::Error>> + Send>>>;
/// The body of a request, the same type as bollard's.
type Body = Either<Full<Bytes>, StreamedBody>;

/// Connections to one engine, kept open between requests.
pub struct Transport {
    client: Client<Connector, Body>,
    endpoint: Endpoint,
    /// Put before every path, once it is known: the client library leaves it out.
    version: OnceLock<Api>,
}

impl Transport {
    pub(super) fn new(endpoint: Endpoint) -> Result<Self, Error> {
        let connector = Connector(endpoint.clone());
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, endpoint, version: OnceLock::new() })
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) fn set_version(&self, api: Api) {
        let _ = self.version.set(api);
    }

    /// Sends a request that bollard made.
    pub(super) async fn typed(
        &self,
        mut request: Request<Body>,
    ) -> Result<Response<Incoming>, bollard::errors::Error> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        if let Ok(uri) = self.uri(path) {
            *request.uri_mut() = uri;
        }
        let answer = self.client.request(request).await;
        answer.map_err(|error| std::io::Error::other(self.failed(&error)).into())
    }

    fn uri(&self, path: &str) -> Result<Uri, Error> {
        let prefix = match self.version.get() {
            Some(api) if !unversioned(path) => format!("/v{api}"),
            _ => String::new(),
        };
        format!("http://engine{prefix}{path}")
            .parse()
            .map_err(|error| Error::Answer(format!("{error}")))
    }

    /// Sends a request without a body; a refusal is an error.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
    ) -> Result<Response<Incoming>, Error> {
        self.send_with(method, path, Bytes::new()).await
    }

    async fn send_with(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, Error> {
        self.request(method, path, "application/json", body).await
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, Error> {
        let request = Request::builder()
            .method(method)
            .uri(self.uri(path)?)
            .header("content-type", kind)
            .body(Either::Left(Full::new(body)))
            .map_err(|error| Error::Answer(error.to_string()))?;
        let answer = self.client.request(request).await.map_err(|error| self.failed(&error))?;
        let status = answer.status();
        if status.is_success() || status.as_u16() == 304 {
            return Ok(answer);
        }
        let body = collect(answer).await?;
        Err(Error::from_status(status.as_u16(), error_message(&body)))
    }

    /// Asks for JSON.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let body = collect(self.send(Method::GET, path).await?).await?;
        serde_json::from_slice(&body).map_err(|error| Error::Answer(error.to_string()))
    }

    /// Sends JSON and asks for JSON.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<T, Error> {
        let answer = self.send_with(Method::POST, path, Bytes::from(body.to_string())).await?;
        let body = collect(answer).await?;
        serde_json::from_slice(&body).map_err(|error| Error::Answer(error.to_string()))
    }

    /// Sends an archive.
    pub(super) async fn put(&self, path: &str, archive: Vec<u8>) -> Result<(), Error> {
        let body = Bytes::from(archive);
        self.request(Method::PUT, path, "application/x-tar", body).await.map(drop)
    }

    /// Sends JSON; the answer's body is left to be read.
    pub(super) async fn stream(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<Response<Incoming>, Error> {
        self.send_with(Method::POST, path, Bytes::from(body.to_string())).await
    }

    /// Sends JSON, if any, and turns the connection into a plain stream both ways.
    pub(super) async fn upgrade(
        &self,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<TokioIo<Upgraded>, Error> {
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.uri(path)?)
            .header("content-type", "application/json")
            .header("connection", "Upgrade")
            .header("upgrade", "tcp")
            .body(Either::Left(Full::new(body)))
            .map_err(|error| Error::Answer(error.to_string()))?;
        let answer = self.client.request(request).await.map_err(|error| self.failed(&error))?;
        let status = answer.status().as_u16();
        if status != 101 {
            let body = collect(answer).await?;
            return Err(Error::from_status(status, error_message(&body)));
        }
        let upgraded = hyper::upgrade::on(answer).await;
        Ok(TokioIo::new(upgraded.map_err(|error| Error::Answer(chain(&error)))?))
    }

    fn failed(&self, error: &hyper_util::client::legacy::Error) -> Error {
        let cause = chain(error);
        if error.is_connect() {
            let cause = cause.rsplit(": ").next().unwrap_or(&cause).to_owned();
            Error::Unreachable { endpoint: self.endpoint.to_string(), cause }
        } else {
            Error::Answer(cause)
        }
    }
}

/// Paths that have no version before them.
fn unversioned(path: &str) -> bool {
    ["/_ping", "/session", "/grpc", "/version"]
        .iter()
        .any(|known| path == *known || path.starts_with(&format!("{known}?")))
}

async fn collect(answer: Response<Incoming>) -> Result<Bytes, Error> {
    let body = answer.into_body().collect().await;
    Ok(body.map_err(|error| Error::Answer(chain(&error)))?.to_bytes())
}

/// What an engine says of a refusal: JSON from most, plain text from old ones.
fn error_message(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Refusal {
        message: String,
    }
    match serde_json::from_slice::<Refusal>(body) {
        Ok(refusal) => refusal.message,
        Err(_) => String::from_utf8_lossy(body).trim().to_owned(),
    }
}

/// Text as a part of a path or query.
pub(super) fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[derive(Clone)]
struct Connector(Endpoint);

impl tower_service::Service<Uri> for Connector {
    type Response = Socket;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<Socket>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let endpoint = self.0.clone();
        Box::pin(async move {
            Ok(match endpoint {
                Endpoint::Unix(path) => {
                    Socket::Unix(TokioIo::new(UnixStream::connect(path).await?))
                }
                Endpoint::Tcp(address) => {
                    let stream = TcpStream::connect(address).await?;
                    stream.set_nodelay(true)?;
                    Socket::Tcp(TokioIo::new(stream))
                }
            })
        })
    }
}

/// A connection of either kind.
enum Socket {
    Unix(TokioIo<UnixStream>),
    Tcp(TokioIo<TcpStream>),
}

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl hyper::rt::Read for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl hyper::rt::Write for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let parse = |text: &str| Endpoint::parse(text).map(|it| it.to_string());
        assert_eq!(parse("unix:///run/x.sock").unwrap(), "unix:///run/x.sock");
        assert_eq!(parse("tcp://localhost").unwrap(), "tcp://localhost:2375");
        assert_eq!(parse("tcp://127.0.0.1:4000/").unwrap(), "tcp://127.0.0.1:4000");
        for text in ["", "x", "unix://relative", "ssh://host", "tcp://"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_flag_wins_then_the_variable_then_the_context() {
        let env = Env::fixed("/", [("DOCKER_HOST", "tcp://a:1"), ("DOCKER_CONTEXT", "nope")]);
        let find = |host, context| Endpoint::find(&env, host, context).map(|it| it.to_string());
        assert_eq!(find(Some("tcp://b:2"), None).unwrap(), "tcp://b:2");
        assert_eq!(find(None, None).unwrap(), "tcp://a:1");
        assert_eq!(find(None, Some("default")).unwrap(), "tcp://a:1");
        let message = find(None, Some("missing")).unwrap_err().to_string();
        assert_eq!(message, "there is no context `missing`");
    }

    #[test]
    fn refusals_of_any_engine() {
        assert_eq!(error_message(br#"{"message":"no"}"#), "no");
        assert_eq!(error_message(br#"{"cause":"a","message":"b","response":409}"#), "b");
        assert_eq!(error_message(b"client is too old\n"), "client is too old");
    }
}
