//! The model as it is printed: keys in their order, what is empty left out.

use std::collections::BTreeMap;

use crate::compose::keys::ROOT;
use crate::compose::keys::service::SERVICE;
use crate::compose::schema::{Key, Kinds, Print, Record, Shape, To};
use crate::source::Span;
use crate::yaml::emit::{self, natural_order};
use crate::yaml::{Entry, Node, Value};

/// The two texts a model is printed as. They differ in more than syntax, as in the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Yaml,
    Json,
}

/// A canonical tree in the order and with the omissions of the peer's output.
#[must_use]
pub fn arrange(node: &Node, shape: &Shape, dialect: Dialect) -> Node {
    let shape = shape.for_node(node);
    let value = match (shape, &node.value) {
        (Shape::Record(record), Value::Map(_)) => {
            if let Some(shown) = record.display.and_then(|display| display(node)) {
                return shown;
            }
            return record_in_order(node, record, dialect);
        }
        (Shape::Dict(dict), Value::Map(map)) => {
            if let Some(shown) = dict.display.and_then(|display| display(node)) {
                return shown;
            }
            let mut entries: Vec<_> = map
                .iter()
                .map(|(name, entry)| (name, entry.key, arrange(&entry.node, &dict.value, dialect)))
                .collect();
            entries.sort_by(|a, b| order(a.0, b.0, dialect));
            map_of(entries)
        }
        (Shape::List(list), Value::List(items)) => {
            Value::List(items.iter().map(|item| arrange(item, &list.item, dialect)).collect())
        }
        (_, Value::Map(map)) => {
            let mut entries: Vec<_> = map
                .iter()
                .map(|(name, entry)| (name, entry.key, arrange(&entry.node, &Shape::Any, dialect)))
                .collect();
            entries.sort_by(|a, b| order(a.0, b.0, dialect));
            map_of(entries)
        }
        // The peer's lists of nothing are null where no rule of the language has touched them.
        (Shape::Any, Value::List(items)) if items.is_empty() && dialect == Dialect::Json => {
            Value::Null
        }
        (_, Value::List(items)) => {
            Value::List(items.iter().map(|item| arrange(item, &Shape::Any, dialect)).collect())
        }
        (_, value) => value.clone(),
    };
    Node::new(node.span, value)
}

fn order(a: &str, b: &str, dialect: Dialect) -> std::cmp::Ordering {
    match dialect {
        Dialect::Yaml => natural_order(a, b),
        Dialect::Json => a.cmp(b),
    }
}

fn map_of(entries: Vec<(&String, Span, Node)>) -> Value {
    let map = entries.into_iter().map(|(name, key, node)| (name.clone(), Entry { key, node }));
    Value::Map(Box::new(map.collect()))
}

fn record_in_order(node: &Node, record: &Record, dialect: Dialect) -> Node {
    let mut out = Node::empty_map(node.span);
    for key in record.keys {
        let child = node.get(key.name);
        if let Some(shown) = printed(child, key, node.span, dialect) {
            let name = if dialect == Dialect::Json { key.json_name } else { key.name };
            out.set(name, child.map_or(node.span, |child| child.span), shown);
        }
    }
    let mut others: Vec<_> = node
        .as_map()
        .into_iter()
        .flatten()
        .filter(|(name, _)| record.key(name).is_none() && dialect == Dialect::Yaml)
        .filter(|(name, _)| record.is_extension(name))
        .collect();
    others.sort_by(|a, b| natural_order(a.0, b.0));
    for (name, entry) in others {
        out.set(name, entry.key, arrange(&entry.node, &Shape::Any, dialect));
    }
    out
}

/// How the value of `key` prints, if it does.
fn printed(child: Option<&Node>, key: &Key, at: Span, dialect: Dialect) -> Option<Node> {
    let present = child.filter(|child| !child.is_null());
    let arranged = || present.map(|child| arrange(child, &key.shape, dialect));
    let filled = || present.is_some_and(|child| !is_empty(child, &key.shape));
    match key.print {
        Print::Never => None,
        Print::OnlyInYaml if dialect == Dialect::Json || !filled() => None,
        Print::OnlyInYaml | Print::IfPresent => arranged(),
        Print::UnlessEmpty if filled() => arranged(),
        Print::AlwaysInYaml if dialect == Dialect::Yaml || filled() => {
            arranged().or_else(|| Some(zero(&key.shape, at)))
        }
        Print::UnlessEmpty | Print::AlwaysInYaml => None,
        Print::Always => arranged().or_else(|| Some(zero(&key.shape, at))),
        Print::NullInJson => match (present, dialect) {
            (None, Dialect::Json) => Some(Node::null(at)),
            _ => arranged(),
        },
        Print::StructInJson => match (arranged(), dialect) {
            (None, Dialect::Json) => Some(Node::empty_map(at)),
            (Some(shown), Dialect::Yaml)
                if shown.as_map().is_some_and(indexmap::IndexMap::is_empty) =>
            {
                None
            }
            (shown, _) => shown,
        },
        Print::HookInJson => match (arranged(), dialect) {
            (None, Dialect::Json) => Some(Node::map(at, [("command", Node::null(at))])),
            (shown, _) => shown,
        },
    }
}

