//! `ulimits` of services and builds.

use crate::compose::schema::{Cast, Dict, INT, Key, Kinds, Leaf, Merge, Print, Record, Shape, To};

pub(super) const KEY: Key = Key::new("ulimits", Shape::Dict(&ULIMITS)).merge(Merge::ByShape);

const BOTH: Leaf = Leaf::new(Kinds::INT.or(Kinds::TEXT), To::Ulimit).cast(Cast::Int);

/// An override replaces a limit whole, also where both are mappings.
pub(super) static ULIMITS: Dict =
    Dict::of(Shape::Either(&Shape::Leaf(BOTH), &Shape::Record(&LIMIT)));

static LIMIT: Record = Record::new(&[
    Key::new("soft", INT.shape()).required().print(Print::AlwaysInYaml),
    Key::new("hard", INT.shape()).required().print(Print::AlwaysInYaml),
]);
