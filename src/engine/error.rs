//! What can go wrong with an engine, split by what one can do about it.

use std::io;

/// A request that failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Nobody answers.
    #[error("cannot connect to the container engine at {endpoint}: {cause}")]
    Unreachable {
        endpoint: String,
        cause: String,
        /// Who names this engine.
        by: Option<String>,
        /// Whether it is there, but not for us.
        denied: bool,
        help: String,
    },
    /// No engine answers where engines are; what was tried, and how that went.
    #[error("no container engine answers")]
    NoEngine { tried: Vec<String>, help: String },
    /// The endpoint is none that can be used.
    #[error("{message}")]
    Endpoint { message: String, help: Option<String> },
    #[error("{0}")]
    NotFound(String),
    /// A name is taken, or something is in use.
    #[error("{0}")]
    Conflict(String),
    /// Any other refusal.
    #[error("{message}")]
    Refused { status: u16, message: String },
    /// An image that could not be built.
    #[error("{}", .0.message)]
    Build(Box<BuildFailure>),
    /// A program that keeps logins.
    #[error("the credential helper `{helper}` failed: {message}")]
    Helper { helper: String, message: String },
    #[error("the engine did not answer in time")]
    Timeout,
    /// An answer that makes no sense, or one that broke off.
    #[error("the engine's answer cannot be read: {0}")]
    Answer(String),
}

/// Why an image could not be built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildFailure {
    pub message: String,
    /// The step that failed, such as `[2/4] RUN make`.
    pub step: Option<String>,
    /// The last lines that it wrote.
    pub output: Vec<String>,
    pub place: Option<BuildPlace>,
}

/// Lines of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildPlace {
    /// Its name, as the builder knows it.
    pub file: String,
    /// All of it.
    pub text: String,
    /// From 1.
    pub first: u32,
    pub last: u32,
}

impl Error {
    /// An endpoint that cannot be used, with nothing to advise.
    pub(super) fn endpoint(message: String) -> Self {
        Self::Endpoint { message, help: None }
    }

    /// The same, of an engine that somebody has named.
    pub(super) fn noting(mut self, whose: &str) -> Self {
        if let Self::Unreachable { by, .. } = &mut self {
            *by = Some(format!("it is {whose}"));
        }
        self
    }

    /// What else is to be known.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::NoEngine { tried, .. } => {
                tried.iter().map(|place| format!("tried {place}")).collect()
            }
            Self::Unreachable { by, .. } => by.iter().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// The error for an HTTP status. Podman answers 500 where Docker has a status for it.
    #[must_use]
    pub fn from_status(status: u16, message: String) -> Self {
        const TAKEN: [&str; 4] =
            ["already in use", "already exists", "being used", "container state improper"];
        const GONE: [&str; 2] = ["no such container", "container not known"];
        const BUSY: [&str; 2] = ["has active endpoints", "has associated containers"];
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        match status {
            404 => Self::NotFound(message),
            // A container that goes while it is asked for.
            500 if GONE.iter().any(|end| message.ends_with(end)) => Self::NotFound(message),
            409 => Self::Conflict(message),
            403 | 500 if says(&BUSY) => Self::Conflict(message),
            500 if says(&TAKEN) && !message.contains("address already in use") => {
                Self::Conflict(message)
            }
            _ => Self::Refused { status, message },
        }
    }

    /// What to do about it, if that is known.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Unreachable { help, .. } | Self::NoEngine { help, .. } => Some(help.clone()),
            Self::Endpoint { help, .. } => help.clone(),
            Self::Helper { .. } => {
                let files = "`credsStore` and `credHelpers` of Docker's `config.json`";
                Some(format!("install it or log in again; {files} name it"))
            }
            Self::Refused { message, .. }
                if message.contains("HTTP request to an HTTPS server") =>
            {
                Some(
                    "the engine wants TLS: set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH".to_owned(),
                )
            }
            _ if self.is_about_ports() => {
                Some("stop what uses the port, or publish another one".to_owned())
            }
            // Some keep what others share something with.
            Self::Refused { message, .. } | Self::Conflict(message)
                if message.contains("has dependent containers") =>
            {
                Some(
                    "remove those first that share something with it, or name no services, so that \
                     they are replaced as well"
                        .to_owned(),
                )
            }
            _ if self.is_about_space() => Some(
                "free space on the engine's disk: `system df` of its command line tells what takes \
                 it, `system prune` removes what nobody uses"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// The name that several networks have, so that the engine does not know which one is meant.
    #[must_use]
    pub fn ambiguous_network(&self) -> Option<&str> {
        let (Self::Refused { message, .. } | Self::Conflict(message)) = self else {
            return None;
        };
        let (before, _) = message.split_once(" is ambiguous (")?;
        Some(before.rsplit(' ').next().unwrap_or(before))
    }

    /// Whether a registry lets nobody in without a login, or not with this one.
    #[must_use]
    pub fn is_about_logins(&self) -> bool {
        let (Self::Refused { message, .. } | Self::NotFound(message) | Self::Conflict(message)) =
            self
        else {
            return false;
        };
        let words = [
            "no basic auth",
            "unauthorized",
            "access denied",
            "denied:",
            "authentication required",
        ];
        words.iter().any(|word| message.contains(word))
    }

    /// Whether a port of the host is taken.
    #[must_use]
    pub fn is_about_ports(&self) -> bool {
        let (Self::Refused { message, .. } | Self::Conflict(message)) = self else {
            return false;
        };
        let words =
            ["port is already allocated", "address already in use", "all ports are allocated"];
        words.iter().any(|word| message.contains(word))
    }

    /// Whether the engine's disk is full. Limits of the kernel on other things have the same words.
    #[must_use]
    pub fn is_about_space(&self) -> bool {
        match self {
            Self::Refused { message, .. } | Self::Conflict(message) => is_about_space(message),
            // A command that wants to write is told first, and tells.
            Self::Build(failure) => {
                is_about_space(&failure.message)
                    || failure.output.iter().any(|line| is_about_space(line))
            }
            _ => false,
        }
    }
}

