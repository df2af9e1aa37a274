//! Requests about networks.

use crate::engine::Engine;
use crate::engine::error::Error;
use crate::spec::NetworkCreateRequest;

impl Engine {
    /// Makes a network and gives its ID.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn create_network(&self, request: NetworkCreateRequest) -> Result<String, Error> {
        Ok(self.docker.create_network(request).await?.id)
    }

    /// Removes a network.
    ///
    /// # Errors
    /// Those of the engine; a network that is gone is fine.
    pub async fn remove_network(&self, id: &str) -> Result<(), Error> {
        match self.docker.remove_network(id).await.map_err(Error::from) {
            Err(Error::NotFound(_)) => Ok(()),
            other => other,
        }
    }
}