/// Whether a value is what its absence means.
fn is_empty(node: &Node, shape: &Shape) -> bool {
    match (&node.value, shape.for_node(node)) {
        (Value::Text(text), Shape::Leaf(leaf)) => match leaf.to {
            To::Bytes => text == "0",
            To::Duration => text == "0s",
            _ => text.is_empty(),
        },
        (value, _) => match value {
            Value::Null => true,
            Value::Bool(value) => !value,
            Value::Int(value) => *value == 0,
            Value::Uint(value) => *value == 0,
            Value::Float(value) => *value == 0.0,
            Value::Text(text) => text.is_empty(),
            Value::Time(_) => false,
            Value::List(items) => items.is_empty(),
            Value::Map(map) => map.is_empty(),
        },
    }
}

/// The value that a key has by not being there.
fn zero(shape: &Shape, at: Span) -> Node {
    match shape {
        Shape::Leaf(leaf) => match leaf.to {
            To::Bool => Node::bool(at, false),
            To::Bytes => Node::text(at, "0"),
            To::Same | To::Text if leaf.accepts.contains(Kinds::TEXT) => Node::text(at, ""),
            _ => Node::int(at, 0),
        },
        _ => Node::empty_map(at),
    }
}

/// A whole model, of its services and the rest: JSON has its top level sorted, and knows nothing of
/// language models.
#[must_use]
pub fn document(root: &Node, services: &BTreeMap<String, Entry>, dialect: Dialect) -> Node {
    let mut out = arrange(root, &Shape::Record(&ROOT), dialect);
    let mut entries: Vec<_> = services
        .iter()
        .map(|(name, it)| (name, it.key, arrange(&it.node, &Shape::Record(&SERVICE), dialect)))
        .collect();
    entries.sort_by(|a, b| order(a.0, b.0, dialect));
    out.set("services", Span::NOWHERE, Node::new(Span::NOWHERE, map_of(entries)));
    if dialect == Dialect::Json {
        for (name, entry) in root.as_map().into_iter().flatten() {
            if ROOT.is_extension(name) {
                out.set(name, entry.key, arrange(&entry.node, &Shape::Any, dialect));
            }
        }
        if let Some(map) = out.as_map_mut() {
            map.sort_keys();
        }
    }
    out
}

/// A model that is not canonical yet, for `--no-interpolate`: all keys sorted, nothing left out.
#[must_use]
pub fn sorted(node: &Node, dialect: Dialect) -> Node {
    raw(node, &Shape::Record(&ROOT), dialect)
}

fn raw(node: &Node, shape: &Shape, dialect: Dialect) -> Node {
    let shape = shape.for_node(node);
    let value = match &node.value {
        Value::Map(map) => {
            let child = |name: &str| match shape {
                Shape::Record(record) => record.key(name).map_or(&Shape::Any, |key| &key.shape),
                Shape::Dict(dict) => &dict.value,
                _ => &Shape::Any,
            };
            let mut entries: Vec<_> = map
                .iter()
                .map(|(name, it)| (name, it.key, raw(&it.node, child(name), dialect)))
                .collect();
            entries.sort_by(|a, b| order(a.0, b.0, dialect));
            map_of(entries)
        }
        Value::List(items) if items.is_empty() => match shape {
            Shape::Any | Shape::Argv | Shape::HealthTest if dialect == Dialect::Json => Value::Null,
            _ => Value::List(Vec::new()),
        },
        Value::List(items) => {
            let item = if let Shape::List(list) = shape { &list.item } else { &Shape::Any };
            Value::List(items.iter().map(|it| raw(it, item, dialect)).collect())
        }
        value => value.clone(),
    };
    Node::new(node.span, value)
}

/// What the config hash of a service is made of: compact JSON of all that asks for a new container
/// when it changes.
#[must_use]
pub fn hashed_service(service: &Node) -> String {
    let mut kept = service.clone();
    drop_unhashed(&mut kept, &SERVICE);
    emit::json_compact(&arrange(&kept, &Shape::Record(&SERVICE), Dialect::Json))
}

fn drop_unhashed(node: &mut Node, record: &Record) {
    let Some(map) = node.as_map_mut() else { return };
    map.retain(|name, _| record.key(name).is_none_or(|key| key.hashed));
    for (name, entry) in map.iter_mut() {
        if let Some(Shape::Record(record)) = record.key(name).map(|key| key.shape) {
            drop_unhashed(&mut entry.node, record);
        }
    }
}