fn is_about_space(message: &str) -> bool {
    let message = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    says(&["no space left on device", "disk quota exceeded"])
        && !says(&["inotify", "cgroup", "keyring"])
}

impl From<bollard::errors::Error> for Error {
    fn from(error: bollard::errors::Error) -> Self {
        use bollard::errors::Error as Bollard;
        match error {
            Bollard::DockerResponseServerError { status_code, message } => {
                Self::from_status(status_code, message)
            }
            // A refusal after the answer has begun.
            Bollard::DockerStreamError { error } => Self::Refused { status: 200, message: error },
            Bollard::RequestTimeoutError => Self::Timeout,
            // What the transport said, in the only variant that can carry it.
            Bollard::IOError { err } => match err.downcast::<Self>() {
                Ok(ours) => ours,
                Err(other) => Self::from(other),
            },
            other => Self::Answer(other.to_string()),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Answer(error.to_string())
    }
}

/// An error with what caused it, innermost last.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_with_the_same_name_are_named() {
        let message = "network p_default is ambiguous (2 matches found on name)".to_owned();
        let error = Error::Refused { status: 400, message };
        assert_eq!(error.ambiguous_network(), Some("p_default"));
        assert_eq!(Error::Timeout.ambiguous_network(), None);
    }

    #[test]
    fn a_full_disk_is_told_from_other_limits() {
        let is_full = |message: &str| Error::from_status(500, message.to_owned()).is_about_space();
        assert!(is_full("mkdir /var/lib/docker/overlay2/1f: no space left on device"));
        assert!(is_full("write /home/me/data/x: disk quota exceeded"));
        assert!(!is_full("inotify_add_watch: no space left on device"));
        assert!(!is_full("mkdir /sys/fs/cgroup/memory/docker/1f: no space left on device"));
        assert!(!is_full("unable to join session keyring: disk quota exceeded"));
        assert!(!is_full("No such image: i"));
        let of_step = |line: &str| {
            let output = vec!["first".to_owned(), line.to_owned()];
            Error::Build(Box::new(BuildFailure { output, ..BuildFailure::default() }))
        };
        assert!(of_step("cp: write error: No space left on device").is_about_space());
        assert!(!of_step("cp: not found").is_about_space());
    }

    #[test]
    fn podman_statuses_are_read_as_docker_ones() {
        let kind = |status, message: &str| match Error::from_status(status, message.to_owned()) {
            Error::NotFound(_) => "not found",
            Error::Conflict(_) => "conflict",
            Error::Refused { .. } => "refused",
            _ => "other",
        };
        assert_eq!(kind(409, "Conflict"), "conflict");
        assert_eq!(kind(500, "that name is already in use"), "conflict");
        assert_eq!(kind(500, "\"x\" has associated containers with it"), "conflict");
        assert_eq!(kind(403, "network has active endpoints"), "conflict");
        assert_eq!(kind(403, "Pool overlaps with other one"), "refused");
        assert_eq!(kind(500, "listen tcp4: bind: address already in use"), "refused");
        assert_eq!(kind(404, "No such container"), "not found");
        assert_eq!(kind(500, "no container in database: no such container"), "not found");
        assert_eq!(
            kind(500, "getting container from store \"e9\": container not known"),
            "not found"
        );
    }
}
