//! `kill`: a signal for all that runs.

use crate::commands::control;
use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::plan;

/// Send a signal to containers
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose kill -s SIGHUP web   Have a service read its settings again")]
pub(super) struct Args {
    /// Services (all, if none are named)
    services: Vec<String>,
    /// Signal to send
    #[arg(short, long, value_name = "SIGNAL", default_value = "SIGKILL")]
    signal: String,
    /// Send it to containers of services that are no longer in the files, too
    #[arg(long)]
    remove_orphans: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    control::command(&args.services, context, |scene, services, context| {
        let mut known = scene.known.clone();
        if args.remove_orphans {
            known.add_orphans(&scene.observed);
        }
        let plan = plan::kill(&known, &scene.observed, services, &args.signal);
        if plan.is_empty() {
            context.terminal.err("no container to kill\n");
        }
        Ok(plan)
    })
}
