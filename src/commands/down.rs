//! `down`: stop and remove containers and networks.

use std::time::Duration;

use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::programs::{self, Verb};
use crate::commands::session::{self, Signals};
use crate::compose::model::{Model, is_yes};
use crate::diagnostic::Diagnostic;
use crate::plan::{self, Known, Removal};
use crate::source::Span;

/// Stop and remove containers and networks
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Services to remove (all, if none are named)
    services: Vec<String>,
    /// Remove containers of services that are no longer in the files, and one-off containers
    #[arg(long)]
    remove_orphans: bool,
    /// Remove named volumes and anonymous ones, and their data
    #[arg(short, long, alias = "volume")]
    volumes: bool,
    /// Seconds between stop signal and kill
    #[arg(short, long, value_name = "SECONDS")]
    timeout: Option<u32>,
    /// Tell all containers to stop at once, instead of dependents before what they depend on
    #[arg(long)]
    fast: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let (project, model) = context.project_or_name(&args.services)?;
    session::block_on(remove(args, &project, model.as_ref(), context))
}

async fn remove(
    args: &Args,
    project: &str,
    model: Option<&Model>,
    context: &mut Context,
) -> Result<Exit, Error> {
    let engine = context.connect().await?;
    let mut signals = Signals::new()?;
    let names = |section| model.map_or(Vec::new(), |model| model_names(model, section));
    let (networks, volumes) = (names("networks"), names("volumes"));
    let networks: Vec<&str> = networks.iter().map(String::as_str).collect();
    let volumes: Vec<&str> = volumes.iter().map(String::as_str).collect();
    let observed = tokio::select! {
        observed = engine.observe(project, &networks, &volumes, &[]) => observed?,
        () = signals.next() => return Ok(Exit::Interrupted),
    };
    let mut known = match model {
        Some(model) => Known::of_model(model),
        None => Known::of_labels(project, &observed),
    };
    let mut wanted = Removal {
        services: args.services.iter().cloned().collect(),
        orphans: args.remove_orphans
            || context.env.get("COMPOSE_REMOVE_ORPHANS").is_some_and(is_yes),
        volumes: args.volumes,
        at_once: args.fast,
        grace: args.timeout.map(|seconds| Duration::from_secs(u64::from(seconds))),
    };
    if model.is_none() && !wanted.services.is_empty() {
        // Without files a service that is not there may be gone already, or a slip of the finger.
        wanted.services.retain(|service| known.services.contains_key(service));
        if wanted.services.is_empty() {
            return Ok(Exit::Success);
        }
    }
    if let Some(model) = model {
        known.providers = programs::provider_calls(model, Verb::Down, &wanted.services, context)?;
    }
    let plan = plan::down(project, &known, &observed, &wanted);
    if plan.is_empty() && model.is_none() {
        let message = format!("no resource found to remove for project `{project}`");
        context.show(&Diagnostic::warning(Span::NOWHERE, message).into());
    }
    session::carry_out(&plan, project, None, &engine, context, &mut signals).await?;
    Ok(Exit::Success)
}

/// The engine's names of a section.
fn model_names(model: &Model, section: &str) -> Vec<String> {
    model
        .names(section)
        .filter_map(|key| model.node(&[section, key])?.str_of("name").map(str::to_owned))
        .collect()
}
