//! Runs a plan: every step as soon as those before it allow, as many at once as the engine can take.
//!
//! It decides nothing about the project. What is interrupted or fails leaves a state that the next
//! plan starts from.

pub mod hook;
mod limits;
mod program;
mod step;
mod transfer;
mod wait;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::{Either, LocalBoxFuture, join, pending, select};
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use crate::engine::{self, Builder, Engine, LogStream};
use crate::event::{Event, Status};
use crate::execute::limits::Limits;
use crate::execute::wait::Hub;
pub use crate::execute::wait::Probe;
use crate::plan::{Action, Need, OnFailure, Plan, Step, StepId, Target};
use crate::spec::Provided;

/// Why a step failed. All name no subject: that is the step's.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Engine(#[from] engine::Error),
    #[error("it is unhealthy")]
    Unhealthy,
    #[error("it exited with code {code}")]
    Exited { code: i64 },
    #[error("it did not complete successfully: exit {code}")]
    Incomplete { code: i64 },
    #[error("it has no health check")]
    NoHealthcheck,
    /// What another program said of its failure.
    #[error("{0}")]
    Program(String),
    #[error("the hook exited with status {code}")]
    Hook { code: i64, output: String },
}

/// How a step ended.
#[derive(Debug)]
pub enum Outcome {
    Done {
        /// The ID of what was made.
        made: Option<String>,
    },
    /// Another program is done, with variables for those that depend on it.
    Provided(Vec<Provided>),
    /// It stays, as others use it.
    InUse,
    Failed(Error),
    /// It was not run, or not to its end.
    Skipped,
}

/// Output of a container that a step has attached to.
pub struct Attached {
    pub id: String,
    /// The container's name, and that of its service.
    pub name: String,
    pub service: String,
    /// Whether it is started after that.
    pub starts: bool,
    /// The end before that start: all that is logged later is in the stream. `None` if it runs already,
    /// so that the stream begins somewhere in the middle.
    pub after: Option<Timestamp>,
    pub stream: LogStream,
}

/// Where a run tells what happens.
#[derive(Clone)]
pub struct Reports {
    pub events: UnboundedSender<Event>,
    pub attached: UnboundedSender<Attached>,
}

/// How a run went.
#[derive(Debug, Default)]
pub struct Report {
    pub outcomes: Vec<Outcome>,
    pub interrupted: bool,
    /// When each step began and ended, as far as it did, since the run began.
    pub times: Vec<Times>,
    /// How our own test of a container's health last failed, by the container's ID.
    pub probes: BTreeMap<String, Probe>,
}

/// When a step was run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    pub begin: Option<Duration>,
    pub end: Option<Duration>,
}

impl Times {
    /// How long the step took.
    #[must_use]
    pub fn taken(&self) -> Option<Duration> {
        Some(self.end?.saturating_sub(self.begin?))
    }
}

impl Report {
    /// The steps that failed and were needed.
    pub fn failures<'a>(
        &'a self,
        plan: &'a Plan,
    ) -> impl Iterator<Item = (StepId, &'a Step, &'a Error)> {
        let steps = self.outcomes.iter().zip(&plan.steps).enumerate();
        steps.filter_map(|(index, (outcome, step))| match outcome {
            Outcome::Failed(error) if !step.optional => Some((StepId(index), step, error)),
            _ => None,
        })
    }

    /// The ID of the container that was made last.
    #[must_use]
    pub fn made(&self) -> Option<&str> {
        self.outcomes.iter().rev().find_map(|outcome| match outcome {
            Outcome::Done { made } => made.as_deref(),
            _ => None,
        })
    }

    /// The ID of the container of a step.
    #[must_use]
    pub fn container<'a>(&'a self, step: &'a Step) -> Option<&'a str> {
        match &step.action {
            Action::Remove { container, .. } => Some(container),
            action => self.resolve(action.target()?),
        }
    }

    fn resolve<'a>(&'a self, target: &'a Target) -> Option<&'a str> {
        match target {
            Target::Existing(id) => Some(id),
            Target::Made(step) => match &self.outcomes[step.0] {
                Outcome::Done { made } => made.as_deref(),
                _ => None,
            },
        }
    }
}

/// How urgently a run must come to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Halt {
    #[default]
    No,
    /// A step failed: nothing begins, and waits are given up.
    Failed,
    /// The user wants to go: what can be left to the engine is.
    Interrupted,
}

