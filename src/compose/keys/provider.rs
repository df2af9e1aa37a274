//! `provider`: a service that another program runs.

use crate::compose::schema::{
    Dict, Effect, Key, Kinds, Leaf, List, Print, Record, Shape, TEXT, To,
};

pub(super) const KEY: Key = Key::new("provider", Shape::Record(&PROVIDER))
    .print(Print::IfPresent)
    .effect(Effect::Unsupported);

const VALUE: Leaf = Leaf::new(Kinds::TEXT.or(Kinds::NUMBER).or(Kinds::BOOL), To::Text);
static VALUES: List = List { single: true, ..List::of(Shape::Leaf(VALUE)) };

static PROVIDER: Record = Record::new(&[
    Key::new("type", TEXT.shape()).required(),
    Key::new("options", Shape::Dict(&OPTIONS)),
]);

static OPTIONS: Dict = Dict::of(Shape::List(&VALUES));
