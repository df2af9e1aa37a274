//! What rules look at: services of the checked model, with the places of their values.

use std::collections::HashSet;

use crate::compose::model::Model;
use crate::compose::template::{self, Kind, Operator};
use crate::lint::known::{self, Known};
use crate::reference::Reference;
use crate::source::{SourceMap, Span};
use crate::yaml::{Entry, Node};

/// A project that is looked at.
pub(crate) struct Project<'a> {
    model: &'a Model,
    pub(crate) sources: &'a SourceMap,
    /// Whether services that are off are looked at, too.
    whole: bool,
    /// The references of images that the project builds itself.
    built: HashSet<&'a str>,
}

impl<'a> Project<'a> {
    pub(super) fn new(model: &'a Model, whole: bool, sources: &'a SourceMap) -> Self {
        let all = model.services.values().chain(model.disabled.values());
        let built = all
            .filter(|entry| entry.node.get("build").is_some())
            .filter_map(|entry| entry.node.str_of("image"))
            .collect();
        Self { model, sources, whole, built }
    }

    pub(super) fn services(&self) -> impl Iterator<Item = Service<'_>> {
        chosen(self.model, self.whole).map(|(name, entry)| Service { name, entry, project: self })
    }
}

/// The services that are looked at: those that are to run or, of a `whole` project, all.
pub(super) fn chosen(model: &Model, whole: bool) -> impl Iterator<Item = (&String, &Entry)> {
    let off = whole.then_some(&model.disabled);
    model.services.iter().chain(off.into_iter().flatten())
}

/// A service, and the project around it.
pub(crate) struct Service<'a> {
    pub(crate) name: &'a str,
    pub(crate) entry: &'a Entry,
    pub(crate) project: &'a Project<'a>,
}

/// How a value comes to be in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// As it is.
    Literally,
    /// As the default of a variable.
    AsDefault,
    /// Not at all: it is that of a variable.
    Elsewhere,
}

impl<'a> Service<'a> {
    pub(crate) fn get(&self, key: &str) -> Option<&'a Node> {
        self.entry.node.get(key).filter(|node| !node.is_null())
    }

    pub(crate) fn items(&self, key: &str) -> std::slice::Iter<'a, Node> {
        self.get(key).and_then(Node::as_list).unwrap_or_default().iter()
    }

    pub(crate) fn entries(
        &self,
        key: &str,
    ) -> impl Iterator<Item = (&'a str, &'a Entry)> + use<'a> {
        entries(self.get(key))
    }

    /// Another service of the project, whether it runs or not.
    pub(crate) fn other(&self, name: &str) -> Option<Service<'a>> {
        let model = self.project.model;
        let all = [&model.services, &model.disabled];
        let (name, entry) = all.into_iter().find_map(|it| it.get_key_value(name))?;
        Some(Service { name, entry, project: self.project })
    }

    /// The image that is pulled for it; `None` if the project builds it.
    pub(crate) fn pulled(&self) -> Option<(Reference, Span)> {
        let node = self.get("image")?;
        let text = node.as_str().filter(|text| !text.is_empty())?;
        let is_ours = self.get("build").is_some()
            || self.project.built.contains(text)
            || matches!(self.entry.node.str_of("pull_policy"), Some("never" | "build"));
        if is_ours { None } else { Some((Reference::parse(text).ok()?, node.span)) }
    }

    /// What is known of the image that is pulled for it.
    pub(crate) fn known(&self) -> Option<&'static Known> {
        known::find(&self.pulled()?.0)
    }

    /// How the value of `node` comes to be in the file.
    pub(crate) fn written(&self, node: &Node) -> Written {
        let value = node.as_str().unwrap_or("");
        let raw = self.project.sources.slice(node.span);
        let parts =
            if raw.contains('$') { template::parse(raw).unwrap_or_default() } else { Vec::new() };
        let mut variables = parts
            .iter()
            .filter_map(|part| match &part.kind {
                Kind::Variable { operator, .. } => Some(operator),
                _ => None,
            })
            .peekable();
        if variables.peek().is_none() {
            // A name alone takes its value from the environment.
            let first = value.lines().next().unwrap_or("").replace('$', "$$");
            let is_there = !first.is_empty() && (raw.contains(&first) || raw.contains('\\'));
            return if is_there { Written::Literally } else { Written::Elsewhere };
        }
        let is_used = variables.any(|operator| match operator {
            Some((Operator::Default | Operator::DefaultIfEmpty, word)) => {
                !word.text.is_empty() && !word.text.contains('$') && value.contains(word.text)
            }
            _ => false,
        });
        if is_used { Written::AsDefault } else { Written::Elsewhere }
    }
}

/// The entries of a mapping, if it is one.
pub(crate) fn entries(node: Option<&Node>) -> impl Iterator<Item = (&str, &Entry)> {
    let map = node.and_then(Node::as_map);
    map.into_iter().flatten().map(|(name, entry)| (name.as_str(), entry))
}
