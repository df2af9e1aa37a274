//! `plan`: what `up` would do.

use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::planning::{self, Planning};
use crate::commands::preview::{Form, Preview};
use crate::commands::{programs, session};

/// Show what `up` would do, and why; nothing is changed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose plan                     What `up` would do, with old and new values
  rcompose plan --pull always web   With the newest images, for one service")]
pub(super) struct Args {
    #[command(flatten)]
    planning: planning::Wanted,
    /// Show it as JSON
    #[arg(long)]
    json: bool,
    /// End with 2 if there is something to do, 0 if there is nothing
    #[arg(long)]
    detailed_exitcode: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let mut planning = Planning::new(&args.planning, context)?;
    let form = if args.json { Form::Json } else { Form::of_dry_run(context) };
    session::block_on(async {
        let engine = context.connect().await?;
        let has_changes = show(&mut planning, &engine, form, context).await?;
        Ok(if has_changes && args.detailed_exitcode { Exit::Code(2) } else { Exit::Success })
    })
}

/// Shows what would be done; gives whether it is anything.
pub(super) async fn show(
    planning: &mut Planning,
    engine: &crate::engine::Engine,
    form: Form,
    context: &mut Context,
) -> Result<bool, Error> {
    planning.check_engine(engine, context)?;
    let observed = planning.observe(engine).await?;
    // Nobody is asked anything, as nothing is done.
    planning.agree(&observed);
    programs::warn_of_silence(&planning.model, context);
    let images = planning.images(&observed)?;
    let converge = planning.converge(&observed, context)?;
    let taken = planning.port_conflicts(&converge, engine).await?;
    let preview = Preview {
        project: &planning.desired.project,
        model: Some(&planning.model),
        engine,
        plans: &[&images, &converge],
    };
    let has_changes = preview.show(form, context).await?;
    if taken.is_empty() { Ok(has_changes) } else { Err(Error::Project(taken)) }
}
