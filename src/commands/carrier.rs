//! Input and output of programs that run elsewhere.

use std::io::{self, IsTerminal as _, Read as _};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver};

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
}

/// Carries the input and output of a program, and the size of the terminal.
pub(super) struct Carrier<'a> {
    pub engine: &'a Engine,
    pub program: Program<'a>,
    pub tty: bool,
}

impl Carrier<'_> {
    /// Carries until the program writes no more; false if it was left before.
    pub(super) async fn carry(
        &self,
        mut output: ExecOutput,
        input: Option<ExecInput>,
        terminal: &mut Terminal,
    ) -> Result<bool, Error> {
        let mut signals = Signals::new()?;
        let mut resized = signal(SignalKind::window_change())?;
        let _raw = if self.tty && input.is_some() { Some(RawInput::new()?) } else { None };
        // Input goes its own way: who waits for room to write must go on reading.
        let mut feeding = input.is_some();
        let mut feed = std::pin::pin!(feed(input));
        self.resize().await;
        loop {
            tokio::select! {
                biased;
                signal = signals.named() => match self.program {
                    Program::Exec(_) => return Ok(false),
                    // It may have ended.
                    Program::Container(id) => drop(self.engine.signal(id, signal).await),
                },
                _ = resized.recv(), if self.tty => self.resize().await,
                chunk = output.next() => match chunk.unwrap_or(None) {
                    // A connection that breaks off has ended, as far as can be known; what became of
                    // the program is asked for afterwards.
                    None => return Ok(true),
                    Some(chunk) if chunk.stderr => terminal.err_bytes(&chunk.bytes),
                    Some(chunk) => {
                        terminal.out_bytes(&chunk.bytes)?;
                        terminal.flush()?;
                    }
                },
                () = &mut feed, if feeding => feeding = false,
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
                Program::Container(id) => self.engine.resize(id, rows, columns).await,
            };
        }
    }
}

/// Reads standard input on a thread of its own, which a read without end cannot keep from ending with
/// the program.
fn keys() -> Receiver<Vec<u8>> {
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

/// Passes standard input on, and its end.
async fn feed(input: Option<ExecInput>) {
    let Some(mut input) = input else { return };
    let mut typed = keys();
    while let Some(bytes) = typed.recv().await {
        // A program that reads no more has its reasons.
        if input.write(&bytes).await.is_err() {
            return;
        }
    }
    input.end().await;
}
