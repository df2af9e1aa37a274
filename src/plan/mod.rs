//! What to do to make a project as it should be, and why: a graph of actions.
//!
//! Planners are pure: they compare what is desired with what was observed and decide everything.
//! The executor decides nothing; it runs the steps of a [`Plan`] as soon as those before them allow.
//! A plan prints as text, which is what its tests compare.

mod changes;
pub mod consent;
mod containers;
mod control;
mod converge;
mod hooks;
mod images;
mod lifecycle;
mod outline;
mod ports;
mod pre_start;
mod programs;
mod resources;
mod sharers;
mod teardown;
#[cfg(test)]
mod tests;
mod transfers;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

pub use crate::plan::changes::{Change, changes};
pub use crate::plan::control::{
    Restart, await_started, kill, pause, remove_stopped, restart, start, unpause,
};
pub use crate::plan::converge::{Options, Recreate, converge};
pub use crate::plan::images::{Builds, ImageOptions, PullPolicy, builds, images, rebuild};
pub use crate::plan::lifecycle::{one_off, wait};
pub use crate::plan::outline::{Entry, Verb, Waits, has_changes, outline};
pub use crate::plan::ports::{
    Holder, HostPort, Needed, container_holder, needed_ports, port_conflicts,
};
pub use crate::plan::programs::{Work, work};
pub use crate::plan::teardown::{Known, Removal, down, stop};
pub use crate::plan::transfers::{Failures, PullOptions, buildable, pull, push};

use crate::diagnostic::Diagnostics;
use crate::event::Subject;
use crate::spec::{
    BuildSpec, ContainerSpec, Endpoint, Hook, InlineFile, NetworkCreateRequest, ProgramCall,
    VolumeCreateRequest,
};
use crate::state::hash::ServiceHash;

/// A step of one plan, by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepId(pub usize);

/// A container that is there, or that a step makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Its ID.
    Existing(String),
    /// The step that creates it.
    Made(StepId),
}

/// When a hook is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    PostStart,
    PreStop,
}

impl Turn {
    /// The key of a service that has such hooks.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::PostStart => "post_start",
            Self::PreStop => "pre_stop",
        }
    }
}

/// One request to the engine, or one wait.
#[derive(Debug, Clone)]
pub enum Action {
    Pull {
        reference: String,
        platform: Option<String>,
    },
    /// Sends an image to a registry.
    Push {
        reference: String,
    },
    /// Makes an image, as files of the project say.
    Build(Box<BuildSpec>),
    CreateNetwork(Box<NetworkCreateRequest>),
    CreateVolume(Box<VolumeCreateRequest>),
    Create {
        spec: Box<ContainerSpec>,
        /// `None` for containers that are none of the service's, but work for it.
        hash: Option<Box<ServiceHash>>,
        /// The containers it shares something with, by service.
        parents: BTreeMap<String, Target>,
    },
    Rename {
        container: Target,
        to: String,
    },
    /// Has another program do its part.
    Run(Box<ProgramCall>),
    /// Puts files into a container that is not started yet.
    Copy {
        container: Target,
        files: Vec<InlineFile>,
    },
    /// Runs a command in the container to its end.
    Hook {
        container: Target,
        turn: Turn,
        hook: Box<Hook>,
    },
    /// Begins to show the container's output, from now on.
    Attach {
        container: Target,
        /// Whether the container starts after that.
        starts: bool,
    },
    Start {
        container: Target,
    },
    /// Asks the container to stop, and kills it after `grace` (its own time if `None`).
    Stop {
        container: Target,
        grace: Option<Duration>,
    },
    /// Stops the container as [`Action::Stop`] does, if it runs, and starts it.
    Restart {
        container: Target,
        grace: Option<Duration>,
    },
    /// Sends a signal to the container's process.
    Kill {
        container: Target,
        signal: String,
    },
    Pause {
        container: Target,
    },
    Unpause {
        container: Target,
    },
    Remove {
        container: String,
        /// With its anonymous volumes.
        volumes: bool,
    },
    /// Joins a network.
    Connect {
        container: Target,
        endpoint: Box<Endpoint>,
    },
    /// Leaves a network.
    Disconnect {
        container: Target,
        /// Its ID.
        network: String,
    },
    RemoveNetwork {
        id: String,
        name: String,
        /// Whether another one is to take its place, so that it must not stay for who uses it.
        replaced: bool,
    },
    RemoveVolume {
        name: String,
        replaced: bool,
    },
    RemoveImage {
        reference: String,
    },
    AwaitHealthy {
        container: Target,
    },
    /// Waits until the container runs, and is healthy if it has a health check; or has done its work.
    AwaitUp {
        container: Target,
    },
    /// Waits until the container has ended, with success.
    AwaitCompleted {
        container: Target,
    },
    /// Shows what a container of a hook writes until it has ended, with success.
    AwaitHook {
        container: Target,
        /// Which of the service's hooks it is.
        index: usize,
    },
    /// Removes a container that this plan has made, which has done its work.
    Discard {
        container: Target,
    },
}

