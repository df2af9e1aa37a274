//! The terminal handed over to a program somewhere else.

use std::io;

use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};

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

/// Standard input key by key, and unseen; what asks us to end does so as before. Ends with this value.
#[derive(Debug)]
pub struct KeyInput {
    /// Undoes it at its end.
    _before: RawInput,
}

impl KeyInput {
    /// # Errors
    /// A standard input that is no terminal.
    pub fn new() -> io::Result<Self> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut keys = before.clone();
        keys.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        keys.special_codes[SpecialCodeIndex::VMIN] = 1;
        keys.special_codes[SpecialCodeIndex::VTIME] = 0;
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &keys)?;
        Ok(Self { _before: RawInput { before } })
    }
}

/// Whether we may read from the terminal: who does so in the background is stopped.
#[must_use]
pub fn is_in_foreground() -> bool {
    termios::tcgetpgrp(io::stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
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
