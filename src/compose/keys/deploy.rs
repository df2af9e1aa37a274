//! `deploy`: replicas, resources and the rules of orchestrators.

use crate::compose::keys::resources;
use crate::compose::schema::{
    Cast, DURATION, INT, Key, Kinds, Leaf, List, Pairs, Print, Record, Rule, Shape, TEXT, TEXTS, To,
};

pub(super) const KEY: Key =
    Key::new("deploy", Shape::Record(&DEPLOY)).nullable().print(Print::IfPresent);

const COUNT: Leaf = Leaf::new(Kinds::INT.or(Kinds::TEXT), To::Unsigned).cast(Cast::Int);
const RATIO: Leaf = Leaf::new(Kinds::NUMBER.or(Kinds::TEXT), To::Single).cast(Cast::Float);

pub(crate) static DEPLOY: Record = Record::new(&[
    Key::new("mode", TEXT.shape()),
    Key::new("replicas", INT.shape()).print(Print::IfPresent).unhashed(),
    Key::new("labels", Shape::Pairs(Pairs::Labels)),
    Key::new("update_config", Shape::Record(&UPDATE)).print(Print::IfPresent),
    Key::new("rollback_config", Shape::Record(&UPDATE)).print(Print::IfPresent),
    Key::new("resources", Shape::Record(&resources::RESOURCES)).print(Print::StructInJson),
    Key::new("restart_policy", Shape::Record(&RESTART)).print(Print::IfPresent),
    Key::new("placement", Shape::Record(&PLACEMENT)).print(Print::StructInJson),
    Key::new("endpoint_mode", TEXT.shape()),
]);

static UPDATE: Record = Record::new(&[
    Key::new("parallelism", COUNT.shape()).print(Print::IfPresent),
    Key::new("delay", DURATION.shape()),
    Key::new("failure_action", TEXT.shape()),
    Key::new("monitor", DURATION.shape()),
    Key::new("max_failure_ratio", RATIO.shape()),
    Key::new("order", TEXT.rule(Rule::OneOf(&["start-first", "stop-first"])).shape()),
]);

static RESTART: Record = Record::new(&[
    Key::new("condition", TEXT.shape()),
    Key::new("delay", DURATION.shape()).print(Print::IfPresent),
    Key::new("max_attempts", COUNT.shape()).print(Print::IfPresent),
    Key::new("window", DURATION.shape()).print(Print::IfPresent),
]);

static PLACEMENT: Record = Record::new(&[
    Key::new("constraints", Shape::List(&TEXTS)),
    Key::new("preferences", Shape::List(&PREFERENCES)),
    Key::new("max_replicas_per_node", COUNT.shape()),
]);

static PREFERENCES: List = List::of(Shape::Record(&PREFERENCE));
static PREFERENCE: Record = Record::new(&[Key::new("spread", TEXT.shape())]);
