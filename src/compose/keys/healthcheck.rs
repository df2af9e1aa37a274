//! `healthcheck`: how the engine finds out whether a container works.

use bollard::models::HealthConfig;
use serde::Deserialize;

use crate::compose::keys::service::Service;
use crate::compose::project::Scope;
use crate::compose::schema::{
    BOOL, Cast, DURATION, Key, Kinds, Leaf, Merge, Print, Record, Shape, To,
};
use crate::compose::units::Nanoseconds;
use crate::spec::ContainerSpec;

pub(super) const KEY: Key =
    Key::new("healthcheck", Shape::Record(&HEALTHCHECK)).print(Print::IfPresent).container(apply);

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

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Healthcheck {
    pub test: Vec<String>,
    pub timeout: Option<Nanoseconds>,
    pub interval: Option<Nanoseconds>,
    pub retries: Option<i64>,
    pub start_period: Option<Nanoseconds>,
    pub start_interval: Option<Nanoseconds>,
    pub disable: bool,
}

fn apply(service: &Service, _: &Scope<'_>, spec: &mut ContainerSpec) -> Result<(), String> {
    let Some(check) = &service.healthcheck else {
        return Ok(());
    };
    if check.start_interval.is_some() && check.start_period.is_none() {
        return Err("`healthcheck.start_interval` needs a `start_period`".to_owned());
    }
    let test = if check.disable { vec!["NONE".to_owned()] } else { check.test.clone() };
    let nanoseconds = |time: Option<Nanoseconds>| time.map(|time| time.0);
    spec.body.healthcheck = Some(HealthConfig {
        test: (!test.is_empty()).then_some(test),
        interval: nanoseconds(check.interval),
        timeout: nanoseconds(check.timeout),
        retries: check.retries,
        start_period: nanoseconds(check.start_period),
        start_interval: nanoseconds(check.start_interval),
    });
    Ok(())
}
