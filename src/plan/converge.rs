//! From what is there to what should be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::Subject;
use crate::plan::{Action, Cause, Plan, Step, StepId, Target, ports};
use crate::source::Span;
use crate::spec::Hooks;
use crate::state::desired::{Desired, DesiredService};
use crate::state::observed::{Container, Observed, State};

/// When a container is replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Recreate {
    /// When it is not as it should be.
    #[default]
    Diverged,
    Always,
    Never,
}

/// What was asked for besides the files.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// For the services in `targeted`.
    pub recreate: Recreate,
    /// For all others.
    pub recreate_dependencies: Recreate,
    /// The services that were named; `None` if none were, which means all.
    pub targeted: Option<BTreeSet<String>>,
    /// Create containers, but start none.
    pub no_start: bool,
    pub remove_orphans: bool,
    /// Say nothing of orphans that stay.
    pub ignore_orphans: bool,
    /// Give replaced containers new anonymous volumes.
    pub renew_volumes: bool,
    /// The volumes that are made anew, whose data may be lost.
    pub renewed: BTreeSet<String>,
    /// Between stop signal and kill, for containers that are replaced or removed.
    pub grace: Option<Duration>,
    /// The services whose output is shown.
    pub attach: BTreeSet<String>,
    /// Whether the engine looks for the networks of a container only when it starts it, so that both can
    /// be made at the same time.
    pub networks_at_start: bool,
    /// Whether the engine keeps a container as long as others share something with it, so that those must
    /// go first.
    pub sharers_first: bool,
}

/// Plans how `observed` becomes `desired`. All images are there already, as far as they can be.
///
/// # Errors
/// External networks and volumes that are not there.
pub fn converge(
    desired: &Desired,
    observed: &Observed,
    options: &Options,
) -> Result<Plan, Diagnostics> {
    let mut planner = Planner {
        desired,
        observed,
        options,
        plan: Plan::default(),
        problems: Diagnostics::default(),
        networks: BTreeMap::new(),
        volumes: BTreeMap::new(),
        services: BTreeMap::new(),
        stopped: BTreeMap::new(),
        remade: BTreeSet::new(),
        gone: BTreeMap::new(),
    };
    planner.networks();
    planner.volumes();
    planner.orphans();
    for service in &desired.services {
        planner.service(service);
    }
    planner.renamed_networks();
    if !options.no_start {
        for service in &desired.services {
            planner.start(service);
        }
    }
    ports::order(&mut planner.plan, desired, observed);
    if planner.problems.has_errors() {
        return Err(planner.problems);
    }
    let mut plan = planner.plan;
    plan.warnings = planner.problems;
    Ok(plan)
}

pub(super) struct Planner<'a> {
    pub(super) desired: &'a Desired,
    pub(super) observed: &'a Observed,
    pub(super) options: &'a Options,
    pub(super) plan: Plan,
    pub(super) problems: Diagnostics,
    /// The steps that create networks and volumes, by the engine's names.
    pub(super) networks: BTreeMap<&'a str, StepId>,
    pub(super) volumes: BTreeMap<&'a str, StepId>,
    /// What the containers of a service will be, lowest number first.
    pub(super) services: BTreeMap<&'a str, Vec<Planned>>,
    /// Containers that stop because of something that they need, by ID.
    pub(super) stopped: BTreeMap<&'a str, (StepId, Cause)>,
    /// The networks that are made anew.
    pub(super) remade: BTreeSet<&'a str>,
    /// Containers that go because a volume of theirs is made anew, or before what they share something
    /// with, by ID, with their removals.
    pub(super) gone: BTreeMap<&'a str, StepId>,
}

/// A container as it will be.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) name: String,
    pub(super) target: Target,
    /// What must be done before it can start.
    pub(super) ready: Vec<StepId>,
    /// Why it is to be started; `None` if it runs.
    pub(super) start: Option<Cause>,
    /// The step that starts it.
    pub(super) started: Option<StepId>,
}

