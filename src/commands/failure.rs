//! What a failed run says: which service, why, and what still runs.

use std::collections::{BTreeMap, BTreeSet};

use crate::commands::findings::{Findings, TAIL, indented};
use crate::commands::options::Context;
use crate::compose::model::Model;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine::{self, ContainerRow, Engine};
use crate::execute::{Error, Outcome, Report};
use crate::plan::{Action, Need, Plan, Step, StepId};
use crate::reference::{DEFAULT_REGISTRY, Reference};
use crate::source::Span;
use crate::state::observed::State;

/// A run that has come to its end, and what it was about.
pub(super) struct Run<'a> {
    pub plan: &'a Plan,
    pub report: &'a Report,
    pub model: Option<&'a Model>,
    pub project: &'a str,
    pub engine: &'a Engine,
    /// Where in their Dockerfiles builds have failed.
    pub dockerfiles: BTreeMap<StepId, Span>,
}

/// Keeps the Dockerfiles of builds that failed, so that places in them can be shown; gives these.
pub(super) fn dockerfiles(
    plan: &Plan,
    report: &Report,
    context: &mut Context,
) -> BTreeMap<StepId, Span> {
    let mut places = BTreeMap::new();
    for (id, step, error) in report.failures(plan) {
        if let (Action::Build(spec), Error::Engine(engine::Error::Build(failure))) =
            (&step.action, error)
            && let Some(place) = &failure.place
        {
            let (first, last) = (place.first as usize, place.last as usize);
            let ends = place.text.split_inclusive('\n').scan(0, |end, line| {
                *end += line.len();
                Some((*end - line.len(), *end - line.len() + line.trim_end().len()))
            });
            let lines: Vec<(usize, usize)> = ends.collect();
            let (Some((start, _)), Some((_, end))) =
                (lines.get(first.wrapping_sub(1)), lines.get(last.wrapping_sub(1)))
            else {
                continue;
            };
            let name = context.shown(&spec.dockerfile_path().unwrap_or(place.file.clone()));
            let file = context.sources.add(name, place.text.clone(), None);
            places.insert(id, Span::new(file, *start..(*end).max(*start)));
        }
    }
    places
}

impl<'a> Run<'a> {
    /// A run of which no file is known.
    pub(super) fn of(
        plan: &'a Plan,
        report: &'a Report,
        project: &'a str,
        engine: &'a Engine,
    ) -> Self {
        Self { plan, report, model: None, project, engine, dockerfiles: BTreeMap::new() }
    }

    /// Explains the failures of the run; empty if there are none.
    pub(super) async fn explain(&self) -> Diagnostics {
        let mut problems = Diagnostics::default();
        let is_about_space = |error: &Error| match error {
            Error::Engine(error) => error.is_about_space(),
            _ => false,
        };
        // A full disk is one problem, whoever runs into it.
        let failures = self.report.failures(self.plan);
        let (full, others): (Vec<_>, Vec<_>) =
            failures.partition(|(_, _, error)| is_about_space(error));
        for (id, step, error) in others.into_iter().chain(full.iter().copied().take(1)) {
            problems.push(self.problem(id, step, error).await);
        }
        if let [_, more @ ..] = &full[..]
            && !more.is_empty()
        {
            let names: Vec<String> = more.iter().map(|(_, step, _)| subject(step)).collect();
            problems.note_last(format!("for the same reason: {}", names.join(", ")));
        }
        self.note_what_runs(&mut problems).await;
        problems
    }

    /// Explains why a run that was given `limit` seconds is not over.
    pub(super) async fn explain_delay(&self, limit: u32) -> Diagnostics {
        let steps = self.plan.steps.iter().enumerate();
        let late: Vec<&Step> = steps
            .filter(|(index, step)| {
                let is_wait = matches!(
                    step.action,
                    Action::AwaitUp { .. }
                        | Action::AwaitHealthy { .. }
                        | Action::AwaitCompleted { .. }
                );
                is_wait && matches!(self.report.outcomes[*index], Outcome::Skipped)
            })
            .map(|(_, step)| step)
            .collect();
        let message = format!("application not healthy after {limit}s");
        let span = late.first().map_or(Span::NOWHERE, |step| self.place(step, "healthcheck"));
        let mut problem = Diagnostic::error(span, message);
        for step in late {
            let name = step.subject.name();
            let Some(id) = self.report.container(step) else {
                continue;
            };
            let state = match (&step.action, Findings::of(self.engine, id).await) {
                (_, None) => "is gone".to_owned(),
                (Action::AwaitCompleted { .. }, Some(_)) => "has not ended yet".to_owned(),
                (_, Some(findings)) => {
                    for note in findings.notes(self.report.probes.get(id)) {
                        problem = problem.note(note);
                    }
                    match findings.container.health.as_deref() {
                        Some(health) => format!("is not healthy yet, but {health}"),
                        None => format!("is not up yet, but {}", findings.container.status),
                    }
                }
            };
            problem = problem.note(format!("{name} {state}"));
        }
        let mut problems = Diagnostics::from(problem);
        self.note_what_runs(&mut problems).await;
        problems
    }

