//! What an engine tells of itself, for those who wonder what they talk to.

use serde::Deserialize;

use crate::engine::error::Error;
use crate::engine::observe::nullable;
use crate::engine::{Engine, quirks};

/// What an engine is and what it stands on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// `Docker 28.5.2` or `Podman 5.8.6`.
    pub name: String,
    /// Operating system and processor.
    pub platform: String,
    pub system: String,
    pub cpus: u64,
    /// Bytes.
    pub memory: u64,
    pub rootless: bool,
    pub storage: String,
    /// Where images and volumes are.
    pub folder: String,
    /// `v2, systemd`.
    pub cgroups: String,
    pub logging: String,
    pub buildkit: bool,
    /// Whether health checks are run by the engine, whoever asks.
    pub checks_health: bool,
    /// What the engine complains of.
    pub warnings: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct InfoAnswer {
    server_version: String,
    driver: String,
    #[serde(rename = "CgroupDriver")]
    cgroup_driver: String,
    cgroup_version: String,
    operating_system: String,
    #[serde(rename = "OSType")]
    os: String,
    architecture: String,
    #[serde(rename = "NCPU")]
    cpus: u64,
    mem_total: u64,
    docker_root_dir: String,
    logging_driver: String,
    rootless: bool,
    #[serde(deserialize_with = "nullable")]
    security_options: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    warnings: Vec<String>,
}

impl Engine {
    /// Asks the engine about itself.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn about(&self) -> Result<About, Error> {
        let info: InfoAnswer = self.transport.get("/info").await?;
        let facts = self.facts();
        let kind = if facts.is_podman() { "Podman" } else { "Docker" };
        let rootless = |option: &String| option.contains("name=rootless");
        let cgroups = match &*info.cgroup_version {
            // Docker 20.10 and older ones have but one.
            "" => info.cgroup_driver,
            version => format!("v{version}, {}", info.cgroup_driver),
        };
        Ok(About {
            name: format!("{kind} {}", info.server_version),
            platform: format!("{}/{}", info.os, info.architecture),
            system: info.operating_system,
            cpus: info.cpus,
            memory: info.mem_total,
            rootless: info.rootless || info.security_options.iter().any(rootless),
            storage: info.driver,
            folder: info.docker_root_dir,
            cgroups,
            logging: info.logging_driver,
            buildkit: facts.buildkit,
            checks_health: !quirks::leaves_health_checks(facts),
            warnings: info.warnings,
        })
    }

    /// The address of the engine.
    #[must_use]
    pub fn address(&self) -> String {
        self.transport.endpoint().to_string()
    }
}
