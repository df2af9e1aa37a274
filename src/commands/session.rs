//! Running plans and showing what happens meanwhile: one loop over signals, steps, events of the
//! engine and output of containers.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::commands::companion::{self, Companion, Said};
use crate::commands::exit::Error;
use crate::commands::failure::Run;
use crate::commands::followed::Containers;
pub(super) use crate::commands::signals::Signals;
use crate::commands::work;
pub(super) use crate::commands::work::{Deadline, Work, carry_out};
use crate::diagnostic::Diagnostics;
use crate::engine::{self, Engine, EngineEvent, Events, quirks};
use crate::event::{Event, Status};
use crate::execute::{Report, Reports, execute};
use crate::labels;
use crate::names;
use crate::plan::{self, Known, Plan};
use crate::report::Reporter;
use crate::spec::ProgramCall;
use crate::state::desired::Desired;
use crate::state::observed::{Observed, State};

/// After this time without a sign of any container, the engine is asked whether any still runs.
const LONG_SILENCE: Duration = Duration::from_secs(3);

/// How long, and how often, is looked for containers that the engine has started again after a stop.
const COMEBACKS: Duration = Duration::from_secs(10);
const COMEBACK: Duration = Duration::from_millis(300);

/// How often where that may come late, and after how much time without any it will not.
const LATE_COMEBACK: (Duration, Duration) = (Duration::from_millis(30), Duration::from_secs(2));

/// Runs `work` on a runtime of this thread.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// Looks at what the engine has of a project, and of what it wants.
///
/// # Errors
/// Those of the engine.
pub(super) async fn observe(engine: &Engine, desired: &Desired) -> Result<Observed, Error> {
    let networks: Vec<&str> = desired.networks.iter().map(|it| it.name.as_str()).collect();
    let volumes: Vec<&str> = desired.volumes.iter().map(|it| it.name.as_str()).collect();
    let others = desired.services.iter().flat_map(|it| &it.other_images);
    let images = desired.services.iter().map(|it| &it.image).chain(others);
    let images: BTreeSet<&str> = images.map(String::as_str).collect();
    let images: Vec<&str> = images.into_iter().collect();
    Ok(engine.observe(&desired.project, &networks, &volumes, &images).await?)
}

/// What `up` watches while it is attached.
pub(super) struct Session<'a> {
    pub engine: &'a Engine,
    pub project: &'a str,
    pub known: &'a Known,
    /// The services whose output is shown.
    pub attach: &'a BTreeSet<String>,
    /// The services that keep the session alive.
    pub monitored: &'a BTreeSet<String>,
    /// The services that a signal stops.
    pub targeted: &'a BTreeSet<String>,
    /// When the end of one monitored container ends the session.
    pub abort_on: Option<AbortOn>,
    /// The service whose exit code is that of a session which ended so.
    pub code_from: Option<&'a str>,
    /// Whether keys are offered.
    pub menu: bool,
    /// What providers are called with when all is stopped.
    pub provider_stops: &'a dyn Fn() -> Result<BTreeMap<String, ProgramCall>, Error>,
}

/// Which ends of containers end a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AbortOn {
    Exit,
    /// An exit code that is not 0.
    Failure,
}

const ABORTING: &str = "Aborting on container exit...";

/// What a session hears of.
struct Live<'s, 'c> {
    containers: &'s mut Containers<'c>,
    happenings: &'s mut Events,
}

/// How an attached session ended.
#[derive(Default)]
pub(super) struct Ended {
    pub report: Report,
    pub interrupted: bool,
    /// The exit code, if the end of a container ended the session.
    pub aborted: Option<i64>,
    /// What went wrong when all was stopped.
    pub problems: Diagnostics,
}

