//! `models`: language models, at the top level and as used by a service.

use serde::Deserialize;

use crate::compose::keys::depends_on::names_to_map;
use crate::compose::schema::{
    Dict, Effect, Key, Kinds, Leaf, NullChild, Record, Shape, Short, TEXT, TEXTS, To,
};
use crate::diagnostic::Diagnostic;
use crate::yaml::Node;

const CONTEXT_SIZE: Leaf = Leaf::new(Kinds::INT, To::Int);

pub(super) static MODEL: Record = Record::new(&[
    Key::new("name", TEXT.shape()),
    Key::new("model", TEXT.shape()).required(),
    Key::new("context_size", CONTEXT_SIZE.shape()),
    Key::new("runtime_flags", Shape::List(&TEXTS)),
]);

pub(super) const USED: Key = Key::new("models", Shape::Short(&SHORT)).effect(Effect::Planner);

static SHORT: Short = Short { accepts: Kinds::LIST, expand, long: Shape::Dict(&LONG) };
static LONG: Dict = Dict::of(Shape::Record(&VARIABLES)).null(NullChild::Kept);
static VARIABLES: Record =
    Record::new(&[Key::new("endpoint_var", TEXT.shape()), Key::new("model_var", TEXT.shape())]);

fn expand(short: &Node) -> Result<Node, Diagnostic> {
    names_to_map(short, Node::null)
}

/// A model of the top level.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct LanguageModel {
    pub name: Option<String>,
    pub model: String,
    pub context_size: Option<i64>,
    pub runtime_flags: Vec<String>,
}

/// The variables that tell a service of a model.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Variables {
    pub endpoint_var: Option<String>,
    pub model_var: Option<String>,
}