impl Planner<'_> {
    fn orphans(&mut self) {
        let orphans: Vec<&Container> =
            self.observed.containers.iter().filter(|it| self.is_orphan(it)).collect();
        if orphans.is_empty() {
            return;
        }
        if self.options.remove_orphans {
            for orphan in orphans {
                self.remove(orphan, None, Cause::Orphan);
            }
        } else if !self.options.ignore_orphans {
            let names: Vec<&str> = orphans.iter().map(|orphan| orphan.name.as_str()).collect();
            let message =
                format!("found orphan containers ({}) for this project", names.join(", "));
            let warning = Diagnostic::warning(Span::NOWHERE, message).help(
                "if you removed or renamed a service, pass `--remove-orphans` to remove its containers",
            );
            self.problems.push(warning);
        }
    }

    pub(super) fn is_orphan(&self, container: &Container) -> bool {
        if container.one_off {
            return matches!(container.state, State::Exited | State::Dead);
        }
        self.desired.service(&container.service).is_none()
            && !self.desired.providers.contains(&container.service)
            && !self.desired.disabled.contains(&container.service)
    }

    pub(super) fn remove(
        &mut self,
        container: &Container,
        service: Option<&DesiredService>,
        cause: Cause,
    ) -> StepId {
        let before = self.remove_sharers(container, None);
        self.remove_after(container, service, cause, before)
    }

    /// As [`Planner::remove`], of a container that nobody shares anything with once `before` is over.
    pub(super) fn remove_after(
        &mut self,
        container: &Container,
        service: Option<&DesiredService>,
        cause: Cause,
        mut before: Vec<StepId>,
    ) -> StepId {
        let grace = self.options.grace.or(service.and_then(|service| service.template.grace()));
        let hooks = service.map(|service| service.template.hooks());
        let hooks = hooks.unwrap_or(const { &Hooks::NONE });
        let ending = Ending { grace, hooks, volumes: false, at_once: false };
        match self.stopped.get(container.id.as_str()) {
            Some((stop, _)) => {
                let container = Container { state: State::Exited, ..container.clone() };
                before.push(*stop);
                remove(&mut self.plan, &container, &ending, cause, &before)
            }
            None => remove(&mut self.plan, container, &ending, cause, &before),
        }
    }
}

/// How a container is removed.
#[derive(Clone, Copy)]
pub(super) struct Ending<'a> {
    /// Between stop signal and kill.
    pub(super) grace: Option<Duration>,
    pub(super) hooks: &'a Hooks,
    /// With its anonymous volumes.
    pub(super) volumes: bool,
    /// Whether it is stopped before those are gone that are removed before it.
    pub(super) at_once: bool,
}

/// Plans the removal of a container: a stop if it runs, then the removal.
pub(super) fn remove(
    plan: &mut Plan,
    container: &Container,
    ending: &Ending<'_>,
    cause: Cause,
    after: &[StepId],
) -> StepId {
    let subject = Subject::Container(container.name.clone());
    let mut before = after.to_vec();
    let mut hook = None;
    if container.state.is_up() {
        let target = Target::Existing(container.id.clone());
        let action = Action::Stop { container: target, grace: ending.grace };
        let stop = Step::new(subject.clone(), action, cause.clone())
            .service(&container.service)
            .after_end_of(if ending.at_once { Vec::new() } else { std::mem::take(&mut before) })
            .shows("Stopping", "Stopped");
        let stopped = plan.push_stop(stop, ending.hooks, container);
        before.push(stopped.step);
        hook = stopped.before;
    }
    // A container that could not be stopped is removed by force; one whose hook has failed stays.
    let action = Action::Remove { container: container.id.clone(), volumes: ending.volumes };
    let remove = Step::new(subject, action, cause)
        .service(&container.service)
        .after_end_of(before)
        .after(hook)
        .shows("Removing", "Removed");
    plan.push(remove)
}
