//! `attach`: what a container reads and writes, from now on.

use std::io::{self, IsTerminal as _};

use crate::commands::carrier::{Carried, Carrier, Program};
use crate::commands::detach::DetachKeys;
use crate::commands::exit::{Error, Exit};
use crate::commands::listing;
use crate::commands::options::Context;
use crate::commands::session;
use crate::engine::Engine;
use crate::state::observed::State;

/// Connect to what a container reads and writes
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Service of the container
    service: String,
    /// Number of the container, of a service with several
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    index: u32,
    /// Keys that leave the container to itself [default: those of Docker's configuration, or
    /// ctrl-p,ctrl-q]
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    /// Pass no input on
    #[arg(long)]
    no_stdin: bool,
    /// Pass signals on
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    sig_proxy: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let keys = DetachKeys::find(args.detach_keys.as_deref(), &context.env)?;
    let project = context.name()?;
    session::block_on(async {
        let engine = context.connect().await?;
        let mut rows = engine.containers(&project).await?;
        rows.retain(listing::is_listed);
        let row = listing::choose(rows, &args.service, args.index)?;
        execute(args, &engine, &row.id, keys, context).await
    })
}

async fn execute(
    args: &Args,
    engine: &Engine,
    id: &str,
    keys: DetachKeys,
    context: &mut Context,
) -> Result<Exit, Error> {
    let container = engine.inspect(id).await?;
    let refused = |message: &str| Err(Error::Usage(message.to_owned()));
    match State::parse(&container.status) {
        State::Paused => {
            return refused("you cannot attach to a paused container, unpause it first");
        }
        State::Restarting => {
            return refused(
                "you cannot attach to a restarting container, wait until it is running",
            );
        }
        State::Running => {}
        _ => return refused("you cannot attach to a stopped container, start it first"),
    }
    if container.tty && !args.no_stdin && !io::stdin().is_terminal() {
        return refused("the input device is not a TTY");
    }
    let input = !args.no_stdin && container.open_stdin;
    // It is asked for before, as a container that is started again has another end.
    let mut ending = std::pin::pin!(engine.wait(id));
    let mut code = None;
    let (output, typed) = {
        let mut attaching =
            std::pin::pin!(engine.attach_both(id, container.tty, input, &keys.text));
        loop {
            tokio::select! {
                biased;
                ended = &mut ending, if code.is_none() => code = Some(ended),
                attached = &mut attaching => break attached?,
            }
        }
    };
    let passes = args.sig_proxy && !container.tty;
    let program = if passes { Program::Container(id) } else { Program::Watched(id) };
    let both = Carrier { engine, program, tty: container.tty };
    let carried = {
        let input = input.then_some(typed);
        let carrying = both.carry(output, input, keys, &mut context.terminal);
        let mut carrying = std::pin::pin!(carrying);
        loop {
            tokio::select! {
                biased;
                ended = &mut ending, if code.is_none() => code = Some(ended),
                carried = &mut carrying => break carried?,
            }
        }
    };
    match carried {
        Carried::Left => Ok(Exit::Interrupted),
        Carried::Detached => {
            context.terminal.err("read escape sequence\n");
            Ok(Exit::Failure)
        }
        Carried::Over => {
            let code = match code {
                Some(code) => code,
                None => ending.await,
            };
            Ok(Exit::of(code?))
        }
    }
}
