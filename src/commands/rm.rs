//! `rm`: containers that do not run are removed.

use std::collections::BTreeSet;

use crate::commands::control::{self, Scene};
use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::plan::{self, Plan};

/// Remove stopped containers
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose rm -sf web   Stop and remove the containers of a service, without asking")]
pub(super) struct Args {
    /// Services (all, if none are named)
    services: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
    /// Stop containers before
    #[arg(short, long)]
    stop: bool,
    /// Remove anonymous volumes too
    #[arg(short, long)]
    volumes: bool,
    /// Does nothing: one-off containers are never removed here
    #[arg(short, long, hide = true)]
    all: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let mut stop = |scene: &Scene, services: &BTreeSet<String>, _: &mut Context| {
        Ok(plan::stop(&scene.known, &scene.observed, services, None))
    };
    let mut remove = |scene: &Scene, services: &BTreeSet<String>, context: &mut Context| {
        let plan = plan::remove_stopped(&scene.known, &scene.observed, services, args.volumes);
        if plan.is_empty() {
            context.terminal.err("No stopped containers\n");
            return Ok(plan);
        }
        let names: Vec<&str> = plan.steps.iter().map(|step| step.subject.name()).collect();
        context.terminal.out(&format!("Going to remove {}\n", names.join(", ")))?;
        if args.force || context.options.dry_run || control::confirm("Are you sure?", context)? {
            return Ok(plan);
        }
        Ok(Plan::default())
    };
    if args.stop {
        control::sequence(&args.services, context, &mut [&mut stop, &mut remove])
    } else {
        control::command(&args.services, context, remove)
    }
}
