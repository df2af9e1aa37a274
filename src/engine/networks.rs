//! Requests about networks.

use std::collections::BTreeMap;

use bollard::models::{NetworkConnectRequest, NetworkDisconnectRequest};

use crate::engine::connect::encode;
use crate::engine::error::Error;
use crate::engine::observe::NetworkAnswer;
use crate::engine::{Engine, quirks};
use crate::labels;
use crate::spec::{Endpoint, NetworkCreateRequest};

impl Engine {
    /// Makes a network and gives its ID.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn create_network(&self, request: NetworkCreateRequest) -> Result<String, Error> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Made {
            id: String,
        }
        let name = request.name.clone();
        let mut body =
            serde_json::to_value(request).map_err(|error| Error::Answer(error.to_string()))?;
        if quirks::checks_names_on_demand(self.facts()) {
            body["CheckDuplicate"] = true.into();
        }
        let made: Made = self.transport.post("/networks/create", &body).await?;
        if quirks::checks_names_on_demand(self.facts()) {
            // It looks before it begins, so that two at the same time are made all the same.
            self.keep_one_network(&name).await?;
        }
        Ok(made.id)
    }

    /// Leaves one of the networks that two runs of a project have made with the same name at the same
    /// time: the oldest, so that both runs come to the same.
    ///
    /// # Errors
    /// Those of the engine. A network that containers are on already stays.
    pub async fn keep_one_network(&self, name: &str) -> Result<(), Error> {
        let all: Vec<NetworkAnswer> = self.transport.get("/networks").await?;
        let mut same: Vec<NetworkAnswer> = all.into_iter().filter(|it| it.name == name).collect();
        same.sort_by(|a, b| (&a.created, &a.id).cmp(&(&b.created, &b.id)));
        let Some((first, others)) = same.split_first() else {
            return Ok(());
        };
        let owner = |network: &NetworkAnswer| network.labels.get(labels::PROJECT).cloned();
        for other in others.iter().filter(|it| owner(first).is_some() && owner(it) == owner(first))
        {
            match self.remove_network(&other.id, name).await {
                Ok(()) | Err(Error::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
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
