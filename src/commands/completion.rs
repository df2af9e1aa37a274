//! `completion`: scripts by which shells complete what is typed.

use crate::commands::completing::Shell;
use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;

/// Print the script by which a shell completes commands, flags, services and more
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// Prints it for the program as it was called.
pub(super) fn run(args: &Args, program: &str, context: &mut Context) -> Result<Exit, Error> {
    context.terminal.out(&args.shell.script(program))?;
    Ok(Exit::Success)
}
