//! `develop.watch`: what to do when a file of the host changes.

use serde::Deserialize;

use crate::compose::keys::hooks::{self, Hook};
use crate::compose::schema::{
    DISTINCT_TEXTS, Effect, Key, Kinds, List, PATH, PathKind, Print, Record, Rule, STRICT_BOOL,
    Shape, Short, TEXT,
};
use crate::diagnostic::Diagnostic;
use crate::yaml::Node;

pub(super) const KEY: Key = Key::new("develop", Shape::Record(&DEVELOP))
    .nullable()
    .print(Print::IfPresent)
    .effect(Effect::Client);

static DEVELOP: Record = Record::new(&[Key::new("watch", Shape::List(&TRIGGERS))]);
static TRIGGERS: List = List::of(Shape::Record(&TRIGGER));

const ACTIONS: &[&str] = &["rebuild", "sync", "restart", "sync+restart", "sync+exec"];

static TRIGGER: Record = Record::new(&[
    Key::new("path", PATH.path(PathKind::Followed).shape()).required().print(Print::Always),
    Key::new("action", TEXT.rule(Rule::OneOf(ACTIONS)).shape()).required().print(Print::Always),
    Key::new("target", TEXT.shape()),
    Key::new("exec", Shape::Record(&hooks::HOOK)).print(Print::HookInJson),
    Key::new("include", Shape::Short(&ONE_OR_MORE)),
    Key::new("ignore", Shape::Short(&ONE_OR_MORE)),
    Key::new("initial_sync", STRICT_BOOL.shape()),
])
.check(path_is_not_blank);

/// A rule: what is done when something below a path changes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Trigger {
    /// Absolute.
    pub path: String,
    pub action: String,
    pub target: Option<String>,
    pub exec: Option<Hook>,
    pub include: Vec<String>,
    pub ignore: Vec<String>,
    pub initial_sync: bool,
}

/// Text that stands for a list of one, and is made one before files are merged.
pub(super) static ONE_OR_MORE: Short =
    Short { accepts: Kinds::TEXT, expand: one_item, long: Shape::List(&DISTINCT_TEXTS) };

pub(super) fn one_item(short: &Node) -> Result<Node, Diagnostic> {
    Ok(Node::list(short.span, vec![short.clone()]))
}

fn path_is_not_blank(trigger: &Node) -> Option<Diagnostic> {
    let path = trigger.get("path")?;
    (path.as_str() == Some("")).then(|| Diagnostic::error(path.span, "the path to watch is empty"))
}
