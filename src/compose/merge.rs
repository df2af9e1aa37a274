//! Laying one document over another, by each key's rule.

use crate::compose::report::{Path, Report};
use crate::compose::schema::{Merge, Record, Shape};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::yaml::node::{Map, Mark};
use crate::yaml::number;
use crate::yaml::{Entry, Node, Value};

/// What becomes of `!reset` and `!override` once they have done their work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    /// They are gone: the result is a model.
    Spent,
    /// They stay, as the result is still to be laid over something else.
    Kept,
}

/// Lays `over` over `base`.
pub(super) fn merge(
    base: Node,
    over: Node,
    shape: &Shape,
    marks: Marks,
    path: &Path<'_>,
    report: &mut Report,
) -> Node {
    Pass { marks, report }.node(base, over, shape, Merge::ByShape, path)
}

/// A document as a model on its own: nothing is below it to reset.
pub(super) fn adopted(mut node: Node) -> Node {
    adopt(&mut node);
    node
}

fn adopt(node: &mut Node) {
    let whole = node.mark == Mark::Override;
    node.mark = Mark::None;
    match &mut node.value {
        Value::Map(map) => {
            if !whole && map.values().any(|entry| entry.node.mark == Mark::Reset) {
                map.retain(|_, entry| entry.node.mark != Mark::Reset);
            }
            map.values_mut().for_each(|entry| adopt(&mut entry.node));
        }
        Value::List(items) => items.iter_mut().for_each(adopt),
        _ => {}
    }
}

struct Pass<'a> {
    marks: Marks,
    report: &'a mut Report,
}

impl Pass<'_> {
    fn done(&self, node: Node) -> Node {
        match self.marks {
            Marks::Spent => adopted(node),
            Marks::Kept => node,
        }
    }

    fn node(
        &mut self,
        base: Node,
        over: Node,
        shape: &Shape,
        rule: Merge,
        path: &Path<'_>,
    ) -> Node {
        if over.mark != Mark::None || matches!(rule, Merge::Replace) {
            return self.done(over);
        }
        if over.is_null() {
            return base;
        }
        if base.is_null() {
            return self.done(over);
        }
        if matches!(shape, Shape::Either(..)) {
            // Of two ways to write a value, the later one counts whole.
            return self.done(over);
        }
        let shape = shape.for_node(&over);
        match (shape, rule) {
            (Shape::Pairs(_), _) => self.pairs(base, &over, path),
            (Shape::Hosts, _) => self.hosts(base, &over, path),
            (_, Merge::IfSame(key)) if differ(&base, &over, key) => self.done(over),
            (Shape::List(list), _) if list.single => {
                let (base, over) = (as_list(base), as_list(over));
                self.lists(base, over, shape, rule, path)
            }
            _ => match (base.value, over.value) {
                (Value::Map(into), Value::Map(from)) => {
                    let map = self.maps(*into, *from, shape, path);
                    Node { span: over.span, mark: base.mark, value: Value::Map(Box::new(map)) }
                }
                (Value::List(base_items), Value::List(items)) => {
                    let base =
                        Node { span: base.span, mark: base.mark, value: Value::List(base_items) };
                    let over = Node { span: over.span, mark: over.mark, value: Value::List(items) };
                    self.lists(base, over, shape, rule, path)
                }
                (value @ (Value::Map(_) | Value::List(_)), over_value) => {
                    let base = Node { span: base.span, mark: base.mark, value };
                    let over = Node { span: over.span, mark: over.mark, value: over_value };
                    self.mismatch(&base, &over, path);
                    base
                }
                (_, value) => self.done(Node { span: over.span, mark: over.mark, value }),
            },
        }
    }

    fn mismatch(&mut self, base: &Node, over: &Node, path: &Path<'_>) {
        let message = format!("{} cannot override {} at `{path}`", over.kind(), base.kind());
        self.report.push(
            path,
            Diagnostic::error(over.span, message)
                .context(base.span, "this would be overridden")
                .help("write `!override` before the value to replace it whole"),
        );
    }

    fn maps(&mut self, mut base: Map, over: Map, shape: &Shape, path: &Path<'_>) -> Map {
        for (name, entry) in over {
            let (child, rule) = match shape {
                Shape::Record(record) => child(record, &name),
                Shape::Dict(dict) => (&dict.value, Merge::ByShape),
                _ => (&Shape::Any, Merge::ByShape),
            };
            if self.marks == Marks::Spent && entry.node.mark == Mark::Reset {
                base.shift_remove(&name);
                continue;
            }
            let Some(existing) = base.get_mut(&name) else {
                let node = self.done(entry.node);
                base.insert(name, Entry { key: entry.key, node });
                continue;
            };
            let taken = std::mem::replace(&mut existing.node, Node::null(Span::NOWHERE));
            let replaced = !entry.node.is_null() || entry.node.mark != Mark::None;
            existing.node = self.node(taken, entry.node, child, rule, &path.key(&name));
            if replaced {
                existing.key = entry.key;
            }
        }
        base
    }

    fn lists(
        &mut self,
        base: Node,
        over: Node,
        shape: &Shape,
        rule: Merge,
        path: &Path<'_>,
    ) -> Node {
        let (Value::List(mut items), Value::List(more)) = (base.value, over.value) else {
            return Node::null(over.span);
        };
        if let Merge::ItemsBy(key) = rule {
            let item_shape = match shape {
                Shape::List(list) => &list.item,
                _ => &Shape::Any,
            };
            let base = std::mem::take(&mut items);
            for (index, item) in more.into_iter().enumerate() {
                let is_same = |other: &&Node| other.get(key) == item.get(key);
                let merged = match base.iter().find(is_same).cloned() {
                    Some(below) => {
                        self.node(below, item, item_shape, Merge::ByShape, &path.index(index))
                    }
                    None => self.done(item),
                };
                match items.iter().position(|earlier| earlier.get(key) == merged.get(key)) {
                    Some(at) => items[at] = merged,
                    None => items.push(merged),
                }
            }
        } else {
            items.extend(more.into_iter().map(|item| self.done(item)));
        }
        Node { span: over.span, mark: base.mark, value: Value::List(items) }
    }

    /// Both sides become lists of `name=value`, as in the peer: after that, one name of the base
    /// cannot be reset any more.
    fn pairs(&mut self, base: Node, over: &Node, path: &Path<'_>) -> Node {
        let (span, mark) = (over.span, base.mark);
        if let (Some(mut items), Some(mut more)) = (pair_list(&base), pair_list(over)) {
            if let Value::Map(map) = &over.value {
                // A reset name goes from the base.
                let reset =
                    |name: &str| map.get(name).is_some_and(|entry| entry.node.mark == Mark::Reset);
                if matches!(base.value, Value::Map(_)) {
                    items.retain(|item| !reset(name_of(item)));
                }
                more.retain(|item| !reset(name_of(item)));
            }
            items.append(&mut more);
            Node { span, mark, value: Value::List(items) }
        } else {
            self.mismatch(&base, over, path);
            base
        }
    }

    fn hosts(&mut self, base: Node, over: &Node, path: &Path<'_>) -> Node {
        let (span, mark) = (over.span, base.mark);
        if let (Some(mut items), Some(more)) = (host_list(&base), host_list(over)) {
            for item in more {
                if !items.contains(&item) {
                    items.push(item);
                }
            }
            Node { span, mark, value: Value::List(items) }
        } else {
            self.mismatch(&base, over, path);
            base
        }
    }
}

