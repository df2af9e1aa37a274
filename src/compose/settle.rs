//! Canonical values, once all files are merged: numbers, sizes, durations, commands, pairs as
//! mappings. What is left is what `config` prints and the typed view decodes.

use crate::compose::interpolate::{boolean, float, integer, outdated_boolean};
use crate::compose::keys::command;
use crate::compose::merge::scalar_text;
use crate::compose::report::{Path, Report};
use crate::compose::schema::{Leaf, NullChild, Pairs, Shape, To};
use crate::compose::units;
use crate::diagnostic::Diagnostic;
use crate::yaml::number;
use crate::yaml::{Entry, Node, Value};

/// Makes every value below `node` canonical.
pub(super) fn settle(node: &mut Node, shape: &Shape, path: &Path<'_>, report: &mut Report) {
    let result = match (shape.for_node(node), &mut node.value) {
        (Shape::Leaf(leaf), _) => scalar(node, leaf, path, report),
        (Shape::Record(record), Value::Map(map)) => {
            // Null is the absence of a value everywhere but in a user's own extensions.
            map.retain(|name, entry| record.key(name).is_none() || !entry.node.is_null());
            for (name, entry) in map.iter_mut() {
                if let Some(key) = record.key(name) {
                    settle(&mut entry.node, &key.shape, &path.key(name), report);
                }
            }
            Ok(())
        }
        (Shape::Dict(dict), Value::Map(map)) => {
            for (name, entry) in map.iter_mut() {
                let null = entry.node.is_null();
                match dict.null {
                    NullChild::Kept if null => {}
                    NullChild::Empty if null => {
                        entry.node = Node::empty_map(entry.node.span);
                    }
                    _ => settle(&mut entry.node, &dict.value, &path.key(name), report),
                }
            }
            Ok(())
        }
        (Shape::List(list), value) => {
            if list.single && !matches!(value, Value::List(_)) {
                *node = Node::list(node.span, vec![node.clone()]);
            }
            for (index, item) in node.as_list_mut().into_iter().flatten().enumerate() {
                settle(item, &list.item, &path.index(index), report);
            }
            Ok(())
        }
        (Shape::Pairs(pairs), _) => pairs_to_map(node, *pairs),
        (Shape::Hosts, _) => hosts_to_list(node),
        (Shape::Argv, Value::Text(text)) => match command::split(text) {
            Ok(words) => {
                let at = node.span;
                let words = words.into_iter().map(|word| Node::text(at, word)).collect();
                *node = Node::list(at, words);
                Ok(())
            }
            Err(problem) => Err(Diagnostic::error(
                node.span,
                format!("this command cannot be split into words: {problem}"),
            )
            .help("write it as a list of words")),
        },
        (Shape::HealthTest, Value::Text(text)) => {
            let at = node.span;
            let items = vec![Node::text(at, "CMD-SHELL"), Node::text(at, std::mem::take(text))];
            *node = Node::list(at, items);
            Ok(())
        }
        _ => Ok(()),
    };
    if let Err(problem) = result {
        report.push(path, problem);
    }
}

fn scalar(
    node: &mut Node,
    leaf: &Leaf,
    path: &Path<'_>,
    report: &mut Report,
) -> Result<(), Diagnostic> {
    let at = node.span;
    let wrong = |what: &str| {
        let shown = scalar_text_or_kind(node);
        Diagnostic::error(at, format!("`{path}` is {shown}, which is not {what}"))
    };
    let value = match (leaf.to, &node.value) {
        (To::Same, _) => return Ok(()),
        (To::Text, value) => match value {
            Value::Text(_) => return Ok(()),
            Value::Null => Value::Text(String::new()),
            _ => Value::Text(scalar_text(node).unwrap_or_default()),
        },
        (To::Bool, Value::Text(text)) => match boolean(text) {
            Some((value, current)) => {
                if !current {
                    report.push(path, outdated_boolean(at, text, value));
                }
                Value::Bool(value)
            }
            None => return Err(wrong("a boolean; write true or false")),
        },
        (To::Bool, _) => return Ok(()),
        (To::Int | To::Unsigned | To::Unsigned16 | To::Unsigned32 | To::Ulimit, _) => {
            let number = whole_number(node, leaf.to).ok_or_else(|| wrong("an integer"))?;
            let range = match leaf.to {
                To::Unsigned => 0..=i64::MAX,
                To::Unsigned16 => 0..=i64::from(u16::MAX),
                To::Unsigned32 => 0..=i64::from(u32::MAX),
                _ => i64::MIN..=i64::MAX,
            };
            if !range.contains(&number) {
                let (low, high) = range.into_inner();
                return Err(wrong(&format!("between {low} and {high}")));
            }
            match (leaf.to, number) {
                // A limit of nothing is no single limit to the peer, but two of nothing.
                (To::Ulimit, 0) => {
                    Node::map(at, [("soft", Node::int(at, 0)), ("hard", Node::int(at, 0))]).value
                }
                _ => Value::Int(number),
            }
        }
        (To::Single, Value::Text(text)) => {
            Value::Float(number::single(float(text).ok_or_else(|| wrong("a number"))?))
        }
        #[expect(clippy::cast_precision_loss, reason = "single precision is the canonical form")]
        (To::Single, Value::Int(value)) => Value::Float(number::single(*value as f64)),
        (To::Single, Value::Float(value)) => Value::Float(number::single(*value)),
        (To::Bytes, Value::Text(text)) => {
            Value::Text(units::bytes(text).map_err(|what| Diagnostic::error(at, what))?.to_string())
        }
        (To::Bytes, Value::Int(value)) => Value::Text(value.to_string()),
        (To::Bytes, Value::Float(_)) => {
            let warning = format!("`{path}` is a number with a fraction; it is ignored");
            report
                .push(path, Diagnostic::warning(at, warning).help("put it in quotes, with a unit"));
            Value::Text("0".to_owned())
        }
        (To::Duration, Value::Text(text)) => {
            let nanoseconds = units::nanoseconds(text)
                .ok_or_else(|| wrong("a duration").help("write it with a unit, such as `1m30s`"))?;
            Value::Text(units::go_duration(nanoseconds))
        }
        (To::Mode, Value::Text(text)) => {
            let bits = i64::from_str_radix(text, 8).map_err(|_| wrong("an octal number"))?;
            Value::Text(format!("0{bits:o}"))
        }
        (To::Mode, Value::Int(bits)) => Value::Text(format!("0{bits:o}")),
        (To::Mode, _) => return Err(wrong("an octal number")),
        (To::DeviceCount, Value::Text(text)) if text.eq_ignore_ascii_case("all") => Value::Int(-1),
        (To::DeviceCount, Value::Text(text)) => {
            Value::Int(integer(text).ok_or_else(|| wrong("`all` or a number"))?)
        }
        (To::DeviceCount | To::Single | To::Bytes | To::Duration, _) => return Ok(()),
    };
    node.value = value;
    Ok(())
}

