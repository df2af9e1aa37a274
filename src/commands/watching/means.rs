//! How a watch makes images and containers of a service anew, and has containers restart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tokio::sync::watch;

use crate::commands::exit::Error;
use crate::commands::planning::Planning;
use crate::diagnostic::Diagnostics;
use crate::engine::{self, Engine};
use crate::env::Env;
use crate::event::Event;
use crate::execute::{Outcome, Report, Reports, execute};
use crate::plan::{self, Known, Options, Plan, Recreate, Restart};
use crate::state::desired::Desired;
use crate::watch::reach::Reach;

/// What a watch works with.
pub(in crate::commands) struct Means<'a> {
    planning: &'a Planning,
    known: Known,
    /// Whether an image is removed that nothing stands for any more.
    prune: bool,
    env: &'a Env,
    reach: Reach,
}

impl<'a> Means<'a> {
    pub(in crate::commands) fn new(planning: &'a Planning, prune: bool, env: &'a Env) -> Self {
        let known = Known::of_model(&planning.model);
        let reach = reach_of(env);
        Self { planning, known, prune, env, reach }
    }

    pub(in crate::commands) fn project(&self) -> &str {
        &self.planning.desired.project
    }

    /// Which files of containers can be had without the engine.
    pub(in crate::commands) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// A path as people see it.
    pub(in crate::commands) fn shown(&self, path: &Path) -> String {
        self.env.shown(path)
    }

    /// Makes the image of a service anew, and those that its build starts from.
    ///
    /// # Errors
    /// What went wrong, as a clause.
    pub(in crate::commands) async fn build(
        &self,
        engine: &Engine,
        service: &str,
        reports: &Reports,
    ) -> Result<(), String> {
        let plan = plan::rebuild(&self.planning.desired, service)
            .map_err(|problems| first_message(&problems))?;
        self.run(engine, &plan, reports).await.map_err(|why| format!("cannot be built: {why}"))
    }

    /// Replaces the containers of a service, and those of others that share something with them; those
    /// that are to restart with it do.
    ///
    /// # Errors
    /// As [`Means::build`].
    pub(in crate::commands) async fn replace(
        &self,
        engine: &Engine,
        service: &str,
        reports: &Reports,
    ) -> Result<(), String> {
        let message = |error: Error| error.to_string();
        let mut desired = self.planning.desired_again().map_err(message)?;
        let observed = self.planning.observe(engine).await.map_err(message)?;
        let reference = desired.service(service).map(|it| it.image.clone()).unwrap_or_default();
        let mut kept = concerned(&desired, service);
        let runs = |name: &str| observed.replicas(name).iter().any(|it| it.state.is_up());
        kept.retain(|name| name == service || runs(name));
        // Nobody else is to be started or stopped for it.
        let (services, others): (Vec<_>, Vec<_>) =
            desired.services.into_iter().partition(|it| kept.contains(&it.name));
        desired.services = services;
        desired.disabled.extend(others.into_iter().map(|it| it.name));
        for it in &mut desired.services {
            it.dependencies.retain(|dependency| kept.contains(&dependency.service));
        }
        let options = Options {
            recreate: Recreate::Always,
            recreate_dependencies: Recreate::Diverged,
            targeted: Some(BTreeSet::from([service.to_owned()])),
            ignore_orphans: true,
            remove_orphans: false,
            no_start: false,
            attach: BTreeSet::new(),
            renewed: BTreeSet::new(),
            ..self.planning.options.clone()
        };
        let plan = plan::converge(&desired, &observed, &options)
            .map_err(|problems| first_message(&problems))?;
        self.run(engine, &plan, reports)
            .await
            .map_err(|why| format!("cannot be replaced: {why}"))?;
        if self.prune {
            let message = |error: engine::Error| error.to_string();
            let new = engine.image_row(&reference).await.map_err(message)?.id;
            for old in observed.replicas(service).iter().map(|it| &it.image) {
                if *old != new {
                    engine.remove_nameless_image(old).await.map_err(message)?;
                }
            }
        }
        Ok(())
    }

    /// Restarts the containers of a service, and those that restart with them.
    ///
    /// # Errors
    /// As [`Means::build`].
    pub(in crate::commands) async fn restart(
        &self,
        engine: &Engine,
        service: &str,
        reports: &Reports,
    ) -> Result<(), String> {
        let observed =
            engine.observe_containers(self.project()).await.map_err(|error| error.to_string())?;
        let services = BTreeSet::from([service.to_owned()]);
        let wanted = Restart { services, ..Restart::default() };
        let plan = plan::restart(&self.known, &observed, &wanted);
        self.run(engine, &plan, reports).await
    }

    /// Runs a plan. What is built is told, and what hooks write; that containers come and go is what the
    /// watch tells itself.
    async fn run(&self, engine: &Engine, plan: &Plan, reports: &Reports) -> Result<(), String> {
        let (_going_on, mut interrupt) = watch::channel(false);
        let (events, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let own = Reports { events, attached: reports.attached.clone() };
        let pass_on = |event: Event| match event {
            Event::Progress { .. } | Event::Layer { .. } | Event::Summary { .. } => {}
            // Nobody listens any more when the user has left.
            other => drop(reports.events.send(other)),
        };
        let mut running =
            std::pin::pin!(execute(plan, self.project(), engine, &own, &mut interrupt));
        let report = loop {
            tokio::select! {
                biased;
                Some(event) = heard.recv() => pass_on(event),
                report = &mut running => break report,
            }
        };
        while let Ok(event) = heard.try_recv() {
            pass_on(event);
        }
        outcome(&report, plan)
    }
}

/// What files of containers can be had without the engine; `RCOMPOSE_SYNC=engine` leaves all to it.
pub(in crate::commands) fn reach_of(env: &Env) -> Reach {
    Reach::new(env.non_empty("RCOMPOSE_SYNC") == Some("engine"))
}

/// The first failure, with what it is about.
fn outcome(report: &Report, plan: &Plan) -> Result<(), String> {
    for (step, outcome) in plan.steps.iter().zip(&report.outcomes) {
        if let Outcome::Failed(error) = outcome
            && !step.optional
        {
            return Err(format!("{}: {error}", step.subject));
        }
    }
    Ok(())
}

fn first_message(problems: &Diagnostics) -> String {
    problems.iter().next().map(|problem| problem.message.clone()).unwrap_or_default()
}

/// A service, those that share something with it and it with them, and those that restart with it.
fn concerned(desired: &Desired, service: &str) -> BTreeSet<String> {
    let mut kept = BTreeSet::from([service.to_owned()]);
    let shares: BTreeMap<&str, Vec<String>> = desired
        .services
        .iter()
        .map(|it| {
            let joins = it.template.container(1).joins.into_iter();
            (it.name.as_str(), joins.map(|join| join.service).collect())
        })
        .collect();
    loop {
        let before = kept.len();
        for it in &desired.services {
            let others = &shares[it.name.as_str()];
            let restarts =
                it.dependencies.iter().any(|it| it.restart && kept.contains(&it.service));
            if restarts || others.iter().any(|other| kept.contains(other)) {
                kept.insert(it.name.clone());
            }
            if kept.contains(&it.name) {
                kept.extend(others.iter().cloned());
            }
        }
        if kept.len() == before {
            return kept;
        }
    }
}

/// Has the images of services with rules made at the beginning, as the peer does.
pub(in crate::commands) fn build_watched(desired: &mut Desired, services: &BTreeSet<String>) {
    for service in desired.services.iter_mut().filter(|it| services.contains(&it.name)) {
        if service.build.is_some() {
            service.pull_policy = Some("build".to_owned());
        }
    }
}