    async fn problem(&self, id: StepId, step: &Step, error: &Error) -> Diagnostic {
        let span = match key(step, error) {
            Some(key) => self.place(step, key),
            None => self.service(step),
        };
        let mut problem = match self.dockerfiles.get(&id) {
            Some(place) => {
                Diagnostic::error(*place, message(step, error)).context(span, "built here")
            }
            None => Diagnostic::error(span, message(step, error)),
        };
        let mut help = None;
        if let Error::Engine(engine::Error::Build(failure)) = error {
            let step = failure.step.iter().map(|step| format!("the step is {step}"));
            problem = step.fold(problem, Diagnostic::note);
            if !failure.output.is_empty() {
                let lines = &failure.output[failure.output.len().saturating_sub(TAIL)..];
                problem = problem.note(format!("it last wrote:{}", indented(&lines.join("\n"))));
            }
        }
        if let Error::Unhealthy | Error::Exited { .. } | Error::Incomplete { .. } = error
            && let Some(container) = self.report.container(step)
            && let Some(findings) = Findings::of(self.engine, container).await
        {
            let waited = self.report.times[id.0].taken().unwrap_or_default();
            problem = problem.note(format!("waited for it for {:.1} s", waited.as_secs_f64()));
            for note in findings.notes(self.report.probes.get(container)) {
                problem = problem.note(note);
            }
            help = findings.help();
        }
        if let Error::Hook { output, .. } = error
            && !output.is_empty()
        {
            let lines: Vec<&str> = output.lines().collect();
            let last = &lines[lines.len().saturating_sub(TAIL)..];
            problem = problem.note(format!("it last wrote:{}", indented(&last.join("\n"))));
        }
        if let (Action::AwaitHook { .. }, Some(id)) = (&step.action, self.report.container(step)) {
            let id = id.get(..12).unwrap_or(id);
            problem = problem.note(format!("hook container {id} retained for inspection"));
        }
        let blocked = self.blocked(id);
        if !blocked.is_empty() {
            problem = problem.note(format!("held back by it: {}", blocked.join(", ")));
        }
        match error {
            Error::NoHealthcheck => {
                problem.help("give it a `healthcheck`, or depend on it with `service_started`")
            }
            Error::Engine(error) => problem.help_opt(help_about(&step.action, error)),
            Error::Hook { .. } | Error::Program(_) => problem,
            Error::Unhealthy | Error::Exited { .. } | Error::Incomplete { .. } => {
                problem.help_opt(help.map(str::to_owned))
            }
        }
    }

    /// The services of which a step was not run as this one did not succeed.
    fn blocked(&self, failed: StepId) -> Vec<&str> {
        let mut held: BTreeSet<usize> = BTreeSet::from([failed.0]);
        let mut services = BTreeSet::new();
        let own = self.plan.step(failed).service.as_deref();
        for (index, step) in self.plan.steps.iter().enumerate() {
            let waits =
                |(id, need): &(StepId, Need)| *need == Need::Success && held.contains(&id.0);
            if matches!(self.report.outcomes[index], Outcome::Skipped)
                && step.after.iter().any(waits)
            {
                held.insert(index);
                services.extend(step.service.as_deref().filter(|service| Some(*service) != own));
            }
        }
        services.into_iter().collect()
    }

    /// Where a key of the step's service stands, or the service.
    fn place(&self, step: &Step, key: &str) -> Span {
        match (self.model, &step.service) {
            (Some(model), Some(service)) => model.span(&["services", service, key]),
            _ => Span::NOWHERE,
        }
    }

    fn service(&self, step: &Step) -> Span {
        match (self.model, &step.service) {
            (Some(model), Some(service)) => {
                model.services.get(service).map_or(Span::NOWHERE, |entry| entry.key)
            }
            _ => Span::NOWHERE,
        }
    }

    /// Adds to the last problem which containers of the project run.
    async fn note_what_runs(&self, problems: &mut Diagnostics) {
        if !problems.is_empty()
            && self.model.is_some()
            && let Some(note) = what_runs(self.project, self.engine).await
        {
            problems.note_last(note);
        }
    }
}

/// What to do about what the engine says.
fn help_about(action: &Action, error: &engine::Error) -> Option<String> {
    let (Action::Pull { reference, .. } | Action::Push { reference }) = action else {
        return error.help();
    };
    if !error.is_about_logins() {
        return error.help();
    }
    let registry = Reference::parse(reference).ok()?.registry;
    // The default one is meant where none is named.
    let at = if registry == DEFAULT_REGISTRY { String::new() } else { format!(" {registry}") };
    Some(format!("log in with `docker login{at}`, or check the name of the image"))
}

fn subject(step: &Step) -> String {
    format!("{} {}", step.subject.kind(), step.subject.name())
}

