//! What an engine is and what it can do.

use std::fmt;

use hyper::Method;

use crate::engine::connect::Transport;
use crate::engine::error::Error;
use crate::env::Env;

/// A version of the HTTP interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Api(pub u16, pub u16);

impl fmt::Display for Api {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.0, self.1)
    }
}

impl Api {
    /// The newest version whose answers we know.
    pub const NEWEST: Self = Self(1, 51);
    /// The oldest version we speak: Docker 20.10.
    pub const OLDEST: Self = Self(1, 41);

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.trim().trim_start_matches('v').split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

/// What is known of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The version that requests are sent with.
    pub api: Api,
    pub podman: bool,
}

impl Facts {
    /// Asks the engine. `DOCKER_API_VERSION` pins the version of the interface.
    pub(super) async fn ask(transport: &Transport, env: &Env) -> Result<Self, Error> {
        let answer = transport.send(Method::HEAD, "/_ping").await?;
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let podman = header("libpod-api-version").is_some();
        let offered = header("api-version").and_then(Api::parse).unwrap_or(Api::OLDEST);
        if offered < Api::OLDEST {
            return Err(Error::Endpoint(format!(
                "the engine is too old: it speaks API {offered}, but {} (Docker 20.10) is needed",
                Api::OLDEST
            )));
        }
        let api = match env.non_empty("DOCKER_API_VERSION") {
            None => offered.min(Api::NEWEST),
            Some(pinned) => Api::parse(pinned).ok_or_else(|| {
                Error::Endpoint(format!("DOCKER_API_VERSION is `{pinned}`, which is no version"))
            })?,
        };
        Ok(Self { api, podman })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(Api::parse("1.44"), Some(Api(1, 44)));
        assert_eq!(Api::parse("v1.9").unwrap().to_string(), "1.9");
        assert!(Api::parse("x").is_none() && Api(1, 9) < Api(1, 41));
    }
}
