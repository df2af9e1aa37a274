//! Hooks: commands run around the life of a container.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::compose::keys::environment;
use crate::compose::keys::service::Service;
use crate::compose::schema::{Key, LATE_BOOL, List, Merge, Pairs, Print, Record, Shape, TEXT};
use crate::spec;

const COMMAND: Key =
    Key::new("command", Shape::Argv).nullable().merge(Merge::Replace).print(Print::NullInJson);

pub(super) static HOOK: Record = Record::new(&[
    COMMAND.required(),
    Key::new("user", TEXT.shape()),
    Key::new("privileged", LATE_BOOL.shape()),
    Key::new("working_dir", TEXT.shape()),
    Key::new("environment", Shape::Pairs(Pairs::Environment)),
]);

static HOOKS: List = List::of(Shape::Record(&HOOK));

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

pub(super) const POST_START: Key =
    Key::new("post_start", Shape::List(&HOOKS)).container(|service, _, spec| {
        spec.hooks.post_start = service.hooks().post_start;
        Ok(())
    });

pub(super) const PRE_STOP: Key =
    Key::new("pre_stop", Shape::List(&HOOKS)).container(|service, _, spec| {
        spec.hooks.pre_stop = service.hooks().pre_stop;
        Ok(())
    });

/// A command that is run in the container.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Hook {
    pub command: Option<Vec<String>>,
    pub user: Option<String>,
    pub privileged: bool,
    pub working_dir: Option<String>,
    pub environment: BTreeMap<String, Option<String>>,
}

impl Service {
    /// What is run in its containers, as the engine is asked for it.
    #[must_use]
    pub fn hooks(&self) -> spec::Hooks {
        let all = |hooks: &[Hook]| hooks.iter().map(|hook| hook.spec(self.tty)).collect();
        spec::Hooks { post_start: all(&self.post_start), pre_stop: all(&self.pre_stop) }
    }
}

impl Hook {
    fn spec(&self, tty: bool) -> spec::Hook {
        spec::Hook {
            command: self.command.clone().unwrap_or_default(),
            user: self.user.clone(),
            privileged: self.privileged,
            folder: self.working_dir.clone(),
            env: environment::lines(&self.environment),
            tty,
        }
    }
}
