//! The signals that commands answer to.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::commands::exit::Error;
use crate::report::Terminal;

/// The signals that ask us to end.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// The first that came.
    first: Option<&'static str>,
    /// How many came.
    count: usize,
}

impl Signals {
    /// Also tells the terminal that there is hurry once one has come.
    pub(super) fn new(terminal: &Terminal) -> Result<Self, Error> {
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, terminal.hurry())?;
        }
        Self::passed_on()
    }

    /// For who passes them on, and does not answer to them.
    pub(super) fn passed_on() -> Result<Self, Error> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            first: None,
            count: 0,
        })
    }

    pub(super) async fn next(&mut self) {
        self.named().await;
    }

    /// Waits for the third from now on.
    pub(super) async fn third(&mut self) {
        for _ in 0..3 {
            self.next().await;
        }
    }

    /// As [`Signals::next`], with the signal's name.
    pub(super) async fn named(&mut self) -> &'static str {
        let name = tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        };
        self.first.get_or_insert(name);
        self.count += 1;
        name
    }

    /// Takes note of one that has come while nobody waited for it.
    pub(super) async fn catch_up(&mut self) {
        tokio::select! {
            biased;
            () = self.next() => {}
            () = std::future::ready(()) => {}
        }
    }

    /// The first that came.
    pub(super) fn first(&self) -> Option<&'static str> {
        self.first
    }

    /// How many came.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}
