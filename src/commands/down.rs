//! `down`: stop and remove containers and networks.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::programs::{self, Verb};
use crate::commands::session::{self, Signals};
use crate::compose::model::{Model, is_yes};
use crate::diagnostic::Diagnostic;
use crate::engine::{self, Engine, familiar};
use crate::labels;
use crate::names;
use crate::plan::{self, Known, Removal};
use crate::source::Span;
use crate::yaml::Node;

/// Stop and remove containers and networks
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose down                         Remove containers and networks; volumes stay
  rcompose down --volumes --rmi local   Remove data and images that were built, too
  rcompose down -t 2                    Give containers two seconds to stop")]
pub(super) struct Args {
    /// Services to remove (all, if none are named)
    services: Vec<String>,
    /// Remove containers of services that are no longer in the files, and one-off containers
    #[arg(long)]
    remove_orphans: bool,
    /// Remove named volumes and anonymous ones, and their data
    #[arg(short, long, alias = "volume")]
    volumes: bool,
    /// Remove images too: all that services use, or those built here (all or local)
    #[arg(long, value_name = "WHICH")]
    rmi: Option<String>,
    /// Seconds between stop signal and kill
    #[arg(short, long, value_name = "SECONDS")]
    timeout: Option<u32>,
    /// Tell all containers to stop at once, instead of dependents before what they depend on
    #[arg(long)]
    fast: bool,
}

/// Removes a project known by name, with all its containers.
pub(super) async fn all(project: &str, context: &mut Context) -> Result<Exit, Error> {
    let args = Args { remove_orphans: true, ..Args::default() };
    remove(&args, project, None, context).await
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    if let Some(which) = args.rmi.as_deref().filter(|which| !matches!(*which, "all" | "local" | ""))
    {
        return Err(Error::Usage(format!("invalid value for --rmi: {which:?}: use all or local")));
    }
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
    let mut signals = Signals::new(&context.terminal)?;
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
        images: BTreeSet::new(),
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
    if let Some(which @ ("all" | "local")) = args.rmi.as_deref() {
        let images = Images { project, model, wanted: &wanted, known: &known, engine: &engine };
        wanted.images = images.find(which == "all", context).await?;
    }
    let plan = plan::down(project, &known, &observed, &wanted);
    context.show(&plan.warnings);
    if plan.is_empty() && model.is_none() {
        let message = format!("no resource found to remove for project `{project}`");
        context.show(&Diagnostic::warning(Span::NOWHERE, message).into());
    }
    session::carry_out(&plan, project, None, &engine, context, &mut signals).await?;
    Ok(Exit::Success)
}

/// Finds the images that go with a project.
struct Images<'a> {
    project: &'a str,
    model: Option<&'a Model>,
    wanted: &'a Removal,
    known: &'a Known,
    engine: &'a Engine,
}

impl Images<'_> {
    /// The names of images that are there: those built for the project, as labels or names say; with
    /// `all`, also those that services name.
    async fn find(&self, all: bool, context: &Context) -> Result<BTreeSet<String>, Error> {
        let is_wanted = |service: &str| {
            self.wanted.services.is_empty() || self.wanted.services.contains(service)
        };
        let mut found = BTreeSet::new();
        for image in self.engine.built_images(self.project).await? {
            let service = image.labels.get(labels::SERVICE).map_or("", String::as_str);
            let goes = self.wanted.orphans || self.known.services.contains_key(service);
            if goes && is_wanted(service) {
                found.extend(image.repo_tags.first().map(|tag| whole(tag)));
            }
        }
        let mut named = BTreeSet::new();
        match self.model {
            Some(model) => {
                let separator = context.separator(model);
                for service in model.services.keys().filter(|service| is_wanted(service)) {
                    let image = model.node(&["services", service, "image"]);
                    match image.and_then(Node::as_str) {
                        Some(image) if all => named.insert(whole(image)),
                        Some(_) => continue,
                        None => {
                            named.insert(whole(&names::image(self.project, service, separator)))
                        }
                    };
                }
            }
            None if all => {
                for row in self.engine.containers(self.project).await? {
                    if is_wanted(row.label(labels::SERVICE)) {
                        named.insert(whole(&row.image));
                    }
                }
            }
            None => {}
        }
        for name in named {
            match self.engine.image_row(&name).await {
                Ok(_) => drop(found.insert(name)),
                Err(engine::Error::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    }
}

/// The name of an image with its tag, so that one is not removed twice.
fn whole(reference: &str) -> String {
    match familiar(reference) {
        ("", _) | (_, "") => reference.to_owned(),
        (name, tag) => format!("{name}:{tag}"),
    }
}

/// The engine's names of a section.
fn model_names(model: &Model, section: &str) -> Vec<String> {
    model
        .names(section)
        .filter_map(|key| model.node(&[section, key])?.str_of("name").map(str::to_owned))
        .collect()
}
