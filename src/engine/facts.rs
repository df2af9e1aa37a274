//! What an engine is and what it can do.

use std::fmt;

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
        let mut parts = text.trim().trim_start_matches('v').split(['.', '-']);
        Some(Self(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }
}

/// What is known of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The version that requests are sent with.
    pub api: Api,
    /// Podman's own version, if it is one.
    pub podman: Option<Api>,
    /// Whether it builds images by means of `BuildKit`.
    pub buildkit: bool,
}

impl Facts {
    /// A Docker that speaks this version.
    #[must_use]
    pub fn docker(api: Api) -> Self {
        Self { api, podman: None, buildkit: true }
    }

    /// A Podman of this version.
    #[must_use]
    pub fn podman(version: Api) -> Self {
        let api = if version >= Api(5, 5) { Api(1, 44) } else { Api(1, 41) };
        Self { api, podman: Some(version), buildkit: false }
    }

    /// In a few words, such as `Podman 5.8, API 1.44`.
    #[must_use]
    pub fn summary(&self) -> String {
        match self.podman {
            Some(version) => format!("Podman {version}, API {}", self.api),
            None => format!("Docker, API {}", self.api),
        }
    }

    #[must_use]
    pub fn is_podman(&self) -> bool {
        self.podman.is_some()
    }

    /// Asks the engine. `DOCKER_API_VERSION` pins the version of the interface.
    pub(super) async fn ask(transport: &Transport, env: &Env) -> Result<Self, Error> {
        let answer = transport.ping().await?;
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let podman = header("libpod-api-version").and_then(Api::parse);
        // Those that do not say so have it as well, since 18.09; it is only that their clients ask first.
        let buildkit = podman.is_none();
        let Some(offered) = header("api-version").and_then(Api::parse) else {
            return Err(Error::Endpoint {
                message: format!("what answers at {} is no engine", transport.endpoint()),
                help: Some("name an engine with DOCKER_HOST or --host".to_owned()),
            });
        };
        if offered < Api::OLDEST {
            return Err(Error::Endpoint {
                message: format!(
                    "the engine at {} is too old: it speaks API {offered}, but {} is needed",
                    transport.endpoint(),
                    Api::OLDEST
                ),
                help: Some("upgrade it to Docker 20.10 or Podman 4, or later".to_owned()),
            });
        }
        let api = match env.non_empty("DOCKER_API_VERSION") {
            None => offered.min(Api::NEWEST),
            Some(pinned) => Api::parse(pinned).ok_or_else(|| {
                Error::endpoint(format!("DOCKER_API_VERSION is `{pinned}`, which is no version"))
            })?,
        };
        transport.set_version(api);
        Ok(Self { api, podman, buildkit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(Api::parse("1.44"), Some(Api(1, 44)));
        assert_eq!(Api::parse("v1.9").unwrap().to_string(), "1.9");
        assert_eq!(Api::parse("4.3.1"), Some(Api(4, 3)));
        assert!(Api::parse("x").is_none() && Api::parse("1").is_none() && Api(1, 9) < Api(1, 41));
    }
}
