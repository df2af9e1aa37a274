//! Health, where engines leave it to others.

use std::collections::BTreeMap;

use hyper::Method;
use serde::Deserialize;

use crate::engine::connect::encode;
use crate::engine::error::Error;
use crate::engine::observe::nullable;
use crate::engine::{ContainerRow, Engine, quirks};
use crate::labels;

/// What the engine's own interface begins with; it has a version of its own.
pub(super) const OWN: &str = "/v4.0.0/libpod";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct RowAnswer {
    id: String,
    #[serde(deserialize_with = "nullable")]
    status: String,
}

impl Engine {
    /// Whether the engine may leave it to us to run health checks.
    #[must_use]
    pub fn leaves_health_checks(&self) -> bool {
        quirks::leaves_health_checks(self.facts())
    }

    /// Has the engine run a container's health check, and take note of how that went. A container that
    /// does not run or has no check is left alone.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn check_health(&self, id: &str) -> Result<(), Error> {
        let path = format!("{OWN}/containers/{id}/healthcheck");
        match self.transport.send(Method::GET, &path).await {
            Ok(_) | Err(Error::Conflict(_) | Error::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The containers of a project with their health as a part of their status, also where the engine's
    /// list says nothing of it.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn containers_with_health(&self, project: &str) -> Result<Vec<ContainerRow>, Error> {
        let mut rows = self.containers(project).await?;
        if !self.leaves_health_checks() || rows.is_empty() {
            return Ok(rows);
        }
        let label = format!("{}={project}", labels::PROJECT);
        let wanted = serde_json::json!({"label": [label]}).to_string();
        let path = format!("{OWN}/containers/json?all=true&filters={}", encode(&wanted));
        let answers: Vec<RowAnswer> = self.transport.list(&path).await?;
        let health: BTreeMap<String, String> =
            answers.into_iter().map(|answer| (answer.id, answer.status)).collect();
        for row in rows.iter_mut().filter(|row| row.state == "running") {
            let told = match health.get(&row.id).map_or("", String::as_str) {
                word @ ("healthy" | "unhealthy") => format!(" ({word})"),
                "starting" => " (health: starting)".to_owned(),
                _ => continue,
            };
            row.status.push_str(&told);
        }
        Ok(rows)
    }
}
