//! The container engine, Docker or Podman, over its HTTP interface.
//!
//! The connection is ours: endpoint, contexts, pooling, version prefix. The bollard client makes the
//! typed requests on top of it. What is listed or streamed is read into types of our own, which
//! take only the needed fields and any word an engine may use.

mod about;
mod advice;
mod attachments;
mod build;
pub mod connect;
mod containers;
mod contexts;
mod copy;
mod create;
pub mod credentials;
mod digest;
pub mod discover;
pub mod endpoint;
mod error;
mod events;
mod exec;
pub mod facts;
mod files;
mod frames;
mod health;
mod images;
mod leases;
mod lines;
mod logs;
mod networks;
mod observe;
mod ports;
pub mod quirks;
mod retell;
mod socket;
mod stats;
mod tls;
mod transfer;
mod transient;
mod volumes;

use std::sync::{Arc, OnceLock};

use bollard::Docker;

pub use crate::engine::about::About;
pub use crate::engine::attachments::{Attachment, Attachments, NetworkFacts};
use crate::engine::build::Buildx;
pub use crate::engine::build::{BakeOptions, Builder, bake};
use crate::engine::connect::{Trace, Transport};
pub use crate::engine::containers::{HealthRun, HealthTest, Inspected, Processes};
pub use crate::engine::contexts::{DockerConfig, is_executable};
pub use crate::engine::copy::{ByteStream, CommitOptions, PathKind, PathStat};
use crate::engine::credentials::Credentials;
use crate::engine::endpoint::Wanted;
pub use crate::engine::error::{BuildFailure, BuildPlace, Error};
pub use crate::engine::events::{EngineEvent, Events};
pub use crate::engine::exec::{ExecInput, ExecOptions, ExecOutput};
use crate::engine::facts::Facts;
pub use crate::engine::frames::LogChunk;
pub use crate::engine::images::{ImageRow, familiar, split_reference};
pub use crate::engine::leases::Leased;
pub use crate::engine::logs::{LogOptions, LogStream};
pub use crate::engine::observe::{ContainerRow, PortRow, ProjectRow, VolumeRow};
pub use crate::engine::ports::{Listening, listening};
pub use crate::engine::stats::{StatsStream, Usage};
pub use crate::engine::transfer::Tell;
use crate::env::Env;

/// Seconds that a request may take to be answered; waiting requests are answered at once.
const TIMEOUT: u64 = 120;

/// A connection to an engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    docker: Docker,
    transport: Arc<Transport>,
    facts: Arc<Facts>,
    credentials: Arc<Credentials>,
    probes: bool,
    /// Whether images are built without `BuildKit`.
    classic: bool,
    limit: Option<usize>,
    buildx: Arc<Buildx>,
    config: DockerConfig,
    /// Read when the first container or image is made.
    proxies: Arc<OnceLock<Vec<(String, String)>>>,
}

impl Engine {
    /// Connects to the engine that the environment and the flags name, or to the first that answers.
    ///
    /// # Errors
    /// An endpoint that cannot be, or an engine that does not answer.
    pub async fn connect(env: &Env, wanted: &Wanted, trace: Option<Trace>) -> Result<Self, Error> {
        let (transport, facts) = discover::reach(env, wanted, trace).await?;
        let probes = env.non_empty("RCOMPOSE_PROBE") != Some("engine");
        let is_declined = env.non_empty("DOCKER_BUILDKIT").is_some_and(is_false);
        let classic = is_declined || !facts.buildkit;
        let buildx = Arc::new(Buildx::find(env, transport.endpoint().to_string()));
        let transport = Arc::new(transport);
        let for_bollard = Arc::clone(&transport);
        let docker = Docker::connect_with_custom_transport(
            move |request| {
                let transport = Arc::clone(&for_bollard);
                async move { transport.typed(request).await }
            },
            Some("http://engine"),
            TIMEOUT,
            bollard::API_DEFAULT_VERSION,
        )
        .map_err(Error::from)?;
        let credentials = Arc::new(Credentials::new(env));
        let facts = Arc::new(facts);
        Ok(Self {
            docker,
            transport,
            facts,
            credentials,
            probes,
            classic,
            limit: None,
            buildx,
            config: DockerConfig::find(env),
            proxies: Arc::default(),
        })
    }

    /// Makes sure that the engine is still there.
    ///
    /// # Errors
    /// An engine that does not answer.
    pub async fn ping(&self) -> Result<(), Error> {
        self.transport.ping().await.map(drop)
    }

    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The logins that the user has at registries.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The variables by which containers and builds find proxies, unless they have them from elsewhere.
    fn proxies(&self) -> &[(String, String)] {
        let address = self.transport.endpoint();
        self.proxies.get_or_init(|| self.config.proxies(&address.to_string()))
    }

    /// The same engine, with `limit` changes at once at the most.
    #[must_use]
    pub fn with_limit(self, limit: Option<usize>) -> Self {
        Self { limit: limit.filter(|limit| *limit > 0), ..self }
    }

    /// The same engine, whose images this builder of `buildx` builds; `default` is the engine's own.
    #[must_use]
    pub fn with_builder(self, name: &str) -> Self {
        Self { buildx: Arc::new(self.buildx.with_builder(name)), ..self }
    }

    /// How many changes are made at once at the most; `None` leaves that to who makes them.
    #[must_use]
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Whether containers that others wait for are tested by us too, not by the engine alone.
    /// `RCOMPOSE_PROBE=engine` leaves it to the engine.
    #[must_use]
    pub fn probes(&self) -> bool {
        self.probes
    }
}

/// Whether a variable says no.
fn is_false(value: &str) -> bool {
    ["0", "f", "false"].iter().any(|word| value.eq_ignore_ascii_case(word))
}
