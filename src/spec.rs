//! What the engine is to make: its own request types, plus what is known only later.

mod build;

use std::collections::BTreeMap;
use std::time::Duration;

pub use bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, Mount, MountType, NetworkCreateRequest,
    VolumeCreateRequest,
};

pub use crate::spec::build::{
    BuildContext, BuildSecret, BuildSpec, Dockerfile, NamedContext, SecretSource, SshKeys,
};

/// A container as it should be.
#[derive(Debug, Clone, Default)]
pub struct ContainerSpec {
    pub name: String,
    /// Config and host config; networks are in `endpoints`.
    pub body: ContainerCreateBody,
    /// Networks in the order in which they are joined; the first is the primary one.
    pub endpoints: Vec<Endpoint>,
    /// `os/arch[/variant]`, if it must be that.
    pub platform: Option<String>,
    /// What it shares with containers of other services.
    pub joins: Vec<Join>,
    /// Time between the stop signal and the kill; the engine's default if `None`.
    pub grace: Option<Duration>,
    /// What is put into it before each start.
    pub files: Vec<InlineFile>,
    pub hooks: Hooks,
    /// Names by which linked containers know it, for engines without links.
    pub linked_as: Vec<String>,
}

/// A file whose content is known here and copied into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlineFile {
    /// An absolute path in the container.
    pub target: String,
    pub content: String,
    pub mode: u32,
    pub user: u64,
    pub group: u64,
}

/// Commands that are run in a container at turns of its life.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks {
    /// In containers of their own, before the first of the service starts.
    pub pre_start: Vec<PreStart>,
    pub post_start: Vec<Hook>,
    pub pre_stop: Vec<Hook>,
}

impl Hooks {
    pub const NONE: Self =
        Self { pre_start: Vec::new(), post_start: Vec::new(), pre_stop: Vec::new() };
}

/// What differs between a container that prepares a start and those of the service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PreStart {
    /// That of the service if `None`.
    pub image: Option<String>,
    pub command: Option<Vec<String>>,
    pub user: Option<String>,
    pub privileged: bool,
    pub folder: Option<String>,
    /// `NAME=VALUE`, or a name alone; in addition to that of the service.
    pub env: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hook {
    pub command: Vec<String>,
    pub user: Option<String>,
    pub privileged: bool,
    pub folder: Option<String>,
    /// `NAME=VALUE`, or a name alone.
    pub env: Vec<String>,
    /// With a terminal, as its service.
    pub tty: bool,
}

impl ContainerSpec {
    pub fn host(&mut self) -> &mut HostConfig {
        self.body.host_config.get_or_insert_default()
    }

    /// Whether something with a source of its own is mounted at `target`.
    #[must_use]
    pub fn mounts_at(&self, target: &str) -> bool {
        let Some(host) = &self.body.host_config else {
            return false;
        };
        let bound = |text: &String| text.split(':').nth(1) == Some(target);
        host.binds.iter().flatten().any(bound)
            || host.tmpfs.as_ref().is_some_and(|tmpfs| tmpfs.contains_key(target))
            || host.mounts.iter().flatten().any(|mount| {
                mount.target.as_deref() == Some(target)
                    && (mount.source.is_some() || mount.typ != Some(MountType::VOLUME))
            })
    }

    /// Mounts a volume that has been at `target` before, where an anonymous one is wanted.
    pub fn inherit_volume(&mut self, target: &str, volume: &str, read_only: bool) {
        let mounts = self.host().mounts.get_or_insert_default();
        mounts.retain(|mount| mount.target.as_deref() != Some(target));
        mounts.push(Mount {
            typ: Some(MountType::VOLUME),
            source: Some(volume.to_owned()),
            target: Some(target.to_owned()),
            read_only: Some(read_only),
            ..Mount::default()
        });
    }

    /// Whether an anonymous volume is mounted at `target`.
    #[must_use]
    pub fn has_anonymous_volume(&self, target: &str) -> bool {
        let mounts = self.body.host_config.iter().flat_map(|host| host.mounts.iter().flatten());
        mounts.into_iter().any(|mount| {
            mount.target.as_deref() == Some(target)
                && mount.source.is_none()
                && mount.typ == Some(MountType::VOLUME)
        })
    }
}

/// A program of this machine that does a part of the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramCall {
    /// Its path.
    pub program: String,
    pub arguments: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub speaks: Speaks,
}

/// What a program writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// Nothing that must be understood.
    Freely,
    /// The messages of a provider, a JSON object each.
    Provider,
}

/// A variable that a provider gives to those that depend on its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    pub name: String,
    pub value: String,
    /// Whether the name is taken as it is, without that of the service before it.
    pub raw: bool,
}

/// A network to join.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The engine's name of the network.
    pub network: String,
    pub settings: EndpointSettings,
}

/// Something shared with a container of another service, whose ID is known once that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    pub service: String,
    pub what: Shared,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shared {
    Network,
    Ipc,
    Pid,
    /// All its volumes, with a mode such as `ro`.
    Volumes {
        mode: Option<String>,
    },
}
