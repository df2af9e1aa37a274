//! Requests to registries: encryption, proxies, redirects, and another try where that may help.

use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::env::Env;
use crate::registry::error::Error;
use crate::stream::Socket;

/// How long a host may take to be connected to, encryption included.
const LONGEST_CONNECT: Duration = Duration::from_secs(20);
/// How long a registry may take to begin its answer.
const LONGEST_ANSWER: Duration = Duration::from_secs(60);
/// How often something is tried at the most.
const TRIES: u32 = 4;
/// Before the second try; twice as long before each one after that.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
/// A registry that wants us to wait for longer is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Hops that a request may be sent along.
const MOST_REDIRECTS: u32 = 5;

pub(super) type Body = Either<Full<Bytes>, Incoming>;

/// A request whose body is at hand, so that it can be sent again.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub method: Method,
    pub uri: Uri,
    pub headers: Vec<(HeaderName, String)>,
    /// Goes to the host of `uri`, and to no other.
    pub authorization: Option<String>,
    pub body: Bytes,
}

impl Call {
    pub(super) fn new(method: Method, uri: Uri) -> Self {
        Self { method, uri, headers: Vec::new(), authorization: None, body: Bytes::new() }
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn request(&self, body: Body) -> Result<Request<Body>, Error> {
        let mut request = Request::builder().method(&self.method).uri(&self.uri);
        request = request.header(USER_AGENT, concat!("rcompose/", env!("CARGO_PKG_VERSION")));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(secret) = &self.authorization {
            let value = HeaderValue::from_str(secret);
            let mut value = value.map_err(|_| Error::Answer("a token is no text".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        request.body(body).map_err(|error| Error::Answer(error.to_string()))
    }
}

/// Sends requests to any registry.
pub(super) struct Http {
    client: Client<Connector, Body>,
    /// Hosts that are spoken to without encryption.
    plain: BTreeSet<String>,
}

impl Http {
    pub(super) fn new(env: &Env, plain: &[String]) -> Self {
        let client = Client::builder(TokioExecutor::new()).build(Connector::new(env));
        Self { client, plain: plain.iter().cloned().collect() }
    }

    /// `http` for registries on this machine, as engines have it, and those that are named so.
    pub(super) fn scheme(&self, registry: &str) -> &'static str {
        if is_loopback(host_of(registry)) || self.plain.contains(registry) {
            "http"
        } else {
            "https"
        }
    }

    /// Sends a request until it is answered with more than a plea to come back later.
    pub(super) async fn send(&self, call: &Call) -> Result<Response<Incoming>, Error> {
        let mut call = call.clone();
        let mut redirects = 0;
        let mut tries = 0;
        loop {
            tries += 1;
            let body = Either::Left(Full::new(call.body.clone()));
            let answer = self.exchange(call.request(body)?).await;
            let pause = match &answer {
                Ok(answer) => wanted_pause(answer, Timestamp::now()),
                Err(failure) => failure.is_transient.then_some(Duration::ZERO),
            };
            if let Some(pause) = pause.filter(|pause| *pause <= LONGEST_PAUSE && tries < TRIES) {
                sleep(pause.max(FIRST_PAUSE * 2_u32.pow(tries - 1))).await;
                continue;
            }
            let answer = answer.map_err(|failure| failure.error)?;
            match redirected(&call, &answer)? {
                Some(next) if redirects < MOST_REDIRECTS => {
                    call = next;
                    redirects += 1;
                    tries = 0;
                }
                Some(_) => return Err(Error::Answer("it sends us on and on".to_owned())),
                None => return Ok(answer),
            }
        }
    }

    /// Sends a request whose body comes from another answer: there is one try.
    pub(super) async fn stream(
        &self,
        call: &Call,
        body: Incoming,
    ) -> Result<Response<Incoming>, Error> {
        let request = call.request(Either::Right(body))?;
        // How long that takes is up to its size.
        let registry = authority(&call.uri);
        self.client.request(request).await.map_err(|error| unreachable(registry, &error))
    }

    async fn exchange(&self, request: Request<Body>) -> Result<Response<Incoming>, Failure> {
        let registry = authority(request.uri()).to_owned();
        match timeout(LONGEST_ANSWER, self.client.request(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                let is_transient = is_transient(&error);
                Err(Failure { error: unreachable(&registry, &error), is_transient })
            }
            Err(_) => Err(Failure {
                error: Error::Timeout { registry, limit: LONGEST_ANSWER },
                is_transient: true,
            }),
        }
    }
}

/// The request that an answer sends us on to.
fn redirected(call: &Call, answer: &Response<Incoming>) -> Result<Option<Call>, Error> {
    let is_reading = call.method == Method::GET || call.method == Method::HEAD;
    match answer.status().as_u16() {
        301..=303 | 307 | 308 if is_reading => {}
        307 | 308 => {}
        _ => return Ok(None),
    }
    let header = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let Some(uri) = header.and_then(|location| resolve(&call.uri, location)) else {
        return Err(Error::Answer("it sends us on, but not where to".to_owned()));
    };
    if call.uri.scheme_str() == Some("https") && uri.scheme_str() != Some("https") {
        let host = authority(&uri);
        return Err(Error::Untrusted(format!("it sends us to `{host}` without encryption")));
    }
    let is_same = same_host(&uri, &call.uri);
    let authorization = call.authorization.clone().filter(|_| is_same);
    Ok(Some(Call { uri, authorization, ..call.clone() }))
}

/// A request that came to nothing.
struct Failure {
    error: Error,
    /// Whether another try may help.
    is_transient: bool,
}

/// How long to wait before another try; `None` if there is nothing to try again.
fn wanted_pause(answer: &Response<Incoming>, now: Timestamp) -> Option<Duration> {
    if !matches!(answer.status().as_u16(), 408 | 429 | 500 | 502 | 503 | 504) {
        return None;
    }
    let header = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    Some(header.and_then(|text| retry_after(text, now)).unwrap_or_default())
}

/// `Retry-After`: seconds, or a date.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
    let wait: SignedDuration = now.duration_until(date);
    Some(Duration::try_from(wait).unwrap_or_default())
}

/// The body of an answer that may have `limit` bytes.
pub(super) async fn read(answer: Response<Incoming>, limit: usize) -> Result<Bytes, Error> {
    let body = Limited::new(answer.into_body(), limit).collect();
    match timeout(LONGEST_ANSWER, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Error::Untrusted(format!("it has more than the {limit} bytes that it may have")))
        }
        Ok(Err(error)) => Err(Error::Answer(error.to_string())),
        Err(_) => Err(Error::Answer("it breaks off".to_owned())),
    }
}

