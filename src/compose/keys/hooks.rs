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

static PRE_START_HOOKS: List = List::of(Shape::Record(&PRE_START_HOOK));

pub(super) const PRE_START: Key =
    Key::new("pre_start", Shape::List(&PRE_START_HOOKS)).recent().container(|service, _, spec| {
        if service.pre_start.iter().any(|hook| hook.per_replica) {
            let problem = "`per_replica` is not supported: hooks run once for all replicas";
            return Err(problem.to_owned());
        }
        spec.hooks.pre_start = service.hooks().pre_start;
        Ok(())
    });

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

/// A container that is run before the service starts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreStart {
    pub command: Option<Vec<String>>,
    pub image: Option<String>,
    pub user: Option<String>,
    pub privileged: bool,
    pub working_dir: Option<String>,
    pub environment: BTreeMap<String, Option<String>>,
    pub per_replica: bool,
}

impl Service {
    /// What is run in its containers, as the engine is asked for it.
    #[must_use]
    pub fn hooks(&self) -> spec::Hooks {
        let all = |hooks: &[Hook]| hooks.iter().map(|hook| hook.spec(self.tty)).collect();
        spec::Hooks {
            pre_start: self.pre_start.iter().map(PreStart::spec).collect(),
            post_start: all(&self.post_start),
            pre_stop: all(&self.pre_stop),
        }
    }
}

impl Hook {
    /// As the engine is asked for it, with a terminal if the service has one.
    #[must_use]
    pub fn spec(&self, tty: bool) -> spec::Hook {
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

impl PreStart {
    fn spec(&self) -> spec::PreStart {
        spec::PreStart {
            image: self.image.clone().filter(|image| !image.is_empty()),
            command: self.command.clone(),
            user: self.user.clone(),
            privileged: self.privileged,
            folder: self.working_dir.clone(),
            env: environment::lines(&self.environment),
        }
    }
}
