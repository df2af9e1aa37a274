//! `explain`: why a service is not as it should be.

use serde_json::{Value, json};

use crate::commands::exit::{Error, Exit};
use crate::commands::findings::{Findings, meaning};
use crate::commands::options::Context;
use crate::commands::session;
use crate::compose::model::Model;
use crate::diagnostic::nearest;
use crate::engine::Engine;
use crate::labels::Dependency;
use crate::report::time::Timestamp;
use crate::state::observed::{Container, Observed, State};

/// Show why a service does not run or is not healthy
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose explain web          Why a service does not run, or is not healthy
  rcompose explain web --json   For programs")]
pub(super) struct Args {
    /// Services
    #[arg(required = true)]
    services: Vec<String>,
    /// Show it as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let (project, model) = context.whole_project_or_name(&args.services)?;
    session::block_on(async {
        let engine = context.connect().await?;
        let observed = engine.observe(&project, &[], &[], &[]).await?;
        let scene = Scene { engine: &engine, model: model.as_ref(), observed };
        let mut all = Vec::new();
        for service in &args.services {
            scene.check(service)?;
            all.push(scene.service(service, context).await);
        }
        let text = if args.json {
            format!("{:#}\n", Value::Array(all.iter().map(Account::json).collect()))
        } else {
            all.iter().map(Account::text).collect::<Vec<_>>().join("\n")
        };
        context.terminal.out(&text)?;
        Ok(Exit::Success)
    })
}

/// What there is to say of services of a project, as text.
///
/// # Errors
/// Those of the engine.
pub(super) async fn tell(
    project: &str,
    services: &[&str],
    model: &Model,
    engine: &Engine,
    context: &Context,
) -> Result<String, Error> {
    let observed = engine.observe_containers(project).await?;
    let scene = Scene { engine, model: Some(model), observed };
    let mut all = Vec::new();
    for service in services {
        all.push(scene.service(service, context).await.text());
    }
    Ok(all.join("\n"))
}

struct Scene<'a> {
    engine: &'a Engine,
    model: Option<&'a Model>,
    observed: Observed,
}

/// What there is to say of a service.
struct Account {
    service: String,
    place: Option<String>,
    replicas: Vec<Replica>,
    /// Services that wait for it.
    holds_back: Vec<String>,
    /// Whether others wait for its end.
    is_task: bool,
}

/// What there is to say of a container.
struct Replica {
    findings: Findings,
    /// How it is, and since when.
    state: String,
    /// What it waits for, with how that is.
    waits: Vec<String>,
}

impl Scene<'_> {
    fn check(&self, service: &str) -> Result<(), Error> {
        let known: Vec<&str> = match self.model {
            Some(model) => model.services.keys().map(String::as_str).collect(),
            None => self.observed.containers.iter().map(|it| it.service.as_str()).collect(),
        };
        if known.contains(&service) {
            return Ok(());
        }
        let near = nearest(service, known);
        let hint = near.map_or(String::new(), |near| format!(" (did you mean `{near}`?)"));
        Err(Error::Usage(format!("no such service: {service}{hint}")))
    }

    async fn service(&self, service: &str, context: &Context) -> Account {
        let place = self.model.and_then(|model| {
            let span = model.services.get(service)?.key;
            Some(context.sources.position(span)?.to_string())
        });
        let mut replicas = Vec::new();
        for container in self.observed.replicas(service) {
            if let Some(findings) = Findings::of(self.engine, &container.id).await {
                let state = state(&findings, Timestamp::now());
                let mut waits = Vec::new();
                // Once it was started, nothing held it back.
                if container.state == State::Created {
                    for dependency in &container.depends_on {
                        waits.extend(self.dependency(dependency).await);
                    }
                }
                replicas.push(Replica { findings, state, waits });
            }
        }
        let needs = |other: &&Container| {
            other.state == State::Created && other.depends_on.iter().any(|it| it.service == service)
        };
        let mut holds_back: Vec<String> =
            self.observed.containers.iter().filter(needs).map(|it| it.service.clone()).collect();
        holds_back.sort();
        holds_back.dedup();
        let is_awaited = |it: &Dependency| {
            it.service == service && it.condition == "service_completed_successfully"
        };
        let is_task =
            self.observed.containers.iter().any(|it| it.depends_on.iter().any(is_awaited));
        Account { service: service.to_owned(), place, replicas, holds_back, is_task }
    }

    /// How a dependency is that has not come true; `None` if it has.
    async fn dependency(&self, dependency: &Dependency) -> Option<String> {
        let service = &dependency.service;
        let wanted = match dependency.condition.as_str() {
            "service_healthy" => "healthy",
            "service_completed_successfully" => "completed",
            _ => "started",
        };
        let containers = self.observed.replicas(service);
        if containers.is_empty() {
            return Some(format!("`{service}` is not {wanted}: it has no container"));
        }
        for container in containers {
            let Ok(found) = self.engine.inspect(&container.id).await else {
                continue;
            };
            let state = State::parse(&found.status);
            let is_over = matches!(state, State::Exited | State::Dead);
            let is_true = match wanted {
                "healthy" => found.health.as_deref() == Some("healthy") && !is_over,
                "completed" => is_over && found.exit_code == 0,
                _ => state.is_up(),
            };
            if !is_true {
                let how = match found.health.as_deref() {
                    _ if is_over => format!("has ended with exit code {}", found.exit_code),
                    Some(health) => format!("is {health}"),
                    None => format!("is {}", found.status),
                };
                return Some(format!("`{service}` is not {wanted}: {} {how}", found.name));
            }
        }
        None
    }
}

