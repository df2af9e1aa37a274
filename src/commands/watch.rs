//! `watch`: files that are saved are taken over into the containers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::archive;
use crate::commands::exit::{Error, Exit};
use crate::commands::fetching;
use crate::commands::options::Context;
use crate::commands::planning::{self, Planning};
use crate::commands::session::{self, Signals};
use crate::commands::up::{self, Up};
use crate::commands::watching::Watching;
use crate::commands::watching::lock::WatchLock;
use crate::commands::watching::means::{Means, build_watched, reach_of};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine::{ContainerRow, Engine, PathKind, quirks};
use crate::event::Event;
use crate::labels;
use crate::report::logs::LogPrinter;
use crate::report::{Reporter, Streams, Terminal};
use crate::spec::BuildSpec;
use crate::watch::reach::Reach;
use crate::watch::rules::{self, Rule};

/// Take changed files over into containers, as `develop.watch` says
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose watch                        Take over what you save, as `develop.watch` says
  rcompose watch web                    For one service
  rcompose watch --explain src/app.py   Say which rule takes a path")]
pub(super) struct Args {
    /// Services, with what they depend on (all, if none are named)
    services: Vec<String>,
    /// Do not build and start the services first
    #[arg(long)]
    no_up: bool,
    /// Remove images that have lost their names to new ones
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value_t = true, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    prune: bool,
    /// Show nothing of builds
    #[arg(long)]
    quiet: bool,
    /// Say which rules a path is watched by, or what leaves it out, and watch nothing
    #[arg(long, value_name = "PATH")]
    explain: Vec<String>,
}

/// What is said if there is nothing to watch; the words are the peer's.
const NO_RULES: &str =
    "none of the selected services is configured for watch, consider setting a 'develop' section";

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let wanted = planning::Wanted { services: args.services.clone(), ..Default::default() };
    let mut planning = Planning::new(&wanted, context)?;
    let rules = read(&planning, context)?;
    if !args.explain.is_empty() {
        return explain(&args.explain, &rules, context);
    }
    if args.quiet {
        context.terminal.quiet_builds();
        context.terminal.hide_layers();
    }
    let lock = WatchLock::take(&planning.desired.project, &context.env)?;
    let services: BTreeSet<String> = rules.iter().map(|rule| rule.service.clone()).collect();
    build_watched(&mut planning.desired, &services);
    planning.options.recreate_dependencies = crate::plan::Recreate::Never;
    fetching::consent(&planning.model, false, context)?;
    let detached = up::Args::detached(wanted);
    let mut up = Up::new(&detached, planning)?;
    let result = session::block_on(async {
        let engine = context.connect().await?;
        let mut signals = Signals::new(&context.terminal)?;
        let rows = engine.containers(up.project()).await?;
        let warnings = check_targets(&rules, &rows, &engine, &reach_of(&context.env)).await;
        context.show(&warnings.map_err(Error::Project)?);
        if args.no_up {
            up.check_engine(&engine, context)?;
            if context.options.dry_run {
                return Ok(Exit::Success);
            }
        } else {
            let exit = Box::pin(up.converge(&engine, &mut signals, context)).await?;
            if exit != Exit::Success || context.options.dry_run {
                return Ok(exit);
            }
        }
        let planning = up.into_planning();
        let means = Means::new(&planning, args.prune, &context.env);
        attend(rules, &engine, &means, &mut signals, &mut context.terminal).await
    });
    drop(lock);
    result
}

/// Watches until a signal comes.
async fn attend(
    rules: Vec<Rule>,
    engine: &Engine,
    means: &Means<'_>,
    signals: &mut Signals,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let mut reporter = Reporter::new(terminal, LogPrinter::default(), Streams::Apart);
    let begun = tokio::select! {
        biased;
        () = signals.next() => return Ok(Exit::Interrupted),
        begun = Watching::begin(rules, engine, means) => begun,
    };
    let mut watching = begun?;
    for event in watching.told() {
        reporter.on(&event)?;
    }
    reporter.line("Watch enabled")?;
    reporter.flush()?;
    loop {
        tokio::select! {
            biased;
            () = signals.next() => break,
            event = watching.next() => show(&event?, &mut reporter)?,
        }
    }
    reporter.line("Watch disabled")?;
    Ok(Exit::Interrupted)
}

