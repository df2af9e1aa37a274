//! `restart`: containers end and start again.

use crate::commands::control;
use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::plan::{self, Restart};

/// Restart containers
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose restart web             Restart one service, and what has to follow it
  rcompose restart --no-deps web   That one alone")]
pub(super) struct Args {
    /// Services (all, if none are named)
    services: Vec<String>,
    /// Seconds between stop signal and kill
    #[arg(short, long, value_name = "SECONDS")]
    timeout: Option<u32>,
    /// Leave alone the services that restart with those
    #[arg(long)]
    no_deps: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let grace = control::grace(args.timeout);
    control::command(&args.services, context, |scene, services, _| {
        control::must_exist(scene, services)?;
        let wanted = Restart { services: services.clone(), no_dependents: args.no_deps, grace };
        Ok(plan::restart(&scene.known, &scene.observed, &wanted))
    })
}
