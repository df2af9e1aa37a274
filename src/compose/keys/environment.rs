//! `environment`, `env_file` and `label_file`.

use std::collections::BTreeMap;

use crate::compose::keys::develop::one_item;
use crate::compose::keys::service::Service;
use crate::compose::project::Scope;
use crate::compose::schema::{
    Effect, Key, Kinds, LATE_BOOL, List, Merge, PATH, Pairs, Print, Record, Shape, Short, TEXT,
};
use crate::diagnostic::Diagnostic;
use crate::spec::ContainerSpec;
use crate::yaml::Node;

pub(super) const ENVIRONMENT: Key =
    Key::new("environment", Shape::Pairs(Pairs::Environment)).container(variables);

pub(super) const ENV_FILE: Key =
    Key::new("env_file", Shape::Short(&SHORT)).merge(Merge::UniqueBy(path)).effect(Effect::Loading);

static SHORT: Short = Short { accepts: Kinds::TEXT, expand, long: Shape::List(&FILES) };
static FILES: List = List::of(Shape::Short(&SHORT_FILE));
static SHORT_FILE: Short =
    Short { accepts: Kinds::TEXT, expand: expand_file, long: Shape::Record(&FILE) };
static FILE: Record = Record::new(&[
    Key::new("path", PATH.shape()).required(),
    Key::new("required", LATE_BOOL.shape()).print(Print::Always),
    Key::new("format", TEXT.shape()),
])
.without_extensions()
.defaults(required_by_default)
.display(path_of_required);

fn expand(short: &Node) -> Result<Node, Diagnostic> {
    Ok(Node::list(short.span, vec![expand_file(short)?]))
}

fn expand_file(short: &Node) -> Result<Node, Diagnostic> {
    let at = short.span;
    Ok(Node::map(at, [("path", short.clone()), ("required", Node::bool(at, true))]))
}

fn path(file: &Node) -> Option<String> {
    file.str_of("path").map(str::to_owned)
}

fn required_by_default(file: &mut Node) {
    if file.get("required").is_none() {
        file.set("required", file.span, Node::bool(file.span, true));
    }
}

/// A file that must be there prints as its path.
fn path_of_required(file: &Node) -> Option<Node> {
    (file.get("required")?.as_bool() == Some(true)).then(|| file.get("path").cloned()).flatten()
}

pub(super) const LABEL_FILE: Key =
    Key::new("label_file", Shape::Short(&SHORT_LABEL_FILE)).effect(Effect::Loading);

static SHORT_LABEL_FILE: Short =
    Short { accepts: Kinds::TEXT, expand: one_item, long: Shape::List(&LABEL_FILES) };
static LABEL_FILES: List = List::of(Shape::Leaf(PATH));

fn variables(service: &Service, _: &Scope<'_>, spec: &mut ContainerSpec) -> Result<(), String> {
    spec.body.env = Some(lines(&service.environment));
    Ok(())
}

/// Variables as the engine takes them; a name without a value asks it to unset what the image sets.
pub(super) fn lines(variables: &BTreeMap<String, Option<String>>) -> Vec<String> {
    let line = |(name, value): (&String, &Option<String>)| match value {
        Some(value) => format!("{name}={value}"),
        None => name.clone(),
    };
    variables.iter().map(line).collect()
}
