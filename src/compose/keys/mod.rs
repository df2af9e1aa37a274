//! One place per key: the tables of the Compose language.
//!
//! [`ROOT`] is the top level of a file, [`service::SERVICE`] a service. Rows stand in the order in
//! which the peer prints them. A key with a short form or rules of its own has a file of its own.

pub mod build;
pub mod command;
pub mod depends_on;
pub mod deploy;
pub mod develop;
pub mod devices;
pub mod environment;
pub mod healthcheck;
pub mod hooks;
pub mod logging;
pub mod models;
pub mod mounts;
pub mod network;
pub mod networks;
pub mod ports;
pub mod provider;
pub mod resources;
pub mod secrets;
pub mod service;
pub mod ulimits;
pub mod volume;

use crate::compose::schema::{Dict, Key, NullChild, Print, Record, Shape, TEXT};

/// The top level of a Compose file.
pub static ROOT: Record = Record::new(&[
    Key::new("version", TEXT.shape()).print(Print::Never),
    Key::new("name", TEXT.shape()),
    Key::new("include", Shape::Any).print(Print::Never),
    Key::new("services", Shape::Dict(&SERVICES)).print(Print::Always),
    Key::new("networks", Shape::Dict(&NETWORKS)),
    Key::new("volumes", Shape::Dict(&VOLUMES)),
    Key::new("secrets", Shape::Dict(&SECRETS)),
    Key::new("configs", Shape::Dict(&CONFIGS)),
    Key::new("models", Shape::Dict(&MODELS)).print(Print::OnlyInYaml),
]);

pub static SERVICES: Dict = Dict::of(Shape::Record(&service::SERVICE)).plain_names();
static NETWORKS: Dict = Dict::of(Shape::Record(&network::NETWORK)).null(NullChild::Empty);
static VOLUMES: Dict =
    Dict::of(Shape::Record(&volume::VOLUME)).plain_names().null(NullChild::Empty);
static SECRETS: Dict = Dict::of(Shape::Record(&secrets::SECRET)).plain_names();
static CONFIGS: Dict = Dict::of(Shape::Record(&secrets::CONFIG)).plain_names();
static MODELS: Dict = Dict::of(Shape::Record(&models::MODEL));

/// The sections whose children are resources with names of the user's.
pub const SECTIONS: [&str; 6] = ["services", "networks", "volumes", "secrets", "configs", "models"];

/// What became of a key that older tools knew.
#[must_use]
pub fn hint(name: &str) -> Option<&'static str> {
    Some(match name {
        "net" => "use `network_mode`",
        "dockerfile" => "move it into `build`",
        "log_driver" => "use `logging.driver`",
        "log_opt" => "use `logging.options`",
        "volume_driver" => "set `driver` on the volume at the top level",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
