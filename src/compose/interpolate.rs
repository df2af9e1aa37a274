//! Variables in the values of a document, and casting what they give.

use std::collections::BTreeSet;

use crate::compose::report::{Path, Report};
use crate::compose::schema::{Cast, Shape};
use crate::compose::template;
use crate::diagnostic::Diagnostic;
use crate::source::{SourceMap, Span};
use crate::yaml::{Node, Value};

/// What stands for a variable that must have a value and has none: a number is right in most places.
pub(super) const STAND_IN: &str = "1";

/// Puts the values of variables into every text of `document` and casts it where the language
/// wants a number or a boolean. Keys are left alone.
pub(super) fn interpolate(
    document: &mut Node,
    shape: &Shape,
    lookup: &dyn Fn(&str) -> Option<String>,
    sources: &SourceMap,
    required: bool,
    unset: &mut BTreeSet<String>,
    report: &mut Report,
) {
    let mut pass = Pass { lookup, sources, required, unset, report };
    pass.walk(document, shape, &Path::Root);
}

struct Pass<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    sources: &'a SourceMap,
    /// Whether a variable that must have a value is an error without one.
    required: bool,
    /// Variables that were warned of already.
    unset: &'a mut BTreeSet<String>,
    report: &'a mut Report,
}

impl Pass<'_> {
    fn walk(&mut self, node: &mut Node, shape: &Shape, path: &Path<'_>) {
        let shape = shape.for_node(node);
        match &mut node.value {
            Value::Text(text) => {
                if text.contains('$') {
                    let template = std::mem::take(text);
                    self.substitute(node, &template, path);
                }
                if let Shape::Leaf(leaf) = shape {
                    self.cast(node, leaf.cast, path);
                }
            }
            Value::List(items) => {
                let item_shape = match shape {
                    Shape::List(list) => &list.item,
                    _ => &Shape::Any,
                };
                for (index, item) in items.iter_mut().enumerate() {
                    self.walk(item, item_shape, &path.index(index));
                }
            }
            Value::Map(map) => {
                for (name, entry) in map.iter_mut() {
                    let child = match shape {
                        Shape::Record(record) => {
                            record.key(name).map_or(&Shape::Any, |key| &key.shape)
                        }
                        Shape::Dict(dict) => &dict.value,
                        _ => &Shape::Any,
                    };
                    self.walk(&mut entry.node, child, &path.key(name));
                }
            }
            _ => {}
        }
    }

    fn substitute(&mut self, node: &mut Node, template: &str, path: &Path<'_>) {
        let place = |range: std::ops::Range<usize>| self.place(node.span, template, range);
        let mut missing: Vec<(String, Span)> = Vec::new();
        let mut unset = |name: &str, range| missing.push((name.to_owned(), place(range)));
        let mut result = template::substitute(template, self.lookup, &mut unset);
        let mut stood_in = BTreeSet::new();
        while !self.required
            && let Err(template::Error::Missing { name, .. }) = &result
            && stood_in.insert(name.clone())
        {
            let lookup = |name: &str| {
                let is_missing = stood_in.contains(name);
                if is_missing { Some(STAND_IN.to_owned()) } else { (self.lookup)(name) }
            };
            result = template::substitute(template, &lookup, &mut unset);
        }
        match result {
            Ok(text) => node.value = Value::Text(text),
            Err(error) => {
                let span = place(error.range());
                node.value = Value::Text(template.to_owned());
                self.report.push(path, describe(&error, span));
            }
        }
        for name in stood_in {
            if self.unset.insert(name.clone()) {
                let message =
                    format!("the variable `{name}` must have a value; `{STAND_IN}` stands for it");
                self.report.push(path, Diagnostic::warning(node.span, message));
            }
        }
        for (name, span) in missing {
            if self.unset.insert(name.clone()) {
                let message = format!("the variable `{name}` is not set; it becomes empty");
                self.report.push(path, Diagnostic::warning(span, message));
            }
        }
    }

    /// The place of a part of a value in its file: the same text is looked for, as quotes, escapes
    /// and block indentation shift it.
    fn place(&self, span: Span, value: &str, range: std::ops::Range<usize>) -> Span {
        let Some(part) = value.get(range.clone()) else {
            return span;
        };
        let source = self.sources.slice(span);
        let earlier = value[..range.start].matches(part).count();
        match source.match_indices(part).nth(earlier) {
            Some((at, _)) => span.part(at..at + part.len()),
            None => span,
        }
    }

    fn cast(&mut self, node: &mut Node, cast: Cast, path: &Path<'_>) {
        let Value::Text(text) = &node.value else {
            return;
        };
        let cast_to = match cast {
            Cast::None => return,
            Cast::Int => integer(text).map(Value::Int).ok_or("an integer"),
            Cast::Float => float(text).map(Value::Float).ok_or("a number"),
            Cast::Bool => match boolean(text) {
                Some((value, current)) => {
                    if !current {
                        self.report.push(path, outdated_boolean(node.span, text, value));
                    }
                    Ok(Value::Bool(value))
                }
                None => Err("a boolean; write true or false"),
            },
        };
        match cast_to {
            Ok(value) => node.value = value,
            Err(wanted) => {
                let message = format!("`{path}` is `{text}`, which is not {wanted}");
                self.report.push(path, Diagnostic::error(node.span, message));
            }
        }
    }
}

fn describe(error: &template::Error, span: Span) -> Diagnostic {
    match error {
        template::Error::Invalid(_) => Diagnostic::error(span, "this is no valid `${NAME}`")
            .help("write `$$` where a dollar is meant"),
        template::Error::TooDeep(_) => {
            Diagnostic::error(span, "defaults of variables are nested too deep")
        }
        template::Error::Missing { name, message, .. } => {
            let diagnostic =
                Diagnostic::error(span, format!("the variable `{name}` must have a value"));
            if message.is_empty() {
                diagnostic.help(format!("set `{name}` in the environment or in `.env`"))
            } else {
                diagnostic.help(message)
            }
        }
    }
}

/// The warning for `yes`, `on` and their like.
pub(super) fn outdated_boolean(span: Span, text: &str, value: bool) -> Diagnostic {
    Diagnostic::warning(span, format!("`{text}` as a boolean is no YAML 1.2; write `{value}`"))
}

/// A base 10 integer.
pub(super) fn integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

pub(super) fn float(text: &str) -> Option<f64> {
    // The parser of the peer knows hexadecimal floats too; nobody writes them.
    text.parse().ok()
}

/// A boolean word in any case, and whether YAML 1.2 still knows it.
pub(super) fn boolean(text: &str) -> Option<(bool, bool)> {
    Some(match text.to_lowercase().as_str() {
        "true" => (true, true),
        "false" => (false, true),
        "y" | "yes" | "on" => (true, false),
        "n" | "no" | "off" => (false, false),
        _ => return None,
    })
}
