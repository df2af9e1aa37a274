//! `push`: images to their registries.

use crate::commands::exit::{Error, Exit};
use crate::commands::images_of;
use crate::commands::options::Context;
use crate::commands::session::{self, Signals};
use crate::plan;

/// Push images that are built
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Services (all, if none are named)
    services: Vec<String>,
    /// End well even if images cannot be pushed
    #[arg(long)]
    ignore_push_failures: bool,
    /// Push images of dependencies too
    #[arg(long)]
    include_deps: bool,
    /// Push without showing how far it is
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let (model, desired) = images_of::load(&args.services, args.include_deps, context)?;
    if args.quiet {
        context.terminal.hide_layers();
    }
    let plan = plan::push(&desired, images_of::failures(args.ignore_push_failures));
    session::block_on(async {
        let engine = context.connect().await?;
        let mut signals = Signals::new(&context.terminal)?;
        let project = desired.project.as_str();
        session::carry_out(&plan, project, Some(&model), &engine, context, &mut signals).await?;
        Ok(Exit::Success)
    })
}
