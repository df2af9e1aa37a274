//! What of a folder travels to a builder: its files, without those that an ignore file leaves out.
//!
//! Nothing here knows a builder. The files are found ([`walk`]) in the order that builders want them, by
//! rules that are those of Docker ([`patterns`]), and packed for builders that take all at once ([`pack`]).

mod follow;
mod ignore;
pub mod pack;
mod pattern;
pub mod patterns;
pub mod walk;

use std::io;
use std::path::{Path, PathBuf};

pub use crate::context::ignore::{IgnoreFile, ignore_file};
pub use crate::context::pack::Pack;
pub use crate::context::patterns::{PatternError, Patterns};
pub use crate::context::walk::{Entry, Filter, Kind, Size, Walk, open, size};

/// A folder that cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read `{}`: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: io::Error },
    #[error("`{}` is not a folder", path.display())]
    NoFolder { path: PathBuf },
    #[error("`{}`, {error}", path.display())]
    Ignore { path: PathBuf, error: PatternError },
    /// What a builder asked for.
    #[error("what the builder wants of the context cannot be read: {0}")]
    Filter(PatternError),
}

impl Error {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |cause| Self::Unreadable { path, cause }
    }
}