fn message(step: &Step, error: &Error) -> String {
    let (kind, name) = (step.subject.kind(), step.subject.name());
    let service = step.service.as_deref().unwrap_or("");
    match (&step.action, error) {
        (Action::Pull { reference, .. }, error) => {
            format!("cannot pull image `{reference}` of service `{service}`: {error}")
        }
        (Action::Push { reference }, error) => {
            format!("cannot push image `{reference}` of service `{service}`: {error}")
        }
        (Action::Build(_), error) => {
            format!("cannot build image `{name}` of service `{service}`: {error}")
        }
        (Action::CreateNetwork(_) | Action::CreateVolume(_), error) => {
            format!("cannot create {kind} `{name}`: {error}")
        }
        (
            Action::RemoveNetwork { .. } | Action::RemoveVolume { .. } | Action::RemoveImage { .. },
            error,
        ) => format!("cannot remove {kind} `{name}`: {error}"),
        (Action::Stop { .. }, error) => format!("cannot stop container {name}: {error}"),
        (Action::Restart { .. }, error) => format!("cannot restart container {name}: {error}"),
        (Action::Kill { .. }, error) => format!("cannot kill container {name}: {error}"),
        (Action::Pause { .. }, error) => format!("cannot pause container {name}: {error}"),
        (Action::Unpause { .. }, error) => format!("cannot unpause container {name}: {error}"),
        (Action::Remove { .. }, error) => format!("cannot remove container {name}: {error}"),
        (Action::Create { .. } | Action::Rename { .. }, error) => {
            format!("cannot create container {name} of service `{service}`: {error}")
        }
        (Action::Run(_), error) => format!("{kind} `{name}`: {error}"),
        (Action::Connect { endpoint, .. }, error) => {
            format!("cannot connect container {name} to network `{}`: {error}", endpoint.network)
        }
        (Action::Disconnect { .. }, error) => {
            format!("cannot disconnect container {name} from its network: {error}")
        }
        (Action::Copy { .. }, error) => {
            format!("cannot copy configs and secrets into container {name}: {error}")
        }
        (Action::Hook { turn, .. }, Error::Hook { code, .. }) => {
            format!("container {name}: a {} hook exited with status {code}", turn.key())
        }
        (Action::AwaitHook { index, .. }, Error::Hook { code, .. }) => {
            format!("service \"{service}\" pre_start[{index}] exited with code {code}")
        }
        (Action::Hook { turn, .. }, error) => {
            format!("container {name}: cannot run a {} hook: {error}", turn.key())
        }
        (Action::Start { .. } | Action::Attach { .. }, error) => {
            format!("cannot start container {name} of service `{service}`: {error}")
        }
        (Action::AwaitUp { .. }, Error::Unhealthy) => {
            format!("container {name} is unhealthy")
        }
        (Action::AwaitUp { .. }, Error::Exited { code }) => {
            format!("container {name} exited ({code})")
        }
        (_, Error::Unhealthy) => {
            format!("dependency failed to start: container {name} is unhealthy")
        }
        (_, Error::Exited { code }) => {
            format!("dependency failed to start: container {name} exited ({code})")
        }
        (_, Error::NoHealthcheck) => {
            format!("dependency failed to start: container {name} has no healthcheck configured")
        }
        (_, Error::Incomplete { code }) => {
            format!("service \"{service}\" didn't complete successfully: exit {code}")
        }
        (_, error @ (Error::Engine(_) | Error::Hook { .. } | Error::Program(_))) => {
            format!("dependency failed to start: container {name}: {error}")
        }
    }
}

/// The key that a failure is about; `None` stands for the service.
fn key(step: &Step, error: &Error) -> Option<&'static str> {
    match (&step.action, error) {
        (Action::Pull { .. } | Action::Push { .. }, _) => Some("image"),
        (Action::Build(_), _) => Some("build"),
        (Action::Hook { turn, .. }, _) => Some(turn.key()),
        (Action::AwaitHook { .. }, _) => Some("pre_start"),
        (Action::Run(_), _) => Some("provider"),
        (_, Error::Engine(error)) if error.is_about_ports() => Some("ports"),
        (_, Error::Unhealthy) => Some("healthcheck"),
        (_, Error::Engine(engine::Error::NotFound(message))) if message.contains("image") => {
            Some("image")
        }
        _ => None,
    }
}

/// The containers of the project, by whether they run.
async fn what_runs(project: &str, engine: &Engine) -> Option<String> {
    let mut rows = engine.containers(project).await.ok()?;
    rows.retain(|row| !row.is_one_off());
    rows.sort_by(|a, b| a.name().cmp(b.name()));
    let names = |up: bool| {
        let names: Vec<&str> = rows
            .iter()
            .filter(|row| State::parse(&row.state).is_up() == up)
            .map(ContainerRow::name)
            .collect();
        names.join(", ")
    };
    let (up, down) = (names(true), names(false));
    match (up.is_empty(), down.is_empty()) {
        (true, true) => None,
        (true, false) => Some(format!("nothing runs; not running: {down}")),
        (false, true) => Some(format!("still running: {up}")),
        (false, false) => Some(format!("still running: {up}; not running: {down}")),
    }
}
