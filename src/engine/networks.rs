//! Requests about networks.

use std::collections::BTreeMap;

use bollard::models::{NetworkConnectRequest, NetworkDisconnectRequest};

use crate::engine::connect::encode;
use crate::engine::error::Error;
use crate::engine::observe::NetworkAnswer;
use crate::engine::{Engine, quirks};
use crate::spec::{Endpoint, NetworkCreateRequest};

impl Engine {
    /// Makes a network and gives its ID.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn create_network(&self, request: NetworkCreateRequest) -> Result<String, Error> {
        Ok(self.docker.create_network(request).await?.id)
    }

    /// The labels of a network.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn network_labels(&self, name: &str) -> Result<BTreeMap<String, String>, Error> {
        let found: NetworkAnswer =
            self.transport.get(&format!("/networks/{}", encode(name))).await?;
        Ok(found.labels)
    }

    /// Removes a network that no container is on.
    ///
    /// # Errors
    /// Those of the engine; a network that is gone is fine.
    pub async fn remove_network(&self, id: &str, name: &str) -> Result<(), Error> {
        let word = if quirks::forces_removal_by_id(self.facts()) { name } else { id };
        match self.docker.remove_network(word).await.map_err(Error::from) {
            Err(Error::NotFound(_)) => Ok(()),
            other => other,
        }
    }

    /// Has a container join a network.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn connect_to(&self, endpoint: Endpoint, container: &str) -> Result<(), Error> {
        let request = NetworkConnectRequest {
            container: container.to_owned(),
            endpoint_config: Some(quirks::adapt_endpoint(endpoint.settings, self.facts())),
        };
        Ok(self.docker.connect_network(&endpoint.network, request).await?)
    }

    /// Has a container leave a network.
    ///
    /// # Errors
    /// Those of the engine; one that is on no such network is fine.
    pub async fn disconnect(&self, network: &str, container: &str) -> Result<(), Error> {
        let request =
            NetworkDisconnectRequest { container: container.to_owned(), force: Some(true) };
        match self.docker.disconnect_network(network, request).await.map_err(Error::from) {
            Err(Error::NotFound(_)) => Ok(()),
            other => other,
        }
    }
}
