//! Models whose images are pinned: what `config --resolve-image-digests` and `--lock-image-digests`
//! make of them.

use std::collections::BTreeMap;

use crate::commands::digests::{self, Wanted};
use crate::commands::exit::Error;
use crate::commands::options::Context;
use crate::commands::session;
use crate::compose::model::Model;
use crate::compose::print::{self, Dialect};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reference::Reference;
use crate::source::Span;
use crate::yaml::{Entry, Node, Value};

/// Pins the images of services, of what prepares their start, and of volumes that are images.
///
/// # Errors
/// Images that registries do not know.
pub(super) fn pin(services: &mut BTreeMap<String, Entry>, context: &Context) -> Result<(), Error> {
    let names: Vec<String> = services.keys().cloned().collect();
    let mut wanted = Wanted::default();
    let mut problems = Diagnostics::default();
    let mut found = Vec::new();
    for entry in services.values_mut() {
        for image in images(&mut entry.node, &names) {
            let text = image.as_str().unwrap_or_default();
            match wanted.read(text, image.span) {
                Ok(reference) => found.push((image, reference)),
                Err(problem) => problems.push(problem),
            }
        }
    }
    if !problems.is_empty() {
        return Err(Error::Project(problems));
    }
    let digests = if wanted.references().is_empty() {
        BTreeMap::new()
    } else {
        session::block_on(digests::resolve(&wanted, context))?
    };
    for (image, reference) in found {
        let digest = digests.get(&reference).map_or("", String::as_str);
        image.value = Value::Text(Reference::pinned(&reference, digest));
    }
    Ok(())
}

/// The values of a service that name images.
fn images<'a>(service: &'a mut Node, services: &[String]) -> Vec<&'a mut Node> {
    let Some(map) = service.as_map_mut() else { return Vec::new() };
    let mut found = Vec::new();
    for (key, entry) in map.iter_mut() {
        match key.as_str() {
            "image" => found.push(&mut entry.node),
            "pre_start" => {
                let hooks = entry.node.as_list_mut().into_iter().flatten();
                found.extend(hooks.filter_map(|hook| hook.get_mut("image")));
            }
            "volumes" => {
                let mounts = entry.node.as_list_mut().into_iter().flatten();
                let images = mounts.filter(|mount| mount.str_of("type") == Some("image"));
                let sources = images.filter_map(|mount| mount.get_mut("source"));
                // The image of another service is what that makes it.
                let is_service = |it: &Node| services.iter().any(|name| it.as_str() == Some(name));
                found.extend(sources.filter(|source| !is_service(source)));
            }
            _ => {}
        }
    }
    found.retain(|image| image.as_str().is_some_and(|text| !text.is_empty()));
    found
}

/// What is left of services in a file that does nothing but pin images.
pub(super) fn images_only(services: &BTreeMap<String, Entry>) -> BTreeMap<String, Entry> {
    let only = |(name, entry): (&String, &Entry)| {
        let mut node = Node::empty_map(entry.node.span);
        if let Some(image) = entry.node.get("image") {
            node.set("image", image.span, image.clone());
        }
        let mounts = entry.node.get("volumes").and_then(Node::as_list).into_iter().flatten();
        let mounts: Vec<Node> =
            mounts.filter(|mount| mount.str_of("type") == Some("image")).cloned().collect();
        if !mounts.is_empty() {
            node.set("volumes", entry.key, Node::list(entry.key, mounts));
        }
        (name.clone(), Entry { key: entry.key, node })
    };
    services.iter().map(only).collect()
}

/// Warns of images that a file of pins cannot pin: lists of hooks grow when files are merged.
pub(super) fn warn_of_hooks(services: &BTreeMap<String, Entry>, context: &mut Context) {
    let mut warnings = Diagnostics::default();
    for (name, entry) in services {
        let mut hooks = entry.node.get("pre_start").and_then(Node::as_list).into_iter().flatten();
        if let Some(image) = hooks.find_map(|hook| hook.get("image")) {
            let message = format!("the images of `pre_start` of `{name}` are not pinned");
            warnings.push(
                Diagnostic::warning(image.span, message)
                    .help("use --resolve-image-digests, whose whole output pins them"),
            );
        }
    }
    context.show(&warnings);
}

/// The services of a tree that is no model yet, taken out of it.
pub(super) fn take_services(root: &mut Node) -> BTreeMap<String, Entry> {
    let services = root.get_mut("services").and_then(Node::as_map_mut).map(std::mem::take);
    services.into_iter().flatten().collect()
}

/// Puts them back.
pub(super) fn put_services(root: &mut Node, services: BTreeMap<String, Entry>) {
    if let Some(map) = root.get_mut("services").and_then(Node::as_map_mut) {
        map.extend(services);
    }
}

/// Services with their images and nothing else, as they are printed.
pub(super) fn images_document(services: &BTreeMap<String, Entry>, dialect: Dialect) -> Node {
    print::document(&Node::empty_map(Span::NOWHERE), &images_only(services), dialect)
}

/// A model that has nothing but pinned images, as it is printed.
pub(super) fn lock(model: &Model, dialect: Dialect) -> Node {
    let document = images_document(&model.services, dialect);
    // It has no name, which the peer's JSON says.
    let mut locked = Node::empty_map(Span::NOWHERE);
    if dialect == Dialect::Json {
        locked.set("name", Span::NOWHERE, Node::text(Span::NOWHERE, ""));
    }
    for (key, entry) in document.as_map().into_iter().flatten() {
        locked.set(key, entry.key, entry.node.clone());
    }
    locked
}
