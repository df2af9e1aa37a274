//! Looking at what is there.

use std::collections::BTreeMap;

use futures_util::future::{self, join_all};
use serde::{Deserialize, Deserializer};

use crate::engine::Engine;
use crate::engine::connect::encode;
use crate::engine::error::Error;
use crate::engine::images::ImageMetadata;
use crate::labels;
use crate::state::observed::{Container, HostPort, Image, Mount, Network, Observed, State, Volume};
use crate::state::platform::Platform;

/// A container as engines list it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerRow {
    pub id: String,
    #[serde(deserialize_with = "nullable")]
    pub names: Vec<String>,
    pub image: String,
    #[serde(rename = "ImageID")]
    pub image_id: String,
    pub command: String,
    /// Seconds since 1970.
    pub created: i64,
    #[serde(deserialize_with = "nullable")]
    pub ports: Vec<PortRow>,
    #[serde(deserialize_with = "nullable")]
    pub labels: BTreeMap<String, String>,
    /// One word, such as `running`.
    #[serde(deserialize_with = "state_word")]
    pub state: String,
    /// For people, such as `Up 5 seconds (healthy)`.
    pub status: String,
    #[serde(deserialize_with = "nullable")]
    pub network_settings: NetworksRow,
    #[serde(deserialize_with = "nullable")]
    pub host_config: HostRow,
    #[serde(deserialize_with = "nullable")]
    pub mounts: Vec<MountRow>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default)]
