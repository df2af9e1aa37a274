//! Where the rules are that leave files out.
#![expect(
    clippy::disallowed_methods,
    reason = "ignore files belong to a context, not to a project"
)]

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::context::Error;
use crate::context::patterns::Patterns;

/// The file at the top of a context.
pub(super) const NAME: &str = ".dockerignore";

/// An ignore file that holds for a context.
#[derive(Debug, Clone)]
pub struct IgnoreFile {
    pub path: PathBuf,
    pub text: String,
    pub patterns: Patterns,
}

/// Finds the file that says what of a context is left out, and reads it. One beside the Dockerfile with
/// its name and `.dockerignore` holds in place of `.dockerignore` at the top of the context.
///
/// `dockerfile` is relative to the context unless it is absolute; `None` if it is no file.
///
/// # Errors
/// A file that cannot be read, or that has a line that is no pattern. That there is none is fine.
pub fn ignore_file(context: &Path, dockerfile: Option<&Path>) -> Result<Option<IgnoreFile>, Error> {
    let own = dockerfile.map(|dockerfile| {
        let mut path = OsString::from(context.join(dockerfile));
        path.push(NAME);
        PathBuf::from(path)
    });
    for path in own.into_iter().chain([context.join(NAME)]) {
        match fs::read(&path) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                return match Patterns::parse(&text) {
                    Ok(patterns) => Ok(Some(IgnoreFile { path, text, patterns })),
                    Err(error) => Err(Error::Ignore { path, error }),
                };
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => return Err(Error::at(&path)(error)),
        }
    }
    Ok(None)
}