impl Session<'_> {
    /// Runs a plan and stays until the last monitored container has ended, or a signal has stopped
    /// them all.
    pub(super) async fn run(
        &self,
        plan: &Plan,
        companion: &mut Companion<'_>,
        reporter: &mut Reporter<'_>,
        signals: &mut Signals,
    ) -> Result<Ended, Error> {
        for subject in &plan.running {
            reporter.on(&Event::progress(subject, Status::Done, "Running"))?;
        }
        let (events, mut heard) = mpsc::unbounded_channel();
        let (attached, mut attachments) = mpsc::unbounded_channel();
        let reports = Reports { events, attached };
        let (interrupt, interrupted) = watch::channel(false);
        let mut happenings = self.engine.events(self.project).await?;
        let mut containers = Containers::new(self.engine);
        let report = {
            let mut interrupted = interrupted.clone();
            let mut running = std::pin::pin!(execute(
                plan,
                self.project,
                self.engine,
                &reports,
                &mut interrupted
            ));
            loop {
                tokio::select! {
                    biased;
                    () = signals.next() => {
                        if interrupt.send_replace(true) {
                            self.kill(signals).await?;
                            return Err(Error::Interrupted);
                        }
                        reporter.notice("Gracefully Stopping... press Ctrl+C again to force");
                    }
                    Some(event) = heard.recv() => reporter.on(&event)?,
                    Some(it) = attachments.recv() => {
                        containers.attach(self.project, self.monitored, it);
                    }
                    event = next_event(&mut happenings) => {
                        self.happened(&event?, &mut containers, None, reporter).await?;
                        if containers.first.is_some() && !interrupt.send_replace(true) {
                            reporter.notice(ABORTING);
                        }
                    }
                    finished = &mut running => break finished,
                    output = containers.outputs.next() => containers.show(output, reporter)?,
                    () = work::clock(reporter) => reporter.tick()?,
                }
            }
        };
        drain(&mut heard, reporter)?;
        work::finish(plan, self.project, &report, reporter)?;
        while let Ok(it) = attachments.try_recv() {
            containers.attach(self.project, self.monitored, it);
        }
        if report.failures(plan).next().is_some() {
            containers.flush(reporter).await?;
            let problems = Diagnostics::default();
            return Ok(Ended { report, problems, ..Ended::default() });
        }
        let mut stopping = *interrupted.borrow();
        if !stopping {
            companion.begin(self.menu, reporter).await?;
            let live = Live { containers: &mut containers, happenings: &mut happenings };
            stopping = self.stay(live, companion, reporter, signals).await?;
        }
        companion.leave(reporter)?;
        let mut problems = Diagnostics::default();
        if stopping {
            problems = self
                .stop(&reports, &mut heard, &mut containers, &mut happenings, reporter, signals)
                .await?;
        }
        let aborted = self.aborted(&containers).await?;
        let interrupted = stopping && aborted.is_none();
        Ok(Ended { report, interrupted, aborted, problems })
    }

    /// Stays with what runs until all has ended, or is to be stopped, which is the result.
    async fn stay(
        &self,
        live: Live<'_, '_>,
        companion: &mut Companion<'_>,
        reporter: &mut Reporter<'_>,
        signals: &mut Signals,
    ) -> Result<bool, Error> {
        let Live { containers, happenings } = live;
        self.count(containers).await?;
        while !containers.are_over() || companion.is_stirring() {
            tokio::select! {
                biased;
                () = signals.next() => {
                    companion.leave(reporter)?;
                    reporter.notice("Gracefully Stopping... press Ctrl+C again to force");
                    return Ok(true);
                }
                event = next_event(happenings) => {
                    let companion = Some(&*companion);
                    self.happened(&event?, containers, companion, reporter).await?;
                    if containers.first.is_some() {
                        reporter.notice(ABORTING);
                        return Ok(true);
                    }
                }
                output = containers.outputs.next() => containers.show(output, reporter)?,
                said = companion.next() => match said? {
                    Said::Event(event) => {
                        reporter.on(&event)?;
                        reporter.flush()?;
                        if companion::changes_containers(&event) {
                            self.count(containers).await?;
                        }
                    }
                    Said::Key(b'w') => companion.toggle(reporter).await?,
                    // All goes on without us.
                    Said::Key(b'd') => return Ok(false),
                    Said::Key(b'\r' | b'\n') => {
                        reporter.line("")?;
                        reporter.flush()?;
                    }
                    Said::Key(_) => {}
                },
                () = tokio::time::sleep(LONG_SILENCE),
                    if containers.are_silent() && !companion.is_stirring() =>
                {
                    self.count(containers).await?;
                    if containers.are_dead()
                        && containers.show_unheard(self.engine, reporter).await?
                    {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(false)
    }

    /// The exit code of a session that the end of a container has ended.
    async fn aborted(&self, containers: &Containers<'_>) -> Result<Option<i64>, Error> {
        Ok(match (containers.first, self.code_from) {
            (None, _) => None,
            (Some(first), None) => Some(first),
            (Some(first), Some(service)) => match containers.asked {
                Some(code) => Some(code),
                None => Some(self.exit_code(service).await?.unwrap_or(first)),
            },
        })
    }

    /// The exit code of the first container of a service that has ended.
    async fn exit_code(&self, service: &str) -> Result<Option<i64>, Error> {
        let observed = self.engine.observe_containers(self.project).await?;
        match observed.replicas(service).first() {
            Some(container) => Ok(Some(self.engine.inspect(&container.id).await?.exit_code)),
            None => Ok(None),
        }
    }

    /// Stops all targeted services while their output goes on; a second signal kills them, a third
    /// leaves. Gives what went wrong.
    async fn stop(
        &self,
        reports: &Reports,
        heard: &mut UnboundedReceiver<Event>,
        containers: &mut Containers<'_>,
        happenings: &mut Events,
        reporter: &mut Reporter<'_>,
        signals: &mut Signals,
    ) -> Result<Diagnostics, Error> {
        containers.stopping = true;
        let observed = self.engine.observe_containers(self.project).await?;
        let known = Known { providers: (self.provider_stops)()?, ..self.known.clone() };
        let plan = plan::stop(&known, &observed, self.targeted, None);
        let (interrupt, mut interrupted) = watch::channel(false);
        let mut killed = false;
        let report = {
            let mut running = std::pin::pin!(execute(
                &plan,
                self.project,
                self.engine,
                reports,
                &mut interrupted
            ));
            loop {
                tokio::select! {
                    biased;
                    () = signals.next() => {
                        if interrupt.send_replace(true) {
                            return Err(Error::Interrupted);
                        }
                        killed = true;
                    }
                    Some(event) = heard.recv() => reporter.on(&event)?,
                    event = next_event(happenings) => {
                        self.happened(&event?, containers, None, reporter).await?;
                    }
                    report = &mut running => break report,
                    output = containers.outputs.next() => containers.show(output, reporter)?,
                    () = work::clock(reporter) => reporter.tick()?,
                }
            }
        };
        drain(heard, reporter)?;
        reporter.settle();
        if killed {
            self.kill(signals).await?;
        }
        if containers.restarted {
            self.stop_what_comes_back().await?;
        }
        containers.flush(reporter).await?;
        if killed {
            return Ok(Diagnostics::default());
        }
        let (project, engine) = (self.project, self.engine);
        let run = Run::of(&plan, &report, project, engine);
        Ok(run.explain().await)
    }

    /// Stops what was between two starts when it was to be stopped, and which the engine has started
    /// since all the same.
    async fn stop_what_comes_back(&self) -> Result<(), Error> {
        // One that starts containers late takes a stop between two runs for done: a run must be met.
        let late = quirks::restarts_late(self.engine.facts());
        let (pause, calm) = if late { LATE_COMEBACK } else { (COMEBACK, Duration::ZERO) };
        let begin = Instant::now();
        let mut last = begin;
        while begin.elapsed() < COMEBACKS {
            tokio::time::sleep(pause).await;
            let observed = self.engine.observe_containers(self.project).await?;
            let up = observed.containers.iter().filter(|it| {
                it.state.is_up()
                    && self.known.services.contains_key(&it.service)
                    && (self.targeted.is_empty() || self.targeted.contains(&it.service))
            });
            let stops: Vec<_> = up.map(|it| self.engine.stop(&it.id, None)).collect();
            if !stops.is_empty() {
                join_all(stops).await.into_iter().collect::<Result<Vec<()>, _>>()?;
                last = Instant::now();
            } else if last.elapsed() >= calm {
                break;
            }
        }
        Ok(())
    }

    /// Kills the containers of all targeted services; a signal leaves them as they are.
    async fn kill(&self, signals: &mut Signals) -> Result<(), Error> {
        let kill = async {
            let observed = self.engine.observe_containers(self.project).await?;
            let up = observed.containers.iter().filter(|it| {
                it.state.is_up()
                    && self.known.services.contains_key(&it.service)
                    && (self.targeted.is_empty() || self.targeted.contains(&it.service))
            });
            let kills = join_all(up.map(|it| self.engine.kill(&it.id))).await;
            kills.into_iter().collect::<Result<(), _>>().map_err(Error::from)
        };
        tokio::select! {
            biased;
            () = signals.next() => Err(Error::Interrupted),
            killed = kill => killed,
        }
    }

    /// Finds out which monitored containers are running, now that all have been started.
    async fn count(&self, containers: &mut Containers<'_>) -> Result<(), Error> {
        for row in self.engine.containers(self.project).await? {
            if row.is_one_off() || !self.monitored.contains(row.label(labels::SERVICE)) {
                continue;
            }
            let watched = containers.watched.entry(row.id.clone()).or_default();
            watched.monitored = true;
            watched.alive = State::parse(&row.state).is_up();
        }
        Ok(())
    }

    /// Takes note of a start or an end.
    async fn happened(
        &self,
        event: &EngineEvent,
        containers: &mut Containers<'_>,
        companion: Option<&Companion<'_>>,
        reporter: &mut Reporter<'_>,
    ) -> Result<(), Error> {
        let attribute = |name: &str| event.attributes.get(name).map_or("", String::as_str);
        let service = attribute(labels::SERVICE);
        if attribute(labels::ONE_OFF) == "True" || !attribute(labels::HOOK).is_empty() {
            return Ok(());
        }
        match event.action.as_str() {
            "start" => {
                let watched = containers.watched.entry(event.id.clone()).or_default();
                watched.monitored = self.monitored.contains(service);
                watched.alive = true;
                watched.awaits_end = true;
                let attached = std::mem::take(&mut watched.awaits_start);
                if !attached && self.attach.contains(service) {
                    let source = names::short(self.project, service, attribute("name")).to_owned();
                    containers.follow(self.engine, &event.id, &source).await?;
                }
            }
            "die" => {
                let code = attribute("exitCode");
                let code = if code.is_empty() { attribute("containerExitCode") } else { code };
                let code: i64 = code.parse().unwrap_or(0);
                let ends_all = match self.abort_on {
                    None => false,
                    Some(AbortOn::Exit) => true,
                    Some(AbortOn::Failure) => code != 0,
                };
                // What is replaced, restarted or stopped by us has not come to its end by itself.
                let is_ours = containers.stopping
                    || companion.is_some_and(|it| it.stirs(service, event.time));
                if ends_all && self.monitored.contains(service) && !is_ours {
                    containers.first.get_or_insert(code);
                }
                if self.code_from == Some(service) {
                    containers.asked.get_or_insert(code);
                }
                let patient = !containers.stopping;
                let restarting =
                    self.engine.starts_again(&event.id, event.time, code, patient).await?;
                containers.restarted |= restarting;
                let watched = containers.watched.entry(event.id.clone()).or_default();
                watched.alive &= restarting;
                watched.awaits_end = restarting;
                if !watched.source.is_empty() {
                    watched.exits.push((code, restarting));
                }
                containers.outputs.ended(&event.id, event.time);
                containers.show_exit(&event.id, reporter)?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The next event of the engine; a stream that ends is an engine that goes.
pub(super) async fn next_event(events: &mut Events) -> Result<EngineEvent, Error> {
    let gone = || engine::Error::Answer("the stream of events has ended".to_owned());
    Ok(events.next().await?.ok_or_else(gone)?)
}

fn drain(heard: &mut UnboundedReceiver<Event>, reporter: &mut Reporter<'_>) -> io::Result<()> {
    while let Ok(event) = heard.try_recv() {
        reporter.on(&event)?;
    }
    Ok(())
}
