//! What happens to the containers of a project, as it happens.

use std::collections::BTreeMap;

use hyper::Method;
use jiff::Timestamp;
use serde::Deserialize;

use crate::engine::Engine;
use crate::engine::connect::encode;
use crate::engine::error::Error;
use crate::engine::lines::Lines;
use crate::labels;

/// Something that happened to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEvent {
    /// The engine's word: `start`, `die`, `health_status` …
    pub action: String,
    /// All that it says, such as `exec_start: sh -c true`.
    pub said: String,
    /// `healthy` and the like, for `health_status`; `None` if the engine does not say.
    pub health: Option<String>,
    /// The container.
    pub id: String,
    pub attributes: BTreeMap<String, String>,
    /// When, by the engine's clock.
    pub time: Timestamp,
}

/// A live stream of events.
pub struct Events {
    lines: Lines,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Action", default)]
    action: String,
    #[serde(rename = "Actor", default)]
    actor: Actor,
    #[serde(rename = "timeNano", default)]
    nanoseconds: i64,
    #[serde(rename = "HealthStatus")]
    health: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Actor {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Attributes")]
    attributes: Option<BTreeMap<String, String>>,
}

impl Engine {
    /// Listens to the containers of a project.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn events(&self, project: &str) -> Result<Events, Error> {
        self.events_between(project, None, None).await
    }

    /// As [`Engine::events`], with what happened `since` then; the stream ends when it is `until`.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn events_between(
        &self,
        project: &str,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Events, Error> {
        let filters = serde_json::json!({
            "type": ["container"],
            "label": [format!("{}={project}", labels::PROJECT)],
        });
        let mut path = format!("/events?filters={}", encode(&filters.to_string()));
        for (name, time) in [("since", since), ("until", until)] {
            if let Some(time) = time {
                // Nothing happened before 1970, which is as far back as engines count.
                let time = time.max(Timestamp::UNIX_EPOCH);
                let (seconds, rest) = (time.as_second(), time.subsec_nanosecond());
                path = format!("{path}&{name}={seconds}.{rest:09}");
            }
        }
        let answer = self.transport.send(Method::GET, &path).await?;
        Ok(Events { lines: Lines::of(answer) })
    }
}

/// What changes the addresses of running containers, in the words of all engines. What always comes with
/// one of these is left out, as each has whoever listens look anew.
const CHANGES: [&str; 8] =
    ["connect", "die", "died", "disconnect", "pause", "restart", "start", "unpause"];

impl Engine {
    /// Listens to whatever changes the addresses of containers of any project.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn changes(&self) -> Result<Events, Error> {
        // What comes and goes on networks carries no labels.
        let filters = serde_json::json!({"type": ["container", "network"], "event": CHANGES});
        let path = format!("/events?filters={}", encode(&filters.to_string()));
        let answer = self.transport.send(Method::GET, &path).await?;
        Ok(Events { lines: Lines::of(answer) })
    }
}

impl Events {
    /// Waits for the next event; `None` when the stream ends.
    ///
    /// Nothing is lost if this is dropped while it waits.
    ///
    /// # Errors
    /// A broken connection.
    pub async fn next(&mut self) -> Result<Option<EngineEvent>, Error> {
        while let Some(line) = self.lines.next().await? {
            // A line that is no event we know is none of ours.
            if let Ok(answer) = serde_json::from_slice::<Answer>(&line) {
                return Ok(Some(answer.into()));
            }
        }
        Ok(None)
    }
}

impl From<Answer> for EngineEvent {
    fn from(answer: Answer) -> Self {
        let said = answer.action.clone();
        let (action, told) = match answer.action.split_once(": ") {
            Some((action, health)) => (action.to_owned(), Some(health.to_owned())),
            None => (answer.action, None),
        };
        let health = (action == "health_status").then(|| told.or(answer.health)).flatten();
        Self {
            action,
            said,
            health,
            id: answer.actor.id,
            attributes: answer.actor.attributes.unwrap_or_default(),
            time: Timestamp::from_nanosecond(answer.nanoseconds.into()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_read_from_either_engine() {
        let read = |text: &str| EngineEvent::from(serde_json::from_str::<Answer>(text).unwrap());
        let docker =
            read(r#"{"Action":"health_status: healthy","Actor":{"ID":"a","Attributes":null}}"#);
        assert_eq!(
            (docker.action.as_str(), docker.health.as_deref()),
            ("health_status", Some("healthy"))
        );
        let podman =
            read(r#"{"Action":"health_status","HealthStatus":"unhealthy","Actor":{"ID":"a"}}"#);
        assert_eq!(podman.health.as_deref(), Some("unhealthy"));
        let command = read(r#"{"Action":"exec_create: sh -c true","Actor":{"ID":"a"}}"#);
        assert_eq!((command.action.as_str(), command.health), ("exec_create", None));
    }
}
