//! `unpause`: the processes of containers go on.

use crate::commands::control;
use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::plan;

/// Unpause containers
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Services (all, if none are named)
    services: Vec<String>,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    control::command(&args.services, context, |scene, services, _| {
        Ok(plan::unpause(&scene.known, &scene.observed, services))
    })
}
