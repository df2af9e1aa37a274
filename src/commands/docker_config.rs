//! What the configuration of Docker's command line says of ours.
#![expect(clippy::disallowed_methods, reason = "the configuration is a file of the user's")]

use std::path::PathBuf;

use crate::env::Env;

/// A text of `config.json`, such as `detachKeys`; `None` if it is not set or cannot be read.
pub(super) fn text(env: &Env, name: &str) -> Option<String> {
    let folder = env
        .non_empty("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| env.home().map(|home| home.join(".docker")))?;
    let text = std::fs::read_to_string(folder.join("config.json")).ok()?;
    let config: serde_json::Value = serde_json::from_str(&text).ok()?;
    let value = config.get(name)?.as_str()?;
    (!value.is_empty()).then(|| value.to_owned())
}
