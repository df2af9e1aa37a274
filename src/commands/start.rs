//! `start`: containers that are there are started.

use std::collections::BTreeSet;

use crate::commands::control::{self, Scene};
use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::session::Deadline;
use crate::plan;

/// Start containers that are there
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Services (all, if none are named)
    services: Vec<String>,
    /// Return once the containers are healthy, or run if they have no health check
    #[arg(long)]
    wait: bool,
    /// Seconds to wait for that at the most (0: without end)
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait_timeout: u32,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let mut start = |scene: &Scene, services: &BTreeSet<String>, context: &mut Context| {
        control::must_exist(scene, services)?;
        let known = scene.with_preparations(context)?;
        let (plan, empty) = plan::start(&known, &scene.observed, services);
        if let Some(service) = empty.first() {
            let message = format!("service \"{service}\" has no container to start");
            return Err(Error::Usage(message));
        }
        Ok(plan)
    };
    if !args.wait {
        return control::command(&args.services, context, start);
    }
    let mut wait = |scene: &Scene, services: &BTreeSet<String>, _: &mut Context| {
        Ok(plan::await_started(&scene.known, &scene.observed, services))
    };
    let deadline = Deadline::after(args.wait_timeout);
    control::sequence_until(deadline, &args.services, context, &mut [&mut start, &mut wait])
}
