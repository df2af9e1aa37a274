//! What goes wrong with registries, split by what a user can do about it.

use std::time::Duration;

/// Why a registry did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the registry `{registry}` cannot be reached: {why}")]
    Unreachable { registry: String, why: String },
    #[error("the registry `{registry}` does not answer within {} s", limit.as_secs())]
    Timeout { registry: String, limit: Duration },
    /// Nobody is let in, or nobody who has not logged in.
    #[error("the registry `{registry}` denies access to `{repository}`: {message}")]
    Denied { registry: String, repository: String, message: String, has_login: bool },
    #[error("the registry has no `{0}`")]
    NotFound(String),
    /// Any other refusal.
    #[error("the registry answers {status}: {message}")]
    Refused { status: u16, message: String },
    /// Content that is not what its digest says, or far larger than it may be.
    #[error("the registry's answer cannot be trusted: {0}")]
    Untrusted(String),
    #[error("the registry's answer cannot be read: {0}")]
    Answer(String),
}

impl Error {
    /// What to do about it, if that is known.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Denied { registry, has_login: false, .. } => {
                Some(format!("log in first: `docker login {registry}`"))
            }
            Self::Denied { registry, has_login: true, .. } => Some(format!(
                "the login for `{registry}` has no right to do that, or has run out: log in again with \
                 `docker login {registry}`"
            )),
            Self::Unreachable { why, .. } if why.contains("certificate") => Some(
                "have the system trust the authority that signed the registry's certificate, or name \
                 its file in SSL_CERT_FILE"
                    .to_owned(),
            ),
            Self::Unreachable { .. } | Self::Timeout { .. } => {
                Some("check the name of the registry, the network, and HTTPS_PROXY".to_owned())
            }
            Self::NotFound(_) => Some("check the name and the tag".to_owned()),
            Self::Refused { status: 429, .. } => {
                Some("wait for a while, or log in: registries let users ask more often".to_owned())
            }
            _ => None,
        }
    }
}
