//! `provider`: a service that another program runs.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::compose::schema::{
    Dict, Effect, Key, Kinds, Leaf, List, Print, Record, Shape, TEXT, To,
};

pub(super) const KEY: Key =
    Key::new("provider", Shape::Record(&PROVIDER)).print(Print::IfPresent).effect(Effect::Planner);

const VALUE: Leaf = Leaf::new(Kinds::TEXT.or(Kinds::NUMBER).or(Kinds::BOOL), To::Text);
static VALUES: List = List { single: true, ..List::of(Shape::Leaf(VALUE)) };

static PROVIDER: Record = Record::new(&[
    Key::new("type", TEXT.shape()).required(),
    Key::new("options", Shape::Dict(&OPTIONS)),
]);

static OPTIONS: Dict = Dict::of(Shape::List(&VALUES));

/// Who provides a service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Provider {
    /// The name of the program.
    #[serde(rename = "type")]
    pub kind: String,
    pub options: BTreeMap<String, Vec<String>>,
}
