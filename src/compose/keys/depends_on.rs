//! `depends_on`: services that must be there first, and how far along.

use crate::compose::schema::{
    Dict, Effect, Key, Kinds, LATE_BOOL, Print, Record, Rule, STRICT_BOOL, Shape, Short, TEXT,
};
use crate::diagnostic::Diagnostic;
use crate::yaml::{Entry, Node};

pub(super) const KEY: Key =
    Key::new("depends_on", Shape::Short(&SHORT)).unhashed().effect(Effect::Planner);

static SHORT: Short = Short { accepts: Kinds::LIST, expand, long: Shape::Dict(&LONG) };
static LONG: Dict = Dict::of(Shape::Record(&DEPENDENCY)).plain_names();

const CONDITIONS: &[&str] =
    &["service_started", "service_healthy", "service_completed_successfully"];

static DEPENDENCY: Record = Record::new(&[
    Key::new("condition", TEXT.rule(Rule::OneOf(CONDITIONS)).shape()).required(),
    Key::new("restart", LATE_BOOL.shape()),
    Key::new("required", STRICT_BOOL.shape()).print(Print::Always),
])
.defaults(required_by_default);

fn expand(short: &Node) -> Result<Node, Diagnostic> {
    names_to_map(short, |at| {
        Node::map(
            at,
            [("condition", Node::text(at, "service_started")), ("required", Node::bool(at, true))],
        )
    })
}

/// A list of names as a mapping whose values are made by `value`.
pub(super) fn names_to_map(
    list: &Node,
    value: impl Fn(crate::source::Span) -> Node,
) -> Result<Node, Diagnostic> {
    let mut map = Node::empty_map(list.span);
    for item in list.items() {
        let Some(name) = item.as_str() else {
            return Err(Diagnostic::error(
                item.span,
                format!("a name must be text, but this is {}", item.kind()),
            ));
        };
        if let Some(first) = map.as_map().and_then(|map| map.get(name)) {
            return Err(Diagnostic::error(item.span, format!("`{name}` stands in the list twice"))
                .context(first.key, "first here"));
        }
        if let Some(map) = map.as_map_mut() {
            map.insert(name.to_owned(), Entry { key: item.span, node: value(item.span) });
        }
    }
    Ok(map)
}

fn required_by_default(dependency: &mut Node) {
    if dependency.get("required").is_none() {
        dependency.set("required", dependency.span, Node::bool(dependency.span, true));
    }
}

/// How far along a dependency must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub enum Condition {
    #[serde(rename = "service_started")]
    Started,
    #[serde(rename = "service_healthy")]
    Healthy,
    #[serde(rename = "service_completed_successfully")]
    Completed,
}

impl Condition {
    /// The word of the files and of labels.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Started => "service_started",
            Self::Healthy => "service_healthy",
            Self::Completed => "service_completed_successfully",
        }
    }
}

#[derive(Debug, Clone, serde::Deserialize)]
pub struct Dependency {
    pub condition: Condition,
    /// Whether the dependent restarts with it.
    #[serde(default)]
    pub restart: bool,
    pub required: bool,
}
