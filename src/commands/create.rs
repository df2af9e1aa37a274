//! `create`: containers are made, and wait for their start.

use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::{planning, up};

/// Create containers, but start none
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Services, with what they depend on (all, if none are named)
    services: Vec<String>,
    /// Replace containers even if nothing has changed
    #[arg(long, conflicts_with = "no_recreate")]
    force_recreate: bool,
    /// Keep containers even if something has changed
    #[arg(long)]
    no_recreate: bool,
    /// Remove containers of services that are no longer in the files
    #[arg(long)]
    remove_orphans: bool,
    /// Number of containers of a service
    #[arg(long = "scale", value_name = "SERVICE=NUM")]
    scale: Vec<String>,
    /// When to pull images: always, missing, never, or build to make them instead
    #[arg(long, value_name = "POLICY")]
    pull: Option<String>,
    /// Pull without showing how far it is
    #[arg(long)]
    quiet_pull: bool,
    #[command(flatten)]
    images: planning::ImageFlags,
    /// Use exactly the images of `compose.lock.yaml`
    #[arg(long)]
    locked: bool,
    /// Ask nothing: volumes that are configured differently are made anew, which loses their data
    #[arg(short, long, alias = "y")]
    yes: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let planning = planning::Wanted {
        services: args.services.clone(),
        force_recreate: args.force_recreate,
        no_recreate: args.no_recreate,
        remove_orphans: args.remove_orphans,
        scale: args.scale.clone(),
        pull: args.pull.clone(),
        images: args.images.clone(),
        locked: args.locked,
        yes: args.yes,
        quiet_pull: args.quiet_pull,
        ..planning::Wanted::default()
    };
    up::create(planning, context)
}
