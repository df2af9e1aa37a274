//! The variables of Compose files.

use std::collections::BTreeMap;

use crate::compose::template::{self, Kind, Operator};
use crate::report::table;
use crate::source::Span;
use crate::yaml::{Node, Value, emit};

/// A variable of a file, as `--variables` shows it.
#[derive(Debug, Default)]
pub(super) struct Variable {
    pub required: bool,
    pub default: String,
    pub alternate: String,
}

/// The variables of a tree as it is written.
pub(super) fn of(root: &Node) -> BTreeMap<String, Variable> {
    let mut found = BTreeMap::new();
    collect(root, &mut found);
    found
}

/// What the peer prints, which writes these with an indent of four.
pub(super) fn text(root: &Node, format: Option<&str>) -> String {
    let found = of(root);
    let at = Span::NOWHERE;
    match format {
        Some("json") => {
            let map = found.iter().map(|(name, it)| {
                let fields = [
                    ("Name", Node::text(at, &**name)),
                    ("DefaultValue", Node::text(at, &*it.default)),
                    ("PresenceValue", Node::text(at, &*it.alternate)),
                    ("Required", Node::bool(at, it.required)),
                ];
                (name.as_str(), Node::map(at, fields))
            });
            let text = emit::json(&Node::map(at, map));
            let deeper = |line: &str| {
                let indent = line.len() - line.trim_start().len();
                format!("{}{line}\n", " ".repeat(indent))
            };
            text.lines().map(deeper).collect::<String>() + "\n"
        }
        Some("yaml") => {
            let map = found.iter().map(|(name, it)| {
                let fields = [
                    ("name", Node::text(at, &**name)),
                    ("defaultvalue", Node::text(at, &*it.default)),
                    ("presencevalue", Node::text(at, &*it.alternate)),
                    ("required", Node::bool(at, it.required)),
                ];
                (name.as_str(), Node::map(at, fields))
            });
            let text = emit::yaml(&Node::map(at, map));
            let deeper = |line: &str| {
                let indent = if line.starts_with(' ') { "  " } else { "" };
                format!("{indent}{line}\n")
            };
            text.lines().map(deeper).collect()
        }
        _ => {
            let mut rows =
                vec![["NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"].map(str::to_owned)];
            rows.extend(found.iter().map(|(name, it)| {
                [name.clone(), it.required.to_string(), it.default.clone(), it.alternate.clone()]
            }));
            table::columns(&rows, 20)
        }
    }
}

fn collect(node: &Node, found: &mut BTreeMap<String, Variable>) {
    match &node.value {
        Value::Text(text) => collect_text(text, found),
        Value::List(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Map(map) => map.values().for_each(|entry| collect(&entry.node, found)),
        _ => {}
    }
}

fn collect_text(text: &str, found: &mut BTreeMap<String, Variable>) {
    let Ok(parts) = template::parse(text) else {
        return;
    };
    for part in parts {
        let Kind::Variable { name, operator } = part.kind else {
            continue;
        };
        let mut variable = Variable::default();
        if let Some((operator, word)) = operator {
            match operator {
                Operator::Required | Operator::RequiredNonEmpty => variable.required = true,
                Operator::Default | Operator::DefaultIfEmpty => {
                    word.text.clone_into(&mut variable.default);
                }
                Operator::Alternate | Operator::AlternateIfNonEmpty => {
                    word.text.clone_into(&mut variable.alternate);
                }
            }
        }
        let words = [variable.default.clone(), variable.alternate.clone()];
        found.insert(name.to_owned(), variable);
        for word in words {
            collect_text(&word, found);
        }
    }
}
