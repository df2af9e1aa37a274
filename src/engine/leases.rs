//! What is held by somebody, of all projects: it carries a label that says by whom.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::engine::Engine;
use crate::engine::error::Error;
use crate::engine::observe::{
    ContainerRow, NetworkAnswer, VolumesAnswer, filters, nullable, of_containers,
};
use crate::labels;
use crate::state::observed::{Network, Observed, Volume};

/// What one holder has of one project.
#[derive(Debug, Clone, Default)]
pub struct Leased {
    pub project: String,
    /// Who holds it, as the label says.
    pub lease: String,
    /// Its containers, networks and volumes.
    pub observed: Observed,
    /// Names of its images, or their IDs if they have none.
    pub images: BTreeSet<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct LeasedImage {
    id: String,
    #[serde(deserialize_with = "nullable")]
    repo_tags: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    labels: BTreeMap<String, String>,
}

impl LeasedImage {
    /// What is removed: names that were made of the project's, as those that files give stay; the ID if
    /// it has no name at all.
    fn references(&self, project: &str) -> Vec<String> {
        let is_own = |tag: &&String| {
            let name = tag.rsplit('/').next().unwrap_or(tag);
            let rest = name.strip_prefix(project);
            rest.is_some_and(|rest| rest.starts_with(['-', '_']))
        };
        let mut named = self.repo_tags.iter().filter(|tag| *tag != "<none>:<none>").peekable();
        match named.peek() {
            Some(_) => named.filter(is_own).cloned().collect(),
            None => vec![self.id.clone()],
        }
    }
}

impl Engine {
    /// All that is held by somebody, by project and holder.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn leased(&self) -> Result<Vec<Leased>, Error> {
        let labelled = |label: &str| filters(&serde_json::json!({ "label": [label] }));
        let (held, held_images) = (labelled(labels::LEASE), labelled(labels::IMAGE_LEASE));
        let engine = &self.transport;
        let mut containers: Vec<ContainerRow> =
            engine.list(&format!("/containers/json?all=1&{held}")).await?;
        let copies: Vec<LeasedImage> = engine.get(&format!("/images/json?{held}")).await?;
        let networks: Vec<NetworkAnswer> = engine.get("/networks").await?;
        let volumes: VolumesAnswer = engine.get(&format!("/volumes?{held}")).await?;
        let images: Vec<LeasedImage> = engine.get(&format!("/images/json?{held_images}")).await?;
        // An image that was made of a container has its labels, and so has what is made of the image.
        containers.retain(|row| {
            !copies.iter().any(|image| {
                image.id == row.image_id
                    && image.labels.get(labels::LEASE) == row.labels.get(labels::LEASE)
            })
        });
        Ok(sorted(containers, networks, volumes, &images))
    }
}

fn sorted(
    containers: Vec<ContainerRow>,
    networks: Vec<NetworkAnswer>,
    volumes: VolumesAnswer,
    images: &[LeasedImage],
) -> Vec<Leased> {
    let key = |labels: &BTreeMap<String, String>, lease: &str| {
        Some((labels.get(labels::PROJECT)?.clone(), labels.get(lease)?.clone()))
    };
    let mut all: BTreeMap<(String, String), Leased> = BTreeMap::new();
    let mut rows: BTreeMap<(String, String), Vec<ContainerRow>> = BTreeMap::new();
    for row in containers {
        if let Some(key) = key(&row.labels, labels::LEASE) {
            rows.entry(key).or_default().push(row);
        }
    }
    for (key, rows) in rows {
        all.entry(key).or_default().observed = of_containers(&rows);
    }
    for it in networks {
        if let Some(key) = key(&it.labels, labels::LEASE) {
            let network = Network { id: it.id, name: it.name, labels: it.labels };
            all.entry(key).or_default().observed.networks.push(network);
        }
    }
    for it in volumes.volumes {
        if let Some(key) = key(&it.labels, labels::LEASE) {
            let volume = Volume { name: it.name, labels: it.labels };
            all.entry(key).or_default().observed.volumes.push(volume);
        }
    }
    for image in images {
        if let Some(key) = key(&image.labels, labels::IMAGE_LEASE) {
            let references = image.references(&key.0);
            if !references.is_empty() {
                all.entry(key).or_default().images.extend(references);
            }
        }
    }
    let named = all.into_iter().map(|((project, lease), it)| Leased { project, lease, ..it });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images_that_are_removed() {
        let check = |tags: &[&str], want: &[&str]| {
            let repo_tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
            let image =
                LeasedImage { id: "sha256:1".to_owned(), repo_tags, ..LeasedImage::default() };
            assert_eq!(image.references("p-ci-1"), want);
        };
        check(&["p-ci-1-web:latest"], &["p-ci-1-web:latest"]);
        check(&["localhost/p-ci-1_web:latest", "x:1"], &["localhost/p-ci-1_web:latest"]);
        check(&["x:1", "p-ci-12-web:latest"], &[]);
        check(&[], &["sha256:1"]);
        check(&["<none>:<none>"], &["sha256:1"]);
    }

    #[test]
    fn what_is_held_is_sorted_by_project_and_holder() {
        let labels = |project: &str, lease: &str| {
            let all =
                [(labels::PROJECT, project), (labels::LEASE, lease), (labels::CONFIG_HASH, "x")];
            all.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
        };
        let container = |labels| ContainerRow {
            labels,
            names: vec!["/c".to_owned()],
            ..ContainerRow::default()
        };
        let containers = vec![container(labels("b", "1")), container(labels("a", "2"))];
        let network = |name: &str, labels| NetworkAnswer {
            id: String::new(),
            name: name.to_owned(),
            created: String::new(),
            labels,
        };
        let networks = vec![network("one", labels("a", "1")), network("other", BTreeMap::new())];
        let all = sorted(containers, networks, VolumesAnswer::default(), &[]);
        let told = all.iter().map(|it| {
            let Observed { containers, networks, .. } = &it.observed;
            format!("{} {} {} {}", it.project, it.lease, containers.len(), networks.len())
        });
        assert_eq!(told.collect::<Vec<_>>(), ["a 1 0 1", "a 2 1 0", "b 1 1 0"]);
    }
}
