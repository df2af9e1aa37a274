//! Requests about volumes.

use bollard::query_parameters::RemoveVolumeOptionsBuilder;

use crate::engine::Engine;
use crate::engine::error::Error;
use crate::spec::VolumeCreateRequest;

impl Engine {
    /// Makes a volume.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn create_volume(&self, request: VolumeCreateRequest) -> Result<(), Error> {
        self.docker.create_volume(request).await?;
        Ok(())
    }

    /// Removes a volume and its data.
    ///
    /// # Errors
    /// Those of the engine; a volume that is gone is fine.
    pub async fn remove_volume(&self, name: &str) -> Result<(), Error> {
        let options = RemoveVolumeOptionsBuilder::default().build();
        match self.docker.remove_volume(name, Some(options)).await.map_err(Error::from) {
            Err(Error::NotFound(_)) => Ok(()),
            other => other,
        }
    }
}
