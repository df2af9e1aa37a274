//! The terminal handed over to a program somewhere else.

use std::io;

use rustix::termios::{self, OptionalActions, Termios};

/// Standard input in raw mode: every key goes to the program. Ends with this value.
#[derive(Debug)]
pub struct RawInput {
    before: Termios,
}

impl RawInput {
    /// # Errors
    /// A standard input that is no terminal.
    pub fn new() -> io::Result<Self> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for RawInput {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Rows and columns of the terminal behind standard error.
#[must_use]
pub fn error_size() -> Option<(u16, u16)> {
    let size = termios::tcgetwinsize(io::stderr()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}

/// Rows and columns of the terminal behind standard output.
#[must_use]
pub fn size() -> Option<(u16, u16)> {
    let size = termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}
