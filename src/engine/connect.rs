//! The pooled connection to an engine, and requests on it.

use std::pin::Pin;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::{Either as Side, select};
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::http::request;
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Response, Uri, Version};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::engine::advice;
use crate::engine::endpoint::Endpoint;
use crate::engine::error::{Error, chain};
use crate::engine::facts::Api;
use crate::engine::health;
use crate::engine::socket::Connector;

type StreamedBody =
    StreamBody<Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, std::io::Error>> + Send>>>;
/// The body of a request, the same type as bollard's.
pub(super) type Body = Either<Full<Bytes>, StreamedBody>;

/// Requests that wait for an answer over ssh at once. Each may need a login of its own, and servers
/// turn away those who come in numbers.
const LOGINS: usize = 6;
/// A request that takes longer waits for something in the engine, not for its turn.
const BUSY: Duration = Duration::from_secs(1);

/// An engine that says nothing for so long when it is greeted is none; a login takes its time.
const LONGEST_PING: Duration = Duration::from_secs(60);
/// What an engine knows is told within this time, however busy it is.
const LONGEST_ANSWER: Duration = Duration::from_secs(120);

/// Where it is told what is asked, for those who look for a mistake.
pub type Trace = fn(&str);

/// Connections to one engine, kept open between requests.
pub struct Transport {
    client: Client<Connector, Body>,
    endpoint: Endpoint,
    /// Put before every path, once it is known: the client library leaves it out.
    version: OnceLock<Api>,
    turns: Option<Semaphore>,
    trace: Option<Trace>,
}

impl Transport {
    /// # Errors
    /// Certificates that cannot be used.
    pub(super) fn new(endpoint: Endpoint, trace: Option<Trace>) -> Result<Self, Error> {
        let client = Client::builder(TokioExecutor::new()).build(Connector::new(endpoint.clone())?);
        let turns = matches!(endpoint, Endpoint::Ssh(_)).then(|| Semaphore::new(LOGINS));
        Ok(Self { client, endpoint, version: OnceLock::new(), turns, trace })
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
        Ok(self.dispatch(request).await.map_err(std::io::Error::other)?)
    }

