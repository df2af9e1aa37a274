//! Compose files that are elsewhere: in a registry, as an artifact, or in a git repository. They are
//! copied to a folder of the user's cache, named after the digest or commit, which Docker Compose uses
//! as well.

pub mod artifact;
mod git;

use std::path::{Path, PathBuf};

use crate::env::Env;
use crate::reference::Reference;
use crate::registry::{self, Login, Registries};
use crate::remote::artifact::Files;

/// What stands before the reference of an artifact.
pub const OCI: &str = "oci://";

/// A copy of something that is elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The Compose file.
    pub file: PathBuf,
    /// The folder of all that was copied.
    pub folder: PathBuf,
    /// The digest or commit, which says exactly what it is.
    pub identity: String,
    /// Whether it was there already.
    pub is_known: bool,
}

/// Why something that is elsewhere is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{text}` is no reference of an artifact: {why}")]
    Reference { text: String, why: crate::reference::Invalid },
    #[error("remote files of this kind are turned off by {0}")]
    TurnedOff(&'static str),
    #[error("{name} is `{value}`, which is not a boolean")]
    NotBoolean { name: &'static str, value: String },
    /// A login that cannot be had; a clause.
    #[error("{0}")]
    Login(String),
    #[error(transparent)]
    Registry(#[from] registry::Error),
    #[error("{0}")]
    Artifact(#[from] artifact::Error),
    #[error("{0}")]
    Git(#[from] git::Error),
    #[error("nothing can be fetched: there is no thread for it")]
    NoThread,
    #[error("there is no folder for copies: neither XDG_CACHE_HOME nor HOME is set")]
    NoCache,
    #[error("cannot write `{}`: {error}", path.display())]
    Write { path: PathBuf, error: std::io::Error },
}

impl Error {
    /// What to do about it, if that is known.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Registry(error) => error.help(),
            Self::Git(error) => error.help(),
            Self::NotBoolean { name, .. } => Some(format!("set {name} to true or false")),
            Self::TurnedOff(name) => Some(format!("set {name} to true, or copy the files first")),
            _ => None,
        }
    }
}

/// Whether a variable leaves something on; without it, it is.
fn is_on(name: &'static str, env: &Env) -> Result<(), Error> {
    match env.non_empty(name) {
        None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(()),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Err(Error::TurnedOff(name)),
        Some(value) => Err(Error::NotBoolean { name, value: value.to_owned() }),
    }
}

fn cache(env: &Env) -> Result<PathBuf, Error> {
    let folder = env.get("XDG_CACHE_HOME").map(PathBuf::from);
    let folder = folder.or_else(|| env.home().map(|home| home.join(".cache")));
    Ok(folder.ok_or(Error::NoCache)?.join("docker-compose"))
}

/// Fetches an artifact, unless this one is here already.
///
/// # Errors
/// A registry that does not have it, or has something else there.
pub async fn fetch_artifact(
    of: &Reference,
    login: Option<Login>,
    registries: &Registries,
    env: &Env,
) -> Result<Copy, Error> {
    is_on("COMPOSE_EXPERIMENTAL_OCI_REMOTE", env)?;
    let repository = registries.repository(of, login);
    let found = repository.manifest(of.target()).await?;
    let name = found.digest.rsplit(':').next().unwrap_or_default();
    let folder = cache(env)?.join(name);
    let is_known = folder.is_dir();
    if !is_known {
        let files = artifact::fetch(&repository, &found).await?;
        keep(&folder, |made| write(&files, made))?;
    }
    let file = folder.join("compose.yaml");
    Ok(Copy { file, folder, identity: found.digest, is_known })
}

/// Fetches a commit of a repository, unless it is here already. This blocks.
///
/// # Errors
/// A repository that cannot be reached, or does not have it.
pub fn fetch_commit(text: &str, env: &Env) -> Result<Copy, Error> {
    is_on("COMPOSE_EXPERIMENTAL_GIT_REMOTE", env)?;
    let reference = git::Address::parse(text)?;
    let commit = git::resolve(&reference, env)?;
    let folder = cache(env)?.join(&commit);
    let is_known = folder.is_dir();
    if !is_known {
        keep(&folder, |made| Ok(git::checkout(&reference, &commit, made, env)?))?;
    }
    let file = git::compose_file(&folder, &reference)?;
    Ok(Copy { file, folder, identity: commit, is_known })
}

/// Makes a folder as a whole, or not at all.
fn keep(folder: &Path, make: impl FnOnce(&Path) -> Result<(), Error>) -> Result<(), Error> {
    let failed = |error| Error::Write { path: folder.to_owned(), error };
    let parent = folder.parent().unwrap_or(folder);
    private_folder(parent).map_err(failed)?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let draft = parent.join(format!(".{name}.{}", std::process::id()));
    let done = private_folder(&draft).map_err(failed).and_then(|()| make(&draft)).and_then(|()| {
        match std::fs::rename(&draft, folder) {
            // Somebody else was faster.
            Err(_) if folder.is_dir() => Ok(()),
            other => other.map_err(failed),
        }
    });
    let _ = std::fs::remove_dir_all(&draft);
    done
}

fn private_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn write(files: &Files, folder: &Path) -> Result<(), Error> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    for (name, bytes) in files {
        let path = folder.join(name);
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| file.write_all(bytes));
        written.map_err(|error| Error::Write { path, error })?;
    }
    Ok(())
}
