//! `logging`: where the engine puts the output of containers.

use crate::compose::schema::{Dict, Key, Kinds, Leaf, Merge, Print, Record, Shape, TEXT, To};

pub(super) const KEY: Key = Key::new("logging", Shape::Record(&LOGGING))
    .merge(Merge::IfSame("driver"))
    .print(Print::IfPresent);

const VALUE: Leaf = Leaf::new(Kinds::TEXT.or(Kinds::NUMBER).or(Kinds::NULL), To::Text);
static OPTIONS: Dict = Dict::of(Shape::Leaf(VALUE));

static LOGGING: Record =
    Record::new(&[Key::new("driver", TEXT.shape()), Key::new("options", Shape::Dict(&OPTIONS))]);
