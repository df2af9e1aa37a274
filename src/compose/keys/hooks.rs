//! Hooks: commands run around the life of a container.

use crate::compose::schema::{Key, LATE_BOOL, List, Merge, Pairs, Print, Record, Shape, TEXT};

const COMMAND: Key =
    Key::new("command", Shape::Argv).nullable().merge(Merge::Replace).print(Print::NullInJson);

pub(super) static HOOK: Record = Record::new(&[
    COMMAND.required(),
    Key::new("user", TEXT.shape()),
    Key::new("privileged", LATE_BOOL.shape()),
    Key::new("working_dir", TEXT.shape()),
    Key::new("environment", Shape::Pairs(Pairs::Environment)),
]);

pub(super) static HOOKS: List = List::of(Shape::Record(&HOOK));

/// A container that runs to its end before the service starts.
static PRE_START_HOOK: Record = Record::new(&[
    COMMAND,
    Key::new("image", TEXT.shape()),
    Key::new("user", TEXT.shape()),
    Key::new("privileged", LATE_BOOL.shape()),
    Key::new("working_dir", TEXT.shape()),
    Key::new("environment", Shape::Pairs(Pairs::Environment)),
    Key::new("per_replica", LATE_BOOL.shape()),
]);

pub(super) static PRE_START_HOOKS: List = List::of(Shape::Record(&PRE_START_HOOK));
