//! `ci`: a stack for one command of a CI job.

use crate::commands::exit::{Error, Exit};
use crate::commands::job::{self, Flags, Task};
use crate::commands::options::Context;

/// Bring up a throw-away stack, run a command beside it, and take all down
///
/// The command finds a service `web` by variables: `WEB_HOST`, `WEB_PORT` (the first one), `WEB_PORT_80`,
/// `WEB_PORT_53_UDP` and `WEB_CONTAINER`; `WEB_2_PORT` is that of its second container. With
/// `COMPOSE_PROJECT_NAME`, other commands find the stack. The exit code of the command is the result.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Services to start, with what they depend on (all, if none are named)
    services: Vec<String>,
    #[command(flatten)]
    flags: Flags,
    /// Command and its arguments
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    job::run(&args.flags, &args.services, Task::Command(&args.command), context)
}
