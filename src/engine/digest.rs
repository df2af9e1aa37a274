//! What a tag stands for at its registry, as the engine finds it out.

use serde::Deserialize;

use crate::engine::Engine;
use crate::engine::connect::encode;
use crate::engine::error::Error;
use crate::reference::Reference;

/// What is told of an image that need not be here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Distribution {
    descriptor: Descriptor,
}

#[derive(Debug, Deserialize)]
struct Descriptor {
    digest: String,
}

impl Engine {
    /// The digest of a reference. `auth` is a login as engines are told it. Ask
    /// [`tells_digests`](crate::engine::quirks::tells_digests) whether this engine can do that.
    ///
    /// # Errors
    /// Those of the engine and, through it, of the registry.
    pub async fn digest(&self, of: &Reference, auth: Option<&str>) -> Result<String, Error> {
        let name = encode(&of.whole()).replace("%2F", "/").replace("%3A", ":");
        let path = format!("/distribution/{name}/json");
        let found: Distribution = self.transport.get_as(&path, auth).await?;
        Ok(found.descriptor.digest)
    }
}
