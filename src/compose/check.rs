//! Whether a model is made as the tables say: kinds, known keys, required keys, rules of scalars.

use crate::compose::report::{Path, Report};
use crate::compose::schema::{Dict, Kinds, Leaf, List, NullChild, Record, Rule, Shape};
use crate::diagnostic::{Diagnostic, nearest};
use crate::source::Span;
use crate::yaml::{Node, Value};

/// Checks `node`, which stands at `key` in its file, against `shape`.
pub(super) fn check(node: &Node, shape: &Shape, path: &Path<'_>, report: &mut Report) {
    let mut pass = Pass { report };
    pass.walk(node, shape, path);
}

struct Pass<'a> {
    report: &'a mut Report,
}

impl Pass<'_> {
    fn walk(&mut self, node: &Node, shape: &Shape, path: &Path<'_>) {
        match (shape.for_node(node), &node.value) {
            (Shape::Any, _) => {}
            (Shape::Leaf(leaf), _) => self.leaf(node, leaf, shape, path),
            (Shape::Record(record), Value::Map(_)) => self.record(node, record, path),
            (Shape::Dict(dict), Value::Map(_)) => self.dict(node, dict, path),
            (Shape::List(list), Value::List(items)) => self.list(items, list, path),
            (Shape::List(list), _) if list.single => self.walk(node, &list.item, path),
            (Shape::Pairs(_), Value::Map(map)) => {
                let scalar = Kinds::TEXT.or(Kinds::NUMBER).or(Kinds::BOOL).or(Kinds::NULL);
                for (name, entry) in map.iter() {
                    self.kind(&entry.node, scalar, &path.key(name));
                }
            }
            (Shape::Hosts, Value::Map(map)) => {
                for (name, entry) in map.iter() {
                    let path = path.key(name);
                    match &entry.node.value {
                        Value::List(items) => self.texts(items, &path),
                        _ => self.kind(&entry.node, Kinds::TEXT.or(Kinds::LIST), &path),
                    }
                }
            }
            (Shape::Pairs(_) | Shape::Hosts, Value::List(items)) => {
                self.texts(items, path);
                self.distinct(items, path);
            }
            (Shape::Argv | Shape::HealthTest, Value::List(items)) => self.texts(items, path),
            (Shape::Argv | Shape::HealthTest, Value::Text(_)) => {}
            _ => self.kind(node, accepted(shape), path),
        }
    }

    /// Reports `node` if it is of none of `kinds`.
    fn kind(&mut self, node: &Node, kinds: Kinds, path: &Path<'_>) {
        if kinds.fit(node) {
            return;
        }
        let wanted = kinds.words();
        let message = if node.is_null() {
            format!("`{path}` is empty; it must be {wanted}")
        } else {
            format!("`{path}` must be {wanted}, not {}", node.kind())
        };
        let diagnostic = Diagnostic::error(node.span, message);
        let text_wanted = kinds.contains(Kinds::TEXT)
            && matches!(
                node.value,
                Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Time(_)
            );
        let diagnostic =
            if text_wanted { diagnostic.help("put the value in quotes") } else { diagnostic };
        self.report.push(path, diagnostic);
    }

    fn leaf(&mut self, node: &Node, leaf: &Leaf, shape: &Shape, path: &Path<'_>) {
        let kinds = accepted(shape).or(leaf.accepts);
        if !leaf.accepts.fit(node) {
            self.kind(node, kinds, path);
            return;
        }
        let complaint = match (leaf.rule, &node.value) {
            (Rule::OneOf(words), Value::Text(text)) if !words.contains(&text.as_str()) => {
                let near = nearest(text, words.iter().copied());
                self.report.push(
                    path,
                    Diagnostic::error(
                        node.span,
                        format!("`{path}` must be one of {}, not `{text}`", quoted(words)),
                    )
                    .help_opt(near.map(|it| format!("did you mean `{it}`?"))),
                );
                return;
            }
            (Rule::Range(low, high), Value::Int(number)) if !(low..=high).contains(number) => {
                Some(out_of_range(low, high))
            }
            #[expect(clippy::cast_precision_loss, reason = "the bounds are small")]
            (Rule::Range(low, high), Value::Float(number))
                if *number < low as f64 || *number > high as f64 =>
            {
                Some(out_of_range(low, high))
            }
            (Rule::Text(fits, what), Value::Text(text)) if !fits(text) => Some(what.to_owned()),
            _ => None,
        };
        if let Some(what) = complaint {
            let message = format!("`{path}` must be {what}");
            self.report.push(path, Diagnostic::error(node.span, message));
        }
    }

    fn record(&mut self, node: &Node, record: &Record, path: &Path<'_>) {
        let Some(map) = node.as_map() else { return };
        for (name, entry) in map {
            let child = path.key(name);
            match record.key(name) {
                Some(key) if entry.node.is_null() && key.nullable => {}
                Some(key) => self.walk(&entry.node, &key.shape, &child),
                None if record.open || record.is_extension(name) => {}
                None => self.unknown(name, entry.key, record, path),
            }
        }
        for key in record.keys.iter().filter(|key| key.required) {
            if !map.contains_key(key.name) {
                let message = format!("`{path}` needs the key `{}`", key.name);
                self.report.push(path, Diagnostic::error(first_line(node), message));
            }
        }
    }

    fn unknown(&mut self, name: &str, span: Span, record: &Record, path: &Path<'_>) {
        let near = nearest(name, record.keys.iter().map(|key| key.name));
        let whole = if matches!(path, Path::Root) {
            "the top level of a Compose file".to_owned()
        } else {
            format!("`{path}`")
        };
        let diagnostic = Diagnostic::error(span, format!("{whole} has no key `{name}`"))
            .help_opt(near.map(|it| format!("did you mean `{it}`?")))
            .help_opt(super::keys::hint(name).filter(|_| near.is_none()).map(str::to_owned));
        self.report.push(path, diagnostic);
    }

    fn dict(&mut self, node: &Node, dict: &Dict, path: &Path<'_>) {
        for (name, entry) in node.as_map().into_iter().flatten() {
            let child = path.key(name);
            let plain =
                |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | '-');
            if dict.plain_names && (name.is_empty() || !name.chars().all(plain)) {
                let message = format!(
                    "the name `{name}` in `{path}` may hold only letters, digits, `.`, `_` and `-`"
                );
                self.report.push(&child, Diagnostic::error(entry.key, message));
            }
            if !(entry.node.is_null() && dict.null != NullChild::Refused) {
                self.walk(&entry.node, &dict.value, &child);
            }
        }
    }

    fn list(&mut self, items: &[Node], list: &List, path: &Path<'_>) {
        for (index, item) in items.iter().enumerate() {
            self.walk(item, &list.item, &path.index(index));
        }
        if list.distinct {
            self.distinct(items, path);
        }
    }

    fn texts(&mut self, items: &[Node], path: &Path<'_>) {
        for (index, item) in items.iter().enumerate() {
            self.kind(item, Kinds::TEXT, &path.index(index));
        }
    }

    fn distinct(&mut self, items: &[Node], path: &Path<'_>) {
        let mut seen = std::collections::HashMap::new();
        for (index, item) in items.iter().enumerate() {
            let key = match &item.value {
                Value::Text(text) => text.clone(),
                Value::Int(number) => format!("{number} as a number"),
                _ => continue,
            };
            if let Some(first) = seen.insert(key, item.span) {
                let message = format!("`{path}` holds the same item twice");
                self.report.push(
                    &path.index(index),
                    Diagnostic::error(item.span, message).context(first, "first here"),
                );
            }
        }
    }
}

