//! `gc`: what killed jobs have left.

use crate::commands::exit::{Error, Exit};
use crate::commands::job::{self, lease};
use crate::commands::options::Context;
use crate::commands::session::{self, Signals};

/// Remove what killed `ci` and `test` jobs have left, of all projects
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Age of what is removed where its holder cannot be looked for: after another boot, of another machine
    #[arg(long, value_name = "TIME", default_value = lease::OLD)]
    older_than: String,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let patience = lease::patience(&args.older_than)?;
    session::block_on(async {
        let engine = context.connect().await?;
        let mut signals = Signals::new(&context.terminal)?;
        let swept = lease::sweep(&engine, patience, context, &mut signals).await?;
        let text = match (swept.projects.len(), context.options.dry_run) {
            (0, _) => "Nothing is left of any job\n".to_owned(),
            (_, true) => format!("Would remove {}\n", swept.text()),
            (_, false) => format!("Removed {}\n", swept.text()),
        };
        job::say(&text, context);
        Ok(Exit::Success)
    })
}
