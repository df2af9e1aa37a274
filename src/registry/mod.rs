//! Image registries, asked without an engine: the small part of the OCI distribution interface that
//! digests and published projects need.
//!
//! Requests are tried again where that may help, and a login goes to nobody but the registry and who
//! it names for handing out tokens.

mod challenge;
mod error;
mod http;
pub mod manifest;

use std::cell::RefCell;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use hyper::{Method, Response, Uri};
use serde::Deserialize;
use sha2::{Digest as _, Sha256, Sha512};

use crate::env::Env;
use crate::reference::{DEFAULT_REGISTRY, Reference, is_digest};
use crate::registry::challenge::Challenge;
pub use crate::registry::error::Error;
use crate::registry::http::{Call, Http};
use crate::registry::manifest::{Descriptor, Index, Manifest, is_index};

/// Bytes of the largest manifest: registries have the same limit.
const LARGEST_MANIFEST: usize = 4 << 20;
/// Bytes of the largest answer about a token.
const LARGEST_TOKEN: usize = 1 << 20;
/// Who asks for a token, as Docker's client has it.
const CLIENT: &str = "rcompose";

/// Who one is at a registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    Password {
        username: String,
        password: String,
    },
    /// Something that others hand out tokens for.
    IdentityToken(String),
    /// A token that is shown as it is.
    Bearer(String),
}

impl fmt::Debug for Login {
    /// Without what is secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { username, .. } => out.debug_tuple("Password").field(username).finish(),
            Self::IdentityToken(_) => out.write_str("IdentityToken"),
            Self::Bearer(_) => out.write_str("Bearer"),
        }
    }
}

/// Speaks to registries.
pub struct Registries {
    http: Http,
}

impl Registries {
    /// `plain` are registries that are spoken to without encryption, besides those on this machine.
    #[must_use]
    pub fn new(env: &Env, plain: &[String]) -> Self {
        Self { http: Http::new(env, plain) }
    }

    /// The repository of a reference.
    #[must_use]
    pub fn repository(&self, of: &Reference, login: Option<Login>) -> Repository<'_> {
        let token = match &login {
            Some(Login::Bearer(token)) => Some(format!("Bearer {token}")),
            _ => None,
        };
        Repository {
            http: &self.http,
            registry: of.registry.clone(),
            name: of.repository.clone(),
            login,
            authorization: RefCell::new(token),
        }
    }
}

/// One repository of one registry.
pub struct Repository<'a> {
    http: &'a Http,
    registry: String,
    name: String,
    login: Option<Login>,
    /// What lets us in, once that is known.
    authorization: RefCell<Option<String>>,
}

/// What a manifest says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Typed {
    media_type: Option<String>,
}

/// What a token comes in: under either name.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// A manifest as it came.
#[derive(Debug, Clone)]
pub struct RawManifest {
    pub media_type: String,
    pub digest: String,
    pub bytes: Bytes,
}

impl RawManifest {
    /// # Errors
    /// A manifest that cannot be read.
    pub fn manifest(&self) -> Result<Manifest, Error> {
        serde_json::from_slice(&self.bytes).map_err(|error| Error::Answer(error.to_string()))
    }

    /// # Errors
    /// A list that cannot be read.
    pub fn index(&self) -> Result<Index, Error> {
        serde_json::from_slice(&self.bytes).map_err(|error| Error::Answer(error.to_string()))
    }
}