/// What a refusal says: the standard's errors, else its text.
pub(super) async fn message(answer: Response<Incoming>) -> String {
    let status = answer.status();
    let body = read(answer, 1 << 16).await.unwrap_or_default();
    let said = serde_json::from_slice::<serde_json::Value>(&body).ok();
    let text = |pointer: &str| {
        let value = said.as_ref()?.pointer(pointer)?.as_str()?;
        (!value.is_empty()).then(|| value.to_owned())
    };
    text("/errors/0/message")
        .or_else(|| text("/errors/0/code"))
        .or_else(|| text("/details"))
        .or_else(|| text("/message"))
        .unwrap_or_else(|| {
            let reason = status.canonical_reason().unwrap_or("it gives no reason");
            reason.to_lowercase()
        })
}

fn authority(uri: &Uri) -> &str {
    uri.authority().map_or("", |authority| authority.as_str())
}

fn same_host(one: &Uri, other: &Uri) -> bool {
    one.scheme() == other.scheme() && one.authority() == other.authority()
}

fn host_of(registry: &str) -> &str {
    match registry.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => registry.split(':').next().unwrap_or(registry),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Where a `Location` leads, seen from `base`.
pub(super) fn resolve(base: &Uri, location: &str) -> Option<Uri> {
    let scheme = base.scheme_str()?;
    let host = authority(base);
    let path = base.path();
    let text = if location.starts_with("http://") || location.starts_with("https://") {
        location.to_owned()
    } else if let Some(rest) = location.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if location.starts_with('/') {
        format!("{scheme}://{host}{location}")
    } else if location.starts_with('?') {
        format!("{scheme}://{host}{path}{location}")
    } else {
        let folder = &path[..path.rfind('/').map_or(0, |at| at + 1)];
        format!("{scheme}://{host}{folder}{location}")
    };
    text.parse().ok()
}

fn unreachable(registry: &str, error: &hyper_util::client::legacy::Error) -> Error {
    Error::Unreachable { registry: registry.to_owned(), why: innermost(error).to_string() }
}

/// What an error comes down to.
fn innermost<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> &'a (dyn std::error::Error + 'static) {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner
}

/// Whether a connection may be there the next time: it broke off, or it took too long.
fn is_transient(error: &hyper_util::client::legacy::Error) -> bool {
    use io::ErrorKind as Kind;
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            let broken = [
                Kind::ConnectionReset,
                Kind::ConnectionAborted,
                Kind::BrokenPipe,
                Kind::UnexpectedEof,
                Kind::TimedOut,
            ];
            if broken.contains(&error.kind()) {
                return true;
            }
        }
        if cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) {
            return true;
        }
        source = cause.source();
    }
    false
}

