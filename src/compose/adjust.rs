//! Items that a command line adds to a service, in the words of the files.

use crate::compose::canonical::{self, MOST_SPREAD};
use crate::compose::files::Files;
use crate::compose::keys::service::SERVICE;
use crate::compose::merge::{self, Marks};
use crate::compose::model::Model;
use crate::compose::paths::{self, Base};
use crate::compose::report::{Path, Report};
use crate::compose::schema::Shape;
use crate::compose::{check, defaults, settle};
use crate::diagnostic::Diagnostics;
use crate::source::Span;
use crate::yaml::Node;

/// Adds items to lists of a service, as another file over the others would. Relative paths start from
/// `folder`.
///
/// # Errors
/// Items that the files could not have either.
pub fn adjust(
    model: &mut Model,
    service: &str,
    lists: &[(&str, &[String])],
    folder: &str,
    files: &Files,
) -> Result<(), Diagnostics> {
    let Some(entry) = model.services.get_mut(service) else { return Ok(()) };
    let at = Span::NOWHERE;
    let items =
        |texts: &[String]| Node::list(at, texts.iter().map(|it| Node::text(at, it)).collect());
    let lists = lists.iter().filter(|(_, texts)| !texts.is_empty());
    let mut over = Node::map(at, lists.map(|(key, texts)| (*key, items(texts))));
    let shape = Shape::Record(&SERVICE);
    let mut report = Report::default();
    let mut left = Some(MOST_SPREAD);
    canonical::expand(&mut over, &shape, false, &Path::Root, &mut left, &mut report);
    if report.has_errors() {
        return Err(report.diagnostics);
    }
    check::check(&over, &shape, &Path::Root, &mut report);
    let home = model.env.get("HOME").map(String::as_str);
    paths::resolve(&mut over, &shape, &Base { folder, home, files }, &Path::Root, &mut report);
    let base = entry.node.clone();
    let mut merged = merge::merge(base, over, &shape, Marks::Spent, &Path::Root, &mut report);
    merge::unique(&mut merged, &shape);
    defaults::fill_and_check(&mut merged, &shape, &Path::Root, &mut report);
    settle::settle(&mut merged, &shape, &Path::Root, &mut report);
    if report.has_errors() {
        return Err(report.diagnostics);
    }
    entry.node = merged;
    Ok(())
}
