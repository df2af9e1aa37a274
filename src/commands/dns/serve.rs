//! `dns serve`: answers names of services on this machine.

use tokio::sync::mpsc::unbounded_channel;

use crate::commands::dns::server::Sockets;
use crate::commands::dns::{LISTEN, address, suffix};
use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::session::{self, Signals};
use crate::event::Event;
use crate::report::logs::LogPrinter;
use crate::report::{Progress, Reporter, Streams};

/// Answer SERVICE.PROJECT.test and NUMBER.SERVICE.PROJECT.test on this machine
///
/// All projects of the engine have names, or only one if -p, -f or --project-directory say which.
/// Names follow containers as they come and go; everything else is refused.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address and port to answer on, or a port (0: any that is free)
    #[arg(long, value_name = "ADDRESS:PORT", default_value = LISTEN)]
    listen: String,
    /// What names end in
    #[arg(long, value_name = "SUFFIX", default_value = "test")]
    suffix: String,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let (listen, suffix) = (address(&args.listen)?, suffix(&args.suffix)?);
    let project = if context.is_project_named() { Some(context.name()?) } else { None };
    if context.options.dry_run {
        let whose = project.map_or("all projects".to_owned(), |it| format!("project {it}"));
        let text = format!("would answer names of {whose} below `{suffix}` at {listen}\n");
        context.terminal.out(&text)?;
        return Ok(Exit::Success);
    }
    // What goes on and on is told in lines.
    if context.terminal.progress() == Progress::Tty {
        context.show_progress("plain")?;
    }
    let sockets = Sockets::bind(listen)?;
    session::block_on(async {
        let engine = context.connect().await?;
        let mut signals = Signals::new(&context.terminal)?;
        let mut reporter =
            Reporter::new(&mut context.terminal, LogPrinter::default(), Streams::Apart);
        if !listen.ip().is_loopback() {
            let text = format!(
                "names are answered for whoever reaches {listen}, and not for this machine alone"
            );
            reporter.on(&Event::Warning(text))?;
        }
        let (tell, mut told) = unbounded_channel();
        let mut serving = sockets.serve(&engine, project, suffix, tell);
        loop {
            tokio::select! {
                biased;
                () = signals.next() => return Ok(Exit::Interrupted),
                Some(event) = told.recv() => {
                    reporter.on(&event)?;
                    reporter.flush()?;
                }
                broken = &mut serving => match broken {
                    Ok(never) => match never {},
                    Err(error) => return Err(error),
                },
            }
        }
    })
}
