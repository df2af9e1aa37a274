//! Input and output of programs that run elsewhere.

use std::io::{self, IsTerminal as _, Read as _};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver};

use crate::commands::detach::{DetachKeys, Watch};
use crate::commands::exit::Error;
use crate::commands::session::Signals;
use crate::engine::{Engine, ExecInput, ExecOutput};
use crate::report::Terminal;
use crate::report::raw::{self, RawInput};

/// Whether a program gets a terminal: if that is asked for, or else where standard output is one.
///
/// # Errors
/// Standard input must be one too, if the program reads it.
pub(super) fn is_tty(asked: bool, refused: bool, input: bool) -> Result<bool, Error> {
    let tty = asked || (!refused && io::stdout().is_terminal());
    if tty && input && !io::stdin().is_terminal() {
        return Err(Error::Usage("the input device is not a TTY".to_owned()));
    }
    Ok(tty)
}

/// What runs elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) enum Program<'a> {
    /// A command in a container, by its ID. A signal leaves it to itself.
    Exec(&'a str),
    /// A container, by its ID. It gets our signals.
    Container(&'a str),
    /// A container that a signal leaves to itself.
    Watched(&'a str),
}

/// How carrying has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carried {
    /// The program writes no more.
    Over,
    /// A signal came.
    Left,
    /// The keys were typed that leave it to itself.
    Detached,
}

/// Carries the input and output of a program, and the size of the terminal.
pub(super) struct Carrier<'a> {
    pub engine: &'a Engine,
    pub program: Program<'a>,
    pub tty: bool,
}

impl Carrier<'_> {
    /// Carries until the program writes no more, or is left before.
    pub(super) async fn carry(
        &self,
        mut output: ExecOutput,
        input: Option<ExecInput>,
        keys: DetachKeys,
        terminal: &mut Terminal,
    ) -> Result<Carried, Error> {
        let mut signals = Passed::new()?;
        let mut resized = signal(SignalKind::window_change())?;
        let _raw = if self.tty && input.is_some() { Some(RawInput::new()?) } else { None };
        // Input goes its own way: who waits for room to write must go on reading.
        let mut feeding = input.is_some();
        let mut feed = std::pin::pin!(feed(input, self.tty.then(|| keys.watch())));
        self.resize().await;
        loop {
            tokio::select! {
                biased;
                signal = signals.next() => match self.program {
                    // These end other programs; what is not passed on ends nothing here.
                    Program::Exec(_) | Program::Watched(_) if signal.ends() => {
                        return Ok(Carried::Left);
                    }
                    Program::Exec(_) | Program::Watched(_) => {}
                    // It may have ended.
                    Program::Container(id) => drop(self.engine.signal(id, signal.0).await),
                },
                _ = resized.recv(), if self.tty => self.resize().await,
                chunk = output.next() => match chunk.unwrap_or(None) {
                    // A connection that breaks off has ended, as far as can be known; what became of
                    // the program is asked for afterwards.
                    None => return Ok(Carried::Over),
                    Some(chunk) if chunk.stderr => terminal.err_bytes(&chunk.bytes),
                    Some(chunk) => {
                        terminal.out_bytes(&chunk.bytes)?;
                        terminal.flush()?;
                    }
                },
                left = &mut feed, if feeding => {
                    if left {
                        return Ok(Carried::Detached);
                    }
                    feeding = false;
                }
            }
        }
    }

    async fn resize(&self) {
        if self.tty
            && let Some((rows, columns)) = raw::size()
        {
            // It may have ended, or not begun.
            let _ = match self.program {
                Program::Exec(exec) => self.engine.resize_exec(exec, rows, columns).await,
                Program::Container(id) | Program::Watched(id) => {
                    self.engine.resize(id, rows, columns).await
                }
            };
        }
    }
}

/// Reads standard input on a thread of its own, which a read without end cannot keep from ending with
/// the program.
pub(super) fn keys() -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 32 * 1024];
        while let Ok(length @ 1..) = io::stdin().lock().read(&mut buffer) {
            if sender.blocking_send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// A signal, by its name.
#[derive(Debug, Clone, Copy)]
struct Caught(&'static str);

impl Caught {
    /// Whether it asks us to end.
    fn ends(self) -> bool {
        matches!(self.0, "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGQUIT")
    }
}

/// The signals that a program may be sent through us.
struct Passed {
    signals: Signals,
    hangup: Signal,
    quit: Signal,
    first: Signal,
    second: Signal,
}

impl Passed {
    fn new() -> Result<Self, Error> {
        Ok(Self {
            signals: Signals::passed_on()?,
            hangup: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
            first: signal(SignalKind::user_defined1())?,
            second: signal(SignalKind::user_defined2())?,
        })
    }

    async fn next(&mut self) -> Caught {
        Caught(tokio::select! {
            name = self.signals.named() => name,
            _ = self.hangup.recv() => "SIGHUP",
            _ = self.quit.recv() => "SIGQUIT",
            _ = self.first.recv() => "SIGUSR1",
            _ = self.second.recv() => "SIGUSR2",
        })
    }
}

/// Passes standard input on, and its end. True if the keys were typed that `watch` looks for.
async fn feed(input: Option<ExecInput>, mut watch: Option<Watch>) -> bool {
    let Some(mut input) = input else { return false };
    let mut typed = keys();
    while let Some(mut bytes) = typed.recv().await {
        let mut left = false;
        if let Some(watch) = &mut watch {
            (bytes, left) = watch.pass(&bytes);
        }
        // A program that reads no more has its reasons.
        if input.write(&bytes).await.is_err() && !left {
            return false;
        }
        if left {
            return true;
        }
    }
    input.end().await;
    false
}
