//! How an image is to be made.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// An image as it should be built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildSpec {
    pub service: String,
    /// The references that it gets; the first is that of the service.
    pub tags: Vec<String>,
    /// Whether the files name the image, so that it can be pushed.
    pub named: bool,
    pub context: BuildContext,
    pub dockerfile: Dockerfile,
    /// Other contexts, by the names that the Dockerfile has for them.
    pub contexts: BTreeMap<String, NamedContext>,
    pub args: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
    /// The stage that is wanted, if it is not the last one.
    pub target: Option<String>,
    pub cache_from: Vec<String>,
    pub cache_to: Vec<String>,
    pub no_cache: bool,
    /// Stages that are made anew whatever the cache has.
    pub no_cache_filter: Vec<String>,
    /// Whether a registry is asked for newer base images.
    pub pull: bool,
    /// The network of the commands that are run; the builder's own if `None`.
    pub network: Option<String>,
    /// Names and addresses.
    pub extra_hosts: Vec<(String, String)>,
    /// In bytes.
    pub shm_size: Option<i64>,
    /// Name, soft and hard limit.
    pub ulimits: Vec<(String, i64, i64)>,
    pub isolation: Option<String>,
    pub entitlements: Vec<String>,
    /// `os/arch[/variant]`; that of the engine if there is none.
    pub platforms: Vec<String>,
    pub secrets: Vec<BuildSecret>,
    pub ssh: Vec<SshKeys>,
    /// `true`, `false`, or parameters.
    pub provenance: Option<String>,
    pub sbom: Option<String>,
    /// Images that are taken by digest whatever their tags stand for: whole references and digests.
    pub pins: BTreeMap<String, String>,
    /// The text of the Dockerfile with those digests in it, for builders that cannot be told otherwise.
    pub pinned: Option<String>,
    /// In bytes; only the classic builder has a limit.
    pub memory: Option<i64>,
}

impl BuildSpec {
    /// The absolute path of the Dockerfile, if it is a file of this machine.
    #[must_use]
    pub fn dockerfile_path(&self) -> Option<String> {
        match (&self.dockerfile, &self.context) {
            (Dockerfile::Path(path), BuildContext::Folder(folder)) => {
                Some(Path::new(folder).join(path).to_string_lossy().into_owned())
            }
            (Dockerfile::Path(_), BuildContext::Remote(_)) | (Dockerfile::Inline(_), _) => None,
        }
    }
}

/// Where the files of a build come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildContext {
    /// An absolute path on this machine.
    Folder(String),
    /// An address that the builder fetches.
    Remote(String),
}

impl Default for BuildContext {
    fn default() -> Self {
        Self::Folder(String::new())
    }
}

/// What is done with the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dockerfile {
    /// A path, relative to the context unless it is absolute.
    Path(String),
    /// The text itself.
    Inline(String),
}

impl Default for Dockerfile {
    fn default() -> Self {
        Self::Path("Dockerfile".to_owned())
    }
}

/// A context besides the main one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedContext {
    /// An absolute path on this machine.
    Folder(String),
    /// The image of another service, which is built first, by its reference.
    Service { service: String, image: String },
    /// What builders read themselves: an image (`docker-image://`), or an address.
    Remote(String),
}

/// Something that commands of a build may read, and the image never has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSecret {
    pub id: String,
    pub source: SecretSource,
}

#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An absolute path.
    File(String),
    /// A variable, and its value if it is set.
    Variable { name: String, value: Option<String> },
    /// Something that keeps secrets, which builders do not know.
    Elsewhere,
}

impl fmt::Debug for SecretSource {
    /// Without the value: what is printed to look for a mistake must not tell it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => out.debug_tuple("File").field(path).finish(),
            Self::Variable { name, .. } => out.debug_tuple("Variable").field(name).finish(),
            Self::Elsewhere => out.write_str("Elsewhere"),
        }
    }
}

/// Keys that commands of a build may log in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshKeys {
    pub id: String,
    /// A key, or the socket of an agent; the user's agent if `None`.
    pub path: Option<String>,
}
