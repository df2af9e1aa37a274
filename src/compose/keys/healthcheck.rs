//! `healthcheck`: how the engine finds out whether a container works.

use crate::compose::schema::{
    BOOL, Cast, DURATION, Key, Kinds, Leaf, Merge, Print, Record, Shape, To,
};

pub(super) const KEY: Key =
    Key::new("healthcheck", Shape::Record(&HEALTHCHECK)).print(Print::IfPresent);

const RETRIES: Leaf = Leaf::new(Kinds::NUMBER.or(Kinds::TEXT), To::Unsigned).cast(Cast::Int);

static HEALTHCHECK: Record = Record::new(&[
    Key::new("test", Shape::HealthTest).merge(Merge::Replace),
    Key::new("timeout", DURATION.shape()).print(Print::IfPresent),
    Key::new("interval", DURATION.shape()).print(Print::IfPresent),
    Key::new("retries", RETRIES.shape()).print(Print::IfPresent),
    Key::new("start_period", DURATION.shape()).print(Print::IfPresent),
    Key::new("start_interval", DURATION.shape()).print(Print::IfPresent),
    Key::new("disable", BOOL.shape()),
]);
