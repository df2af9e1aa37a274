//! A loaded project: its canonical tree and what is known around it.

use std::collections::BTreeMap;

use crate::compose::graph::{Graph, Reason};
use crate::compose::print::{Dialect, document};
use crate::source::Span;
use crate::yaml::{Entry, Node};

/// Whether a word is one that the peer takes for yes.
#[must_use]
pub fn is_yes(word: &str) -> bool {
    matches!(&*word.to_lowercase(), "1" | "t" | "true" | "y")
}

/// A project, checked and canonical.
#[derive(Debug)]
pub struct Model {
    pub name: String,
    /// The absolute folder that relative paths were joined to.
    pub folder: String,
    /// Absolute paths of the Compose files, or `-`.
    pub files: Vec<String>,
    /// Absolute paths of the env files that were named.
    pub env_files: Vec<String>,
    /// The variables that interpolation saw.
    pub env: BTreeMap<String, String>,
    pub profiles: Vec<String>,
    /// Services that are to run.
    pub services: BTreeMap<String, Entry>,
    /// Services that are off: by their profiles, or because others were selected.
    pub disabled: BTreeMap<String, Entry>,
    /// All but the services.
    pub rest: Node,
}

impl Model {
    /// Whether a variable says yes, in the words that the peer takes for it.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.env.get(name).is_some_and(|text| is_yes(text))
    }

    /// The platform of services that name none.
    #[must_use]
    pub fn default_platform(&self) -> Option<&str> {
        self.env.get("DOCKER_DEFAULT_PLATFORM").map(String::as_str).filter(|it| !it.is_empty())
    }

    /// The canonical value at `path`: a section, a name, keys.
    #[must_use]
    pub fn node(&self, path: &[&str]) -> Option<&Node> {
        match path {
            ["services", name, keys @ ..] => {
                let entry = self.services.get(*name).or_else(|| self.disabled.get(*name))?;
                entry.node.at(keys.iter().copied())
            }
            keys => self.rest.at(keys.iter().copied()),
        }
    }

    /// Where the value at `path` stands; the nearest place above it if it has none of its own.
    #[must_use]
    pub fn span(&self, path: &[&str]) -> Span {
        (1..=path.len())
            .rev()
            .find_map(|length| self.node(&path[..length]).map(|node| node.span))
            .unwrap_or(Span::NOWHERE)
    }

    /// Start dependencies between the services that are to run.
    #[must_use]
    pub fn graph(&self) -> Graph {
        let services = self.services.iter().map(|(name, entry)| (name.as_str(), &entry.node));
        Graph::of_services(services, Reason::Start)
    }

    /// The names of a section that is not `services`, in the order of the files.
    pub fn names<'a>(&'a self, section: &str) -> impl Iterator<Item = &'a str> {
        let map = self.rest.get(section).and_then(Node::as_map);
        map.into_iter().flatten().map(|(name, _)| name.as_str())
    }

    /// The model as `config` prints it.
    #[must_use]
    pub fn document(&self, dialect: Dialect) -> Node {
        document(&self.rest, &self.services, dialect)
    }
}
