//! Carrying out plans with progress alone to show.

use std::io;
use std::time::Duration;

use indexmap::IndexMap;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::commands::exit::Error;
use crate::commands::failure::{self, Run};
use crate::commands::options::Context;
use crate::commands::preview::{Form, Preview};
use crate::commands::session::Signals;
use crate::compose::model::Model;
use crate::engine::Engine;
use crate::event::{Event, Status};
use crate::execute::{Outcome, Report, Reports, execute};
use crate::plan::Plan;
use crate::report::logs::LogPrinter;
use crate::report::{Reporter, Streams};

/// The end of the user's patience.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    /// As it was asked for.
    seconds: u32,
    at: Instant,
}

impl Deadline {
    /// So many seconds from now; none if there are none.
    pub(super) fn after(seconds: u32) -> Option<Self> {
        let at = Instant::now() + Duration::from_secs(u64::from(seconds));
        (seconds > 0).then_some(Self { seconds, at })
    }
}

/// Runs a plan to its end, showing its progress. The first signal, or `deadline`, lets what is under
/// way come to its end; the second signal ends at once. Gives whether the deadline has passed.
async fn run(
    plan: &Plan,
    project: &str,
    engine: &Engine,
    deadline: Option<Deadline>,
    reporter: &mut Reporter<'_>,
    signals: &mut Signals,
) -> Result<(Report, bool), Error> {
    let mut late = false;
    let end = async {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline.at).await,
            None => std::future::pending().await,
        }
    };
    let mut end = std::pin::pin!(end);
    let (events, mut heard) = mpsc::unbounded_channel();
    let (attached, _) = mpsc::unbounded_channel();
    let reports = Reports { events, attached };
    let (interrupt, mut interrupted) = watch::channel(false);
    for subject in &plan.running {
        reporter.on(&Event::progress(subject, Status::Done, "Running"))?;
    }
    for (subject, text) in &plan.skipped {
        reporter.on(&Event::progress(subject, Status::Done, *text))?;
    }
    let mut running = std::pin::pin!(execute(plan, project, engine, &reports, &mut interrupted));
    let report = loop {
        tokio::select! {
            biased;
            () = signals.next() => {
                if interrupt.send_replace(true) {
                    return Err(Error::Interrupted);
                }
            }
            () = &mut end, if !late => late = !interrupt.send_replace(true),
            Some(event) = heard.recv() => show_progress(&event, reporter)?,
            report = &mut running => break report,
            () = clock(reporter) => reporter.tick()?,
        }
    };
    while let Ok(event) = heard.try_recv() {
        show_progress(&event, reporter)?;
    }
    finish(plan, project, &report, reporter)?;
    // What was done just in time is done.
    let late = late && report.interrupted;
    Ok((report, late))
}

/// Waits until progress is to be drawn again; for ever if nothing is drawn.
pub(super) fn clock(reporter: &Reporter<'_>) -> impl Future<Output = ()> + use<> {
    let pause = reporter.pause();
    async move {
        match pause {
            Some(pause) => tokio::time::sleep(pause).await,
            None => std::future::pending().await,
        }
    }
}

/// Leaves progress as it is, and sums up what was done.
pub(super) fn finish(
    plan: &Plan,
    project: &str,
    report: &Report,
    reporter: &mut Reporter<'_>,
) -> io::Result<()> {
    reporter.settle();
    let mut counts: IndexMap<&str, usize> = IndexMap::new();
    for (step, outcome) in plan.steps.iter().zip(&report.outcomes) {
        if let (Some(text), Outcome::Done { .. }) = (step.shows.end, outcome) {
            *counts.entry(text).or_default() += 1;
        }
    }
    if counts.is_empty() {
        return Ok(());
    }
    let counts: Vec<String> =
        counts.iter().map(|(text, count)| format!("{count} {}", text.to_lowercase())).collect();
    let taken = report.times.iter().filter_map(|times| times.end).max().unwrap_or_default();
    reporter.on(&Event::Summary { project: project.to_owned(), text: counts.join(", "), taken })
}

/// Shows what happens but for what hooks write: that belongs to the output of containers.
fn show_progress(event: &Event, reporter: &mut Reporter<'_>) -> io::Result<()> {
    match event {
        Event::Output { .. } | Event::OutputEnded { .. } => Ok(()),
        other => reporter.on(other),
    }
}

/// A plan to be carried out with progress alone to show.
pub(super) struct Work<'a> {
    pub plan: &'a Plan,
    pub project: &'a str,
    /// Where the places of problems are.
    pub model: Option<&'a Model>,
    pub engine: &'a Engine,
    pub deadline: Option<Deadline>,
}

impl Work<'_> {
    /// Runs the plan to its end, and explains what failed. A dry run shows it instead.
    ///
    /// # Errors
    /// A terminal that is gone, or a second signal. What went wrong with the plan, an interrupt
    /// included, comes beside the report.
    pub(super) async fn attempt(
        &self,
        context: &mut Context,
        signals: &mut Signals,
    ) -> Result<(Report, Option<Error>), Error> {
        let Self { plan, project, model, engine, deadline } = *self;
        if context.options.dry_run {
            let form = Form::of_dry_run(context);
            Preview { project, model, engine, plans: &[plan] }.show(form, context).await?;
            return Ok((Report::default(), None));
        }
        let mut reporter =
            Reporter::new(&mut context.terminal, LogPrinter::default(), Streams::Apart);
        let (report, late) = run(plan, project, engine, deadline, &mut reporter, signals).await?;
        drop(reporter);
        let dockerfiles = failure::dockerfiles(plan, &report, context);
        let finished = Run { plan, report: &report, model, project, engine, dockerfiles };
        let problems = match deadline.filter(|_| late) {
            Some(deadline) => finished.explain_delay(deadline.seconds).await,
            None => finished.explain().await,
        };
        let problem = match (report.interrupted && !late, problems.is_empty()) {
            (true, _) => Some(Error::Interrupted),
            (false, true) => None,
            (false, false) => Some(Error::Project(problems)),
        };
        Ok((report, problem))
    }
}

/// Carries out a plan; what failed is explained. A dry run shows the plan instead.
///
/// # Errors
/// An interrupt, and the problems of what failed, with their places in `model`.
pub(super) async fn carry_out(
    plan: &Plan,
    project: &str,
    model: Option<&Model>,
    engine: &Engine,
    context: &mut Context,
    signals: &mut Signals,
) -> Result<Report, Error> {
    let work = Work { plan, project, model, engine, deadline: None };
    let (report, problem) = work.attempt(context, signals).await?;
    problem.map_or(Ok(report), Err)
}
