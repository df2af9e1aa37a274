//! `test`: a service that tests the others of its stack.

use crate::commands::exit::{Error, Exit};
use crate::commands::job::{self, Flags, Task};
use crate::commands::options::Context;
use crate::commands::run as one_off;

/// Bring up what a service depends on, run the service to its end, and take all down
///
/// All is a throw-away stack. The exit code of the service is the result.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Service to run
    service: String,
    /// Command and its arguments, instead of the service's
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
    /// Set a variable (NAME=VALUE, or NAME with the value it has here)
    #[arg(short, long, value_name = "VARIABLE")]
    env: Vec<String>,
    /// Entrypoint instead of the image's
    #[arg(long, value_name = "COMMAND")]
    entrypoint: Option<String>,
    /// Run as this user
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// Run in this folder
    #[arg(short, long, value_name = "FOLDER")]
    workdir: Option<String>,
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let mut one_off = one_off::Args::of(&args.service);
    one_off.command.clone_from(&args.command);
    one_off.env.clone_from(&args.env);
    one_off.entrypoint.clone_from(&args.entrypoint);
    one_off.user.clone_from(&args.user);
    one_off.workdir.clone_from(&args.workdir);
    let services = std::slice::from_ref(&args.service);
    job::run(&args.flags, services, Task::Service(&one_off), context)
}
