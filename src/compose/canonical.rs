//! Short forms to long ones, in one document, before anything is merged.

use crate::compose::report::{Path, Report};
use crate::compose::schema::{List, Record, Shape, Short};
use crate::diagnostic::Diagnostic;
use crate::yaml::{Mark, Node, Value};

/// What all short forms of a load may stand for: a file of a few lines must not fill the memory.
pub(super) const MOST_SPREAD: usize = 100_000;

/// Writes every short form of `node` long.
///
/// Defaults are not filled in: that waits until all files are merged. With `lenient`, a short form
/// that cannot be read stays as it is, as variables may still stand in it.
pub(super) fn expand(
    node: &mut Node,
    shape: &Shape,
    lenient: bool,
    path: &Path<'_>,
    spread_left: &mut Option<usize>,
    report: &mut Report,
) {
    let mut pass = Pass { lenient, spread_left, report };
    pass.walk(node, shape, path);
}

struct Pass<'a> {
    lenient: bool,
    /// How many more items short forms may stand for; `None` once that was too many.
    spread_left: &'a mut Option<usize>,
    report: &'a mut Report,
}

impl Pass<'_> {
    fn walk(&mut self, node: &mut Node, shape: &Shape, path: &Path<'_>) {
        // The values of Dicts and lists may be short too, so this comes before all else.
        if let Shape::Short(short) = shape {
            self.short(node, short, path);
        }
        match shape.for_node(node) {
            Shape::Record(record) => self.record(node, record, path),
            Shape::Dict(dict) => {
                for (name, entry) in node.as_map_mut().into_iter().flatten() {
                    self.walk(&mut entry.node, &dict.value, &path.key(name));
                }
            }
            Shape::List(list) => self.list(node, list, path),
            _ => {}
        }
    }

    fn short(&mut self, node: &mut Node, short: &Short, path: &Path<'_>) {
        if !short.accepts.fit(node) {
            return;
        }
        match (short.expand)(node) {
            Ok(long) => {
                let mark = node.mark;
                *node = Node { mark, ..long };
            }
            Err(_) if self.lenient => {}
            Err(problem) => self.report.push(path, problem),
        }
    }

    fn record(&mut self, node: &mut Node, record: &Record, path: &Path<'_>) {
        if let Some(rewrite) = record.rewrite
            && let Some(problem) = rewrite(node)
        {
            self.report.push(path, problem);
        }
        for (name, entry) in node.as_map_mut().into_iter().flatten() {
            if let Some(key) = record.key(name)
                && entry.node.mark != Mark::Reset
            {
                self.walk(&mut entry.node, &key.shape, &path.key(name));
            }
        }
    }

    fn list(&mut self, node: &mut Node, list: &List, path: &Path<'_>) {
        let Value::List(items) = &mut node.value else {
            return;
        };
        if list.without_blanks {
            items.retain(|item| item.as_str() != Some(""));
        }
        if let Some(spread) = list.spread {
            let mut spread_items = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                // What is left out then is not looked at any more.
                let Some(left) = self.spread_left else {
                    break;
                };
                match spread(item) {
                    Ok(several) if several.len() > *left => {
                        *self.spread_left = None;
                        let message = format!(
                            "short forms stand for more than {MOST_SPREAD} items in all, with this one"
                        );
                        let problem = Diagnostic::error(item.span, message);
                        self.report.push(&path.index(index), problem);
                        break;
                    }
                    Ok(several) => {
                        *left -= several.len();
                        spread_items.extend(several);
                    }
                    // One item that cannot be read leaves the whole list as it is, as in the peer.
                    Err(_) if self.lenient => return,
                    Err(problem) => self.report.push(&path.index(index), problem),
                }
            }
            *items = spread_items;
        }
        for (index, item) in items.iter_mut().enumerate() {
            self.walk(item, &list.item, &path.index(index));
        }
    }
}
