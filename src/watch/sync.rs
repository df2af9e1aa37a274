//! Takes changes over into containers.

use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::sync::mpsc::{self, Sender};
use tokio::task::spawn_blocking;

use crate::engine::{self, Engine, ExecOptions};
use crate::watch::pack::{Entry, Piece, pack, without_implied};
use crate::watch::removal::Root;
use crate::watch::tree::joined;

/// So many paths are removed by one command.
const AT_ONCE: usize = 500;

/// Bytes of a large file that are on their way at once.
const CHUNK: usize = 1 << 18;

/// What is to be different in the containers of a service.
#[derive(Debug, Default)]
pub struct Delivery {
    /// Paths to be removed first, below the target of their rule; both without a slash at the beginning.
    pub removals: Vec<(PathBuf, Vec<PathBuf>)>,
    pub entries: Vec<Entry>,
    archive: Vec<Piece>,
}

/// Why something has not come to be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Engine(#[from] engine::Error),
    #[error("cannot remove `/{}`: {cause}", path.display())]
    Removal { path: PathBuf, cause: std::io::Error },
    /// No way is left to remove a path.
    #[error("cannot remove `/{}`: the image has no `rm` ({said}), and its files are out of reach here", path.display())]
    NoProgram { path: PathBuf, said: String },
    #[error("cannot remove paths: `rm` ended with {code}: {output}")]
    Remover { code: i64, output: String },
    #[error("cannot pack what has changed: {0}")]
    Pack(std::io::Error),
}

impl Error {
    /// Whether it may come to be later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Engine(error) => !matches!(error, engine::Error::Refused { .. }),
            Self::Removal { .. }
            | Self::NoProgram { .. }
            | Self::Remover { .. }
            | Self::Pack(_) => false,
        }
    }

    /// Whether there is no such container any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Engine(engine::Error::NotFound(_)))
    }
}

