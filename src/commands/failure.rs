//! What a failed run says: which service, why, and what still runs.

use crate::compose::model::Model;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine::{self, ContainerRow, Engine, LogOptions};
use crate::execute::{Error, Report};
use crate::plan::{Action, Plan, Step};
use crate::source::Span;
use crate::state::observed::State;

/// Lines of a container's output that a failure shows.
const TAIL: usize = 10;

/// Explains the failures of a run; empty if there are none.
pub(super) async fn explain(
    plan: &Plan,
    report: &Report,
    model: Option<&Model>,
    project: &str,
    engine: &Engine,
) -> Diagnostics {
    let mut problems = Diagnostics::default();
    let failures: Vec<(&Step, &Error)> = report.failures(plan).collect();
    for (step, error) in &failures {
        let mut problem = Diagnostic::error(place(step, error, model), message(step, error));
        if let Error::Unhealthy { output: Some(output) } = error
            && !output.is_empty()
        {
            problem = problem.note(format!("the health check said:{}", indented(output)));
        }
        if let Error::Unhealthy { .. } | Error::Exited { .. } | Error::Incomplete { .. } = error
            && let Some(id) = report.container(step)
            && let Some(lines) = last_lines(engine, id).await
        {
            let name = step.subject.name();
            problem = problem.note(format!("{name} last wrote:{}", indented(&lines)));
        }
        if let Error::Hook { output, .. } = error
            && !output.is_empty()
        {
            let lines: Vec<&str> = output.lines().rev().take(TAIL).collect();
            let lines: Vec<&str> = lines.into_iter().rev().collect();
            problem = problem.note(format!("it last wrote:{}", indented(&lines.join("\n"))));
        }
        if let Error::NoHealthcheck = error {
            problem =
                problem.help("give it a `healthcheck`, or depend on it with `service_started`");
        }
        if let Error::Engine(error) = error {
            problem = problem.help_opt(error.help());
        }
        problems.push(problem);
    }
    if let Some(note) = what_runs(project, engine).await
        && !failures.is_empty()
        && model.is_some()
    {
        problems.note_last(note);
    }
    problems
}

fn message(step: &Step, error: &Error) -> String {
    let (kind, name) = (step.subject.kind(), step.subject.name());
    let service = step.service.as_deref().unwrap_or("");
    match (&step.action, error) {
        (Action::Pull { reference, .. }, error) => {
            format!("cannot pull image `{reference}` of service `{service}`: {error}")
        }
        (Action::CreateNetwork(_) | Action::CreateVolume(_), error) => {
            format!("cannot create {kind} `{name}`: {error}")
        }
        (Action::RemoveNetwork { .. } | Action::RemoveVolume { .. }, error) => {
            format!("cannot remove {kind} `{name}`: {error}")
        }
        (Action::Stop { .. }, error) => format!("cannot stop container {name}: {error}"),
        (Action::Restart { .. }, error) => format!("cannot restart container {name}: {error}"),
        (Action::Kill { .. }, error) => format!("cannot kill container {name}: {error}"),
        (Action::Pause { .. }, error) => format!("cannot pause container {name}: {error}"),
        (Action::Unpause { .. }, error) => format!("cannot unpause container {name}: {error}"),
        (Action::Remove { .. }, error) => format!("cannot remove container {name}: {error}"),
        (Action::Create { .. } | Action::Rename { .. }, error) => {
            format!("cannot create container {name} of service `{service}`: {error}")
        }
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
        (Action::Hook { turn, .. }, error) => {
            format!("container {name}: cannot run a {} hook: {error}", turn.key())
        }
        (Action::Start { .. } | Action::Attach { .. }, error) => {
            format!("cannot start container {name} of service `{service}`: {error}")
        }
        (Action::AwaitUp { .. }, Error::Unhealthy { .. }) => {
            format!("container {name} is unhealthy")
        }
        (Action::AwaitUp { .. }, Error::Exited { code }) => {
            format!("container {name} exited ({code})")
        }
        (_, Error::Unhealthy { .. }) => {
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
        (_, error @ (Error::Engine(_) | Error::Hook { .. })) => {
            format!("dependency failed to start: container {name}: {error}")
        }
    }
}

/// The key that a failure is about, or the service.
fn place(step: &Step, error: &Error, model: Option<&Model>) -> Span {
    let (Some(model), Some(service)) = (model, &step.service) else {
        return Span::NOWHERE;
    };
    let key = match (&step.action, error) {
        (Action::Pull { .. }, _) => "image",
        (Action::Hook { turn, .. }, _) => turn.key(),
        (Action::Start { .. }, Error::Engine(error)) if error.is_about_ports() => "ports",
        (_, Error::Unhealthy { .. }) => "healthcheck",
        (_, Error::Engine(engine::Error::NotFound(message))) if message.contains("image") => {
            "image"
        }
        _ => {
            return model.services.get(service).map_or(Span::NOWHERE, |entry| entry.key);
        }
    };
    model.span(&["services", service, key])
}

fn indented(text: &str) -> String {
    if text.contains('\n') { format!("\n{text}").replace('\n', "\n  ") } else { format!(" {text}") }
}

/// The last lines that a container wrote, if any.
async fn last_lines(engine: &Engine, id: &str) -> Option<String> {
    let tty = engine.inspect(id).await.ok()?.tty;
    let options = LogOptions { tail: Some(TAIL.to_string()), ..LogOptions::default() };
    let mut stream = engine.logs(id, tty, &options).await.ok()?;
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = stream.next().await {
        bytes.extend_from_slice(&chunk.bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
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
