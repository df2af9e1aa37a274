//! Commands run in containers that are there.

use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::json;

use crate::engine::Engine;
use crate::engine::error::Error;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Made {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    exit_code: Option<i64>,
}

impl Engine {
    /// Runs a command in a container to its end, as the container's own user and in its environment;
    /// gives the exit code. What it writes is dropped.
    ///
    /// # Errors
    /// Those of the engine; a container that does not run is one of them.
    pub async fn exec(&self, id: &str, command: &[String]) -> Result<i64, Error> {
        // Its end is seen by that of its output.
        let wanted = json!({ "AttachStdout": true, "AttachStderr": true, "Cmd": command });
        let made: Made = self.transport.post(&format!("/containers/{id}/exec"), &wanted).await?;
        let path = format!("/exec/{}", made.id);
        let how = json!({ "Detach": false, "Tty": false });
        let mut output = self.transport.stream(&format!("{path}/start"), &how).await?.into_body();
        while let Some(frame) = output.frame().await {
            frame.map_err(|error| Error::Answer(error.to_string()))?;
        }
        let state: State = self.transport.get(&format!("{path}/json")).await?;
        Ok(state.exit_code.unwrap_or_default())
    }
}
