//! Waits until a container is ready, told by the engine's events.
//!
//! A wait looks at its container first, so that what is ready costs one request; then at every
//! event of that container; and now and then without one, as an engine may keep an event to itself.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::Notify;

use crate::engine::{self, Engine, Inspected};
use crate::execute::Error;
use crate::state::observed::State;

/// Between looks without an event.
const SLOW: Duration = Duration::from_secs(1);

/// Looks in a row that may fail for want of an engine.
const MOST_FAILURES: u32 = 3;

/// Between the first two tests of a container's health; later ones are further apart.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A test of a container's health that has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// `None` if it took too long.
    pub code: Option<i64>,
    pub output: String,
}

/// Hears the events of a project for all waits.
pub(super) struct Hub<'a> {
    engine: &'a Engine,
    project: &'a str,
    /// Who waits for events of a container, by ID.
    waiting: RefCell<BTreeMap<String, Rc<Notify>>>,
    /// How our own test of a container's health last went, by ID.
    probes: RefCell<BTreeMap<String, Probe>>,
}

impl<'a> Hub<'a> {
    pub(super) fn new(engine: &'a Engine, project: &'a str) -> Self {
        Self { engine, project, waiting: RefCell::default(), probes: RefCell::default() }
    }

    fn note(&self, id: &str, probe: Probe) {
        self.probes.borrow_mut().insert(id.to_owned(), probe);
    }

    /// How our own tests last went.
    pub(super) fn into_probes(self) -> BTreeMap<String, Probe> {
        self.probes.into_inner()
    }

