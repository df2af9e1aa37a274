//! Networks, and the containers on them with their addresses and names.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use serde_json::Value;

use crate::engine::Engine;
use crate::engine::connect::encode;
use crate::engine::error::Error;

/// What is known of a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkFacts {
    pub id: String,
    pub name: String,
    pub driver: String,
    /// Whether there is no way out of it.
    pub internal: bool,
}

/// What a container is connected to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attachments {
    /// The main process; 0 if it does not run.
    pub process: i64,
    /// `host`, `none`, `container:ID`, or the name of a network.
    pub mode: String,
    /// By the names of the networks.
    pub networks: BTreeMap<String, Attachment>,
}

/// A container on a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attachment {
    pub address: Option<Ipv4Addr>,
    pub gateway: Option<Ipv4Addr>,
    /// The names that were asked for, and those that the engine adds.
    pub aliases: Vec<String>,
}

// Both are read from trees, as others are: types of their own for so little would make the program larger.

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> impl Iterator<Item = String> {
    value.as_array().into_iter().flatten().map(text)
}

fn facts(network: &Value) -> NetworkFacts {
    NetworkFacts {
        id: text(&network["Id"]),
        name: text(&network["Name"]),
        driver: text(&network["Driver"]),
        internal: network["Internal"] == true,
    }
}

fn attachments(container: &Value) -> Attachments {
    let attachment = |it: &Value| {
        let names: BTreeSet<String> = texts(&it["Aliases"]).chain(texts(&it["DNSNames"])).collect();
        Attachment {
            address: text(&it["IPAddress"]).parse().ok(),
            gateway: text(&it["Gateway"]).parse().ok(),
            aliases: names.into_iter().collect(),
        }
    };
    let networks = container["NetworkSettings"]["Networks"].as_object().into_iter().flatten();
    Attachments {
        process: container["State"]["Pid"].as_i64().unwrap_or_default(),
        mode: text(&container["HostConfig"]["NetworkMode"]),
        networks: networks.map(|(name, it)| (name.clone(), attachment(it))).collect(),
    }
}

impl Engine {
    /// All networks.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn network_facts(&self) -> Result<Vec<NetworkFacts>, Error> {
        let answer: Value = self.transport.get("/networks").await?;
        Ok(answer.as_array().into_iter().flatten().map(facts).collect())
    }

    /// What a container is connected to.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn attachments(&self, id: &str) -> Result<Attachments, Error> {
        let answer: Value = self.transport.get(&format!("/containers/{}/json", encode(id))).await?;
        Ok(attachments(&answer))
    }

    /// Where ports are found that the engine publishes on all addresses of its machine: here, unless it
    /// is reached over a network. A machine whose name leads nowhere is taken for this one.
    pub async fn published_at(&self) -> Ipv4Addr {
        let Some(host) = self.remote_host() else { return Ipv4Addr::LOCALHOST };
        let found = tokio::net::lookup_host((host, 0)).await;
        let mut found = found.into_iter().flatten();
        let address = found.find_map(|it| match it.ip() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        });
        address.filter(|it| !it.is_unspecified()).unwrap_or(Ipv4Addr::LOCALHOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_engine_tells_names() {
        let answer = r#"{
            "State": {"Pid": 7}, "HostConfig": {"NetworkMode": "shop_default"},
            "NetworkSettings": {"Networks": {
                "shop_default": {"NetworkID": "n", "IPAddress": "10.0.0.2", "Gateway": "10.0.0.1",
                    "Aliases": ["web", "web-1"], "DNSNames": ["shop-web-1", "web", "0123"]},
                "later": {"IPAddress": "", "Aliases": null}, "odd": null}}}"#;
        let found = attachments(&serde_json::from_str(answer).unwrap());
        assert_eq!((found.process, found.mode.as_str()), (7, "shop_default"));
        let network = &found.networks["shop_default"];
        assert_eq!(network.address, Some(Ipv4Addr::new(10, 0, 0, 2)));
        assert_eq!(network.gateway, Some(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(network.aliases, ["0123", "shop-web-1", "web", "web-1"]);
        assert_eq!(found.networks["later"].address, None);
        assert!(found.networks.contains_key("odd"));
        assert_eq!(attachments(&Value::Null), Attachments::default());
        assert_eq!(facts(&Value::Null), NetworkFacts::default());
    }
}
