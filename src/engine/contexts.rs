//! Docker's configuration, as far as it says where engines are.
#![expect(clippy::disallowed_methods, reason = "contexts are files of the Docker configuration")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::engine::endpoint::Tls;
use crate::engine::error::Error;
use crate::env::Env;

/// The folder of Docker's configuration, if there can be one.
#[derive(Debug, Clone)]
pub struct DockerConfig(Option<PathBuf>);

/// An engine that has a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Context {
    pub host: String,
    pub tls: Option<Tls>,
}

/// Where plugins of Docker's command line are, after those of the user.
const PLUGIN_FOLDERS: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

/// Whether a file is a program.
#[must_use]
pub fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

pub(super) fn is_file(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|it| it.is_file())
}

impl DockerConfig {
    /// `DOCKER_CONFIG`, or `.docker` at home.
    #[must_use]
    pub fn find(env: &Env) -> Self {
        let folder = env.non_empty("DOCKER_CONFIG").map(|path| env.working_directory().join(path));
        Self(folder.or_else(|| env.home().map(|home| home.join(".docker"))))
    }

    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.0.as_deref()
    }

    /// The context that `docker context use` has chosen. A file that cannot be read says nothing, as
    /// with Docker's client.
    #[must_use]
    pub fn current_context(&self) -> Option<String> {
        self.text("currentContext")
    }

    /// The builder of `buildx` that the user has chosen for all engines; that of an engine alone is its
    /// own.
    #[must_use]
    pub(super) fn builder(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.folder()?.join("buildx/current")).ok()?;
        let current: serde_json::Value = serde_json::from_str(&text).ok()?;
        let name = current.get("Name")?.as_str()?;
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// A plugin of Docker's command line.
    #[must_use]
    pub fn plugin(&self, name: &str) -> Option<PathBuf> {
        let config = self.folder().and_then(|folder| {
            let text = std::fs::read_to_string(folder.join("config.json")).ok()?;
            serde_json::from_str::<serde_json::Value>(&text).ok()
        });
        let more = config.as_ref().and_then(|it| it.get("cliPluginsExtraDirs")?.as_array());
        let more = more.into_iter().flatten().filter_map(|it| it.as_str()).map(PathBuf::from);
        let own = self.folder().map(|folder| folder.join("cli-plugins"));
        let folders = own.into_iter().chain(more).chain(PLUGIN_FOLDERS.map(PathBuf::from));
        let mut found = folders.map(|folder| folder.join(format!("docker-{name}")));
        found.find(|path| is_executable(path))
    }

    /// A text of the file, such as `detachKeys`; `None` if it says none, or cannot be read.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.folder()?.join("config.json")).ok()?;
        let config: serde_json::Value = serde_json::from_str(&text).ok()?;
        let value = config.get(name)?.as_str()?;
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// The variables of containers and builds that say by which proxies they reach others: `proxies` of the
    /// file, those of an engine's address before those of all.
    #[must_use]
    pub(super) fn proxies(&self, address: &str) -> Vec<(String, String)> {
        const FIELDS: [(&str, &str); 5] = [
            ("httpProxy", "HTTP_PROXY"),
            ("httpsProxy", "HTTPS_PROXY"),
            ("ftpProxy", "FTP_PROXY"),
            ("noProxy", "NO_PROXY"),
            ("allProxy", "ALL_PROXY"),
        ];
        let read = || {
            let text = std::fs::read_to_string(self.folder()?.join("config.json")).ok()?;
            let config: serde_json::Value = serde_json::from_str(&text).ok()?;
            let all = config.get("proxies")?;
            all.get(address).or_else(|| all.get("default")).cloned()
        };
        let Some(proxies) = read() else { return Vec::new() };
        let mut variables = Vec::new();
        for (field, name) in FIELDS {
            let value = proxies.get(field).and_then(|it| it.as_str()).unwrap_or_default();
            if !value.is_empty() {
                // Programs look for one or the other.
                for name in [name.to_owned(), name.to_lowercase()] {
                    variables.push((name, value.to_owned()));
                }
            }
        }
        variables
    }

    /// Why the file cannot be read, if it is there and cannot.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let path = self.folder()?.join("config.json");
        let why = match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str::<serde_json::Value>(&text).err()?.to_string(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => error.to_string(),
        };
        Some(format!("`{}` cannot be read: {why}", path.display()))
    }

    /// The context of this name.
    pub(super) fn context(&self, name: &str) -> Result<Context, Error> {
        let missing = || Error::Endpoint {
            message: format!("there is no context `{name}`"),
            help: Some(match self.names() {
                names if names.is_empty() => "make it with `docker context create`".to_owned(),
                names => format!("the contexts are: default, {}", names.join(", ")),
            }),
        };
        let folder = self.folder().ok_or_else(missing)?.join("contexts");
        let hash = hash(name);
        let path = folder.join("meta").join(&hash).join("meta.json");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(missing()),
            Err(error) => return Err(unreadable(&path, &error.to_string())),
        };
        let meta: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| unreadable(&path, &error.to_string()))?;
        let endpoint = meta.pointer("/Endpoints/docker").ok_or_else(|| Error::Endpoint {
            message: format!("the context `{name}` has no Docker endpoint"),
            help: Some("use another context, or name the engine with --host".to_owned()),
        })?;
        let skips = endpoint.get("SkipTLSVerify").and_then(serde_json::Value::as_bool);
        let file = |name: &str| {
            let path = folder.join("tls").join(&hash).join("docker").join(name);
            Some(path).filter(|path| is_file(path))
        };
        let (ca, certificate, key) = (file("ca.pem"), file("cert.pem"), file("key.pem"));
        let is_encrypted =
            ca.is_some() || certificate.is_some() || key.is_some() || skips == Some(true);
        let host = endpoint.get("Host").and_then(serde_json::Value::as_str).unwrap_or_default();
        Ok(Context {
            host: host.to_owned(),
            tls: is_encrypted.then_some(Tls { verify: skips != Some(true), ca, certificate, key }),
        })
    }

    /// The names of all contexts that have files.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let Some(folder) = self.folder() else { return Vec::new() };
        let Ok(entries) = std::fs::read_dir(folder.join("contexts/meta")) else {
            return Vec::new();
        };
        let name = |path: PathBuf| {
            let text = std::fs::read_to_string(path.join("meta.json")).ok()?;
            let meta: serde_json::Value = serde_json::from_str(&text).ok()?;
            Some(meta.get("Name")?.as_str()?.to_owned())
        };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| name(entry.path())).collect();
        names.sort();
        names
    }
}

/// Folders of contexts are named after the hashes of their names.
fn hash(name: &str) -> String {
    Sha256::digest(name.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn unreadable(path: &Path, why: &str) -> Error {
    Error::Endpoint { message: format!("cannot read `{}`: {why}", path.display()), help: None }
}
