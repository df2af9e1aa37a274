//! `start`: containers that are there are started.

use crate::commands::control;
use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::plan;

/// Start containers that are there
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Services (all, if none are named)
    services: Vec<String>,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    control::command(&args.services, context, |scene, services, _| {
        control::must_exist(scene, services)?;
        let (plan, empty) = plan::start(&scene.known, &scene.observed, services);
        if let Some(service) = empty.first() {
            let message = format!("service \"{service}\" has no container to start");
            return Err(Error::Usage(message));
        }
        Ok(plan)
    })
}