/// How a container is, and since when.
fn state(findings: &Findings, now: Timestamp) -> String {
    let container = &findings.container;
    let ago = |moment: jiff::Timestamp| Timestamp::from_seconds(moment.as_second()).ago(now);
    match State::parse(&container.status) {
        State::Created if container.error.is_empty() => "was never started".to_owned(),
        State::Created => format!("could not be started: {}", container.error),
        State::Exited | State::Dead => {
            let ran = container.finished_at.duration_since(container.started_at);
            let ran = if ran.is_negative() { 0.0 } else { ran.as_secs_f64() };
            let code = container.exit_code;
            let when = ago(container.finished_at);
            format!("ended with exit code {code} {when}, after {ran:.1} s")
        }
        State::Running => match container.health.as_deref() {
            Some(health) => format!("runs and is {health}; started {}", ago(container.started_at)),
            None => format!("runs; started {}", ago(container.started_at)),
        },
        _ => format!("is {}", container.status),
    }
}

impl Account {
    /// What to do about a container. That a task has ended with success is as it should be.
    fn help(&self, replica: &Replica) -> Option<&'static str> {
        let has_done_it = self.is_task && replica.findings.container.exit_code == 0;
        replica.findings.help().filter(|_| !has_done_it)
    }

    fn text(&self) -> String {
        use std::fmt::Write as _;
        let mut out = String::new();
        let place = self.place.as_ref().map_or(String::new(), |place| format!(" ({place})"));
        let _ = writeln!(out, "service `{}`{place}", self.service);
        if self.replicas.is_empty() {
            let _ =
                writeln!(out, "  it has no container; `rcompose up {}` makes one", self.service);
        }
        for replica in &self.replicas {
            let _ = writeln!(out, "  {} {}", replica.findings.container.name, replica.state);
            for note in replica.findings.notes(None).iter().chain(&replica.waits) {
                let _ = writeln!(out, "    {}", note.replace('\n', "\n    "));
            }
            if let Some(help) = self.help(replica) {
                let _ = writeln!(out, "    help: {help}");
            }
        }
        if !self.holds_back.is_empty() {
            let _ = writeln!(out, "  held back by it: {}", self.holds_back.join(", "));
        }
        out
    }

    fn json(&self) -> Value {
        let replicas = self.replicas.iter().map(|replica| {
            let found = &replica.findings.container;
            let is_over = replica.findings.is_over();
            let checks = found.health_log.iter().map(|run| {
                json!({
                    "start": run.start.to_string(),
                    "exit_code": run.exit_code,
                    "output": run.output,
                })
            });
            json!({
                "name": found.name,
                "id": found.id,
                "state": found.status,
                "health": found.health,
                "exit_code": is_over.then_some(found.exit_code),
                "exit_code_meaning":
                    is_over.then(|| meaning(found.exit_code, found.out_of_memory)).flatten(),
                "out_of_memory": found.out_of_memory,
                "error": (!found.error.is_empty()).then_some(&found.error),
                "restart_count": found.restart_count,
                "health_test": found.health_test.as_ref().map(|test| &test.command),
                "health_checks": checks.collect::<Vec<_>>(),
                "output": replica.findings.output.lines().collect::<Vec<_>>(),
                "waits_for": replica.waits,
                "help": self.help(replica),
            })
        });
        json!({
            "service": self.service,
            "place": self.place,
            "containers": replicas.collect::<Vec<_>>(),
            "holds_back": self.holds_back,
        })
    }
}
