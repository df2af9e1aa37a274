//! How containers are reached from this machine.

use crate::commands::exit::Error;
use crate::dns::members::{Member, Reach, members};
use crate::engine::{ContainerRow, Engine, NetworkFacts};
use crate::labels;

/// What the engine runs in where that is no system of its own but a machine in a machine.
const IN_A_MACHINE: &str = "Docker Desktop";

/// Whether containers are reached at their own addresses. Their networks are networks of this machine if
/// the engine works in its network namespace, with the rights to change that.
///
/// # Errors
/// Those of the engine.
pub(super) async fn reach(engine: &Engine) -> Result<Reach, Error> {
    let about = engine.about().await?;
    let why = if about.system.contains(IN_A_MACHINE) {
        "the engine is in a virtual machine, whose networks this machine does not reach"
    } else if about.rootless {
        "the engine runs without root, so that this machine does not reach its networks"
    } else if !engine.is_here().await {
        "the engine is elsewhere, and this machine does not reach its networks"
    } else {
        return Ok(Reach::Addresses);
    };
    Ok(Reach::Ports { at: engine.published_at().await, why })
}

/// What the engine has, as names are made of it.
pub(super) struct Look<'a> {
    engine: &'a Engine,
    reach: Reach,
    /// The project, if it is one alone.
    project: Option<String>,
    /// What was told of networks so far: that changes rarely, so it is asked again for new ones only.
    networks: Vec<NetworkFacts>,
}

impl<'a> Look<'a> {
    pub(super) fn new(engine: &'a Engine, reach: Reach, project: Option<String>) -> Self {
        Self { engine, reach, project, networks: Vec::new() }
    }

    pub(super) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Asks the engine for all that runs.
    ///
    /// # Errors
    /// Those of the engine.
    pub(super) async fn members(&mut self) -> Result<Vec<Member>, crate::engine::Error> {
        let rows = self.engine.running().await?;
        if self.reach == Reach::Addresses && rows.iter().any(|row| self.has_news(row)) {
            self.networks = self.engine.network_facts().await?;
        }
        let mut members = members(&rows, &self.networks, &self.reach);
        if let Some(project) = &self.project {
            members.retain(|member| member.project == *project);
        }
        Ok(members)
    }

    fn has_news(&self, row: &ContainerRow) -> bool {
        let is_known =
            |name: &str, id: &str| self.networks.iter().any(|it| it.id == id || it.name == name);
        let mut networks = row.network_settings.networks.iter();
        !row.label(labels::SERVICE).is_empty() && networks.any(|(name, it)| !is_known(name, &it.id))
    }
}
