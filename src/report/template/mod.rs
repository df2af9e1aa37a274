//! Templates in the language of Go's `text/template`, as users of Docker write them after `--format`.
//!
//! The language is whole but for `define`, `template` and `block`, which one line has no use for, and
//! the functions `call`, `html`, `js` and `urlquery`. A problem carries its place in the template. Nothing
//! here writes or asks anything.

mod compare;
mod eval;
mod functions;
mod lex;
mod parse;
mod printf;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeSet;
use std::ops::Range;

pub use crate::report::template::eval::Mode;
use crate::report::template::parse::Block;
pub use crate::report::template::value::{Labels, Row, Value, escape_html};

/// What is wrong with a template, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Bytes of the template.
    pub at: Range<usize>,
    pub message: String,
    pub help: Option<String>,
}

impl Error {
    fn new(at: Range<usize>, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), help: None }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// A template that has been read.
#[derive(Debug)]
pub struct Template {
    block: Block,
    fields: BTreeSet<String>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The first problem of its syntax.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (block, fields) = parse::parse(lex::lex(text)?)?;
        Ok(Self { block, fields })
    }

    /// Whether the value of a field may matter.
    #[must_use]
    pub fn asks_for(&self, field: &str) -> bool {
        // The dot alone stands for all of them.
        self.fields.contains(field) || self.fields.contains(".")
    }

    /// What the template makes of a value.
    ///
    /// # Errors
    /// A field that is not there, or a function that cannot do what is asked; with what was made by
    /// then.
    pub fn render(&self, dot: &Value, mode: Mode) -> Result<String, (String, Error)> {
        eval::render(&self.block, dot, mode)
    }
}