/// Connects to hosts, through proxies where there are some.
#[derive(Clone)]
struct Connector {
    proxies: Arc<Matcher>,
    /// Made when the first connection needs it: it takes a while to read.
    encryption: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl Connector {
    fn new(env: &Env) -> Self {
        let first = |names: [&str; 2]| names.into_iter().find_map(|name| env.non_empty(name));
        let value = |names| first(names).unwrap_or("").to_owned();
        let proxies = Matcher::builder()
            .all(value(["ALL_PROXY", "all_proxy"]))
            .https(value(["HTTPS_PROXY", "https_proxy"]))
            .no(value(["NO_PROXY", "no_proxy"]))
            .build();
        Self { proxies: Arc::new(proxies), encryption: Arc::default() }
    }

    async fn connect(self, to: Uri) -> io::Result<Socket> {
        let connecting = self.connect_to(&to);
        timeout(LONGEST_CONNECT, connecting).await.unwrap_or_else(|_| {
            Err(io::Error::new(io::ErrorKind::TimedOut, "it does not answer in time"))
        })
    }

    async fn connect_to(&self, to: &Uri) -> io::Result<Socket> {
        if to.scheme_str() != Some("https") {
            return Ok(Socket::new(tcp(to).await?));
        }
        let stream = match self.proxies.intercept(to) {
            None => tcp(to).await?,
            Some(proxy) => {
                let mut tunnel = Tunnel::new(proxy.uri().clone(), Tcp);
                if let Some(secret) = proxy.basic_auth() {
                    tunnel = tunnel.with_auth(secret.clone());
                }
                let name = authority(proxy.uri());
                let failed = |error| io::Error::other(format!("proxy `{name}`: {error}"));
                tunnel.call(to.clone()).await.map_err(failed)?.into_inner()
            }
        };
        let host = host_of(authority(to)).to_owned();
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        let config = self.encryption()?;
        Ok(Socket::new(TlsConnector::from(config).connect(name, stream).await?))
    }

    /// Who is believed: whoever the system believes.
    fn encryption(&self) -> io::Result<Arc<ClientConfig>> {
        if let Some(config) = self.encryption.get() {
            return Ok(Arc::clone(config));
        }
        let mut roots = RootCertStore::empty();
        // The system's may have some that nobody can read.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::clone(self.encryption.get_or_init(|| Arc::new(config))))
    }
}

impl Service<Uri> for Connector {
    type Response = Socket;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Socket>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        Box::pin(self.clone().connect(to))
    }
}

/// Connects to a proxy.
#[derive(Clone)]
struct Tcp;

impl Service<Uri> for Tcp {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<TcpStream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        Box::pin(async move { Ok(TokioIo::new(tcp(&to).await?)) })
    }
}

async fn tcp(to: &Uri) -> io::Result<TcpStream> {
    let host = host_of(authority(to));
    let port = to.port_u16().unwrap_or(if to.scheme_str() == Some("https") { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine() {
        for registry in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"]
        {
            assert!(is_loopback(host_of(registry)), "{registry}");
        }
        for registry in
            ["registry.example", "localhost.example", "10.0.0.1:5000", "[2001:db8::1]:5"]
        {
            assert!(!is_loopback(host_of(registry)), "{registry}");
        }
    }

    #[test]
    fn where_a_location_leads() {
        let base: Uri = "https://a.example/v2/x/blobs/uploads/?q=1".parse().unwrap();
        let check = |location: &str, expected: &str| {
            assert_eq!(resolve(&base, location).unwrap().to_string(), expected, "{location}");
        };
        check("https://b.example/c?d=e", "https://b.example/c?d=e");
        check("//b.example/c", "https://b.example/c");
        check("/c?d", "https://a.example/c?d");
        check("c", "https://a.example/v2/x/blobs/uploads/c");
        check("?c", "https://a.example/v2/x/blobs/uploads/?c");
        assert_eq!(resolve(&base, "https://\u{1}"), None);
    }

    #[test]
    fn pauses_that_registries_ask_for() {
        let now: Timestamp = "2015-10-21T07:27:30Z".parse().unwrap();
        let seconds = |text: &str| retry_after(text, now).map(|pause| pause.as_secs());
        assert_eq!(seconds("7"), Some(7));
        assert_eq!(seconds("Wed, 21 Oct 2015 07:28:00 GMT"), Some(30));
        assert_eq!(seconds("Wed, 21 Oct 2015 07:00:00 GMT"), Some(0), "it is over");
        assert_eq!(seconds("soon"), None);
    }
}