impl Delivery {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.removals.is_empty() && self.entries.is_empty()
    }

    /// Makes the archive that all containers get.
    ///
    /// # Errors
    /// Names that an archive cannot have.
    pub fn seal(mut self) -> Result<Self, Error> {
        if !self.entries.is_empty() {
            self.archive = pack(&self.entries).map_err(Error::Pack)?;
        }
        Ok(self)
    }

    /// Brings one container up to date.
    ///
    /// # Errors
    /// What could not be done; some of it may have been.
    pub async fn bring(&self, engine: &Engine, id: &str) -> Result<(), Error> {
        let removed = if self.removals.is_empty() { Ok(()) } else { self.remove(engine, id).await };
        // What cannot be removed holds up nothing else.
        let put = if self.entries.is_empty() { Ok(()) } else { self.put(engine, id).await };
        removed.and(put)
    }

    async fn put(&self, engine: &Engine, id: &str) -> Result<(), Error> {
        match put(engine, id, true, &self.archive).await {
            // Docker before 23 looks for users in a table that need not have them.
            Err(engine::Error::Refused { message, .. })
                if message.contains("in passwd database")
                    && let Some(owner) = owner(&engine.inspect(id).await?.user) =>
            {
                let mut entries = self.entries.clone();
                for entry in &mut entries {
                    entry.owner = owner;
                }
                let archive = pack(&entries).map_err(Error::Pack)?;
                Ok(put(engine, id, false, &archive).await?)
            }
            // Where the container has a link for a folder, the engine refuses a folder.
            Err(engine::Error::Refused { message, .. })
                if message.contains("cannot overwrite non-directory") =>
            {
                let archive = pack(&without_implied(&self.entries)).map_err(Error::Pack)?;
                Ok(put(engine, id, true, &archive).await?)
            }
            other => Ok(other?),
        }
    }

    async fn remove(&self, engine: &Engine, id: &str) -> Result<(), Error> {
        let Some(root) = root(engine, id).await? else {
            return self.remove_by_program(engine, id).await;
        };
        let removals = self.removals.clone();
        let removed = spawn_blocking(move || {
            let all = removals.iter().map(|(target, inner)| root.remove(target, inner));
            // All of them, whatever becomes of one.
            all.fold(Ok(()), Result::and)
        });
        match removed.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err((path, cause))) => Err(Error::Removal { path, cause }),
            Err(error) => Err(Error::Removal { path: PathBuf::new(), cause: error.into() }),
        }
    }

    /// As the peer does it.
    async fn remove_by_program(&self, engine: &Engine, id: &str) -> Result<(), Error> {
        let paths = self.removals.iter().flat_map(|(target, inner)| {
            inner.iter().map(|inner| joined(target, inner.as_os_str().as_bytes()))
        });
        let paths: Vec<String> = paths.map(|path| format!("/{}", path.to_string_lossy())).collect();
        for some in paths.chunks(AT_ONCE) {
            let command = ["rm", "-rf", "--"].map(str::to_owned);
            let command = command.into_iter().chain(some.iter().cloned()).collect();
            // What others have made there is to go as well.
            let user = Some("0".to_owned());
            let options = ExecOptions { command, user, ..ExecOptions::default() };
            let first = || PathBuf::from(some[0].trim_start_matches('/'));
            match engine.exec_with(id, &options).await {
                Ok((0, _)) => {}
                Ok((126 | 127, said)) => return Err(Error::NoProgram { path: first(), said }),
                Ok((code, output)) => return Err(Error::Remover { code, output }),
                Err(engine::Error::Refused { message, .. })
                    if message.contains("executable file") =>
                {
                    return Err(Error::NoProgram { path: first(), said: message });
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The root of a container's files, if it can be had here.
async fn root(engine: &Engine, id: &str) -> Result<Option<Root>, Error> {
    let process = engine.inspect(id).await?.process;
    Ok(if process == 0 { None } else { Root::of_container(process, id).ok() })
}

/// The numbers of a container's user, if it is written so.
fn owner(user: &str) -> Option<(u32, u32)> {
    let (user, group) = user.split_once(':').unwrap_or((user, "0"));
    Some((user.parse().ok()?, group.parse().ok()?))
}

/// Has an archive unpacked at the root of a container. With `own`, what is in it belongs to the
/// container's user, if it has one.
async fn put(engine: &Engine, id: &str, own: bool, archive: &[Piece]) -> Result<(), engine::Error> {
    let (sender, pieces) = mpsc::channel(2);
    let feed = feed(archive, sender);
    let ((), put) =
        futures_util::future::join(feed, engine.put_archive(id, "/", own, pieces)).await;
    put
}

async fn feed(archive: &[Piece], sender: Sender<std::io::Result<Bytes>>) {
    for piece in archive {
        let sent = match piece {
            Piece::Bytes(bytes) => sender.send(Ok(bytes.clone())).await.is_ok(),
            Piece::File { path, size } => {
                let (path, size, sender) = (path.clone(), *size, sender.clone());
                spawn_blocking(move || send_file(&path, size, &sender)).await.unwrap_or(false)
            }
        };
        if !sent {
            // Why is told by who reads.
            return;
        }
    }
}

/// Sends so many bytes of a file: an archive has said already how many there are. A file that has become
/// shorter has been written to, and is going to be sent once more.
fn send_file(path: &Path, size: u64, sender: &Sender<std::io::Result<Bytes>>) -> bool {
    let file = std::fs::File::open(path).ok();
    let mut content = file
        .into_iter()
        .fold(Box::new(std::io::empty()) as Box<dyn std::io::Read>, |_, file| Box::new(file));
    let mut left = size;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let mut chunk = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match content.read(&mut chunk[filled..]) {
                Ok(0) | Err(_) => break,
                Ok(more) => filled += more,
            }
        }
        if sender.blocking_send(Ok(chunk.into())).is_err() {
            return false;
        }
        left -= length as u64;
    }
    true
}
