//! `deploy`: replicas, resources and the rules of orchestrators.

use bollard::models::{RestartPolicy, RestartPolicyNameEnum};
use serde::Deserialize;

use crate::compose::keys::resources;
use crate::compose::keys::service::Service;
use crate::compose::project::Scope;
use crate::compose::schema::{
    Cast, DURATION, INT, Key, Kinds, Leaf, List, Pairs, Print, Record, Rule, Shape, TEXT, TEXTS, To,
};
use crate::spec::ContainerSpec;

pub(super) const KEY: Key =
    Key::new("deploy", Shape::Record(&DEPLOY)).nullable().print(Print::IfPresent).container(apply);

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

/// The parts of `deploy` that mean something without an orchestrator.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Deploy {
    pub replicas: Option<u32>,
    pub resources: resources::Resources,
    pub restart_policy: Option<Restart>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Restart {
    pub condition: String,
    pub max_attempts: Option<i64>,
}

/// Where a service states a limit itself too, the two are equal; a restart policy here wins.
fn apply(service: &Service, _: &Scope<'_>, spec: &mut ContainerSpec) -> Result<(), String> {
    let Some(deploy) = &service.deploy else {
        return Ok(());
    };
    resources::apply(&deploy.resources, spec);
    if let Some(restart) = &deploy.restart_policy {
        spec.host().restart_policy =
            Some(restart_policy(&restart.condition, restart.max_attempts)?);
    }
    Ok(())
}

/// The engine's policy for a word of `restart` or `deploy.restart_policy.condition`.
pub(super) fn restart_policy(word: &str, retries: Option<i64>) -> Result<RestartPolicy, String> {
    let name = match word {
        "" => RestartPolicyNameEnum::EMPTY,
        "no" | "none" => RestartPolicyNameEnum::NO,
        "always" | "any" => RestartPolicyNameEnum::ALWAYS,
        "on-failure" => RestartPolicyNameEnum::ON_FAILURE,
        "unless-stopped" => RestartPolicyNameEnum::UNLESS_STOPPED,
        other => {
            return Err(format!(
                "`{other}` is no restart policy; it is no, always, on-failure[:RETRIES] or unless-stopped"
            ));
        }
    };
    Ok(RestartPolicy { name: Some(name), maximum_retry_count: retries })
}