impl Action {
    /// The container that it does something with, but for its creation and removal.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Rename { container, .. }
            | Self::Copy { container, .. }
            | Self::Hook { container, .. }
            | Self::Connect { container, .. }
            | Self::Disconnect { container, .. }
            | Self::Attach { container, .. }
            | Self::Start { container }
            | Self::Stop { container, .. }
            | Self::Restart { container, .. }
            | Self::Kill { container, .. }
            | Self::Pause { container }
            | Self::Unpause { container }
            | Self::AwaitHealthy { container }
            | Self::AwaitUp { container }
            | Self::AwaitCompleted { container }
            | Self::AwaitHook { container, .. }
            | Self::Discard { container } => Some(container),
            Self::Pull { .. }
            | Self::Push { .. }
            | Self::Build(_)
            | Self::Run(_)
            | Self::CreateNetwork(_)
            | Self::CreateVolume(_)
            | Self::Create { .. }
            | Self::Remove { .. }
            | Self::RemoveNetwork { .. }
            | Self::RemoveVolume { .. }
            | Self::RemoveImage { .. } => None,
        }
    }
}

/// Why a step is in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// It is not there.
    Missing,
    /// The image is newer than the one the container was made from.
    NewImage,
    /// The service is configured differently now.
    Diverged,
    /// It runs without a network that the service is on.
    Network(String),
    /// It has not mounted a volume of the service.
    Volume(String),
    /// A container that it shares something with is replaced.
    Parent(String),
    /// It was asked for.
    Asked,
    /// More containers than wanted.
    TooMany,
    /// Its service is no longer in the project.
    Orphan,
    /// It is not running.
    NotRunning,
    /// A part of the replacement that begins with this step.
    ReplacedBy(StepId),
    /// A replacement that was broken off.
    Unfinished,
    /// Another service waits for it.
    NeededBy(String),
    /// A network that it is on is made anew.
    NetworkChanged(String),
    /// A volume of it is made anew.
    VolumeChanged(String),
    /// It has another name now.
    Renamed(String),
    /// It restarts with a service that it depends on.
    RestartsWith(String),
    /// Its output is to be shown.
    Attached,
}

/// What a step needs of one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Success,
    /// Only that it is over.
    Settled,
    /// That it has failed: the step makes up for it, and is left out otherwise.
    Failure,
}

/// What progress says of a step. Several steps may be one thing to people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shows {
    pub begin: Option<&'static str>,
    pub end: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub struct Step {
    pub subject: Subject,
    /// The service it is done for.
    pub service: Option<String>,
    pub action: Action,
    pub cause: Cause,
    pub after: Vec<(StepId, Need)>,
    pub shows: Shows,
    /// Its failure is a warning: nobody needs it to succeed.
    pub optional: bool,
    /// Runs even after another step has failed, as it completes what has begun.
    pub completes: bool,
}

/// What happens when a step fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// No step begins any more, but those that complete what has begun.
    #[default]
    Stop,
    /// All that does not need the failed step goes on.
    GoOn,
}

/// Steps in an order in which every step stands after those it needs.
#[derive(Debug, Default)]
pub struct Plan {
    pub steps: Vec<Step>,
    /// What is as it should be, and runs.
    pub running: Vec<Subject>,
    /// What might have been asked for, but is left alone, and what is said of it.
    pub skipped: Vec<(Subject, &'static str)>,
    pub on_failure: OnFailure,
    /// Whether all stops are asked for at once, not a few at a time.
    pub at_once: bool,
    pub warnings: Diagnostics,
}

impl Plan {
    /// Adds a step and gives its ID.
    fn push(&mut self, step: Step) -> StepId {
        debug_assert!(step.after.iter().all(|(id, _)| id.0 < self.steps.len()));
        self.steps.push(step);
        StepId(self.steps.len() - 1)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    #[must_use]
    pub fn step(&self, id: StepId) -> &Step {
        &self.steps[id.0]
    }

    /// All builds of the plan.
    #[must_use]
    pub fn builds(&self) -> Vec<BuildSpec> {
        let builds = self.steps.iter().filter_map(|step| match &step.action {
            Action::Build(spec) => Some((**spec).clone()),
            _ => None,
        });
        builds.collect()
    }

    /// The containers whose output is shown, each with its service before it.
    pub fn attached(&self) -> impl Iterator<Item = (&str, &str)> {
        let attaches = |step: &&Step| matches!(step.action, Action::Attach { .. });
        let steps = self.steps.iter().filter(attaches);
        steps.map(|step| (step.service.as_deref().unwrap_or(""), step.subject.name()))
    }
}

impl Step {
    fn new(subject: Subject, action: Action, cause: Cause) -> Self {
        Self {
            subject,
            service: None,
            action,
            cause,
            after: Vec::new(),
            shows: Shows::default(),
            optional: false,
            completes: false,
        }
    }

    fn service(mut self, service: &str) -> Self {
        self.service = Some(service.to_owned());
        self
    }

