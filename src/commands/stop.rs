//! `stop`: containers end, and stay.

use crate::commands::control;
use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::programs::Verb;
use crate::plan;

/// Stop containers
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose stop            Stop all containers
  rcompose stop -t 2 web   One service, within two seconds")]
pub(super) struct Args {
    /// Services (all, if none are named)
    services: Vec<String>,
    /// Seconds between stop signal and kill
    #[arg(short, long, value_name = "SECONDS")]
    timeout: Option<u32>,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let grace = control::grace(args.timeout);
    control::command(&args.services, context, |scene, services, context| {
        let known = scene.with_providers(Verb::Stop, services, context)?;
        Ok(plan::stop(&known, &scene.observed, services, grace))
    })
}