/// The kinds that may stand at a shape.
pub(super) fn accepted(shape: &Shape) -> Kinds {
    match shape {
        Shape::Leaf(leaf) => leaf.accepts,
        Shape::Record(_) | Shape::Dict(_) => Kinds::MAP,
        Shape::List(list) if list.single => Kinds::LIST.or(accepted(&list.item)),
        Shape::List(_) => Kinds::LIST,
        Shape::Pairs(_) | Shape::Hosts => Kinds::MAP.or(Kinds::LIST),
        Shape::Argv | Shape::HealthTest => Kinds::TEXT.or(Kinds::LIST),
        Shape::Short(short) => short.accepts.or(accepted(&short.long)),
        Shape::Either(leaf, other) => accepted(leaf).or(accepted(other)),
        Shape::Any => Kinds::TEXT.or(Kinds::NUMBER).or(Kinds::BOOL).or(Kinds::LIST).or(Kinds::MAP),
    }
}

fn out_of_range(low: i64, high: i64) -> String {
    if high == i64::MAX { format!("at least {low}") } else { format!("between {low} and {high}") }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// The place where a mapping begins.
fn first_line(node: &Node) -> Span {
    match node.as_map().and_then(|map| map.values().next()) {
        Some(entry) if entry.key.file() == node.span.file() && !entry.key.is_nowhere() => entry.key,
        _ => node.span,
    }
}