fn child<'a>(record: &'a Record, name: &str) -> (&'a Shape, Merge) {
    record.key(name).map_or((&Shape::Any, Merge::ByShape), |key| (&key.shape, key.merge))
}

/// Whether both have `key` and not the same there.
fn differ(base: &Node, over: &Node, key: &str) -> bool {
    matches!((base.get(key), over.get(key)), (Some(a), Some(b)) if a != b)
}

fn as_list(node: Node) -> Node {
    match node.value {
        Value::List(_) => node,
        _ => Node {
            span: node.span,
            mark: node.mark,
            value: Value::List(vec![Node { mark: Mark::None, ..node }]),
        },
    }
}

/// A scalar in words, as it stands behind the `=` of a pair.
pub(super) fn scalar_text(node: &Node) -> Option<String> {
    Some(match &node.value {
        Value::Text(text) | Value::Time(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Float(value) => number::general(*value),
        Value::Null | Value::List(_) | Value::Map(_) => return None,
    })
}

fn name_of(item: &Node) -> &str {
    let text = item.as_str().unwrap_or("");
    text.split_once('=').map_or(text, |(name, _)| name)
}

/// `name=value` items, sorted if they come from a mapping; `None` if it is neither.
fn pair_list(node: &Node) -> Option<Vec<Node>> {
    match &node.value {
        Value::List(items) => Some(items.clone()),
        Value::Map(map) => {
            let mut items: Vec<Node> = map
                .iter()
                .map(|(name, entry)| {
                    let text = match scalar_text(&entry.node) {
                        Some(value) => format!("{name}={value}"),
                        None => name.clone(),
                    };
                    Node::text(entry.node.span, text)
                })
                .collect();
            items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            Some(items)
        }
        _ => None,
    }
}

/// `host=address` items; a host with several addresses makes several.
fn host_list(node: &Node) -> Option<Vec<Node>> {
    match &node.value {
        Value::List(items) => Some(items.clone()),
        Value::Map(map) => {
            let mut items = Vec::new();
            for (name, entry) in map.iter() {
                let one = std::slice::from_ref(&entry.node);
                for address in entry.node.as_list().unwrap_or(one) {
                    let text = match scalar_text(address) {
                        Some(address) => format!("{name}={address}"),
                        None => name.clone(),
                    };
                    items.push(Node::text(address.span, text));
                }
            }
            items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            Some(items)
        }
        _ => None,
    }
}

/// Removes the earlier of two list items with one identity; the later takes its position.
pub(super) fn unique(node: &mut Node, shape: &Shape) {
    match (shape.for_node(node), &mut node.value) {
        (Shape::Record(record), Value::Map(map)) => {
            for (name, entry) in map.iter_mut() {
                let Some(key) = record.key(name) else {
                    continue;
                };
                if let (Merge::UniqueBy(identity), Value::List(items)) =
                    (key.merge, &mut entry.node.value)
                {
                    unique_items(items, identity);
                }
                unique(&mut entry.node, &key.shape);
            }
        }
        (Shape::Dict(dict), Value::Map(map)) => {
            for entry in map.values_mut() {
                unique(&mut entry.node, &dict.value);
            }
        }
        (Shape::Pairs(_), Value::List(items)) => {
            unique_items(items, crate::compose::schema::before_equals);
        }
        _ => {}
    }
}

fn unique_items(items: &mut Vec<Node>, identity: fn(&Node) -> Option<String>) {
    let mut positions = std::collections::HashMap::new();
    let mut kept: Vec<Node> = Vec::with_capacity(items.len());
    for item in items.drain(..) {
        match identity(&item) {
            Some(key) => {
                if let Some(at) = positions.get(&key) {
                    kept[*at] = item;
                } else {
                    positions.insert(key, kept.len());
                    kept.push(item);
                }
            }
            None => kept.push(item),
        }
    }
    *items = kept;
}