/// What can be given up, and when.
fn given_up_at(step: &Step) -> Option<Halt> {
    match &step.action {
        Action::AwaitHealthy { .. }
        | Action::AwaitUp { .. }
        | Action::AwaitCompleted { .. }
        | Action::AwaitHook { .. }
        | Action::Pull { .. }
        | Action::Push { .. }
        | Action::Build(_)
        | Action::Run(_) => Some(Halt::Failed),
        Action::Stop { .. } | Action::Restart { .. } | Action::Hook { .. } if !step.completes => {
            Some(Halt::Interrupted)
        }
        _ => None,
    }
}

fn is_transfer(step: &Step) -> bool {
    matches!(step.action, Action::Pull { .. } | Action::Push { .. })
}

type Running<'a> = LocalBoxFuture<'a, (usize, Outcome)>;

struct Executor<'a> {
    plan: &'a Plan,
    engine: &'a Engine,
    builder: &'a Builder<'a>,
    reports: &'a Reports,
    limits: &'a Limits,
    hub: &'a Hub<'a>,
    halt: &'a watch::Sender<Halt>,
    /// The outcomes so far.
    outcomes: &'a RefCell<Vec<Option<Outcome>>>,
    times: &'a RefCell<Vec<Times>>,
    start: Instant,
}

/// Runs `plan`. When `interrupt` becomes true, it comes to its end soon, without half-done steps.
pub async fn execute(
    plan: &Plan,
    project: &str,
    engine: &Engine,
    reports: &Reports,
    interrupt: &mut watch::Receiver<bool>,
) -> Report {
    let limits = Limits::new(plan);
    let hub = Hub::new(engine, project);
    let builder = engine.builder(plan.builds());
    let (halt, _) = watch::channel(Halt::No);
    let outcomes = RefCell::new(plan.steps.iter().map(|_| None).collect());
    let times = RefCell::new(vec![Times::default(); plan.steps.len()]);
    {
        let executor = Executor {
            plan,
            engine,
            builder: &builder,
            reports,
            limits: &limits,
            hub: &hub,
            halt: &halt,
            outcomes: &outcomes,
            times: &times,
            start: Instant::now(),
        };
        let steps = std::pin::pin!(executor.run(interrupt));
        let waits = plan.steps.iter().any(|step| step::is_wait(&step.action));
        let beside = std::pin::pin!(async {
            join(limits.follow(engine), async {
                if waits {
                    match hub.listen().await {}
                }
            })
            .await;
            pending::<Infallible>().await
        });
        match select(steps, beside).await {
            Either::Left(_) => {}
            Either::Right((never, _)) => match never {},
        }
    }
    let interrupted = *halt.borrow() == Halt::Interrupted;
    let outcomes = outcomes.into_inner().into_iter();
    let outcomes = outcomes.map(|outcome| outcome.unwrap_or(Outcome::Skipped)).collect();
    Report { outcomes, interrupted, times: times.into_inner(), probes: hub.into_probes() }
}

