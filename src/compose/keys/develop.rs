//! `develop.watch`: what to do when a file of the host changes.

use std::fmt;

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

/// What is done for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Rebuild,
    Sync,
    Restart,
    SyncRestart,
    SyncExec,
}

impl Action {
    const ALL: [Self; 5] =
        [Self::Rebuild, Self::Sync, Self::Restart, Self::SyncRestart, Self::SyncExec];

    /// As files have it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rebuild => "rebuild",
            Self::Sync => "sync",
            Self::Restart => "restart",
            Self::SyncRestart => "sync+restart",
            Self::SyncExec => "sync+exec",
        }
    }

    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.word() == word)
    }

    /// Whether files go to a target.
    #[must_use]
    pub fn syncs(self) -> bool {
        matches!(self, Self::Sync | Self::SyncRestart | Self::SyncExec)
    }

    #[must_use]
    pub fn restarts(self) -> bool {
        matches!(self, Self::Restart | Self::SyncRestart)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

const ACTIONS: &[&str] = &{
    let mut words = [""; Action::ALL.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = Action::ALL[at].word();
        at += 1;
    }
    words
};

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
