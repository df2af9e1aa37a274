//! `volumes` at the top level.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::compose::keys::network::EXTERNAL;
use crate::compose::paths::{Base, any_host};
use crate::compose::schema::{Key, OPTIONS, Pairs, Record, Shape, TEXT};
use crate::diagnostic::Diagnostic;
use crate::yaml::{Node, Value};

pub(crate) static VOLUME: Record = Record::new(&[
    Key::new("name", TEXT.shape()),
    Key::new("driver", TEXT.shape()),
    Key::new("driver_opts", Shape::Dict(&OPTIONS)),
    Key::new("external", EXTERNAL.shape()),
    Key::new("labels", Shape::Pairs(Pairs::Labels)),
])
.rewrite(external_name)
.check(external_alone)
.resolve(bound_device);

/// Moves the name out of the outdated `external: {name: …}`.
pub(super) fn external_name(resource: &mut Node) -> Option<Diagnostic> {
    let external = resource.as_map()?.get("external")?.clone();
    let Value::Map(old) = &external.node.value else {
        return None;
    };
    let at = external.node.span;
    let warning = Diagnostic::warning(external.key, "`external.name` is outdated")
        .help("write `name: …` and `external: true`");
    resource.set("external", external.key, Node::bool(at, true));
    let Some(name) = old.get("name") else {
        return Some(warning);
    };
    if let Some(own) = resource.get("name") {
        if own != &name.node {
            return Some(
                Diagnostic::error(name.node.span, "`name` and `external.name` differ")
                    .context(own.span, "the name stands here")
                    .help("keep `name` only"),
            );
        }
    } else {
        resource.set("name", name.key, name.node.clone());
    }
    Some(warning)
}

/// An external volume is not made by us, so nothing can be said of how to make it.
fn external_alone(volume: &Node) -> Option<Diagnostic> {
    let map = volume.as_map()?;
    let external = map.get("external").filter(|it| it.node.as_bool() == Some(true))?;
    let (name, entry) = map.iter().find(|(name, _)| {
        !matches!(name.as_str(), "name" | "external") && !name.starts_with("x-")
    })?;
    Some(
        Diagnostic::error(entry.key, format!("an external volume cannot have `{name}`"))
            .context(external.key, "it is external"),
    )
}

/// The device of a local volume that is a bind mount in disguise.
fn bound_device(volume: &mut Node, base: &Base<'_>) -> Option<Diagnostic> {
    if volume.str_of("driver") != Some("local") {
        return None;
    }
    let options = volume.get_mut("driver_opts")?;
    if options.str_of("o") != Some("bind") {
        return None;
    }
    let device = options.get_mut("device")?;
    if let Value::Text(path) = &mut device.value {
        *path = any_host(path, base);
    }
    None
}

/// A volume of the top level.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Volume {
    pub name: String,
    pub driver: Option<String>,
    pub driver_opts: BTreeMap<String, String>,
    pub external: bool,
    pub labels: BTreeMap<String, String>,
}
