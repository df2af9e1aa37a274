//! What the passes find, and where in the model they are.

use std::collections::BTreeSet;
use std::fmt;

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};

/// A place in a model, kept on the stack of the pass that walks it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub(crate) fn key(&'a self, name: &'a str) -> Self {
        Self::Key(self, name)
    }

    pub(crate) fn index(&'a self, index: usize) -> Self {
        Self::Index(self, index)
    }

    /// The section and the name of the resource that this place belongs to.
    fn resource(&self) -> Option<(String, String)> {
        match self {
            Self::Root => None,
            Self::Key(Self::Key(Self::Root, section), name) => {
                Some(((*section).to_owned(), (*name).to_owned()))
            }
            Self::Key(parent, _) | Self::Index(parent, _) => parent.resource(),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Self::Root, name) => out.write_str(name),
            Self::Key(parent, name) => write!(out, "{parent}.{name}"),
            Self::Index(parent, index) => write!(out, "{parent}[{index}]"),
        }
    }
}

/// Problems of one load, and the resources they make unfit for later checks.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) diagnostics: Diagnostics,
    /// Section and name of resources with an error: nothing more is said about them.
    broken: BTreeSet<(String, String)>,
}

impl Report {
    /// Notes a problem found at `path`.
    pub(crate) fn push(&mut self, path: &Path<'_>, diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Error
            && let Some(resource) = path.resource()
        {
            self.broken.insert(resource);
        }
        self.diagnostics.push(diagnostic);
    }

    /// Notes that a resource cannot be made out because of a problem elsewhere.
    pub(crate) fn mark_broken(&mut self, path: &Path<'_>) {
        self.broken.extend(path.resource());
    }

    pub(crate) fn is_broken(&self, section: &str, name: &str) -> bool {
        self.broken.contains(&(section.to_owned(), name.to_owned()))
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.diagnostics.has_errors()
    }
}
