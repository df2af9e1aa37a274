//! What the process was started with, captured once.
#![expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The variables and the working directory of the process.
///
/// Everything below `main` takes these from here, so that tests can give any environment.
#[derive(Debug, Clone, Default)]
pub struct Env {
    variables: BTreeMap<String, String>,
    working_directory: PathBuf,
}

impl Env {
    /// Reads the environment of this process. Bytes that are no UTF-8 are replaced.
    ///
    /// The working directory is `$PWD` where that names the same folder, as a shell shows it (with
    /// symbolic links in it), else what the system says.
    #[must_use]
    pub fn capture() -> Self {
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .map(|(name, value)| {
                (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
            })
            .collect();
        let real = std::env::current_dir().unwrap_or_default();
        let shown = variables.get("PWD").map(PathBuf::from).filter(|shown| {
            shown.is_absolute() && std::fs::canonicalize(shown).is_ok_and(|path| path == real)
        });
        Self { variables, working_directory: shown.unwrap_or(real) }
    }

    /// An environment of exactly these variables.
    #[must_use]
    pub fn fixed<'a>(
        working_directory: impl Into<PathBuf>,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        Self {
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            working_directory: working_directory.into(),
        }
    }

    /// The same, with another value of a variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The value of `name`, unless it is unset or empty.
    #[must_use]
    pub fn non_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    #[must_use]
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    #[must_use]
    pub fn working_directory(&self) -> &Path {
        &self.working_directory
    }

    /// A path as people see it: from the folder they are in, if it is below.
    #[must_use]
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.working_directory).unwrap_or(path).display().to_string()
    }

    /// `$HOME`, if it is set and not empty.
    #[must_use]
    pub fn home(&self) -> Option<&Path> {
        self.non_empty("HOME").map(Path::new)
    }
}