pub struct PortRow {
    #[serde(rename = "IP")]
    pub ip: String,
    #[serde(rename = "PrivatePort")]
    pub private: u16,
    #[serde(rename = "PublicPort")]
    pub public: u16,
    #[serde(rename = "Type")]
    pub protocol: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworksRow {
    #[serde(deserialize_with = "nullable")]
    pub networks: BTreeMap<String, NetworkRow>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NetworkRow {
    #[serde(rename = "NetworkID")]
    pub id: String,
    /// Empty if the container has none there.
    #[serde(rename = "IPAddress")]
    pub address: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostRow {
    /// `host`, `none`, `container:ID`, or the name of a network.
    pub network_mode: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MountRow {
    #[serde(rename = "Type")]
    pub kind: String,
    pub name: String,
    pub source: String,
    pub destination: String,
    pub driver: String,
    #[serde(rename = "RW")]
    pub writable: bool,
}

impl ContainerRow {
    /// The name without the slash that engines put before it.
    #[must_use]
    pub fn name(&self) -> &str {
        // Links add names with two slashes; the container's own has one.
        let own = self.names.iter().find(|name| !name.trim_start_matches('/').contains('/'));
        own.or(self.names.first()).map_or("", |name| name.trim_start_matches('/'))
    }

    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    #[must_use]
    pub fn is_one_off(&self) -> bool {
        self.label(labels::ONE_OFF) == "True"
    }
}

impl From<&PortRow> for HostPort {
    fn from(row: &PortRow) -> Self {
        Self { address: row.ip.clone(), port: row.public, protocol: row.protocol.clone() }
    }
}

impl From<&ContainerRow> for Container {
    fn from(row: &ContainerRow) -> Self {
        let networks = &row.network_settings.networks;
        Self {
            id: row.id.clone(),
            name: row.name().to_owned(),
            service: row.label(labels::SERVICE).to_owned(),
            number: row.label(labels::CONTAINER_NUMBER).parse().ok(),
            one_off: row.is_one_off(),
            state: State::parse(&row.state),
            config_hash: row.label(labels::CONFIG_HASH).to_owned(),
            image: row.label(labels::IMAGE).to_owned(),
            networks: networks
                .iter()
                .flat_map(|(name, network)| [name.clone(), network.id.clone()])
                .filter(|name| !name.is_empty())
                .collect(),
            mounts: row
                .mounts
                .iter()
                .map(|mount| Mount {
                    volume: (mount.kind == "volume").then(|| mount.name.clone()),
                    target: mount.destination.clone(),
                    read_only: !mount.writable,
                })
                .collect(),
            ports: row.ports.iter().filter(|it| it.public != 0).map(HostPort::from).collect(),
            depends_on: labels::read_depends_on(row.label(labels::DEPENDS_ON)),
        }
    }
}

/// A project as `ls` shows it: from the labels of its containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRow {
    pub name: String,
    /// The files that its containers were made from; `None` if one of them does not say.
    pub config_files: Option<Vec<String>>,
    /// The state of each container.
    pub states: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct NetworkAnswer {
    #[serde(rename = "Id", default)]
    pub(super) id: String,
    #[serde(rename = "Name", default)]
    pub(super) name: String,
    /// A time that sorts as text.
    #[serde(rename = "Created", default)]
    pub(super) created: String,
    #[serde(rename = "Labels", default, deserialize_with = "nullable")]
    pub(super) labels: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VolumesAnswer {
    #[serde(default, deserialize_with = "nullable")]
    pub(super) volumes: Vec<VolumeRow>,
}

/// A volume as engines list it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VolumeRow {
    pub name: String,
    #[serde(default)]
    pub driver: String,
    #[serde(default)]
    pub mountpoint: String,
    #[serde(default)]
    pub scope: String,
    #[serde(default, deserialize_with = "nullable")]
    pub labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ImageAnswer {
    id: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: String,
    #[serde(default, deserialize_with = "nullable")]
    metadata: ImageMetadata,
    #[serde(default, deserialize_with = "nullable")]
    config: ImageConfigAnswer,
    /// What is in it, from engines that keep several images under one name.
    #[serde(default, deserialize_with = "nullable")]
    manifests: Vec<ManifestAnswer>,
}

/// One image of several, or something that is said of one.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ManifestAnswer {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default)]
    available: bool,
    #[serde(default)]
    kind: String,
    #[serde(default, deserialize_with = "nullable")]
    image_data: ManifestImageAnswer,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ManifestImageAnswer {
    #[serde(default, deserialize_with = "nullable")]
    platform: PlatformAnswer,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PlatformAnswer {
    os: String,
    architecture: String,
    variant: String,
}

impl From<ImageAnswer> for Image {
    /// The ID is that of what runs, not of the index above it, which is another one after each build
    /// that says when and by what it was made.
    fn from(answer: ImageAnswer) -> Self {
        let usual = Platform::new(&answer.os, &answer.architecture, &answer.variant);
        let parts = answer.manifests.iter().filter(|it| it.available && it.kind == "image");
        let parts = parts.map(|part| {
            let PlatformAnswer { os, architecture, variant } = &part.image_data.platform;
            let told = !os.is_empty();
            let own = Platform::new(os, architecture, variant);
            (part.id.as_str(), if told { own } else { usual.clone() })
        });
        let parts: Vec<(&str, Platform)> = parts.collect();
        let of_usual = parts.iter().find(|(_, platform)| *platform == usual);
        let id = match (&parts[..], of_usual) {
            (_, Some((id, _))) | ([(id, _)], None) => (*id).to_owned(),
            _ => answer.id,
        };
        let mut platforms: Vec<Platform> = parts.into_iter().map(|(_, it)| it).collect();
        if platforms.is_empty() && !usual.os.is_empty() {
            platforms.push(usual);
        }
        Self {
            id,
            platforms,
            tagged: answer.metadata.tagged(),
            volumes: answer.config.volumes.into_keys().collect(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ImageConfigAnswer {
    #[serde(default, deserialize_with = "nullable")]
    volumes: BTreeMap<String, serde_json::Value>,
}

/// The word for a state that all engines would use: one of them has some of its own.
pub(super) fn state_word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let word: String = Option::deserialize(deserializer)?.unwrap_or_default();
    Ok(match &*word {
        "configured" | "initialized" => "created".to_owned(),
        "stopped" => "exited".to_owned(),
        "stopping" => "running".to_owned(),
        _ => word,
    })
}

/// Engines write null for an empty collection.
pub(super) fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The `filters` of a list, as a part of a query.
pub(super) fn filters(filters: &serde_json::Value) -> String {
    format!("filters={}", encode(&filters.to_string()))
}

fn of_project(project: &str) -> String {
    format!("{}={project}", labels::PROJECT)
}

fn image_path(reference: &str) -> String {
    format!("/images/{}/json", encode(reference).replace("%2F", "/").replace("%3A", ":"))
}

pub(super) fn of_containers(rows: &[ContainerRow]) -> Observed {
    let of_label = |label: &str| {
        let rows = rows.iter().filter(|row| row.labels.contains_key(label));
        rows.map(Container::from).collect()
    };
    Observed {
        containers: of_label(labels::CONFIG_HASH),
        hooks: of_label(labels::HOOK),
        ..Observed::default()
    }
}

impl Engine {
    /// The containers of a project that Docker Compose knows too, stopped ones included.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn containers(&self, project: &str) -> Result<Vec<ContainerRow>, Error> {
        let wanted = serde_json::json!({"label": [of_project(project), labels::CONFIG_HASH]});
        self.transport.list(&format!("/containers/json?all=1&{}", filters(&wanted))).await
    }

    /// The volumes of a project, by name.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn volume_rows(&self, project: &str) -> Result<Vec<VolumeRow>, Error> {
        let wanted = serde_json::json!({"label": [of_project(project)]});
        let path = format!("/volumes?{}", filters(&wanted));
        let mut answer: VolumesAnswer = self.transport.get(&path).await?;
        answer.volumes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(answer.volumes)
    }

    /// As [`Engine::containers`], with those of hooks, and others that carry the project's name.
    async fn all_containers(&self, project: &str) -> Result<Vec<ContainerRow>, Error> {
        let wanted = serde_json::json!({"label": [of_project(project)]});
        self.transport.list(&format!("/containers/json?all=1&{}", filters(&wanted))).await
    }

    /// All projects, by name.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn projects(&self) -> Result<Vec<ProjectRow>, Error> {
        let wanted = serde_json::json!({"label": [labels::PROJECT, labels::CONFIG_HASH]});
        let path = format!("/containers/json?all=1&{}", filters(&wanted));
        let rows: Vec<ContainerRow> = self.transport.list(&path).await?;
        let mut projects: BTreeMap<String, ProjectRow> = BTreeMap::new();
        for row in rows {
            let name = row.label(labels::PROJECT).to_owned();
            let project = projects.entry(name.clone()).or_insert_with(|| ProjectRow {
                name,
                config_files: Some(Vec::new()),
                states: Vec::new(),
            });
            match (row.labels.get(labels::CONFIG_FILES), &mut project.config_files) {
                (Some(files), Some(known)) => {
                    for file in files.split(',') {
                        if !known.iter().any(|it| it == file) {
                            known.push(file.to_owned());
                        }
                    }
                }
                _ => project.config_files = None,
            }
            project.states.push(row.state);
        }
        Ok(projects.into_values().collect())
    }

    /// One snapshot of a project: its containers, networks and volumes, and the named resources and
    /// images that it may share with others.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn observe(
        &self,
        project: &str,
        networks: &[&str],
        volumes: &[&str],
        images: &[&str],
    ) -> Result<Observed, Error> {
        let (containers, known_networks, known_volumes, known_images) = future::join4(
            self.all_containers(project),
            self.networks(project, networks),
            self.volumes(project, volumes),
            join_all(images.iter().map(|image| self.image(image))),
        )
        .await;
        let mut known = BTreeMap::new();
        for (image, id) in images.iter().zip(known_images) {
            known.insert((*image).to_owned(), id?);
        }
        Ok(Observed {
            networks: known_networks?,
            volumes: known_volumes?,
            images: known,
            ..of_containers(&containers?)
        })
    }

    /// The containers of a project alone, which is all that most commands need.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn observe_containers(&self, project: &str) -> Result<Observed, Error> {
        Ok(of_containers(&self.all_containers(project).await?))
    }

    /// Networks of the project, and others with one of `names`.
    async fn networks(&self, project: &str, names: &[&str]) -> Result<Vec<Network>, Error> {
        let all: Vec<NetworkAnswer> = self.transport.get("/networks").await?;
        Ok(all
            .into_iter()
            .filter(|network| {
                network.labels.get(labels::PROJECT).is_some_and(|owner| owner == project)
                    || names.contains(&network.name.as_str())
                    || names.contains(&network.id.as_str())
            })
            .map(|network| Network { id: network.id, name: network.name, labels: network.labels })
            .collect())
    }

    /// Volumes of the project, and others with one of `names`.
    async fn volumes(&self, project: &str, names: &[&str]) -> Result<Vec<Volume>, Error> {
        let all: VolumesAnswer = self.transport.get("/volumes").await?;
        Ok(all
            .volumes
            .into_iter()
            .filter(|volume| {
                volume.labels.get(labels::PROJECT).is_some_and(|owner| owner == project)
                    || names.contains(&volume.name.as_str())
            })
            .map(|volume| Volume { name: volume.name, labels: volume.labels })
            .collect())
    }

    /// All that the engine tells of an image, in its own words, if it is there.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn describe_image(
        &self,
        reference: &str,
    ) -> Result<Option<serde_json::Value>, Error> {
        match self.transport.get(&image_path(reference)).await {
            Ok(image) => Ok(Some(image)),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The image that a reference stands for, if it is there.
    async fn image(&self, reference: &str) -> Result<Option<Image>, Error> {
        // Engines that keep one image under a name know of no manifests, and say nothing of them.
        let path = format!("{}?manifests=1", image_path(reference));
        match self.transport.get::<ImageAnswer>(&path).await {
            Ok(image) => Ok(Some(image.into())),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn image(answer: &serde_json::Value) -> (String, String, bool) {
        let answer: ImageAnswer = serde_json::from_value(answer.clone()).unwrap();
        let image = Image::from(answer);
        let platforms: Vec<String> = image.platforms.iter().map(ToString::to_string).collect();
        (image.id, platforms.join(" "), image.tagged.is_some())
    }

    #[test]
    fn images_are_known_by_what_runs() {
        let mut answer = serde_json::json!({
            "Id": "sha256:index", "Os": "linux", "Architecture": "arm64", "Variant": "v8",
            "Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"}, "Config": null,
        });
        let text = str::to_owned;
        assert_eq!(image(&answer), (text("sha256:index"), text("linux/arm64"), false));
        let part = |id: &str, kind: &str, available: bool, platform: serde_json::Value| {
            serde_json::json!({
                "ID": id, "Kind": kind, "Available": available, "ImageData": platform,
            })
        };
        let amd64 = serde_json::json!({"Platform": {"os": "linux", "architecture": "amd64"}});
        let arm64 = serde_json::json!({"Platform": {"os": "linux", "architecture": "arm64"}});
        answer["Manifests"] = serde_json::json!([
            part("sha256:said", "attestation", true, serde_json::Value::Null),
            part("sha256:amd64", "image", false, amd64.clone()),
            part("sha256:only", "image", true, serde_json::Value::Null),
        ]);
        assert_eq!(image(&answer), (text("sha256:only"), text("linux/arm64"), false));
        answer["Metadata"]["LastTagTime"] = serde_json::json!("2024-05-01T10:00:00.5Z");
        answer["Manifests"] = serde_json::json!([
            part("sha256:amd64", "image", true, amd64),
            part("sha256:arm64", "image", true, arm64),
        ]);
        let both = text("linux/amd64 linux/arm64");
        assert_eq!(image(&answer), (text("sha256:arm64"), both.clone(), true));
        answer["Architecture"] = serde_json::json!("riscv64");
        assert_eq!(image(&answer), (text("sha256:index"), both, true));
    }
}
