//! `wait`: until containers have ended.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use crate::commands::down;
use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::session::{self, Signals};
use crate::labels;
use crate::state::observed::State;

/// Wait until containers have ended
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose wait job   Wait until a service has ended, and end with its code")]
pub(super) struct Args {
    /// Services
    #[arg(required = true)]
    services: Vec<String>,
    /// Remove the project then
    #[arg(long)]
    down_project: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let (project, _) = context.project_or_name(&[])?;
    session::block_on(async {
        let engine = context.connect().await?;
        let mut signals = Signals::new(&context.terminal)?;
        let mut rows = engine.containers(&project).await?;
        rows.retain(|row| {
            let service = row.label(labels::SERVICE);
            State::parse(&row.state).is_up() && args.services.iter().any(|it| it == service)
        });
        if rows.is_empty() {
            return Err(Error::Usage(format!("no containers for project {project:?}")));
        }
        let mut waits: FuturesUnordered<_> =
            rows.iter().map(async |row| (row.id.clone(), engine.wait(&row.id).await)).collect();
        let mut last = 0;
        loop {
            let ended = tokio::select! {
                ended = waits.next() => ended,
                () = signals.next() => return Ok(Exit::Interrupted),
            };
            let Some((id, code)) = ended else {
                if args.down_project {
                    down::all(&project, context).await?;
                }
                return Ok(Exit::of(last));
            };
            last = code?;
            let line = format!("container {id:?} exited with status code {last}\n");
            context.terminal.out(&line)?;
            context.terminal.flush()?;
        }
    })
}
