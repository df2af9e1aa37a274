//! `ulimits` of services and builds.

use bollard::models::ResourcesUlimits;
use serde::Deserialize;

use crate::compose::keys::service::Service;
use crate::compose::project::Scope;
use crate::compose::schema::{Cast, Dict, INT, Key, Kinds, Leaf, Print, Record, Shape, To};
use crate::spec::ContainerSpec;

pub(super) const KEY: Key = Key::new("ulimits", Shape::Dict(&ULIMITS)).container(apply);

const BOTH: Leaf = Leaf::new(Kinds::INT.or(Kinds::TEXT), To::Ulimit).cast(Cast::Int);

/// An override replaces a limit whole, also where both are mappings.
pub(super) static ULIMITS: Dict =
    Dict::of(Shape::Either(&Shape::Leaf(BOTH), &Shape::Record(&LIMIT)));

static LIMIT: Record = Record::new(&[
    Key::new("soft", INT.shape()).required().print(Print::AlwaysInYaml),
    Key::new("hard", INT.shape()).required().print(Print::AlwaysInYaml),
]);

/// One limit for both, or two.
#[derive(Debug, Deserialize)]
#[serde(from = "UlimitForm")]
pub struct Ulimit {
    pub soft: i64,
    pub hard: i64,
}

struct UlimitForm(i64, i64);

impl From<UlimitForm> for Ulimit {
    fn from(UlimitForm(soft, hard): UlimitForm) -> Self {
        Self { soft, hard }
    }
}

impl<'de> Deserialize<'de> for UlimitForm {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FormVisitor)
    }
}

struct FormVisitor;

impl<'de> serde::de::Visitor<'de> for FormVisitor {
    type Value = UlimitForm;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a number or `soft` and `hard`")
    }

    fn visit_i64<E: serde::de::Error>(self, both: i64) -> Result<UlimitForm, E> {
        Ok(UlimitForm(both, both))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<UlimitForm, A::Error> {
        let (mut soft, mut hard) = (0, 0);
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "soft" => soft = map.next_value()?,
                "hard" => hard = map.next_value()?,
                _ => drop(map.next_value::<serde::de::IgnoredAny>()?),
            }
        }
        Ok(UlimitForm(soft, hard))
    }
}

fn apply(service: &Service, _: &Scope<'_>, spec: &mut ContainerSpec) -> Result<(), String> {
    let limits: Vec<_> = service
        .ulimits
        .iter()
        .map(|(name, limit)| ResourcesUlimits {
            name: Some(name.clone()),
            soft: Some(limit.soft),
            hard: Some(limit.hard),
        })
        .collect();
    spec.host().ulimits = (!limits.is_empty()).then_some(limits);
    Ok(())
}
