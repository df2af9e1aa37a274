//! What the commands share that tell the containers of a project what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::time::Duration;

use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::planning;
use crate::commands::programs::{self, Verb};
use crate::commands::session::{self, Deadline, Signals, Work};
use crate::compose::model::Model;
use crate::engine::Engine;
use crate::plan::{Action, Known, Plan, Target};
use crate::spec::Hooks;
use crate::state::observed::{Observed, State};

/// A project as its files or labels tell it, and what the engine has of it.
pub(super) struct Scene {
    pub project: String,
    pub engine: Engine,
    pub known: Known,
    pub observed: Observed,
    /// Whether there are files.
    pub has_files: bool,
    model: Option<Model>,
    signals: Signals,
}

impl Scene {
    /// Looks at the project that the flags name. `None` if a signal came first.
    pub(super) async fn look(
        project: String,
        model: Option<Model>,
        context: &Context,
    ) -> Result<Option<Self>, Error> {
        let engine = context.connect().await?;
        let mut signals = Signals::new(&context.terminal)?;
        let observed = tokio::select! {
            observed = engine.observe_containers(&project) => observed?,
            () = signals.next() => return Ok(None),
        };
        let known = match &model {
            Some(model) => Known::of_model(model),
            None => Known::of_labels(&project, &observed),
        };
        let has_files = model.is_some();
        Ok(Some(Self { project, engine, known, observed, has_files, model, signals }))
    }

    /// Takes the stops of a plan that was not carried out for done, for the plan after it.
    fn pretend(&mut self, plan: &Plan) {
        for step in &plan.steps {
            if let Action::Stop { container: Target::Existing(id), .. } = &step.action
                && let Some(found) = self.observed.containers.iter_mut().find(|it| it.id == *id)
            {
                found.state = State::Exited;
            }
        }
    }

    /// What is known of the project, with what its providers are called with.
    pub(super) fn with_providers(
        &self,
        verb: Verb,
        services: &BTreeSet<String>,
        context: &Context,
    ) -> Result<Known, Error> {
        let mut known = self.known.clone();
        if let Some(model) = &self.model {
            known.providers = programs::provider_calls(model, verb, services, context)?;
        }
        Ok(known)
    }

    /// What is known of the project, with the containers that prepare the starts of its services.
    pub(super) fn with_preparations(&self, context: &Context) -> Result<Known, Error> {
        let mut known = self.known.clone();
        let prepares = |hooks: &Hooks| !hooks.pre_start.is_empty();
        if let Some(model) = &self.model
            && known.hooks.values().any(prepares)
        {
            let separator = context.separator(model);
            let (desired, _) = planning::desired(model, separator, &BTreeMap::new())?;
            let services = desired.services.iter();
            known.pre_start = services
                .map(|service| (service.name.clone(), service.template.all_pre_start()))
                .filter(|(_, containers)| !containers.is_empty())
                .collect();
        }
        Ok(known)
    }

    /// Runs a plan to its end, or until it is too late.
    async fn run(
        &mut self,
        plan: &Plan,
        deadline: Option<Deadline>,
        context: &mut Context,
    ) -> Result<(), Error> {
        let (project, model) = (&*self.project, self.model.as_ref());
        let work = Work { plan, project, model, engine: &self.engine, deadline };
        let (_, problem) = work.attempt(context, &mut self.signals).await?;
        problem.map_or(Ok(()), Err)
    }
}

/// Makes a plan for the services that were named.
pub(super) type Planner<'a> =
    &'a mut dyn FnMut(&Scene, &BTreeSet<String>, &mut Context) -> Result<Plan, Error>;

/// Looks at the project, plans, and runs the plan: all that most of these commands do.
pub(super) fn command(
    services: &[String],
    context: &mut Context,
    mut plan: impl FnMut(&Scene, &BTreeSet<String>, &mut Context) -> Result<Plan, Error>,
) -> Result<Exit, Error> {
    sequence(services, context, &mut [&mut plan])
}

/// As [`command`], with several plans, each made of what the one before has left.
pub(super) fn sequence(
    services: &[String],
    context: &mut Context,
    planners: &mut [Planner<'_>],
) -> Result<Exit, Error> {
    sequence_until(None, services, context, planners)
}

/// As [`sequence`]; what is not done by then is a failure.
pub(super) fn sequence_until(
    deadline: Option<Deadline>,
    services: &[String],
    context: &mut Context,
    planners: &mut [Planner<'_>],
) -> Result<Exit, Error> {
    let (project, model) = context.whole_project_or_name(services)?;
    let services = services.iter().cloned().collect();
    session::block_on(async {
        let Some(mut scene) = Scene::look(project, model, context).await? else {
            return Ok(Exit::Interrupted);
        };
        for (index, planner) in planners.iter_mut().enumerate() {
            if index > 0 && !context.options.dry_run {
                scene.observed = scene.engine.observe_containers(&scene.project).await?;
            }
            let plan = planner(&scene, &services, context)?;
            scene.run(&plan, deadline, context).await?;
            if context.options.dry_run {
                scene.pretend(&plan);
            }
        }
        Ok(Exit::Success)
    })
}

/// The value of `--timeout`.
pub(super) fn grace(seconds: Option<u32>) -> Option<Duration> {
    seconds.map(|seconds| Duration::from_secs(u64::from(seconds)))
}

/// Names of services that the project, known by its containers alone, does not have are an error.
pub(super) fn must_exist(scene: &Scene, services: &BTreeSet<String>) -> Result<(), Error> {
    match services.iter().find(|service| !scene.known.services.contains_key(*service)) {
        Some(service) => Err(Error::Usage(format!("no such service: \"{service}\": not found"))),
        None if !scene.has_files && scene.known.services.is_empty() => {
            let project = &scene.project;
            Err(Error::Usage(format!("no container found for project \"{project}\": not found")))
        }
        None => Ok(()),
    }
}

/// Asks whether to do something that cannot be undone; no answer is no.
pub(super) fn consent(question: &str, context: &mut Context) -> Result<bool, Error> {
    if std::io::stdin().is_terminal() {
        context.terminal.out(&format!("? {question} (y/N) "))?;
    } else {
        context.terminal.out(question)?;
    }
    context.terminal.flush()?;
    answer()
}

/// Asks, and reads the answer. As with the peer, who is not at a terminal must say `y`, `1` or `true`.
pub(super) fn confirm(question: &str, context: &mut Context) -> Result<bool, Error> {
    context.terminal.out(&format!("{question} [yN] "))?;
    answer()
}

/// Asks; an empty answer at a terminal is `default`. As with the peer, who is not at a terminal must say
/// `y`, `1` or `true`.
pub(super) fn agrees(question: &str, default: bool, context: &mut Context) -> Result<bool, Error> {
    context.terminal.out(question)?;
    context.terminal.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "" => Ok(default && std::io::stdin().is_terminal()),
        "yes" => Ok(std::io::stdin().is_terminal()),
        word => Ok(matches!(word, "y" | "1" | "t" | "true")),
    }
}

fn answer() -> Result<bool, Error> {
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    let answer = answer.trim().to_lowercase();
    Ok(matches!(answer.as_str(), "y" | "1" | "t" | "true"))
}