/// Shows what a watch tells at once, as somebody may wait for it.
fn show(event: &Event, reporter: &mut Reporter<'_>) -> Result<(), Error> {
    reporter.on(event)?;
    Ok(reporter.flush()?)
}

/// The rules of all services that are to run.
///
/// # Errors
/// Rules that cannot work, with their places; no rules at all.
pub(super) fn read(planning: &Planning, context: &mut Context) -> Result<Vec<Rule>, Error> {
    let (rules, warnings) = rules(planning).map_err(Error::Project)?;
    context.show(&warnings);
    if rules.is_empty() {
        return Err(Error::Usage(NO_RULES.to_owned()));
    }
    Ok(rules)
}

/// As [`read`], with what there is to be warned of.
///
/// # Errors
/// Rules that cannot work, with their places.
pub(super) fn rules(planning: &Planning) -> Result<(Vec<Rule>, Diagnostics), Diagnostics> {
    let builds: BTreeMap<&str, &BuildSpec> = planning
        .desired
        .services
        .iter()
        .filter_map(|service| Some((service.name.as_str(), service.build.as_ref()?)))
        .collect();
    rules::read(&planning.model, &builds)
}

/// Refuses a folder that is to become a file of the containers and the other way round, as far as there
/// are containers, and warns of what the engine cannot reach.
///
/// # Errors
/// Such rules, with their places.
pub(super) async fn check_targets(
    rules: &[Rule],
    rows: &[ContainerRow],
    engine: &Engine,
    reach: &Reach,
) -> Result<Diagnostics, Diagnostics> {
    let mut problems = Diagnostics::default();
    let mut warnings = Diagnostics::default();
    for rule in rules {
        let Some(target) = rule.target.as_deref() else { continue };
        if rule.is_volatile && !quirks::reaches_memory(engine.facts()) && !reach.is_likely() {
            let message = format!(
                "service `{}`: the target `{target}` is in memory (tmpfs), where the engine puts no files",
                rule.service
            );
            warnings.push(Diagnostic::warning(rule.target_span, message));
        }
        let label = labels::SERVICE;
        let first = rows.iter().find(|it| it.label(label) == rule.service && !it.is_one_off());
        let Some(container) = first else { continue };
        let path = Path::new("/").join(target);
        let Ok(there) = engine.stat_path(&container.id, &path.to_string_lossy()).await else {
            continue;
        };
        // With the file, the folder would go.
        let kinds = match (rule.is_folder, there.kind) {
            (true, PathKind::File) => Some(("folder", "file")),
            (false, PathKind::Folder) => Some(("file", "folder")),
            _ => None,
        };
        if let Some((ours, its)) = kinds {
            let message = format!(
                "service `{}`: `{}` is a {ours}, but the target `{target}` is a {its} in {}",
                rule.service,
                rule.path.display(),
                container.name()
            );
            problems.push(Diagnostic::error(rule.target_span, message));
        }
    }
    if problems.has_errors() { Err(problems) } else { Ok(warnings) }
}

fn explain(paths: &[String], rules: &[Rule], context: &mut Context) -> Result<Exit, Error> {
    let mut is_known = true;
    for path in paths {
        let path = context.env.working_directory().join(path);
        let path = archive::clean(&path.to_string_lossy());
        let shown = |path: &Path| context.env.shown(path);
        let lines = rules::explain(rules, &path, &shown);
        is_known &= !lines.is_empty();
        let mut text = format!("{}\n", shown(&path));
        if lines.is_empty() {
            text.push_str("  no rule watches it\n");
        }
        for line in lines {
            text.push_str("  ");
            text.push_str(&line);
            text.push('\n');
        }
        context.terminal.out(&text)?;
    }
    Ok(if is_known { Exit::Success } else { Exit::Failure })
}
