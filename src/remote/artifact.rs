//! A project as an artifact in a registry: its manifest and its layers, as Docker Compose lays them out.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use crate::registry::manifest::{
    Descriptor, IMAGE_INDEX, IMAGE_MANIFEST, Index, Manifest, is_index,
};
use crate::registry::{self, RawManifest, Repository, sha256};

/// What an artifact is that is a project.
pub const PROJECT: &str = "application/vnd.docker.compose.project";
const FILE: &str = "application/vnd.docker.compose.file+yaml";
const ENV_FILE: &str = "application/vnd.docker.compose.envfile";
/// The configuration of an artifact where artifacts have no type of their own.
const OLD_CONFIG: &str = "application/vnd.docker.compose.config.empty.v1+json";
const EMPTY_CONFIG: &str = "application/vnd.oci.empty.v1+json";

const VERSION: &str = "com.docker.compose.version";
const NAME: &str = "com.docker.compose.file";
const ENV_NAME: &str = "com.docker.compose.envfile";
/// Marks a file that others extend.
const EXTENDS: &str = "com.docker.compose.extends";
const CREATED: &str = "org.opencontainers.image.created";

/// Bytes of the largest file of a project.
const LARGEST: usize = 64 << 20;
/// Files of a project at the most.
const MOST_FILES: usize = 1000;

/// Files by their names.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What is at a reference, and is no project that can be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Registry(#[from] registry::Error),
    #[error("it is not a Compose project, but `{0}`")]
    Other(String),
    #[error("the list of images has no Compose project")]
    NoProject,
    #[error("`{0}` is no name that a file of an artifact may have")]
    Name(String),
    #[error("it has more than {MOST_FILES} files")]
    Many,
    #[error("it has no Compose file")]
    Empty,
}

/// Fetches the files of a project.
pub(super) async fn fetch(of: &Repository<'_>, found: &RawManifest) -> Result<Files, Error> {
    let manifest = if is_index(&found.media_type) {
        let listed = found.index()?.manifests;
        // Of an application; the last one counts, as with the peer.
        let is_project = |it: &&Descriptor| it.artifact_type.as_deref() == Some(PROJECT);
        let index = found.index()?;
        let inner = listed.iter().rfind(is_project).cloned();
        let inner =
            inner.or(index.subject.filter(|it| it.artifact_type.as_deref() == Some(PROJECT)));
        of.manifest(&inner.ok_or(Error::NoProject)?.digest).await?.manifest()?
    } else {
        found.manifest()?
    };
    match &manifest.artifact_type {
        Some(kind) if kind == PROJECT => {}
        None if manifest.config.media_type == OLD_CONFIG => {}
        kind => {
            let kind = kind.as_deref().unwrap_or(&manifest.config.media_type);
            return Err(Error::Other(kind.to_owned()));
        }
    }
    if manifest.layers.len() > MOST_FILES {
        return Err(Error::Many);
    }
    let mut files = Files::new();
    for (number, layer) in manifest.layers.iter().enumerate() {
        let annotation = |name| layer.annotations.get(name).map(String::as_str);
        let name = match layer.media_type.as_str() {
            FILE if annotation(EXTENDS).is_none() => "compose.yaml",
            FILE => plain_name(annotation(NAME).unwrap_or_default())?,
            ENV_FILE => plain_name(annotation(ENV_NAME).unwrap_or_default())?,
            _ => continue,
        };
        let bytes = of.blob(layer, LARGEST).await?;
        let file = files.entry(name.to_owned()).or_default();
        if layer.media_type == FILE && number > 0 && annotation(NAME).is_some() {
            // Files that are laid over each other are documents of one.
            file.extend_from_slice(b"\n---\n");
        }
        file.extend_from_slice(&bytes);
        if file.len() > LARGEST {
            return Err(registry::Error::Untrusted("its files are too large".to_owned()).into());
        }
    }
    if !files.contains_key("compose.yaml") {
        return Err(Error::Empty);
    }
    Ok(files)
}

/// A name that leads out of no folder.
fn plain_name(name: &str) -> Result<&str, Error> {
    if name.is_empty() || name.contains(['/', '\\', '\0']) || matches!(name, "." | "..") {
        return Err(Error::Name(name.to_owned()));
    }
    Ok(name)
}

/// A part of a project to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    pub kind: LayerKind,
    /// The name of the file, without folders.
    pub name: String,
    pub content: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerKind {
    Compose,
    /// A file that others extend.
    Extended,
    Env,
}

impl Layer {
    fn descriptor(&self, version: &str) -> Descriptor {
        let (kind, name) = match self.kind {
            LayerKind::Compose | LayerKind::Extended => (FILE, NAME),
            LayerKind::Env => (ENV_FILE, ENV_NAME),
        };
        let mut annotations = BTreeMap::from([
            (VERSION.to_owned(), version.to_owned()),
            (name.to_owned(), self.name.clone()),
        ]);
        if self.kind == LayerKind::Extended {
            annotations.insert(EXTENDS.to_owned(), "true".to_owned());
        }
        Descriptor {
            media_type: kind.to_owned(),
            digest: sha256(&self.content),
            size: self.content.len() as u64,
            annotations,
            data: Some(BASE64_STANDARD.encode(&self.content)),
            ..Descriptor::default()
        }
    }
}

