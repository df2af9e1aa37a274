//! `dns`: names of services, on this machine and inside their networks.

mod ask;
mod asking;
mod check;
mod env;
mod names;
mod reach;
mod serve;
pub(super) mod server;
mod setup;

use std::net::SocketAddr;

use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::diagnostic::Diagnostic;
use crate::dns::suffix::Suffix;
use crate::source::Span;

/// Where names are answered if nobody says otherwise: a port that needs no rights, on this machine alone.
pub(super) const LISTEN: &str = "127.0.0.1:5300";

/// Reach services by name, and prove that they reach each other
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(check::Args),
    Env(env::Args),
    Install(setup::InstallArgs),
    Serve(serve::Args),
    Status(setup::StatusArgs),
    Uninstall(setup::UninstallArgs),
    Ask(ask::Args),
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    match &args.command {
        Command::Check(args) => check::run(args, context),
        Command::Env(args) => env::run(args, context),
        Command::Install(args) => setup::install(args, context),
        Command::Serve(args) => serve::run(args, context),
        Command::Status(args) => setup::status(args, context),
        Command::Uninstall(args) => setup::uninstall(args, context),
        Command::Ask(args) => ask::run(args, context),
    }
}

/// An error with what to do about it.
fn problem(message: impl Into<String>, help: impl Into<String>) -> Error {
    Error::Project(Diagnostic::error(Span::NOWHERE, message.into()).help(help.into()).into())
}

/// What `--suffix` says.
///
/// # Errors
/// What names cannot end in.
pub(super) fn suffix(text: &str) -> Result<Suffix, Error> {
    Suffix::parse(text).map_err(|error| problem(error.to_string(), error.help()))
}

/// What `--listen` says: an address with a port, or a port of this machine alone.
///
/// # Errors
/// What is no such thing.
pub(super) fn address(text: &str) -> Result<SocketAddr, Error> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    text.parse().map_err(|_| {
        let message = format!("`{text}` is no address to listen on");
        problem(message, format!("use an address and a port, such as {LISTEN}, or a port alone"))
    })
}
