//! Requests about images.

use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt as _;

use crate::engine::Engine;
use crate::engine::error::Error;

impl Engine {
    /// Pulls an image without credentials.
    ///
    /// # Errors
    /// Those of the engine and, through it, of the registry, whichever way they arrive.
    pub async fn pull(&self, reference: &str, platform: Option<&str>) -> Result<(), Error> {
        let (name, tag) = split_reference(reference);
        let mut options = CreateImageOptionsBuilder::default().from_image(name).tag(tag);
        if let Some(platform) = platform {
            options = options.platform(platform);
        }
        let mut progress = self.docker.create_image(Some(options.build()), None, None);
        while let Some(line) = progress.next().await {
            let line = line?;
            if let Some(detail) = line.error_detail {
                let message = detail.message.unwrap_or_else(|| "the pull failed".to_owned());
                return Err(Error::Refused { status: 200, message });
            }
        }
        Ok(())
    }
}

/// A reference as name and tag or digest; no tag means `latest`.
fn split_reference(reference: &str) -> (&str, &str) {
    if let Some((name, digest)) = reference.split_once('@') {
        return (name, digest);
    }
    let last = reference.rfind('/').map_or(0, |at| at + 1);
    match reference[last..].rfind(':') {
        Some(colon) => (&reference[..last + colon], &reference[last + colon + 1..]),
        None => (reference, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        assert_eq!(split_reference("nginx"), ("nginx", "latest"));
        assert_eq!(split_reference("nginx:1"), ("nginx", "1"));
        assert_eq!(split_reference("localhost:5000/a/b"), ("localhost:5000/a/b", "latest"));
        assert_eq!(split_reference("localhost:5000/a:2"), ("localhost:5000/a", "2"));
        assert_eq!(split_reference("a@sha256:1"), ("a", "sha256:1"));
    }
}