    /// Sends a request when it is its turn.
    async fn dispatch(&self, request: Request<Body>) -> Result<Response<Incoming>, Error> {
        let begin = Instant::now();
        let what = self.trace.map(|_| {
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            format!("{} {path}", request.method())
        });
        let answer = match &self.turns {
            None => self.client.request(request).await,
            Some(turns) => {
                let turn = turns.acquire().await;
                let answer = std::pin::pin!(self.client.request(request));
                let busy = std::pin::pin!(tokio::time::sleep(BUSY));
                match select(answer, busy).await {
                    Side::Left((answer, _)) => answer,
                    Side::Right(((), answer)) => {
                        drop(turn);
                        answer.await
                    }
                }
            }
        };
        let answer = answer.map_err(|error| self.failed(&error));
        if let (Some(tell), Some(what)) = (self.trace, what) {
            let took = begin.elapsed().as_micros();
            match &answer {
                Ok(answer) => tell(&format!("{what}: {} in {took} µs", answer.status().as_u16())),
                Err(error) => tell(&format!("{what}: {error}")),
            }
        }
        answer
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

    /// Asks whether the engine is there, and what it is.
    pub(super) async fn ping(&self) -> Result<Response<Incoming>, Error> {
        let answer = self.send(Method::HEAD, "/_ping");
        timeout(LONGEST_PING, answer).await.unwrap_or(Err(Error::Timeout))
    }

    /// As [`Transport::send`], for an answer that is much or without end.
    ///
    /// As the older version of the protocol it is not cut into chunks: engines would make one of every
    /// line, which costs more than the line.
    pub(super) async fn pour(&self, path: &str) -> Result<Response<Incoming>, Error> {
        self.request(Version::HTTP_10, Method::GET, path, "application/json", Bytes::new()).await
    }

    /// As [`Transport::send`], of something that a registry is asked for with a login.
    pub(super) async fn send_as(
        &self,
        method: Method,
        path: &str,
        auth: Option<&str>,
    ) -> Result<Response<Incoming>, Error> {
        let mut request = Request::builder().method(method).uri(self.uri(path)?);
        if let Some(auth) = auth {
            request = request.header("x-registry-auth", auth);
        }
        self.deliver(request, Either::Left(Full::default())).await
    }

    async fn send_with(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, Error> {
        self.request(Version::HTTP_11, method, path, "application/json", body).await
    }

    async fn request(
        &self,
        version: Version,
        method: Method,
        path: &str,
        kind: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, Error> {
        self.request_with(version, method, path, kind, Either::Left(Full::new(body))).await
    }

    async fn request_with(
        &self,
        version: Version,
        method: Method,
        path: &str,
        kind: &str,
        body: Body,
    ) -> Result<Response<Incoming>, Error> {
        let request = Request::builder().version(version).method(method).uri(self.uri(path)?);
        self.deliver(request.header("content-type", kind), body).await
    }

    /// Sends a request; a refusal is an error.
    async fn deliver(
        &self,
        request: request::Builder,
        body: Body,
    ) -> Result<Response<Incoming>, Error> {
        let request = request.body(body).map_err(|error| Error::Answer(error.to_string()))?;
        let answer = self.dispatch(request).await?;
        let status = answer.status();
        if status.is_success() || status.as_u16() == 304 {
            return Ok(answer);
        }
        let body = collect(answer).await?;
        Err(Error::from_status(status.as_u16(), error_message(&body)))
    }

    /// Asks for JSON.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let answer = async { collect(self.send(Method::GET, path).await?).await };
        let body = timeout(LONGEST_ANSWER, answer).await.unwrap_or(Err(Error::Timeout))?;
        serde_json::from_slice(&body).map_err(|error| Error::Answer(error.to_string()))
    }

    /// Asks for a list, which is there in any case: Podman gives none if something goes while it looks.
    pub(super) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        const TRIES: usize = 10;
        for _ in 1..TRIES {
            match self.get(path).await {
                Err(Error::NotFound(_)) => {}
                other => return other,
            }
        }
        self.get(path).await
    }

    /// As [`Transport::get`], of something that a registry is asked for with a login.
    pub(super) async fn get_as<T: DeserializeOwned>(
        &self,
        path: &str,
        auth: Option<&str>,
    ) -> Result<T, Error> {
        let answer = async { collect(self.send_as(Method::GET, path, auth).await?).await };
        let body = timeout(LONGEST_ANSWER, answer).await.unwrap_or(Err(Error::Timeout))?;
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
        self.request(Version::HTTP_11, Method::PUT, path, "application/x-tar", body).await.map(drop)
    }

    /// Sends an archive that comes in pieces.
    pub(super) async fn put_body(&self, path: &str, body: Body) -> Result<(), Error> {
        let kind = "application/x-tar";
        self.request_with(Version::HTTP_11, Method::PUT, path, kind, body).await.map(drop)
    }

    /// Sends archives that come in pieces, with what may be shown to registries; the answer's body is left
    /// to be read.
    pub(super) async fn post_archive(
        &self,
        path: &str,
        kind: &str,
        logins: &str,
        body: Body,
    ) -> Result<Response<Incoming>, Error> {
        let request = Request::builder().method(Method::POST).uri(self.uri(path)?);
        let request = request.header("content-type", kind).header("x-registry-config", logins);
        self.deliver(request, body).await
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
        self.switched(request).await.map(TokioIo::new)
    }

    /// Turns a connection into one for calls between us and the builder.
    pub(super) async fn hijack(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Upgraded, Error> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.uri(path)?)
            .header("connection", "Upgrade")
            .header("upgrade", "h2c");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Either::Left(Full::new(Bytes::new())))
            .map_err(|error| Error::Answer(error.to_string()))?;
        self.switched(request).await
    }

    /// Sends a request that asks for another protocol, and gives the connection.
    async fn switched(&self, request: Request<Body>) -> Result<Upgraded, Error> {
        let answer = self.dispatch(request).await?;
        let status = answer.status().as_u16();
        if status != 101 {
            let body = collect(answer).await?;
            return Err(Error::from_status(status, error_message(&body)));
        }
        let upgraded = hyper::upgrade::on(answer).await;
        upgraded.map_err(|error| Error::Answer(chain(&error)))
    }

    /// What never answered is out of reach; what has answered before has broken off.
    fn failed(&self, error: &hyper_util::client::legacy::Error) -> Error {
        if error.is_connect() || self.version.get().is_none() {
            advice::explain(&self.endpoint, error)
        } else {
            Error::Answer(chain(error))
        }
    }
}

/// Paths that have no version before them.
fn unversioned(path: &str) -> bool {
    ["/_ping", "/session", "/grpc", "/version"]
        .iter()
        .any(|known| path == *known || path.starts_with(&format!("{known}?")))
        || path.starts_with(health::OWN)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_any_engine() {
        assert_eq!(error_message(br#"{"message":"no"}"#), "no");
        assert_eq!(error_message(br#"{"cause":"a","message":"b","response":409}"#), "b");
        assert_eq!(error_message(b"client is too old\n"), "client is too old");
    }
}
