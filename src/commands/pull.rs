//! `pull`: images from their registries.

use crate::commands::exit::{Error, Exit};
use crate::commands::images_of;
use crate::commands::locking::Held;
use crate::commands::options::Context;
use crate::commands::session::{self, Signals, Work};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::execute::Outcome;
use crate::plan::{self, PullOptions};
use crate::source::Span;

/// Pull images
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose pull --ignore-buildable   All images that cannot be built here
  rcompose pull --policy missing     Those that are not there")]
pub(super) struct Args {
    /// Services (all, if none are named)
    services: Vec<String>,
    /// Leave out images that can be built
    #[arg(long)]
    ignore_buildable: bool,
    /// End well even if images cannot be pulled
    #[arg(long)]
    ignore_pull_failures: bool,
    /// Pull images of dependencies too
    #[arg(long)]
    include_deps: bool,
    /// When to pull: missing or always
    #[arg(long, value_name = "POLICY", value_parser = ["missing", "always"])]
    policy: Option<String>,
    /// Pull exactly what `compose.lock.yaml` says
    #[arg(long)]
    locked: bool,
    /// Pull without showing how far it is
    #[arg(short, long)]
    quiet: bool,
    /// Does nothing, as images are pulled at once anyway
    #[arg(id = "at_once", long = "parallel", hide = true)]
    parallel: bool,
    /// Does nothing
    #[arg(long, hide = true)]
    no_parallel: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    for (flag, is_set) in [("parallel", args.parallel), ("no-parallel", args.no_parallel)] {
        if is_set {
            let text = format!("option '--{flag}' is DEPRECATED and will be ignored.\n");
            context.terminal.err(&text);
        }
    }
    let (model, mut desired) = images_of::load(&args.services, args.include_deps, context)?;
    if args.locked {
        Held::new(&model, &desired, context)?.pin(&mut desired);
    }
    if args.quiet {
        context.terminal.hide_layers();
    }
    let failures = images_of::failures(args.ignore_pull_failures);
    let options = PullOptions {
        policy: args.policy.clone(),
        ignore_buildable: args.ignore_buildable,
        failures,
    };
    session::block_on(async {
        let engine = context.connect().await?;
        let mut signals = Signals::new(&context.terminal)?;
        let observed = session::observe(&engine, &desired).await?;
        let plan = plan::pull(&desired, &observed, &options).map_err(Error::Project)?;
        let (project, model) = (desired.project.as_str(), Some(&model));
        let work = Work { plan: &plan, project, model, engine: &engine, deadline: None };
        let (report, problem) = work.attempt(context, &mut signals).await?;
        let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed(_));
        let steps = plan.steps.iter().zip(&report.outcomes);
        let failed = steps.filter(|(_, outcome)| failed(outcome)).map(|(step, _)| step);
        let buildable: Vec<&str> = plan::buildable(&desired, failed).into_iter().collect();
        if !buildable.is_empty() {
            let message = "some images are in no registry, and must be built";
            let help = format!("run `rcompose build {}`", buildable.join(" "));
            let warning = Diagnostic::warning(Span::NOWHERE, message).help(help);
            context.show(&Diagnostics::from(warning));
        }
        match problem {
            Some(problem) => Err(problem),
            None => Ok(Exit::Success),
        }
    })
}
