//! The signals that commands answer to.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::commands::exit::Error;

/// The signals that ask us to end.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    pub(super) async fn next(&mut self) {
        self.named().await;
    }

    /// As [`Signals::next`], with the signal's name.
    pub(super) async fn named(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