/// The form of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Without a type of artifacts.
    Old,
    New,
}

/// A project as it is published.
#[derive(Debug)]
pub struct Project<'a> {
    pub layers: &'a [Layer],
    /// Of Docker Compose, whose project this could be.
    pub version: &'a str,
    /// RFC 3339.
    pub created: String,
}

impl Project<'_> {
    fn manifest(&self, form: Form) -> Manifest {
        let config = match form {
            Form::Old => OLD_CONFIG,
            Form::New => EMPTY_CONFIG,
        };
        let content = b"{}";
        Manifest {
            schema_version: 2,
            media_type: IMAGE_MANIFEST.to_owned(),
            artifact_type: (form == Form::New).then(|| PROJECT.to_owned()),
            config: Descriptor {
                media_type: config.to_owned(),
                digest: sha256(content),
                size: content.len() as u64,
                data: Some(BASE64_STANDARD.encode(content)),
                ..Descriptor::default()
            },
            layers: self.layers.iter().map(|layer| layer.descriptor(self.version)).collect(),
            annotations: BTreeMap::from([(CREATED.to_owned(), self.created.clone())]),
        }
    }

    /// Publishes the project under a tag; without a form the new one is tried, then the old one. Gives
    /// what it is in the registry.
    ///
    /// # Errors
    /// Those of the registry.
    pub async fn push(
        &self,
        to: &Repository<'_>,
        tag: &str,
        form: Option<Form>,
    ) -> Result<Descriptor, registry::Error> {
        to.put_blob(&sha256(b"{}"), Bytes::from_static(b"{}")).await?;
        for layer in self.layers {
            to.put_blob(&sha256(&layer.content), Bytes::from(layer.content.clone())).await?;
        }
        match self.push_manifest(to, tag, form.unwrap_or(Form::New)).await {
            Err(registry::Error::Refused { status: 400..=499, .. }) if form.is_none() => {
                self.push_manifest(to, tag, Form::Old).await
            }
            other => other,
        }
    }

    async fn push_manifest(
        &self,
        to: &Repository<'_>,
        tag: &str,
        form: Form,
    ) -> Result<Descriptor, registry::Error> {
        let manifest = self.manifest(form);
        let bytes = json(&manifest)?;
        let descriptor = Descriptor {
            media_type: IMAGE_MANIFEST.to_owned(),
            digest: sha256(&bytes),
            size: bytes.len() as u64,
            annotations: BTreeMap::from([(VERSION.to_owned(), self.version.to_owned())]),
            artifact_type: manifest.artifact_type,
            ..Descriptor::default()
        };
        to.put_manifest(tag, IMAGE_MANIFEST, bytes).await?;
        Ok(descriptor)
    }

    /// Publishes the list of the images of a project, about the project that was published.
    ///
    /// # Errors
    /// Those of the registry.
    pub async fn push_index(
        &self,
        to: &Repository<'_>,
        project: Descriptor,
        images: Vec<Descriptor>,
    ) -> Result<(), registry::Error> {
        let index = Index {
            schema_version: 2,
            media_type: IMAGE_INDEX.to_owned(),
            manifests: images,
            subject: Some(project),
            annotations: BTreeMap::from([(VERSION.to_owned(), self.version.to_owned())]),
        };
        let bytes = json(&index)?;
        to.put_manifest(&sha256(&bytes), IMAGE_INDEX, bytes).await
    }
}

fn json(value: &impl serde::Serialize) -> Result<Bytes, registry::Error> {
    let bytes = serde_json::to_vec(value);
    bytes.map(Bytes::from).map_err(|error| registry::Error::Answer(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere() {
        for name in ["", ".", "..", "a/b", "../a", "/a", "a\\b", "a\0"] {
            assert!(plain_name(name).is_err(), "{name}");
        }
        assert_eq!(plain_name("0f.env").unwrap(), "0f.env");
    }

    #[test]
    fn manifests_are_laid_out_as_by_the_peer() {
        let layer =
            |kind, name: &str| Layer { kind, name: name.to_owned(), content: b"a: b\n".to_vec() };
        let layers = [
            layer(LayerKind::Compose, "compose.yaml"),
            layer(LayerKind::Extended, "0f.yaml"),
            layer(LayerKind::Env, "0f.env"),
        ];
        let created = "2026-01-02T03:04:05Z".to_owned();
        let project = Project { layers: &layers, version: "5.0.0", created };
        let manifest = project.manifest(Form::New);
        let text = serde_json::to_string(&manifest).unwrap();
        let start = concat!(
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","#,
            r#""artifactType":"application/vnd.docker.compose.project","config":{"#,
            r#""mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a"#,
        );
        assert!(text.starts_with(start), "{text}");
        let extended = concat!(
            r#""annotations":{"com.docker.compose.extends":"true","#,
            r#""com.docker.compose.file":"0f.yaml","com.docker.compose.version":"5.0.0"},"#,
            r#""data":"YTogYgo="}"#,
        );
        assert!(text.contains(extended), "{text}");
        assert!(text.contains(r#""com.docker.compose.envfile":"0f.env""#), "{text}");
        let old = project.manifest(Form::Old);
        assert_eq!(old.artifact_type, None);
        assert_eq!(old.config.media_type, OLD_CONFIG);
    }
}
