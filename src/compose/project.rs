//! The typed view of a model, for all that comes after loading.

use std::collections::BTreeMap;

use crate::compose::keys::develop::Trigger;
use crate::compose::keys::models::LanguageModel;
use crate::compose::keys::network::Network;
use crate::compose::keys::secrets::FileObject;
use crate::compose::keys::service::Service;
use crate::compose::keys::volume::Volume;
use crate::compose::model::Model;
use crate::diagnostic::Diagnostic;
use crate::names::Separator;
use crate::source::Span;
use crate::yaml::{Node, de};

/// A project whose keys are fields.
#[derive(Debug)]
pub struct Project {
    pub name: String,
    pub folder: String,
    pub services: BTreeMap<String, Service>,
    pub networks: BTreeMap<String, Network>,
    pub volumes: BTreeMap<String, Volume>,
    pub secrets: BTreeMap<String, FileObject>,
    pub configs: BTreeMap<String, FileObject>,
    pub models: BTreeMap<String, LanguageModel>,
}

impl Project {
    /// Decodes a model.
    ///
    /// # Errors
    /// A canonical tree always decodes; if one does not, that is a bug, which is reported with the
    /// place that shows it.
    pub fn new(model: &Model) -> Result<Self, Diagnostic> {
        let services = model
            .services
            .iter()
            .map(|(name, entry)| Ok((name.clone(), decode(&entry.node)?)))
            .collect::<Result<_, Diagnostic>>()?;
        Ok(Self {
            name: model.name.clone(),
            folder: model.folder.clone(),
            services,
            networks: section(model, "networks")?,
            volumes: section(model, "volumes")?,
            secrets: section(model, "secrets")?,
            configs: section(model, "configs")?,
            models: section(model, "models")?,
        })
    }
}

fn section<T: serde::de::DeserializeOwned>(
    model: &Model,
    name: &str,
) -> Result<BTreeMap<String, T>, Diagnostic> {
    let map = model.rest.get(name).and_then(Node::as_map);
    map.into_iter()
        .flatten()
        .map(|(name, entry)| Ok((name.clone(), decode(&entry.node)?)))
        .collect()
}

/// Decodes one service, such as one that is off.
///
/// # Errors
/// As [`Project::new`].
pub fn service(node: &Node) -> Result<Service, Diagnostic> {
    decode(node)
}

/// What a service does when files change, each with its place.
///
/// # Errors
/// As [`Project::new`].
pub fn triggers(service: &Node) -> Result<Vec<(Trigger, &Node)>, Diagnostic> {
    let rules = service.at(["develop", "watch"]).into_iter().flat_map(Node::items);
    rules.map(|rule| Ok((decode(rule)?, rule))).collect()
}

fn decode<'de, T: serde::de::Deserialize<'de>>(node: &'de Node) -> Result<T, Diagnostic> {
    de::from_node(node).map_err(|error| {
        let span = if error.span.is_nowhere() { Span::NOWHERE } else { error.span };
        Diagnostic::error(span, format!("internal error: a checked value does not decode: {error}"))
    })
}

/// What the keys of a service may look at besides the service.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub project: &'a Project,
    /// The name of the service.
    pub service: &'a str,
    /// The name of the container that is made.
    pub container: &'a str,
    /// The number of the replica, from 1.
    pub number: u32,
    pub separator: Separator,
    /// The variables that interpolation saw.
    pub env: &'a BTreeMap<String, String>,
    /// Reads a file that a key names, such as a seccomp profile.
    pub read: &'a dyn Fn(&str) -> Result<String, String>,
    /// Takes what has no effect; a clause.
    pub warn: &'a dyn Fn(String),
}
