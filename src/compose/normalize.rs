//! What a model means beyond what is written: the default network, names, implied dependencies,
//! values taken from the environment.

use std::collections::BTreeMap;

use crate::compose::keys::SECTIONS;
use crate::compose::paths;
use crate::source::Span;
use crate::yaml::{Entry, Node, Value};

/// Gives names in list form the value of this loader's environment.
///
/// A part that is included has an environment of its own, so this comes before it is added to the
/// whole; names in map form wait for [`normalize`], as in the peer.
pub(super) fn resolve_listed_environment(root: &mut Node, env: &BTreeMap<String, String>) {
    for service in children_mut(root, "services") {
        let Some(items) = service.get_mut("environment").and_then(Node::as_list_mut) else {
            continue;
        };
        for item in items {
            if let Value::Text(name) = &mut item.value
                && let Some(value) = env.get(name.as_str())
            {
                *name = format!("{name}={value}");
            }
        }
    }
}

fn children_mut<'a>(root: &'a mut Node, section: &str) -> impl Iterator<Item = &'a mut Node> {
    let map = root.get_mut(section).and_then(Node::as_map_mut);
    map.into_iter().flatten().map(|(_, entry)| &mut entry.node)
}

/// Adds what the model implies.
pub(super) fn normalize(root: &mut Node, project: &str, env: &BTreeMap<String, String>) {
    default_network(root);
    for service in children_mut(root, "services") {
        if service.str_of("pull_policy") == Some("if_not_present")
            && let Some(policy) = service.get_mut("pull_policy")
        {
            policy.value = Value::Text("missing".to_owned());
        }
        if let Some(build) = service.get_mut("build") {
            let at = build.span;
            if build.get("context").is_none() {
                build.set("context", at, Node::text(at, "."));
            }
            if build.get("dockerfile").is_none() && build.get("dockerfile_inline").is_none() {
                build.set("dockerfile", at, Node::text(at, "Dockerfile"));
            }
            if let Some(args) = build.get_mut("args") {
                take_from_environment(args, env, false);
            }
        }
        if let Some(environment) = service.get_mut("environment") {
            take_from_environment(environment, env, true);
        }
        implied_dependencies(service);
        for mount in service.get_mut("volumes").and_then(Node::as_list_mut).into_iter().flatten() {
            if let Some(Value::Text(target)) = mount.get_mut("target").map(|node| &mut node.value) {
                *target = paths::clean(target);
            }
        }
    }
    for section in SECTIONS {
        if !matches!(section, "services" | "models") {
            name_by_key(root, section, project);
        }
    }
}

/// Services that say nothing of networks are on the default one.
fn default_network(root: &mut Node) {
    let mut used = false;
    for service in children_mut(root, "services") {
        if service.get("provider").is_some() || service.get("network_mode").is_some() {
            continue;
        }
        let at = service.span;
        match service.get("networks").and_then(Node::as_map) {
            Some(networks) if !networks.is_empty() => used |= networks.contains_key("default"),
            _ => {
                service.set("networks", at, Node::map(at, [("default", Node::null(at))]));
                used = true;
            }
        }
    }
    if !used {
        return;
    }
    if root.get("networks").is_none_or(Node::is_null) {
        root.set("networks", Span::NOWHERE, Node::empty_map(Span::NOWHERE));
    }
    if let Some(networks) = root.get_mut("networks")
        && networks.get("default").is_none()
    {
        networks.set("default", Span::NOWHERE, Node::null(Span::NOWHERE));
    }
}

/// Fills names without a value; without `keep`, those the environment lacks go.
fn take_from_environment(pairs: &mut Node, env: &BTreeMap<String, String>, keep: bool) {
    match &mut pairs.value {
        Value::List(items) => items.retain_mut(|item| {
            let Value::Text(text) = &mut item.value else {
                return true;
            };
            if text.contains('=') {
                return true;
            }
            match env.get(text.as_str()) {
                Some(value) => {
                    *text = format!("{text}={value}");
                    true
                }
                None => keep,
            }
        }),
        Value::Map(map) => map.retain(|name, entry| {
            if !entry.node.is_null() {
                return true;
            }
            match env.get(name) {
                Some(value) => {
                    entry.node.value = Value::Text(value.clone());
                    true
                }
                None => keep,
            }
        }),
        _ => {}
    }
}

/// A link, a shared namespace or volumes taken from a service make it a dependency.
fn implied_dependencies(service: &mut Node) {
    let mut implied: Vec<(String, Span, bool)> = Vec::new();
    for link in service.get("links").into_iter().flat_map(Node::items) {
        if let Some(text) = link.as_str() {
            let name = match text.split(':').collect::<Vec<_>>().as_slice() {
                [name, _] => name,
                _ => text,
            };
            implied.push((name.to_owned(), link.span, true));
        }
    }
    for namespace in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        if let Some(node) = service.get(namespace)
            && let Some(name) = node.as_str().and_then(|text| text.strip_prefix("service:"))
        {
            implied.push((name.to_owned(), node.span, true));
        }
    }
    for source in service.get("volumes_from").into_iter().flat_map(Node::items) {
        if let Some(text) = source.as_str().filter(|text| !text.starts_with("container:")) {
            let name = text.split(':').next().unwrap_or(text);
            implied.push((name.to_owned(), source.span, false));
        }
    }
    if implied.is_empty() {
        return;
    }
    let at = service.span;
    if service.get("depends_on").is_none_or(Node::is_null) {
        service.set("depends_on", at, Node::empty_map(at));
    }
    let Some(dependencies) = service.get_mut("depends_on").and_then(Node::as_map_mut) else {
        return;
    };
    for (name, span, restart) in implied {
        dependencies.entry(name).or_insert_with(|| Entry {
            key: span,
            node: Node::map(
                span,
                [
                    ("condition", Node::text(span, "service_started")),
                    ("restart", Node::bool(span, restart)),
                    ("required", Node::bool(span, true)),
                ],
            ),
        });
    }
}

/// Resources without a name are named after the project and their key; external ones after the key.
fn name_by_key(root: &mut Node, section: &str, project: &str) {
    let Some(resources) = root.get_mut(section).and_then(Node::as_map_mut) else {
        return;
    };
    for (key, entry) in resources.iter_mut() {
        let span = entry.key;
        if entry.node.is_null() {
            entry.node = Node::empty_map(entry.node.span);
        }
        if entry.node.get("name").is_some_and(|name| !name.is_null()) {
            continue;
        }
        let external = entry.node.get("external").and_then(Node::as_bool) == Some(true);
        let name = if external { key.clone() } else { format!("{project}_{key}") };
        entry.node.set("name", span, Node::text(span, name));
    }
}
