//! `logging`: where the engine puts the output of containers.

use std::collections::BTreeMap;

use bollard::models::HostConfigLogConfig;
use serde::Deserialize;

use crate::compose::keys::service::{Service, filled};
use crate::compose::project::Scope;
use crate::compose::schema::{Dict, Key, Kinds, Leaf, Merge, Print, Record, Shape, TEXT, To};
use crate::spec::ContainerSpec;

pub(super) const KEY: Key = Key::new("logging", Shape::Record(&LOGGING))
    .merge(Merge::IfSame("driver"))
    .print(Print::IfPresent)
    .container(apply);

const VALUE: Leaf = Leaf::new(Kinds::TEXT.or(Kinds::NUMBER).or(Kinds::NULL), To::Text);
static OPTIONS: Dict = Dict::of(Shape::Leaf(VALUE));

static LOGGING: Record =
    Record::new(&[Key::new("driver", TEXT.shape()), Key::new("options", Shape::Dict(&OPTIONS))]);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Logging {
    pub driver: Option<String>,
    pub options: BTreeMap<String, String>,
}

fn apply(service: &Service, _: &Scope<'_>, spec: &mut ContainerSpec) -> Result<(), String> {
    if let Some(logging) = &service.logging {
        let config = filled(&logging.options);
        spec.host().log_config = Some(HostConfigLogConfig { typ: logging.driver.clone(), config });
    }
    Ok(())
}
