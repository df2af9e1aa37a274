//! Containers that are made.
#![expect(
    clippy::disallowed_methods,
    reason = "what is mounted must be there where engines do not look"
)]

use std::collections::{BTreeSet, HashMap};

use bollard::models::{MountType, NetworkConnectRequest, NetworkingConfig};
use serde::Deserialize;

use crate::engine::connect::encode;
use crate::engine::endpoint::Endpoint as Address;
use crate::engine::error::Error;
use crate::engine::observe::nullable;
use crate::engine::quirks::{self, Ask, CreateRequest};
use crate::engine::{ContainerRow, Engine};
use crate::labels;
use crate::spec::ContainerSpec;

/// A container that has been made.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Created {
    pub id: String,
    /// What the engine left out.
    #[serde(default, deserialize_with = "nullable")]
    pub warnings: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkAnswer {
    #[serde(rename = "IPAM", deserialize_with = "nullable")]
    addresses: AddressesAnswer,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct AddressesAnswer {
    #[serde(deserialize_with = "nullable")]
    config: Vec<PoolAnswer>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PoolAnswer {
    gateway: String,
    subnet: String,
}

impl PoolAnswer {
    /// The gateway; the first address, which it is, where an engine does not say so.
    fn gateway(self) -> Option<String> {
        if !self.gateway.is_empty() {
            return Some(self.gateway);
        }
        let network: std::net::Ipv4Addr = self.subnet.split('/').next()?.parse().ok()?;
        Some(std::net::Ipv4Addr::from(u32::from(network).checked_add(1)?).to_string())
    }
}

/// Adds variables that a container does not have yet, as Docker's clients do.
fn add_proxies(variables: &mut Option<Vec<String>>, proxies: &[(String, String)]) {
    let has = |all: &[String], name: &str| {
        all.iter().any(|it| it.split('=').next().is_some_and(|it| it == name))
    };
    for (name, value) in proxies {
        if !has(variables.as_deref().unwrap_or_default(), name) {
            variables.get_or_insert_default().push(format!("{name}={value}"));
        }
    }
}

impl Engine {
    /// Makes a container, and joins the networks that this engine wants joined separately.
    ///
    /// # Errors
    /// Those of the engine. A container that could not join its networks is removed again.
    pub async fn create(&self, spec: ContainerSpec) -> Result<Created, Error> {
        let mut request = quirks::adapt(spec, self.facts());
        self.settle(&mut request).await?;
        let quirks::CreateRequest { spec, connect_later, mac_address, asks: _ } = request;
        let endpoints: HashMap<_, _> = spec
            .endpoints
            .into_iter()
            .map(|endpoint| (endpoint.network, endpoint.settings))
            .collect();
        let mut body = spec.body;
        add_proxies(&mut body.env, self.proxies());
        if !endpoints.is_empty() {
            body.networking_config = Some(NetworkingConfig { endpoints_config: Some(endpoints) });
        }
        let mut body =
            serde_json::to_value(body).map_err(|error| Error::Answer(error.to_string()))?;
        if let Some(address) = mac_address {
            body["MacAddress"] = address.into();
        }
        let mut path = format!("/containers/create?name={}", encode(&spec.name));
        if let Some(platform) = &spec.platform {
            path = format!("{path}&platform={}", encode(platform));
        }
        let created: Created = self.transport.post(&path, &body).await?;
        for endpoint in connect_later {
            let request = NetworkConnectRequest {
                container: created.id.clone(),
                endpoint_config: Some(endpoint.settings),
            };
            if let Err(error) = self.docker.connect_network(&endpoint.network, request).await {
                let _ = self.remove(&created.id, false).await;
                return Err(error.into());
            }
        }
        Ok(created)
    }

    /// Finds out what this engine leaves to others.
    async fn settle(&self, request: &mut CreateRequest) -> Result<(), Error> {
        for ask in request.asks.clone() {
            match ask {
                Ask::Ports => self.pick_ports(&mut request.spec).await?,
                Ask::HostGateway => self.write_gateway(&mut request.spec).await?,
                Ask::Sources => self.check_sources(&request.spec)?,
            }
        }
        Ok(())
    }

    /// Picks one port of each range of ports of the host: the first replica gets the first, and so on,
    /// leaving out those that other containers have.
    async fn pick_ports(&self, spec: &mut ContainerSpec) -> Result<(), Error> {
        let all: Vec<ContainerRow> = self.transport.list("/containers/json?all=1").await?;
        let labels = spec.body.labels.clone().unwrap_or_default();
        let label = |name: &str| labels.get(name).map_or("", String::as_str);
        let is_ours = |row: &ContainerRow| {
            row.label(labels::PROJECT) == label(labels::PROJECT)
                && row.label(labels::SERVICE) == label(labels::SERVICE)
        };
        // Its own service's share the range by their numbers; the one it replaces has the same.
        let others = all.iter().filter(|row| !is_ours(row));
        let mut taken: BTreeSet<u16> =
            others.flat_map(|row| row.ports.iter().map(|port| port.public)).collect();
        let number: usize = label(labels::CONTAINER_NUMBER).parse().unwrap_or(1);
        for bindings in spec.host().port_bindings.iter_mut().flatten() {
            for binding in bindings.1.iter_mut().flatten() {
                let Some((first, last)) = quirks::range(binding.host_port.as_deref()) else {
                    continue;
                };
                let free: Vec<u16> = (first..=last).filter(|port| !taken.contains(port)).collect();
                let Some(port) = free.get(number - 1).copied() else {
                    return Err(Error::Refused {
                        status: 500,
                        message: format!("{first}-{last}: all ports are allocated"),
                    });
                };
                taken.insert(port);
                binding.host_port = Some(port.to_string());
            }
        }
        Ok(())
    }

    /// Writes the address of the host where the file says `host-gateway`.
    async fn write_gateway(&self, spec: &mut ContainerSpec) -> Result<(), Error> {
        let network = spec.endpoints.first().map_or("podman", |endpoint| &endpoint.network);
        let Some(gateway) = self.gateway_of(network).await? else {
            return Ok(());
        };
        for host in spec.host().extra_hosts.iter_mut().flatten() {
            if let Some(name) = host.strip_suffix(quirks::HOST_GATEWAY) {
                *host = format!("{name}{gateway}");
            }
        }
        Ok(())
    }

    /// The host's address on a network, if it has one there.
    pub(super) async fn gateway_of(&self, network: &str) -> Result<Option<String>, Error> {
        let path = format!("/networks/{}", encode(network));
        let answer: NetworkAnswer = self.transport.get(&path).await?;
        Ok(answer.addresses.config.into_iter().find_map(PoolAnswer::gateway))
    }

    /// Refuses what is not there, in the words of the engines that do so themselves.
    fn check_sources(&self, spec: &ContainerSpec) -> Result<(), Error> {
        let Address::Unix(_) = self.transport.endpoint() else {
            return Ok(());
        };
        let mounts = spec.body.host_config.iter().flat_map(|host| host.mounts.iter().flatten());
        for mount in mounts.filter(|mount| mount.typ == Some(MountType::BIND)) {
            let options = mount.bind_options.as_ref();
            let is_made = options.and_then(|it| it.create_mountpoint) == Some(true);
            let source = mount.source.as_deref().unwrap_or_default();
            if !is_made && std::fs::symlink_metadata(source).is_err() {
                let message = format!(
                    "invalid mount config for type \"bind\": bind source path does not exist: {source}"
                );
                return Err(Error::Refused { status: 400, message });
            }
        }
        Ok(())
    }
}