fn scalar_text_or_kind(node: &Node) -> String {
    scalar_text(node).map_or_else(|| node.kind().to_owned(), |text| format!("`{text}`"))
}

/// The integer of a scalar; fractions are cut off. Where text is never a number, it is none.
fn whole_number(node: &Node, to: To) -> Option<i64> {
    match &node.value {
        Value::Int(value) => Some(*value),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "fractions are cut off, as in the peer"
        )]
        Value::Float(value) if value.is_finite() => Some(*value as i64),
        Value::Text(text) if !matches!(to, To::Unsigned16 | To::Unsigned32) => integer(text),
        _ => None,
    }
}

fn pairs_to_map(node: &mut Node, pairs: Pairs) -> Result<(), Diagnostic> {
    match &mut node.value {
        Value::List(items) => {
            let mut map = Node::empty_map(node.span);
            for item in items {
                let text = item.as_str().unwrap_or("");
                let (name, value) = match text.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (text, None),
                };
                if pairs == Pairs::Environment && name.ends_with(char::is_whitespace) {
                    return Err(Diagnostic::error(
                        item.span,
                        format!("the name of the variable `{name}` ends in a blank"),
                    ));
                }
                let value = match (value, pairs) {
                    (Some(value), _) => Node::text(item.span, value),
                    (None, Pairs::Environment) => Node::null(item.span),
                    (None, Pairs::Labels) => Node::text(item.span, ""),
                };
                map.set(name, item.span, value);
            }
            *node = map;
        }
        Value::Map(map) => {
            for Entry { node, .. } in map.values_mut() {
                match (scalar_text(node), pairs) {
                    (Some(text), _) => node.value = Value::Text(text),
                    (None, Pairs::Environment) => {}
                    (None, Pairs::Labels) => node.value = Value::Text(String::new()),
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// `host=address` items, sorted.
fn hosts_to_list(node: &mut Node) -> Result<(), Diagnostic> {
    let mut hosts: Vec<(String, String, crate::source::Span)> = Vec::new();
    match &node.value {
        Value::Map(map) => {
            for (host, entry) in map.iter() {
                let one = std::slice::from_ref(&entry.node);
                for address in entry.node.as_list().unwrap_or(one) {
                    let text = scalar_text(address).unwrap_or_default();
                    hosts.push((host.clone(), text, entry.key));
                }
            }
        }
        Value::List(items) => {
            for item in items {
                let text = item.as_str().unwrap_or("");
                let Some((host, addresses)) = text.split_once('=').or_else(|| text.split_once(':'))
                else {
                    return Err(Diagnostic::error(
                        item.span,
                        format!("the host `{text}` has no address"),
                    )
                    .help(format!("write `{text}=ADDRESS`")));
                };
                for address in addresses.split(',') {
                    hosts.push((host.to_owned(), address.to_owned(), item.span));
                }
            }
        }
        _ => return Ok(()),
    }
    let mut lines = Vec::with_capacity(hosts.len());
    for (host, address, at) in hosts {
        if host.is_empty() || host.contains([':', '=']) {
            return Err(Diagnostic::error(at, format!("`{host}` is no host name")));
        }
        let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']'));
        let address = bare.filter(|bare| !bare.is_empty()).unwrap_or(&address);
        lines.push(Node::text(at, format!("{host}={address}")));
    }
    lines.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    *node = Node::list(node.span, lines);
    Ok(())
}
