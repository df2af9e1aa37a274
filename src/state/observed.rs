//! What the engine has of a project, as one snapshot.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::labels;
use crate::state::platform::Platform;

/// The resources of a project, and of others where the project refers to them.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    pub containers: Vec<Container>,
    /// Containers of hooks that have not gone yet.
    pub hooks: Vec<Container>,
    pub networks: Vec<Network>,
    pub volumes: Vec<Volume>,
    /// Image references that were asked for, with the image they stand for.
    pub images: BTreeMap<String, Option<Image>>,
}

/// An image that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    pub id: String,
    /// The machines that it is for; none if that is not known.
    pub platforms: Vec<Platform>,
    /// When it got its name here.
    pub tagged: Option<Timestamp>,
    /// Folders for which it wants volumes.
    pub volumes: BTreeSet<String>,
}

impl Image {
    /// Whether it is for machines of this platform, as files write it; anything will do if it is `None`.
    #[must_use]
    pub fn suits(&self, platform: Option<&str>) -> bool {
        let Some(platform) = platform else {
            return true;
        };
        self.platforms.is_empty() || self.platforms.iter().any(|it| it.is(platform))
    }
}

/// A container of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub id: String,
    /// Without the slash that engines put before it.
    pub name: String,
    pub service: String,
    /// The number of the replica; `None` for one-offs.
    pub number: Option<u32>,
    pub one_off: bool,
    pub state: State,
    pub config_hash: String,
    /// The ID of the image it was made from, as its label says.
    pub image: String,
    /// Names and IDs of the networks it is on.
    pub networks: Vec<String>,
    pub mounts: Vec<Mount>,
    /// The ports of the host that lead to it while it runs.
    pub ports: Vec<HostPort>,
    pub depends_on: Vec<labels::Dependency>,
}

/// A port of the host, on one of its addresses or on all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    /// Empty for all.
    pub address: String,
    pub port: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

impl HostPort {
    /// Whether two listeners on these ports would be in each other's way.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let all = |address: &str| matches!(address, "" | "0.0.0.0" | "::");
        let is_v6 = |address: &str| address.contains(':');
        self.port == other.port
            && self.protocol == other.protocol
            && (self.address.is_empty()
                || other.address.is_empty()
                || self.address == other.address
                || ((all(&self.address) || all(&other.address))
                    && is_v6(&self.address) == is_v6(&other.address)))
    }
}

impl std::fmt::Display for HostPort {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.address.as_str(), self.protocol.as_str()) {
            ("", "tcp") => write!(out, "{}", self.port),
            ("", protocol) => write!(out, "{}/{protocol}", self.port),
            (address, "tcp") => write!(out, "{address}:{}", self.port),
            (address, protocol) => write!(out, "{address}:{}/{protocol}", self.port),
        }
    }
}

/// Something mounted in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The name of the volume; `None` if it is none.
    pub volume: Option<String>,
    pub target: String,
    pub read_only: bool,
}

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Created,
    Running,
    Paused,
    Restarting,
    Removing,
    Exited,
    Dead,
    /// A word that no engine we know uses.
    Unknown,
}

impl State {
    /// Reads the word of an engine.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "created" | "configured" | "initialized" => Self::Created,
            "running" | "stopping" => Self::Running,
            "paused" => Self::Paused,
            "restarting" => Self::Restarting,
            "removing" => Self::Removing,
            "exited" | "stopped" => Self::Exited,
            "dead" => Self::Dead,
            _ => Self::Unknown,
        }
    }

    /// Whether its process may be running.
    #[must_use]
    pub fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    pub id: String,
    pub name: String,
    pub labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    pub name: String,
    pub labels: BTreeMap<String, String>,
}

impl Observed {
    /// Containers of a service that are replicas, lowest number first.
    #[must_use]
    pub fn replicas(&self, service: &str) -> Vec<&Container> {
        let mut replicas: Vec<&Container> =
            self.containers.iter().filter(|it| it.service == service && !it.one_off).collect();
        replicas.sort_by_key(|it| it.number);
        replicas
    }

    /// Containers of a service's hooks that were left.
    #[must_use]
    pub fn hooks_of(&self, service: &str) -> Vec<&Container> {
        self.hooks.iter().filter(|it| it.service == service).collect()
    }

    #[must_use]
    pub fn network(&self, name: &str) -> Option<&Network> {
        self.networks.iter().find(|network| network.name == name)
    }

    /// The image that a reference stands for, if it is known to be there.
    #[must_use]
    pub fn image(&self, reference: &str) -> Option<&Image> {
        self.images.get(reference)?.as_ref()
    }

    #[must_use]
    pub fn volume(&self, name: &str) -> Option<&Volume> {
        self.volumes.iter().find(|volume| volume.name == name)
    }
}
