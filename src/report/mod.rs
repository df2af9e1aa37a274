//! What people and programs see: the only writer of the terminal.

pub mod table;

use std::io::{self, IsTerminal as _, Write as _};

use crate::env::Env;

/// Standard output and standard error.
#[derive(Debug)]
pub struct Terminal {
    no_color: bool,
}

impl Terminal {
    #[must_use]
    pub fn new(env: &Env) -> Self {
        Self { no_color: env.non_empty("NO_COLOR").is_some() }
    }

    /// Whether standard error shows colours.
    #[must_use]
    pub fn colours_errors(&self) -> bool {
        !self.no_color && io::stderr().is_terminal()
    }

    /// Writes data for standard output.
    ///
    /// # Errors
    /// A reader that is gone, or a full disk behind a redirection.
    pub fn out(&mut self, text: &str) -> io::Result<()> {
        io::stdout().lock().write_all(text.as_bytes())
    }

    /// Writes what is no data to standard error. If that is gone, nobody can be told.
    pub fn err(&mut self, text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Hands all that was written to the system.
    ///
    /// # Errors
    /// As [`Terminal::out`].
    pub fn flush(&mut self) -> io::Result<()> {
        io::stdout().lock().flush()
    }
}
