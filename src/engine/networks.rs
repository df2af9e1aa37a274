//! Requests about networks.

use crate::engine::error::Error;
use crate::engine::{Engine, quirks};
use crate::spec::NetworkCreateRequest;

impl Engine {
    /// Makes a network and gives its ID.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn create_network(&self, request: NetworkCreateRequest) -> Result<String, Error> {
        Ok(self.docker.create_network(request).await?.id)
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
}