impl<'a> Executor<'a> {
    async fn run(&self, interrupt: &mut watch::Receiver<bool>) {
        let mut missing: Vec<usize> = self.plan.steps.iter().map(|step| step.after.len()).collect();
        let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); missing.len()];
        for (index, step) in self.plan.steps.iter().enumerate() {
            for (before, _) in &step.after {
                dependents[before.0].push(index);
            }
        }
        let mut ready: BTreeSet<usize> =
            (0..missing.len()).filter(|index| missing[*index] == 0).collect();
        let mut running: FuturesUnordered<Running<'_>> = FuturesUnordered::new();
        let mut interruptible = true;
        // Waits cost nothing, so only the others count.
        let waits = |index: &usize| step::is_wait(&self.plan.steps[*index].action);
        let most = self.engine.limit().unwrap_or(usize::MAX);
        let mut busy = 0;
        loop {
            let next = ready.iter().copied().find(|index| busy < most || waits(index));
            let (finished, was_begun) = if let Some(index) = next {
                ready.remove(&index);
                if self.may_begin(index) {
                    busy += usize::from(!waits(&index));
                    self.report_begin(index);
                    running.push(self.begin(index));
                    continue;
                }
                ((index, Outcome::Skipped), false)
            } else {
                if interruptible && *interrupt.borrow() {
                    self.raise(Halt::Interrupted);
                    interruptible = false;
                }
                let next = running.next();
                if interruptible {
                    let changed = std::pin::pin!(interrupt.changed());
                    match select(next, changed).await {
                        Either::Left((Some(finished), _)) => (finished, true),
                        Either::Left((None, _)) => return,
                        Either::Right((changed, _)) => {
                            interruptible = changed.is_ok();
                            continue;
                        }
                    }
                } else {
                    match next.await {
                        Some(finished) => (finished, true),
                        None => return,
                    }
                }
            };
            let (index, outcome) = finished;
            busy -= usize::from(was_begun && !waits(&index));
            self.settle(index, outcome);
            for dependent in &dependents[index] {
                missing[*dependent] -= 1;
                if missing[*dependent] == 0 {
                    ready.insert(*dependent);
                }
            }
        }
    }

    /// Whether what a step needs has come true, and nothing speaks against it.
    fn may_begin(&self, index: usize) -> bool {
        let step = &self.plan.steps[index];
        let outcomes = self.outcomes.borrow();
        let succeeded = |id: &StepId| {
            matches!(
                outcomes[id.0],
                Some(Outcome::Done { .. } | Outcome::Provided(_) | Outcome::InUse)
            )
        };
        let halted = *self.halt.borrow() != Halt::No && !step.completes;
        let has_come = |(id, need): &(StepId, Need)| match need {
            Need::Success => succeeded(id),
            Need::Settled => true,
            Need::Failure => matches!(outcomes[id.0], Some(Outcome::Failed(_))),
        };
        !halted && step.after.iter().all(has_come)
    }

    fn raise(&self, level: Halt) {
        self.halt.send_if_modified(|halt| {
            let higher = *halt < level;
            *halt = level.max(*halt);
            higher
        });
    }

    /// Begins a step. What it refers to exists by now.
    fn begin(&self, index: usize) -> Running<'a> {
        let step = &self.plan.steps[index];
        let call = step::apply(
            (self.engine, self.builder),
            self.limits,
            self.hub,
            self.reports,
            step,
            self.resolve(step),
        );
        let Some(level) = given_up_at(step) else {
            return Box::pin(async move { (index, call.await) });
        };
        let mut halt = self.halt.subscribe();
        Box::pin(async move {
            let call = std::pin::pin!(call);
            let given_up = std::pin::pin!(halt.wait_for(|halt| *halt >= level));
            match select(call, given_up).await {
                Either::Left((outcome, _)) => (index, outcome),
                Either::Right(_) => (index, Outcome::Skipped),
            }
        })
    }

    /// The IDs behind the targets of a step: its own container's, and those of its parents.
    fn resolve(&self, step: &Step) -> step::Resolved {
        let id = |target: &Target| match target {
            Target::Existing(id) => id.clone(),
            Target::Made(step) => match &self.outcomes.borrow()[step.0] {
                Some(Outcome::Done { made: Some(id) }) => id.clone(),
                _ => String::new(),
            },
        };
        match &step.action {
            Action::Create { parents, .. } => step::Resolved {
                parents: parents.iter().map(|(name, target)| (name.clone(), id(target))).collect(),
                ..step::Resolved::default()
            },
            action => step::Resolved {
                container: action.target().map(id).unwrap_or_default(),
                ..step::Resolved::default()
            },
        }
    }

    fn report_begin(&self, index: usize) {
        let step = &self.plan.steps[index];
        self.times.borrow_mut()[index].begin = Some(self.start.elapsed());
        if let Some(text) = step.shows.begin {
            self.tell(Event::progress(&step.subject, Status::Working, text));
        }
    }

    /// Records how a step ended, and tells.
    fn settle(&self, index: usize, outcome: Outcome) {
        let step = &self.plan.steps[index];
        self.times.borrow_mut()[index].end = Some(self.start.elapsed());
        match &outcome {
            Outcome::Done { .. } | Outcome::Provided(_) => {
                if let Some(text) = step.shows.end {
                    self.tell(Event::progress(&step.subject, Status::Done, text));
                }
            }
            Outcome::InUse => {
                let text = "Resource is still in use";
                self.tell(Event::progress(&step.subject, Status::Warning, text));
            }
            // An image that is come by in another way, as the next rows show, or that may be missing.
            Outcome::Failed(error) if step.optional && is_transfer(step) => {
                let text = error.to_string();
                self.tell(Event::progress(&step.subject, Status::Warning, text));
            }
            Outcome::Failed(error) if step.optional => {
                if step.shows.begin.is_some() {
                    let text = format!("Skipped: optional dependency, {error}");
                    self.tell(Event::progress(&step.subject, Status::Warning, text));
                }
                self.tell(Event::Warning(format!(
                    "{} {}: {error}",
                    step.subject.kind(),
                    step.subject.name()
                )));
            }
            Outcome::Failed(_) => {
                self.tell(Event::progress(&step.subject, Status::Error, "Error"));
                if self.plan.on_failure == OnFailure::Stop {
                    self.raise(Halt::Failed);
                }
            }
            Outcome::Skipped => {}
        }
        self.outcomes.borrow_mut()[index] = Some(outcome);
    }

    fn tell(&self, event: Event) {
        // Nobody listens any more when the user has left.
        let _ = self.reports.events.send(event);
    }
}
