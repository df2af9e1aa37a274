//! Requests about images.

use std::collections::BTreeMap;

use hyper::Method;
use jiff::Timestamp;
use serde::Deserialize;

use crate::engine::Engine;
use crate::engine::connect::encode;
use crate::engine::error::Error;
use crate::engine::observe::nullable;
use crate::labels;
use crate::reference::DEFAULT_REGISTRY;

/// What is known of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageRow {
    pub id: String,
    pub architecture: String,
    pub os: String,
    pub variant: String,
    pub size: i64,
    pub created: String,
    #[serde(deserialize_with = "nullable")]
    pub metadata: ImageMetadata,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageMetadata {
    pub last_tag_time: String,
}

impl ImageMetadata {
    /// When the image was given its name here; engines write the year 1 if they do not know.
    pub(super) fn tagged(&self) -> Option<Timestamp> {
        let tagged: Option<Timestamp> = self.last_tag_time.parse().ok();
        tagged.filter(|time| *time > Timestamp::UNIX_EPOCH)
    }
}

impl ImageRow {
    /// When it was given its name here; else when it was made.
    #[must_use]
    pub fn tagged(&self) -> Option<Timestamp> {
        self.metadata.tagged().or_else(|| self.created.parse().ok())
    }

    /// `linux/arm64/v8`.
    #[must_use]
    pub fn platform(&self) -> String {
        let parts = [&self.os, &self.architecture, &self.variant].map(String::as_str);
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("/")
    }
}

impl Engine {
    /// What is known of an image.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn image_row(&self, reference: &str) -> Result<ImageRow, Error> {
        let name = encode(reference).replace("%2F", "/").replace("%3A", ":");
        self.transport.get(&format!("/images/{name}/json")).await
    }
}

/// Tags and labels of an image.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TaggedImage {
    #[serde(deserialize_with = "nullable")]
    pub repo_tags: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub labels: BTreeMap<String, String>,
}

impl Engine {
    /// The images that were built for a project, as their labels say, and have a name.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn built_images(&self, project: &str) -> Result<Vec<TaggedImage>, Error> {
        let label = format!("{}={project}", labels::PROJECT);
        let filters = serde_json::json!({"label": [label], "dangling": ["false"]});
        self.transport.get(&format!("/images/json?filters={}", encode(&filters.to_string()))).await
    }

    /// Removes an image, by its ID, if it has no name and nobody uses it.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn remove_nameless_image(&self, id: &str) -> Result<(), Error> {
        let image = self.transport.get(&format!("/images/{}/json", encode(id))).await;
        let image: TaggedImage = match image {
            Err(Error::NotFound(_)) => return Ok(()),
            other => other?,
        };
        if !image.repo_tags.is_empty() {
            return Ok(());
        }
        match self.remove_image(id).await {
            Err(Error::Conflict(_)) => Ok(()),
            other => other,
        }
    }

    /// Removes the name of an image, and the image if it has no other.
    ///
    /// # Errors
    /// Those of the engine; an image that is gone is fine.
    pub async fn remove_image(&self, reference: &str) -> Result<(), Error> {
        let name = encode(reference).replace("%2F", "/").replace("%3A", ":");
        match self.transport.send(Method::DELETE, &format!("/images/{name}")).await {
            Err(Error::NotFound(_)) => Ok(()),
            other => other.map(drop),
        }
    }
}

/// A reference as people see it: the name without what all have, and the tag. Nothing for what is an ID
/// and no name.
#[must_use]
pub fn familiar(reference: &str) -> (&str, &str) {
    let hash = reference.strip_prefix("sha256:").unwrap_or(reference);
    if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return ("", "");
    }
    let (name, tag) = match reference.split_once('@') {
        // The digest says more than a tag beside it.
        Some((name, _)) => (split_reference(name).0, ""),
        None => split_reference(reference),
    };
    (short(name), tag)
}

/// A name without the registry that needs no name, and without the folder of official images.
pub(super) fn short(name: &str) -> &str {
    let name = match name.split_once('/') {
        Some((first, rest)) if first.trim_start_matches("index.") == DEFAULT_REGISTRY => rest,
        _ => name,
    };
    name.strip_prefix("library/").unwrap_or(name)
}

/// A reference as name and tag or digest; no tag means `latest`.
#[must_use]
pub fn split_reference(reference: &str) -> (&str, &str) {
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
        let official = format!("{DEFAULT_REGISTRY}/library/nginx");
        assert_eq!(familiar(&official), ("nginx", "latest"));
        assert_eq!(
            familiar("registry.example/library/a"),
            ("registry.example/library/a", "latest")
        );
        assert_eq!(familiar("localhost/a:2"), ("localhost/a", "2"));
        assert_eq!(familiar("a:1@sha256:1"), ("a", ""));
        assert_eq!(familiar(&"0f".repeat(32)), ("", ""));
    }
}