    pub(super) fn project(&self) -> &'a str {
        self.project
    }

    /// Passes events on, for ever. Begins anew when the connection breaks.
    pub(super) async fn listen(&self) -> Infallible {
        loop {
            if let Ok(mut events) = self.engine.events(self.project).await {
                while let Ok(Some(event)) = events.next().await {
                    // Commands run in a container, as tests are, do not change it.
                    if let Some(notify) = self.waiting.borrow().get(&event.id)
                        && !event.action.starts_with("exec_")
                    {
                        notify.notify_waiters();
                    }
                }
            }
            tokio::time::sleep(SLOW).await;
        }
    }

    /// Waits until the container is healthy.
    ///
    /// Engines test only every `interval`, the first time after one, and Podman without systemd never.
    /// One success is what makes a container healthy, so its test is run here as well, soon and often,
    /// until it first succeeds.
    pub(super) async fn healthy(&self, id: &str) -> Result<(), Error> {
        self.soonest(id, self.told_healthy(id)).await
    }

    /// Waits until the container runs, and is healthy if it has a health check. One that has ended with
    /// success and is not to be started again has done its work.
    pub(super) async fn up(&self, id: &str) -> Result<(), Error> {
        let told = self.until(id, |container| {
            let is_over = matches!(State::parse(&container.status), State::Exited | State::Dead);
            match (is_over, container.health.as_deref()) {
                (true, _) if container.exit_code == 0 && !container.restarts => Some(Ok(())),
                (true, _) => Some(Err(Error::Exited { code: container.exit_code })),
                (false, None | Some("healthy")) => Some(Ok(())),
                (false, Some(_)) if container.is_unhealthy() => Some(Err(Error::Unhealthy)),
                (false, Some(_)) => None,
            }
        });
        self.soonest(id, told).await
    }

    /// The end of a wait for the engine's word, or the first success of the container's health test.
    async fn soonest(
        &self,
        id: &str,
        told: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        let tested = std::pin::pin!(self.tested(id));
        // Checks in the engine's place go on until either is there.
        let checked = std::pin::pin!(self.checked_for_the_engine(id));
        let ours = select(tested, checked);
        match select(std::pin::pin!(told), ours).await {
            Either::Left((told, _)) => told,
            Either::Right((Either::Left(((), _)), _)) => {
                if self.engine.leaves_health_checks() {
                    // So that others find it healthy, too; they may look for themselves otherwise.
                    let _ = self.engine.check_health(id).await;
                }
                Ok(())
            }
            Either::Right((Either::Right((never, _)), _)) => match never {},
        }
    }

    /// Has the engine run the container's health check at its interval where nobody else does: so it
    /// finds out what is not healthy, and after which retries.
    async fn checked_for_the_engine(&self, id: &str) -> Infallible {
        if !self.engine.leaves_health_checks() {
            return std::future::pending().await;
        }
        let last_run = async || {
            let container = self.engine.inspect(id).await.ok()?;
            let last = container.health_log.last().map(|run| run.start);
            Some((container.health_test?, last))
        };
        let mut ours = None;
        while let Some((test, _)) = last_run().await {
            tokio::time::sleep(test.interval + FIRST_PAUSE).await;
            match last_run().await {
                Some((_, last)) if last == ours => {}
                _ => break,
            }
            let _ = self.engine.check_health(id).await;
            ours = last_run().await.and_then(|(_, last)| last);
        }
        std::future::pending().await
    }

    /// Tests the container until that succeeds. Never ends if it has no test, or if that is left to the
    /// engine.
    async fn tested(&self, id: &str) {
        let test = match self.engine.inspect(id).await {
            Ok(container) if self.engine.probes() => container.health_test,
            _ => None,
        };
        let Some(test) = test else {
            return std::future::pending().await;
        };
        let mut pause = FIRST_PAUSE;
        loop {
            let run = self.engine.exec(id, &test.command);
            match tokio::time::timeout(test.timeout, run).await {
                Ok(Ok((0, _))) => return,
                Ok(Ok((code, output))) => self.note(id, Probe { code: Some(code), output }),
                Ok(Err(_)) => {}
                Err(_) => self.note(id, Probe { code: None, output: String::new() }),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE).min(test.interval.max(FIRST_PAUSE));
        }
    }

    /// Waits until the engine says that the container is healthy.
    async fn told_healthy(&self, id: &str) -> Result<(), Error> {
        self.until(id, |container| match State::parse(&container.status) {
            State::Exited | State::Dead => Some(Err(Error::Exited { code: container.exit_code })),
            _ => match container.health.as_deref() {
                None => Some(Err(Error::NoHealthcheck)),
                Some("healthy") => Some(Ok(())),
                Some(_) if container.is_unhealthy() => Some(Err(Error::Unhealthy)),
                Some(_) => None,
            },
        })
        .await
    }

    /// Waits until the container has ended, and is content with success only.
    pub(super) async fn completed(&self, id: &str) -> Result<(), Error> {
        self.until(id, |container| match (State::parse(&container.status), container.exit_code) {
            (State::Exited | State::Dead, 0) => Some(Ok(())),
            (State::Exited | State::Dead, code) => Some(Err(Error::Incomplete { code })),
            _ => None,
        })
        .await
    }

    async fn until(
        &self,
        id: &str,
        decide: impl Fn(&Inspected) -> Option<Result<(), Error>>,
    ) -> Result<(), Error> {
        let notify = Rc::clone(self.waiting.borrow_mut().entry(id.to_owned()).or_default());
        let mut failures = 0;
        loop {
            // Listening begins before the look, so that nothing falls between the two.
            let mut heard = std::pin::pin!(notify.notified());
            heard.as_mut().enable();
            match self.engine.inspect(id).await {
                Ok(container) => {
                    failures = 0;
                    if let Some(decision) = decide(&container) {
                        return decision;
                    }
                }
                // An engine may be on its way back.
                Err(engine::Error::Answer(_) | engine::Error::Unreachable { .. })
                    if failures < MOST_FAILURES =>
                {
                    failures += 1;
                }
                Err(error) => return Err(error.into()),
            }
            select(heard, std::pin::pin!(tokio::time::sleep(SLOW))).await;
        }
    }
}