    fn after(mut self, steps: impl IntoIterator<Item = StepId>) -> Self {
        self.after.extend(steps.into_iter().map(|id| (id, Need::Success)));
        self
    }

    fn after_end_of(mut self, steps: impl IntoIterator<Item = StepId>) -> Self {
        self.after.extend(steps.into_iter().map(|id| (id, Need::Settled)));
        self
    }

    fn shows(mut self, begin: &'static str, end: &'static str) -> Self {
        self.shows = Shows { begin: Some(begin), end: Some(end) };
        self
    }

    fn ends(mut self, text: &'static str) -> Self {
        self.shows.end = Some(text);
        self
    }

    fn completes(mut self) -> Self {
        self.completes = true;
        self
    }

    fn optional(mut self, optional: bool) -> Self {
        self.optional = optional;
        self
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for subject in &self.running {
            writeln!(out, "-. {} {} runs", subject.kind(), subject.name())?;
        }
        for (subject, text) in &self.skipped {
            writeln!(out, "-. {} {}: {text}", subject.kind(), subject.name())?;
        }
        for (index, step) in self.steps.iter().enumerate() {
            writeln!(out, "{}. {step}", index + 1)?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} {} {} ({})",
            self.subject.kind(),
            self.subject.name(),
            self.action,
            self.cause
        )?;
        if !self.after.is_empty() {
            let steps: Vec<String> = self
                .after
                .iter()
                .map(|(id, need)| match need {
                    Need::Success => format!("{}", id.0 + 1),
                    Need::Settled => format!("{}?", id.0 + 1),
                    Need::Failure => format!("{}!", id.0 + 1),
                })
                .collect();
            write!(out, " after [{}]", steps.join(", "))?;
        }
        if self.optional {
            out.write_str(" optional")?;
        }
        Ok(())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pull { .. } => out.write_str("pull"),
            Self::Push { .. } => out.write_str("push"),
            Self::Build(_) => out.write_str("build"),
            Self::CreateNetwork(_) | Self::CreateVolume(_) => out.write_str("create"),
            Self::Create { spec, .. } => write!(out, "create as {}", spec.name),
            Self::Rename { to, .. } => write!(out, "rename to {to}"),
            Self::Copy { files, .. } => {
                let targets: Vec<&str> = files.iter().map(|file| file.target.as_str()).collect();
                write!(out, "copy {}", targets.join(", "))
            }
            Self::Connect { endpoint, .. } => write!(out, "connect to {}", endpoint.network),
            Self::Disconnect { network, .. } => write!(out, "disconnect from {network}"),
            Self::Hook { turn, hook, .. } => {
                write!(out, "run {} hook {}", turn.key(), hook.command.join(" "))
            }
            Self::Run(call) => {
                let name = call.program.rsplit('/').next().unwrap_or(&call.program);
                write!(out, "run {name} {}", call.arguments.join(" "))
            }
            Self::Attach { .. } => out.write_str("attach"),
            Self::Start { .. } => out.write_str("start"),
            Self::Stop { .. } => out.write_str("stop"),
            Self::Restart { .. } => out.write_str("restart"),
            Self::Kill { signal, .. } => write!(out, "kill with {signal}"),
            Self::Pause { .. } => out.write_str("pause"),
            Self::Unpause { .. } => out.write_str("unpause"),
            Self::Remove { volumes: false, .. }
            | Self::RemoveNetwork { .. }
            | Self::RemoveVolume { .. }
            | Self::RemoveImage { .. } => out.write_str("remove"),
            Self::Remove { volumes: true, .. } => out.write_str("remove with anonymous volumes"),
            Self::AwaitHealthy { .. } => out.write_str("await healthy"),
            Self::AwaitUp { .. } => out.write_str("await up"),
            Self::AwaitCompleted { .. } => out.write_str("await completed"),
            Self::AwaitHook { .. } => out.write_str("await end of hook"),
            Self::Discard { .. } => out.write_str("discard"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => out.write_str("missing"),
            Self::NewImage => out.write_str("new image"),
            Self::Diverged => out.write_str("configured differently"),
            Self::Network(name) => write!(out, "not on network {name}"),
            Self::Volume(name) => write!(out, "without volume {name}"),
            Self::Parent(service) => write!(out, "shares with {service}, which is replaced"),
            Self::Asked => out.write_str("asked for"),
            Self::TooMany => out.write_str("too many"),
            Self::Orphan => out.write_str("orphan"),
            Self::NotRunning => out.write_str("not running"),
            Self::ReplacedBy(step) => write!(out, "replaced by {}", step.0 + 1),
            Self::Unfinished => out.write_str("left by a broken-off replacement"),
            Self::NeededBy(service) => write!(out, "needed by {service}"),
            Self::NetworkChanged(name) => write!(out, "network {name} is made anew"),
            Self::VolumeChanged(name) => write!(out, "volume {name} is made anew"),
            Self::Renamed(name) => write!(out, "is {name} now"),
            Self::RestartsWith(service) => write!(out, "restarts with {service}"),
            Self::Attached => out.write_str("shown"),
        }
    }
}
