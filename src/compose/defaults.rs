//! What is left out, and the rules between the keys of one record: both once all files are merged.

use crate::compose::report::{Path, Report};
use crate::compose::schema::Shape;
use crate::yaml::{Node, Value};

/// Fills in the defaults of every record, then checks its rules.
pub(super) fn fill_and_check(node: &mut Node, shape: &Shape, path: &Path<'_>, report: &mut Report) {
    let shape = shape.for_node(node);
    if let (Shape::Record(record), Value::Map(_)) = (shape, &node.value) {
        if let Some(fill) = record.defaults {
            fill(node);
        }
        if let Some(problem) = record.check.and_then(|check| check(node)) {
            report.push(path, problem);
        }
    }
    match (shape, &mut node.value) {
        (Shape::Record(record), Value::Map(map)) => {
            for (name, entry) in map.iter_mut() {
                if let Some(key) = record.key(name) {
                    fill_and_check(&mut entry.node, &key.shape, &path.key(name), report);
                }
            }
        }
        (Shape::Dict(dict), Value::Map(map)) => {
            for (name, entry) in map.iter_mut() {
                fill_and_check(&mut entry.node, &dict.value, &path.key(name), report);
            }
        }
        (Shape::List(list), Value::List(items)) => {
            for (index, item) in items.iter_mut().enumerate() {
                fill_and_check(item, &list.item, &path.index(index), report);
            }
        }
        _ => {}
    }
}
