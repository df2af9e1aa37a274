//! The containers that an attached session stays with, and what they write.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use crate::commands::exit::Error;
use crate::commands::outputs::{Order, Output, Outputs};
use crate::engine::{self, Engine, quirks};
use crate::event::Event;
use crate::execute::Attached;
use crate::names;
use crate::report::Reporter;

/// How many silent looks an engine gets that starts containers again later.
const WAITS: u32 = 5;

/// A container of an attached session.
#[derive(Debug, Default)]
pub(super) struct Watched {
    pub(super) source: String,
    /// Whether the session goes on as long as it runs.
    pub(super) monitored: bool,
    pub(super) alive: bool,
    /// Whether it was attached to before a start that has yet to be heard of.
    pub(super) awaits_start: bool,
    /// Whether it was or will be started, and its end has yet to be heard of.
    pub(super) awaits_end: bool,
    /// Streams of its output that are open.
    pub(super) outputs: usize,
    /// Its exits, until they are shown: code, and whether it is restarted.
    pub(super) exits: Vec<(i64, bool)>,
}

/// The containers of a session and their output.
pub(super) struct Containers<'a> {
    pub(super) watched: BTreeMap<String, Watched>,
    pub(super) outputs: Outputs<'a>,
    /// The exit code of the first container whose end ends the session.
    pub(super) first: Option<i64>,
    /// The first exit code of the service that was asked for.
    pub(super) asked: Option<i64>,
    /// Whether they are being stopped, so that none is started again.
    pub(super) stopping: bool,
    /// Whether the engine has started any of them again.
    pub(super) restarted: bool,
    /// How often all were dead and silent, and some were to be started again.
    waits: u32,
}

impl<'a> Containers<'a> {
    pub(super) fn new(engine: &'a Engine) -> Self {
        Self {
            watched: BTreeMap::new(),
            outputs: Outputs::new(engine, Order::Arrival),
            first: None,
            asked: None,
            stopping: false,
            restarted: false,
            waits: 0,
        }
    }
}

impl Containers<'_> {
    pub(super) fn attach(&mut self, project: &str, monitored: &BTreeSet<String>, it: Attached) {
        let source = names::short(project, &it.service, &it.name).to_owned();
        let watched = self.watched.entry(it.id.clone()).or_default();
        watched.source.clone_from(&source);
        watched.awaits_start = it.starts;
        watched.awaits_end = it.starts;
        // Whatever the engine lists later.
        watched.monitored |= monitored.contains(&it.service);
        watched.outputs += 1;
        self.outputs.attach(&it.id, &source, it.stream, it.after);
    }

    /// Shows what a container writes since its last start.
    pub(super) async fn follow(
        &mut self,
        engine: &Engine,
        id: &str,
        source: &str,
    ) -> Result<(), Error> {
        let container = match engine.inspect(id).await {
            Ok(container) => container,
            Err(engine::Error::NotFound(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let watched = self.watched.entry(id.to_owned()).or_default();
        source.clone_into(&mut watched.source);
        watched.outputs += 1;
        self.outputs.follow(id, source, container.tty, container.last_output_since());
        Ok(())
    }

    pub(super) fn show(&mut self, output: Output, reporter: &mut Reporter<'_>) -> io::Result<()> {
        let Output::Event(id, event) = output else {
            return reporter.flush();
        };
        reporter.on(&event)?;
        if matches!(event, Event::OutputEnded { .. })
            && let Some(watched) = self.watched.get_mut(&*id)
        {
            watched.outputs = watched.outputs.saturating_sub(1);
            self.show_exit(&id, reporter)?;
        }
        Ok(())
    }

    /// Says that a container has ended, once all that it wrote is shown.
    pub(super) fn show_exit(&mut self, id: &str, reporter: &mut Reporter<'_>) -> io::Result<()> {
        let Some(watched) = self.watched.get_mut(id).filter(|watched| watched.outputs == 0) else {
            return Ok(());
        };
        for (code, restarting) in std::mem::take(&mut watched.exits) {
            let source = watched.source.clone();
            reporter.on(&Event::Exited { source, code, restarting })?;
        }
        Ok(())
    }

    /// Shows the ends that the engine has kept to itself. False if it is to start one of them again: an
    /// engine that does so later, and is busy, gets some time for that.
    pub(super) async fn show_unheard(
        &mut self,
        engine: &Engine,
        reporter: &mut Reporter<'_>,
    ) -> Result<bool, Error> {
        let waits = self.waits < WAITS && quirks::restarts_late(engine.facts());
        let mut ends = Vec::new();
        for (id, watched) in self.watched.iter().filter(|(_, it)| it.awaits_end) {
            let container = match engine.inspect(id).await {
                Ok(container) => container,
                Err(engine::Error::NotFound(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            if waits && watched.monitored && container.is_to_start_again(container.exit_code) {
                self.waits += 1;
                return Ok(false);
            }
            ends.push((id.clone(), container.exit_code));
        }
        for (id, code) in ends {
            if let Some(watched) = self.watched.get_mut(&id).filter(|it| !it.source.is_empty()) {
                watched.exits.push((code, false));
            }
        }
        let ids: Vec<String> = self.watched.keys().cloned().collect();
        for id in ids {
            self.show_exit(&id, reporter)?;
        }
        Ok(true)
    }

    /// Whether no monitored container runs any more, and all that there was is shown.
    pub(super) fn are_over(&self) -> bool {
        let is_over =
            |it: &Watched| !it.alive && !it.awaits_end && it.outputs == 0 && it.exits.is_empty();
        self.watched.values().filter(|it| it.monitored).all(is_over)
    }

    /// As far as the engine lists them.
    pub(super) fn are_dead(&self) -> bool {
        self.watched.values().filter(|it| it.monitored).all(|it| !it.alive)
    }

    /// Whether no monitored container writes any more: the engine may have kept its end to itself.
    pub(super) fn are_silent(&self) -> bool {
        self.watched.values().filter(|it| it.monitored).all(|it| it.outputs == 0)
    }

    /// Shows what containers have written already, and waits a moment for what is on its way.
    pub(super) async fn flush(&mut self, reporter: &mut Reporter<'_>) -> io::Result<()> {
        let moment = Duration::from_millis(300);
        while !self.outputs.is_empty() {
            let Ok(output) = tokio::time::timeout(moment, self.outputs.next()).await else {
                break;
            };
            self.show(output, reporter)?;
        }
        let left: Vec<String> = self.watched.keys().cloned().collect();
        for id in left {
            if let Some(watched) = self.watched.get_mut(&id) {
                watched.outputs = 0;
            }
            self.show_exit(&id, reporter)?;
        }
        reporter.flush()
    }
}
