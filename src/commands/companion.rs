//! What goes on beside the output of containers in an attached session: a watch, and keys.

use std::collections::VecDeque;
use std::io::IsTerminal as _;

use jiff::Timestamp;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver};

use crate::commands::carrier;
use crate::commands::exit::{self, Error};
use crate::commands::watching::Watching;
use crate::commands::watching::lock::WatchLock;
use crate::commands::watching::means::Means;
use crate::diagnostic::Diagnostics;
use crate::engine::Engine;
use crate::env::Env;
use crate::event::{Event, WatchAction};
use crate::report::raw::{KeyInput, is_in_foreground};
use crate::report::{Progress, Reporter, Terminal};
use crate::watch::rules::Rule;

/// What a session is told.
pub(super) enum Said {
    Event(Event),
    Key(u8),
}

/// A watch that may be turned on and off, and the keys that do.
pub(super) struct Companion<'a> {
    engine: &'a Engine,
    means: &'a Means<'a>,
    env: &'a Env,
    /// Empty if nothing is to be watched; or why it cannot be.
    rules: Result<Vec<Rule>, Diagnostics>,
    /// The right to watch, which may have been taken before anything began.
    lock: Option<WatchLock>,
    watching: Option<Watching<'a>>,
    keys: Option<(KeyInput, Receiver<Vec<u8>>)>,
    typed: VecDeque<u8>,
    /// What is told of names that are answered meanwhile.
    names: Option<UnboundedReceiver<Event>>,
}

impl<'a> Companion<'a> {
    /// With a watch from the beginning on, if there is a lock.
    pub(super) fn new(
        engine: &'a Engine,
        means: &'a Means<'a>,
        env: &'a Env,
        rules: Result<Vec<Rule>, Diagnostics>,
        lock: Option<WatchLock>,
    ) -> Self {
        let typed = VecDeque::new();
        Self { engine, means, env, rules, lock, watching: None, keys: None, typed, names: None }
    }

    /// Passes on what is told of names.
    pub(super) fn hear_of_names(&mut self, names: UnboundedReceiver<Event>) {
        self.names = Some(names);
    }

    /// Begins what there is to begin once all is started.
    ///
    /// # Errors
    /// Those of [`Watching::begin`].
    pub(super) async fn begin(
        &mut self,
        menu: bool,
        reporter: &mut Reporter<'_>,
    ) -> Result<(), Error> {
        reporter.mark_watch();
        if self.lock.is_some() {
            self.watch(reporter).await?;
        }
        // A terminal that cannot be read from has no keys.
        if menu && let Ok(input) = KeyInput::new() {
            self.keys = Some((input, carrier::keys()));
        }
        self.show_menu(reporter)
    }

    async fn watch(&mut self, reporter: &mut Reporter<'_>) -> Result<(), Error> {
        let rules = self.rules.clone().map_err(Error::Project)?;
        let begun = Watching::begin(rules, self.engine, self.means).await?;
        let watching = self.watching.insert(begun);
        for event in watching.told() {
            reporter.on(&event)?;
        }
        reporter.watch_line("Watch enabled")?;
        Ok(reporter.flush()?)
    }

    /// Turns the watch on or off.
    ///
    /// # Errors
    /// A terminal that is gone. That the watch cannot begin is told.
    pub(super) async fn toggle(&mut self, reporter: &mut Reporter<'_>) -> Result<(), Error> {
        if self.watching.is_some() {
            self.end(reporter)?;
        } else if self.rules.as_ref().is_ok_and(Vec::is_empty) {
            reporter.notice("watch is not yet configured: no service has a `develop` section");
        } else {
            let begun = match WatchLock::take(self.means.project(), self.env) {
                Ok(lock) => {
                    self.lock = Some(lock);
                    self.watch(reporter).await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = begun {
                self.lock = None;
                for problem in &exit::problems(error) {
                    reporter.notice(&format!("error: {}", problem.message));
                }
            }
        }
        self.show_menu(reporter)
    }

    /// Ends the watch, if there is one.
    ///
    /// # Errors
    /// A terminal that is gone.
    pub(super) fn end(&mut self, reporter: &mut Reporter<'_>) -> Result<(), Error> {
        if self.watching.take().is_some() {
            reporter.watch_line("Watch disabled")?;
        }
        self.lock = None;
        Ok(())
    }

    /// Ends all.
    ///
    /// # Errors
    /// A terminal that is gone.
    pub(super) fn leave(&mut self, reporter: &mut Reporter<'_>) -> Result<(), Error> {
        self.end(reporter)?;
        self.keys = None;
        Ok(reporter.set_menu(None)?)
    }

    fn show_menu(&mut self, reporter: &mut Reporter<'_>) -> Result<(), Error> {
        if self.keys.is_some() {
            let watch = if self.watching.is_some() { "Disable Watch" } else { "Enable Watch" };
            reporter.set_menu(Some(&[("w", watch), ("d", "Detach")]))?;
        }
        Ok(())
    }

    /// Whether containers end at our own wish, and are not gone for that.
    pub(super) fn is_stirring(&self) -> bool {
        self.watching.as_ref().is_some_and(Watching::is_stirring)
    }

    /// Whether those of one service did at that time, by the engine's clock.
    pub(super) fn stirs(&self, service: &str, time: Timestamp) -> bool {
        self.watching.as_ref().is_some_and(|it| it.stirs(service, Some(time)))
    }

    /// Waits until there is something to say; for ever if nothing is going on. It may be dropped at any
    /// moment.
    ///
    /// # Errors
    /// Those of [`Watching::next`].
    pub(super) async fn next(&mut self) -> Result<Said, Error> {
        if let Some(key) = self.typed.pop_front() {
            return Ok(Said::Key(key));
        }
        let watching = async {
            match &mut self.watching {
                Some(watching) => watching.next().await,
                None => std::future::pending().await,
            }
        };
        let typed = async {
            match &mut self.keys {
                Some((_, keys)) => keys.recv().await,
                None => std::future::pending().await,
            }
        };
        let names = async {
            match &mut self.names {
                Some(names) => names.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(event) = names => Ok(Said::Event(event)),
            Some(mut keys) = typed => {
                let first = keys.remove(0);
                self.typed.extend(keys);
                Ok(Said::Key(first))
            }
            event = watching => Ok(Said::Event(event?)),
        }
    }
}

/// Whether containers may be others, or run again, after an event.
pub(super) fn changes_containers(event: &Event) -> bool {
    matches!(event, Event::Watched { action: WatchAction::Rebuild | WatchAction::Restart, .. })
}

/// Whether keys are offered: on a terminal that we may read, unless that is not wanted.
pub(super) fn offers_menu(asked: Option<bool>, env: &Env, terminal: &Terminal) -> bool {
    let set = env.non_empty("COMPOSE_MENU").map(crate::compose::model::is_yes);
    asked.or(set).unwrap_or(true)
        && terminal.progress() == Progress::Tty
        && std::io::stdin().is_terminal()
        && std::io::stdout().is_terminal()
        && is_in_foreground()
}
