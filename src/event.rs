//! All that can happen while rcompose works, as plain data: the executor, the engine's events and
//! the containers' output produce it, reporters and sessions consume it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

/// What a step or a line of progress is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Image(String),
    Network(String),
    Volume(String),
    Container(String),
    /// A service, where none of what is made for it is meant.
    Service(String),
    /// A service that another program provides.
    Provider(String),
    /// A language model.
    Model(String),
    /// A project in a registry.
    Artifact(String),
}

impl Subject {
    /// The name without the kind.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Image(name)
            | Self::Network(name)
            | Self::Volume(name)
            | Self::Container(name)
            | Self::Service(name)
            | Self::Provider(name)
            | Self::Model(name)
            | Self::Artifact(name) => name,
        }
    }

    /// The kind in lower case.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Image(_) => "image",
            Self::Network(_) => "network",
            Self::Volume(_) => "volume",
            Self::Container(_) => "container",
            Self::Service(_) => "service",
            Self::Provider(_) => "provider",
            Self::Model(_) => "model",
            Self::Artifact(_) => "artifact",
        }
    }
}

impl fmt::Display for Subject {
    /// As progress shows it: `Container web-1`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Image(_) => "Image",
            Self::Network(_) => "Network",
            Self::Volume(_) => "Volume",
            Self::Container(_) => "Container",
            // As the peer, which says nothing of what they are.
            Self::Service(name)
            | Self::Provider(name)
            | Self::Model(name)
            | Self::Artifact(name) => {
                return out.write_str(name);
            }
        };
        write!(out, "{kind} {}", self.name())
    }
}

/// How a subject is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Working,
    Done,
    Warning,
    Error,
}

impl Status {
    /// As machines read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Working => "Working",
            Self::Done => "Done",
            Self::Warning => "Warning",
            Self::Error => "Error",
        }
    }
}

/// Where a step of a build is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepState {
    Begun,
    /// Its result was there already.
    Cached,
    Done(Duration),
    /// Another step has failed.
    Cancelled,
    Failed(String),
}

/// What a builder does, and what it writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildEvent {
    /// A step begins or ends. Builds may have steps in common.
    Step { step: Arc<str>, name: String, state: StepState },
    /// A part of a step, such as a transfer of so many bytes (a `total` of 0: nobody knows of how many).
    Part { step: Arc<str>, name: String, current: u64, total: u64, taken: Duration, done: bool },
    /// Output of a step, so long after its begin; not necessarily whole lines.
    Log { step: Arc<str>, at: Duration, bytes: Bytes },
    /// Something in the Dockerfile that could be better.
    Warning { text: String, file: Option<String>, line: Option<u32> },
}

/// How far a layer of an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    pub id: String,
    pub status: Status,
    pub text: String,
    /// In bytes; 0 if it is not known.
    pub current: u64,
    pub total: u64,
}

impl Layer {
    /// From 0 to 100.
    #[must_use]
    pub fn percent(&self) -> u64 {
        match (self.status, self.total) {
            (Status::Done, _) => 100,
            (_, 0) => 0,
            (_, total) => (self.current.saturating_mul(100) / total).min(100),
        }
    }
}

/// What a watch does for a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchAction {
    /// Files are taken over into its containers.
    Sync,
    /// A container gets what others have got already.
    Resync,
    Restart,
    /// A command is run in its containers.
    Exec,
    /// Its image and its containers are made anew.
    Rebuild,
}

impl WatchAction {
    /// As machines read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Resync => "resync",
            Self::Restart => "restart",
            Self::Exec => "exec",
            Self::Rebuild => "rebuild",
        }
    }
}

/// How far it is, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchState {
    Begun(String),
    Done(String),
    Failed(String),
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A subject is further along: `Creating`, `Created` …
    Progress { subject: Subject, status: Status, text: Cow<'static, str> },
    /// A layer of an image is further along.
    Layer { of: Subject, layer: Layer },
    /// A container wrote something; not necessarily whole lines.
    Output { source: Arc<str>, stderr: bool, bytes: Bytes },
    /// A container will write no more for now; or its output cannot be read, with the reason.
    OutputEnded { source: Arc<str>, problem: Option<String> },
    /// The process of a container ended.
    Exited { source: String, code: i64, restarting: bool },
    /// An image is being built.
    Build { image: String, service: String, event: BuildEvent },
    /// A watch does something for a service, or has done it. `taken` counts from the change on.
    Watched { service: String, action: WatchAction, what: WatchState, taken: Duration },
    /// A name that is answered leads somewhere, as the text says, or nowhere any more.
    Name { name: String, status: Status, text: String },
    /// Something to know that is no failure; a clause.
    Warning(String),
    /// What a run has done, and how long it took.
    Summary { project: String, text: String, taken: Duration },
}

impl Event {
    #[must_use]
    pub fn progress(subject: &Subject, status: Status, text: impl Into<Cow<'static, str>>) -> Self {
        Self::Progress { subject: subject.clone(), status, text: text.into() }
    }
}
