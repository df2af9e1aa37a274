//! `lock`: what the tags of images stand for, written down.
#![expect(clippy::disallowed_methods, reason = "the lock file is written")]

use std::collections::BTreeSet;

use crate::commands::digests::{self, Wanted};
use crate::commands::exit::{Error, Exit};
use crate::commands::locking::{self, Needs};
use crate::commands::options::Context;
use crate::commands::session;
use crate::compose::files::Files;
use crate::compose::model::Model;
use crate::diagnostic::Diagnostic;
use crate::event::{Event, Status, Subject};
use crate::lock::Lock;
use crate::reference::Reference;
use crate::report::logs::LogPrinter;
use crate::report::{Reporter, Streams};
use crate::state::desired::{Desired, Surroundings};

/// Write the digests of all images to `compose.lock.yaml`, for `up --locked` and others
///
/// Images of services, of hooks, of volumes, and all that Dockerfiles take: what is locked already stays as it
/// is, what is new is asked for at its registry, and what nothing uses any more goes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose lock                 Write the digests of all images
  rcompose lock --check         Fail if the file is out of date
  rcompose lock --upgrade web   Ask anew for one service")]
pub(super) struct Args {
    /// Services whose images are asked for again with --upgrade (all, if none are named)
    #[arg(requires = "upgrade")]
    services: Vec<String>,
    /// Ask for images again that are locked already
    #[arg(short, long)]
    upgrade: bool,
    /// Write nothing, ask nobody: fail if the lock lacks something, or has what nothing uses
    #[arg(long, conflicts_with = "upgrade")]
    check: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    // Whatever is turned on later is locked, too.
    context.take_all_profiles();
    let model = context.load(&[], &context.steps())?;
    for service in &args.services {
        super::planning::known_service(service, &model)?;
    }
    let around = Surroundings {
        separator: context.separator(&model),
        scale: std::collections::BTreeMap::new(),
        read: &|path| Files::Disk.read_text(path),
    };
    let (desired, _) = Desired::new(&model, &around).map_err(Error::Project)?;
    let path = locking::path(&model);
    let old = locking::read(&path, context)?;
    let mut needs = Needs::of(&model, &desired, context);
    let problems = locking::as_warnings(std::mem::take(&mut needs.problems));
    context.show(&problems);
    if args.check {
        return check(&path, old, &needs, context);
    }
    let before = old.as_ref().map(Lock::write);
    let mut lock = old.unwrap_or_default();
    let changes = session::block_on(update(&mut lock, args, &model, &needs, context))?;
    let text = lock.write();
    if !context.options.dry_run && before.as_ref() != Some(&text) {
        std::fs::write(&path, &text).map_err(|error| Error::Write { path, error })?;
    }
    let mut reporter = Reporter::new(&mut context.terminal, LogPrinter::default(), Streams::Apart);
    for (name, change) in changes {
        reporter.on(&Event::progress(&Subject::Image(name), Status::Done, change))?;
    }
    Ok(Exit::Success)
}

/// Brings a lock up to date; tells what changed.
async fn update(
    lock: &mut Lock,
    args: &Args,
    model: &Model,
    needs: &Needs,
    context: &Context,
) -> Result<Vec<(String, String)>, Error> {
    let upgraded: BTreeSet<Reference> = if args.services.is_empty() {
        needs.all().filter(|_| args.upgrade).map(|(reference, _)| reference.clone()).collect()
    } else {
        of_services(&args.services, model, needs)
    };
    let mut wanted = Wanted::default();
    for (reference, at) in needs.all() {
        let is_tag = reference.digest.is_none();
        if is_tag && (lock.digest(reference).is_none() || upgraded.contains(reference)) {
            wanted.add(reference.clone(), *at);
        }
    }
    let mut changes = Vec::new();
    if !wanted.references().is_empty() {
        for (reference, digest) in digests::resolve(&wanted, context).await? {
            let change = match lock.digest(&reference) {
                Some(old) if old == digest => continue,
                Some(_) => "Updated",
                None => "Locked",
            };
            changes.push((reference.familiar(), format!("{change} {}", short(&digest))));
            lock.set(&reference, digest);
        }
    }
    let used: BTreeSet<String> = needs.all().map(|(reference, _)| reference.familiar()).collect();
    for (name, _) in lock.retain(|name| used.contains(name)) {
        changes.push((name, "Removed".to_owned()));
    }
    Ok(changes)
}

/// The images of some services.
fn of_services(services: &[String], model: &Model, needs: &Needs) -> BTreeSet<Reference> {
    let mut found = BTreeSet::new();
    for service in services {
        let (own, _) =
            crate::state::pins::references(&crate::state::pins::of_service(model, service));
        let built = needs.builds.get(service).into_iter().flatten().cloned();
        found.extend(own.into_iter().chain(built).map(|(reference, _)| reference));
    }
    found
}

/// Enough of a digest to tell it from others.
fn short(digest: &str) -> &str {
    digest.get(.."sha256:".len() + 12).unwrap_or(digest)
}

fn check(
    path: &str,
    lock: Option<Lock>,
    needs: &Needs,
    context: &mut Context,
) -> Result<Exit, Error> {
    if lock.is_none() && needs.all().next().is_none() {
        return Ok(Exit::Success);
    }
    let Some(mut lock) = lock else {
        let message = format!("there is no lock file `{}`", context.shown(path));
        let problem = Diagnostic::error(crate::source::Span::NOWHERE, message);
        return Err(Error::Project(problem.help("make it with `rcompose lock`").into()));
    };
    let mut problems = locking::missing(needs.all(), &lock);
    let used: BTreeSet<String> = needs.all().map(|(reference, _)| reference.familiar()).collect();
    for (name, at) in lock.retain(|name| used.contains(name)) {
        let problem = Diagnostic::error(at, format!("nothing uses `{name}` any more"));
        problems.push(problem.help("run `rcompose lock`"));
    }
    problems.sort();
    if problems.is_empty() { Ok(Exit::Success) } else { Err(Error::Project(problems)) }
}
