//! What the configuration of Docker's command line says of ours.
#![expect(clippy::disallowed_methods, reason = "the configuration is a file of the user's")]

use std::path::PathBuf;

use crate::env::Env;

/// The folder of the configuration.
pub(super) fn folder(env: &Env) -> Option<PathBuf> {
    let named = env.non_empty("DOCKER_CONFIG").map(PathBuf::from);
    named.or_else(|| env.home().map(|home| home.join(".docker")))
}

fn read(env: &Env) -> Option<serde_json::Value> {
    let text = std::fs::read_to_string(folder(env)?.join("config.json")).ok()?;
    serde_json::from_str(&text).ok()
}

/// The logins at registries, as a configuration that has nothing else.
pub(super) fn logins(env: &Env) -> String {
    let auths = read(env).and_then(|config| config.get("auths").cloned());
    let auths = auths.unwrap_or_else(|| serde_json::json!({}));
    serde_json::json!({ "auths": auths }).to_string()
}
