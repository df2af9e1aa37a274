//! Images made by the engine's builder.

use crate::engine::Engine;
use crate::engine::error::Error;
use crate::spec::BuildSpec;

impl Engine {
    /// Builds an image.
    ///
    /// # Errors
    /// Those of the builder.
    #[expect(clippy::unused_async, reason = "builders are asked over the network")]
    pub async fn build(&self, spec: &BuildSpec) -> Result<(), Error> {
        let message = format!("no builder is known yet that could build `{}`", spec.service);
        Err(Error::Refused { status: 0, message })
    }
}
