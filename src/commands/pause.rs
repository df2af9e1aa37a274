//! `pause`: the processes of containers stand still.

use crate::commands::control;
use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::plan;

/// Pause containers
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Services (all, if none are named)
    services: Vec<String>,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    control::command(&args.services, context, |scene, services, _| {
        Ok(plan::pause(&scene.known, &scene.observed, services))
    })
}