impl Repository<'_> {
    /// The digest of a tag.
    ///
    /// # Errors
    /// Those of the registry.
    pub async fn digest(&self, target: &str) -> Result<String, Error> {
        let answer = self.ask_for_manifest(Method::HEAD, target).await?;
        let header = answer.headers().get("docker-content-digest");
        let digest = header.and_then(|value| value.to_str().ok());
        match digest.filter(|digest| answer.status().is_success() && is_digest(digest)) {
            Some(digest) => Ok(digest.to_owned()),
            // Registries may leave the header out, or not know the method.
            None if answer.status().as_u16() == 404 => Err(self.refusal(answer, target).await),
            None => Ok(self.manifest(target).await?.digest),
        }
    }

    /// The manifest of a tag or digest.
    ///
    /// # Errors
    /// Those of the registry, and a manifest that is not the one that is asked for.
    pub async fn manifest(&self, target: &str) -> Result<RawManifest, Error> {
        let answer = self.ask_for_manifest(Method::GET, target).await?;
        if !answer.status().is_success() {
            return Err(self.refusal(answer, target).await);
        }
        let header = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let header = header.map(|text| text.split(';').next().unwrap_or(text).trim().to_owned());
        let bytes = http::read(answer, LARGEST_MANIFEST).await?;
        let digest = if is_digest(target) { target.to_owned() } else { sha256(&bytes) };
        check(&digest, &bytes)?;
        let typed: Option<Typed> = serde_json::from_slice(&bytes).ok();
        let media_type = typed.and_then(|typed| typed.media_type).or(header).unwrap_or_default();
        Ok(RawManifest { media_type, digest, bytes })
    }

    /// Puts a manifest under a tag, or its digest.
    ///
    /// # Errors
    /// Those of the registry.
    pub async fn put_manifest(
        &self,
        target: &str,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<(), Error> {
        let call = self.call(Method::PUT, &format!("manifests/{target}"))?;
        let call = Call { body: bytes, ..call.header(CONTENT_TYPE, media_type) };
        self.succeed(call, target).await.map(drop)
    }

    /// The content of a descriptor.
    ///
    /// # Errors
    /// Those of the registry, and content that is not what the descriptor says.
    pub async fn blob(&self, of: &Descriptor, largest: usize) -> Result<Bytes, Error> {
        let size = usize::try_from(of.size).unwrap_or(usize::MAX);
        if size > largest {
            let message = format!("`{}` would have {size} bytes", of.digest);
            return Err(Error::Untrusted(message));
        }
        let call = self.call(Method::GET, &format!("blobs/{}", of.digest))?;
        let answer = self.succeed(call, &of.digest).await?;
        let bytes = http::read(answer, size).await?;
        check(&of.digest, &bytes)?;
        Ok(bytes)
    }

    /// Puts content, unless it is there.
    ///
    /// # Errors
    /// Those of the registry.
    pub async fn put_blob(&self, digest: &str, bytes: Bytes) -> Result<(), Error> {
        if self.has_blob(digest).await? {
            return Ok(());
        }
        let at = self.upload(digest, "blobs/uploads/").await?;
        let Some(at) = at else { return Ok(()) };
        let call = Call::new(Method::PUT, at).header(CONTENT_TYPE, "application/octet-stream");
        self.succeed(Call { body: bytes, ..call }, digest).await.map(drop)
    }

    /// Copies an image from another repository, with all that it is made of; gives what it is.
    ///
    /// # Errors
    /// Those of the registries.
    pub async fn copy(&self, from: &Repository<'_>, target: &str) -> Result<Descriptor, Error> {
        let raw = from.manifest(target).await?;
        if is_index(&raw.media_type) {
            for child in raw.index()?.manifests {
                Box::pin(self.copy(from, &child.digest)).await?;
            }
        } else {
            let manifest = raw.manifest()?;
            for part in std::iter::once(&manifest.config).chain(&manifest.layers) {
                self.copy_blob(from, part).await?;
            }
        }
        let size = raw.bytes.len() as u64;
        self.put_manifest(&raw.digest, &raw.media_type, raw.bytes).await?;
        Ok(Descriptor {
            media_type: raw.media_type,
            digest: raw.digest,
            size,
            ..Descriptor::default()
        })
    }

    /// Copies content without holding it: within a registry by name, else as it comes.
    async fn copy_blob(&self, from: &Repository<'_>, part: &Descriptor) -> Result<(), Error> {
        if self.has_blob(&part.digest).await? {
            return Ok(());
        }
        let mut path = "blobs/uploads/".to_owned();
        if from.registry == self.registry {
            path = format!("{path}?mount={}&from={}", part.digest, from.name);
        }
        let Some(at) = self.upload(&part.digest, &path).await? else { return Ok(()) };
        let call = from.call(Method::GET, &format!("blobs/{}", part.digest))?;
        let content = from.succeed(call, &part.digest).await?.into_body();
        let mut call = Call::new(Method::PUT, at)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, part.size.to_string());
        call.authorization = self.authorization_for(&call.uri);
        let answer = self.http.stream(&call, content).await?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(self.refusal(answer, &part.digest).await)
    }

    async fn has_blob(&self, digest: &str) -> Result<bool, Error> {
        let call = self.call(Method::HEAD, &format!("blobs/{digest}"))?;
        let answer = self.ask(call).await?;
        match answer.status().as_u16() {
            200..=299 => Ok(true),
            404 => Ok(false),
            _ => Err(self.refusal(answer, digest).await),
        }
    }

    /// Where content is to be put; `None` if it is there already.
    async fn upload(&self, digest: &str, path: &str) -> Result<Option<Uri>, Error> {
        let call = self.call(Method::POST, path)?;
        let base = call.uri.clone();
        let answer = self.succeed(call, digest).await?;
        if answer.status().as_u16() == 201 {
            return Ok(None);
        }
        let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let at = location.and_then(|location| {
            let sign = if location.contains('?') { '&' } else { '?' };
            http::resolve(&base, &format!("{location}{sign}digest={digest}"))
        });
        at.map(Some).ok_or_else(|| Error::Answer("it does not say where to upload to".to_owned()))
    }

    async fn ask_for_manifest(
        &self,
        method: Method,
        target: &str,
    ) -> Result<Response<Incoming>, Error> {
        let call = self.call(method, &format!("manifests/{target}"))?;
        self.ask(call.header(ACCEPT, manifest::ACCEPTED.join(", "))).await
    }

    fn call(&self, method: Method, path: &str) -> Result<Call, Error> {
        // The default registry is spoken to at another name than the one that it goes by.
        let host = match self.registry.as_str() {
            DEFAULT_REGISTRY => concat!("registry-1.", "docker", ".io"),
            other => other,
        };
        let scheme = self.http.scheme(&self.registry);
        let uri = format!("{scheme}://{host}/v2/{}/{path}", self.name);
        let uri = uri.parse().map_err(|error| Error::Answer(format!("`{uri}`: {error}")))?;
        Ok(Call::new(method, uri))
    }

    /// What lets us in, if the address is the registry's.
    fn authorization_for(&self, uri: &Uri) -> Option<String> {
        let own = self.call(Method::GET, "").ok()?.uri;
        let is_own = own.scheme() == uri.scheme() && own.authority() == uri.authority();
        self.authorization.borrow().clone().filter(|_| is_own)
    }

    /// As [`Repository::ask`], where a refusal is an error.
    async fn succeed(&self, call: Call, what: &str) -> Result<Response<Incoming>, Error> {
        let answer = self.ask(call).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(self.refusal(answer, what).await)
    }

    /// Asks, and has itself let in when that is wanted.
    async fn ask(&self, mut call: Call) -> Result<Response<Incoming>, Error> {
        call.authorization = self.authorization_for(&call.uri);
        let answer = self.http.send(&call).await?;
        if answer.status().as_u16() != 401 {
            return Ok(answer);
        }
        let headers = answer.headers().get_all(WWW_AUTHENTICATE).iter();
        let headers: Vec<&str> = headers.filter_map(|value| value.to_str().ok()).collect();
        let Some(challenge) = Challenge::parse(&headers.join(", ")) else {
            return Ok(answer);
        };
        let Some(authorization) = self.enter(challenge).await? else {
            return Ok(answer);
        };
        self.authorization.replace(Some(authorization));
        call.authorization = self.authorization_for(&call.uri);
        self.http.send(&call).await
    }

    /// Does what a registry wants to be done before it lets us in; `None` if we cannot.
    async fn enter(&self, challenge: Challenge) -> Result<Option<String>, Error> {
        match (challenge, &self.login) {
            (Challenge::Basic, Some(Login::Password { username, password })) => {
                Ok(Some(basic(username, password)))
            }
            (Challenge::Basic, _) => Ok(None),
            (Challenge::Bearer { realm, service, scope }, login) => {
                let call =
                    self.token_call(&realm, service.as_deref(), scope.as_deref(), login.as_ref())?;
                let answer = self.http.send(&call).await?;
                if !answer.status().is_success() {
                    return Err(self.refusal(answer, "token").await);
                }
                let body = http::read(answer, LARGEST_TOKEN).await?;
                let token: Token = serde_json::from_slice(&body)
                    .map_err(|error| Error::Answer(format!("about the token: {error}")))?;
                let token = token.token.or(token.access_token);
                let missing = || Error::Answer("it hands out no token".to_owned());
                Ok(Some(format!("Bearer {}", token.ok_or_else(missing)?)))
            }
        }
    }

    /// The request for a token.
    fn token_call(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: Option<&str>,
        login: Option<&Login>,
    ) -> Result<Call, Error> {
        let invalid = || Error::Answer(format!("`{realm}` is no address for tokens"));
        let uri: Uri = realm.parse().map_err(|_| invalid())?;
        let (Some(scheme), Some(_)) = (uri.scheme_str(), uri.authority()) else {
            return Err(invalid());
        };
        // A login goes nowhere without encryption unless the registry itself is spoken to so.
        if scheme != "https" && self.http.scheme(&self.registry) == "https" {
            return Err(Error::Untrusted(format!("it sends us to `{realm}` without encryption")));
        }
        let mut fields = vec![];
        fields.extend(service.map(|service| ("service", service)));
        fields.extend(scope.map(|scope| ("scope", scope)));
        if let Some(Login::IdentityToken(token)) = login {
            let own =
                [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", CLIENT)];
            fields.extend(own);
            let call = Call::new(Method::POST, uri);
            let call = call.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            return Ok(Call { body: Bytes::from(form(&fields)), ..call });
        }
        let sign = if realm.contains('?') { '&' } else { '?' };
        let uri = format!("{realm}{sign}{}", form(&fields)).parse().map_err(|_| invalid())?;
        let mut call = Call::new(Method::GET, uri);
        if let Some(Login::Password { username, password }) = login {
            call.authorization = Some(basic(username, password));
        }
        Ok(call)
    }

    /// The error for an answer that is none.
    async fn refusal(&self, answer: Response<Incoming>, what: &str) -> Error {
        let status = answer.status().as_u16();
        let message = http::message(answer).await;
        match status {
            401 | 403 => Error::Denied {
                registry: self.registry.clone(),
                repository: self.name.clone(),
                message,
                has_login: self.login.is_some(),
            },
            404 => {
                let sign = if is_digest(what) { '@' } else { ':' };
                Error::NotFound(format!("{}/{}{sign}{what}", self.registry, self.name))
            }
            status => Error::Refused { status, message },
        }
    }
}

fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}")))
}

/// Fields as the query of an address, or as the body of a form.
fn form(fields: &[(&str, &str)]) -> String {
    use fmt::Write as _;
    let escape = |text: &str| {
        text.bytes().fold(String::new(), |mut out, byte| {
            if byte.is_ascii_alphanumeric() || b"-._~:/,".contains(&byte) {
                out.push(char::from(byte));
            } else {
                let _ = write!(out, "%{byte:02X}");
            }
            out
        })
    };
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    fields.join("&")
}

/// The digest of content.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Whether content is what its digest says.
fn check(digest: &str, bytes: &[u8]) -> Result<(), Error> {
    let actual = match digest.split_once(':') {
        Some(("sha512", _)) => format!("sha512:{}", hex(&Sha512::digest(bytes))),
        _ => sha256(bytes),
    };
    if actual == digest {
        return Ok(());
    }
    Err(Error::Untrusted(format!("content is `{actual}`, and was to be `{digest}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_not_printed() {
        let password = Login::Password { username: "me".to_owned(), password: "hidden".to_owned() };
        assert_eq!(format!("{password:?}"), "Password(\"me\")");
        assert_eq!(format!("{:?}", Login::IdentityToken("hidden".to_owned())), "IdentityToken");
    }

    #[test]
    fn content_must_be_what_it_is_said_to_be() {
        let empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(sha256(b"{}"), empty);
        assert!(check(empty, b"{}").is_ok());
        assert!(matches!(check(empty, b"[]"), Err(Error::Untrusted(_))));
        let long = format!("sha512:{}", hex(&Sha512::digest(b"{}")));
        assert!(check(&long, b"{}").is_ok() && check(&long, b"[]").is_err());
    }

    #[test]
    fn fields_are_escaped() {
        let fields = [("scope", "repository:a/b:pull,push"), ("service", "a b&c")];
        assert_eq!(form(&fields), "scope=repository:a/b:pull,push&service=a%20b%26c");
    }
}
