//! Takes changes over into containers.

use std::cell::OnceCell;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::sync::mpsc::{self, Sender};
use tokio::task::spawn_blocking;

use crate::engine::{self, Engine, ExecOptions, quirks};
use crate::watch::pack::{Entry, Piece, pack, without_implied};
use crate::watch::reach::{Owner, Reach, numbers};
use crate::watch::root::Root;
use crate::watch::tree::{Form, joined};

/// So many paths are removed by one command.
const AT_ONCE: usize = 500;

/// So many small files are written at once; for more, or larger ones, another thread is worth its time.
const FEW: usize = 8;

/// Bytes of a large file that are on their way at once.
const CHUNK: usize = 1 << 18;

/// What is to be different in the containers of a service.
#[derive(Debug, Default)]
pub struct Delivery {
    /// Paths to be removed first, below the target of their rule; both without a slash at the beginning.
    pub removals: Removals,
    pub entries: Vec<Entry>,
    /// A target that containers have in memory, if there is one among them.
    pub volatile: Option<String>,
    archive: OnceCell<Vec<Piece>>,
}

type Removals = Vec<(PathBuf, Vec<PathBuf>)>;

/// Why something has not come to be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Engine(#[from] engine::Error),
    #[error("cannot remove `/{}`: {cause}", path.display())]
    Removal { path: PathBuf, cause: io::Error },
    /// No way is left to remove a path.
    #[error("cannot remove `/{}`: the image has no `rm` ({said}), and its files are out of reach here", path.display())]
    NoProgram { path: PathBuf, said: String },
    #[error("cannot remove paths: `rm` ended with {code}: {output}")]
    Remover { code: i64, output: String },
    #[error("cannot pack what has changed: {0}")]
    Pack(io::Error),
    #[error("the target `{0}` is in memory (tmpfs), where the engine puts no files")]
    Memory(String),
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
            | Self::Pack(_)
            | Self::Memory(_) => false,
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

    /// Brings one container up to date.
    ///
    /// # Errors
    /// What could not be done; some of it may have been.
    pub async fn bring(&self, engine: &Engine, reach: &Reach, id: &str) -> Result<(), Error> {
        let (removed, is_placed) = match reach.root(engine, id).await? {
            Some((root, owner)) => self.bring_here(root, owner).await,
            None if self.removals.is_empty() => (Ok(()), false),
            None => (self.remove_by_program(engine, id).await, false),
        };
        // What cannot be removed holds up nothing else.
        let put =
            if self.entries.is_empty() || is_placed { Ok(()) } else { self.put(engine, id).await };
        removed.and(put)
    }

    /// Does what can be done without the engine, which is all but files whose owner it alone knows; with
    /// whether all files are there. Where one cannot be had, the engine is to say why.
    async fn bring_here(&self, root: Root, owner: Owner) -> (Result<(), Error>, bool) {
        let is_small = |entry: &Entry| !matches!(entry.form, Form::Large(_));
        let are_few = self.entries.len() <= FEW && self.entries.iter().all(is_small);
        if self.removals.is_empty() && are_few {
            return (Ok(()), placed(&root, &self.entries, owner));
        }
        let (removals, entries) = (self.removals.clone(), self.entries.clone());
        let both = spawn_blocking(move || {
            let all = removals.iter().map(|(target, inner)| root.remove(target, inner));
            // All of them, whatever becomes of one.
            let removed = all.fold(Ok(()), Result::and);
            (removed, placed(&root, &entries, owner))
        });
        match both.await {
            Ok((removed, is_placed)) => {
                (removed.map_err(|(path, cause)| Error::Removal { path, cause }), is_placed)
            }
            Err(error) => {
                (Err(Error::Removal { path: PathBuf::new(), cause: error.into() }), false)
            }
        }
    }

    fn archive(&self) -> Result<&[Piece], Error> {
        if self.archive.get().is_none() {
            let packed = pack(&self.entries).map_err(Error::Pack)?;
            return Ok(self.archive.get_or_init(|| packed));
        }
        Ok(self.archive.get().map_or(&[], Vec::as_slice))
    }

    /// Has the engine put the files there.
    async fn put(&self, engine: &Engine, id: &str) -> Result<(), Error> {
        self.put_archive(engine, id).await?;
        if let Some(target) = &self.volatile
            && !quirks::reaches_memory(engine.facts())
            && engine.inspect(id).await?.process != 0
        {
            return Err(Error::Memory(target.clone()));
        }
        Ok(())
    }

    async fn put_archive(&self, engine: &Engine, id: &str) -> Result<(), Error> {
        match put(engine, id, true, self.archive()?).await {
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

/// Whether all entries could be put there.
fn placed(root: &Root, entries: &[Entry], owner: Owner) -> bool {
    let owner = match owner {
        Owner::Same => None,
        Owner::One(user, group) => Some((user, group)),
        Owner::Unknown => return false,
    };
    root.place(entries, owner).is_ok()
}

/// The numbers of a container's user, if it is written so; the group is the superuser's if nobody says.
fn owner(user: &str) -> Option<(u32, u32)> {
    numbers(user).or_else(|| Some((user.parse().ok()?, 0)))
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

async fn feed(archive: &[Piece], sender: Sender<io::Result<Bytes>>) {
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
fn send_file(path: &Path, size: u64, sender: &Sender<io::Result<Bytes>>) -> bool {
    let file = std::fs::File::open(path).ok();
    let mut content =
        file.into_iter().fold(Box::new(io::empty()) as Box<dyn io::Read>, |_, file| Box::new(file));
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
