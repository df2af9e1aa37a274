//! What the system tells of folders.
//!
//! Each folder has a watch of its own, so that what is left out costs nothing. The kinds of events are
//! those that can mean another content; above all, nobody is told of reads.

#![expect(clippy::disallowed_methods, reason = "what is watched are files beside the project")]

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;

use crate::watch::batch::Touch;

/// Events that are read at once take up so many bytes at the most.
const BUFFER: usize = 1 << 16;

/// So many events are handed on at once at the most.
const AT_ONCE: usize = 4096;

/// Something that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    Touched(PathBuf, Touch),
    /// A folder has appeared, and nothing in it is watched.
    Folder(PathBuf),
    /// Something has been lost: there were more events than the system keeps.
    Lost,
}

/// A folder cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// As the system allows no more.
    #[error("the system allows no more watches (fs.inotify.max_user_watches)")]
    Limit,
    #[error(transparent)]
    Other(#[from] io::Error),
}

/// Watches on folders.
#[derive(Debug)]
pub struct Watcher {
    events: AsyncFd<OwnedFd>,
    folders: HashMap<i32, PathBuf>,
    watches: HashMap<PathBuf, i32>,
    /// Whether there may be events that nobody will tell of again.
    has_more: bool,
}

impl Watcher {
    /// A watcher of nothing yet.
    ///
    /// # Errors
    /// A system that has no more to give, which says so.
    pub fn new() -> io::Result<Self> {
        let events = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let events = registered(events)?;
        Ok(Self { events, folders: HashMap::new(), watches: HashMap::new(), has_more: false })
    }

    /// Watches a folder, but none of those in it. That it is gone meanwhile is fine.
    ///
    /// # Errors
    /// Those of the system.
    pub fn add(&mut self, folder: &Path) -> Result<(), Error> {
        let kinds = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ATTRIB
            | WatchFlags::ONLYDIR
            // What has no name any more means nothing to anybody else.
            | WatchFlags::EXCL_UNLINK;
        match inotify::add_watch(self.events.get_ref(), folder, kinds) {
            Ok(watch) => {
                // One that was renamed keeps its watch.
                if let Some(old) = self.folders.insert(watch, folder.to_owned())
                    && old != folder
                {
                    self.watches.remove(&old);
                }
                self.watches.insert(folder.to_owned(), watch);
                Ok(())
            }
            Err(Errno::NOSPC) => Err(Error::Limit),
            // Who reads it is told of that.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => Ok(()),
            Err(error) => Err(Error::Other(error.into())),
        }
    }

    /// How many folders are watched.
    #[must_use]
    pub fn count(&self) -> usize {
        self.folders.len()
    }

    /// Watches a folder and those in it no more, as it has gone elsewhere.
    fn forget(&mut self, folder: &Path) {
        let gone: Vec<(PathBuf, i32)> = self
            .watches
            .iter()
            .filter(|(path, _)| path.starts_with(folder))
            .map(|(path, watch)| (path.clone(), *watch))
            .collect();
        for (path, watch) in gone {
            // If it is gone already, so is its watch.
            let _ = inotify::remove_watch(self.events.get_ref(), watch);
            self.folders.remove(&watch);
            self.watches.remove(&path);
        }
    }

    /// Waits until something happens. Nothing is lost if this is dropped while it waits.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn next(&mut self) -> io::Result<Vec<Happening>> {
        loop {
            if !self.has_more {
                self.events.readable().await?.clear_ready();
                self.has_more = true;
            }
            let found = self.read()?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
    }

    /// All that has happened by now.
    fn read(&mut self) -> io::Result<Vec<Happening>> {
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
        let mut found = Vec::new();
        let mut moved = Vec::new();
        {
            let events = self.events.get_ref().as_fd();
            let mut reader = Reader::new(events, &mut buffer);
            while found.len() < AT_ONCE || !reader.is_buffer_empty() {
                let event = match reader.next() {
                    Ok(event) => event,
                    Err(Errno::AGAIN) => {
                        self.has_more = false;
                        break;
                    }
                    Err(error) => return Err(error.into()),
                };
                let flags = event.events();
                if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                    found.push(Happening::Lost);
                    continue;
                }
                if flags.contains(ReadFlags::IGNORED) {
                    if let Some(path) = self.folders.remove(&event.wd()) {
                        self.watches.remove(&path);
                    }
                    continue;
                }
                let (Some(folder), Some(name)) = (self.folders.get(&event.wd()), event.file_name())
                else {
                    continue;
                };
                let path = folder.join(OsStr::from_bytes(name.to_bytes()));
                let is_folder = flags.contains(ReadFlags::ISDIR);
                if flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) && is_folder {
                    found.push(Happening::Folder(path));
                    continue;
                }
                let touch = if flags.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
                    if is_folder && flags.contains(ReadFlags::MOVED_FROM) {
                        moved.push(path.clone());
                    }
                    Touch::Gone
                } else if flags.contains(ReadFlags::CREATE) {
                    made(&path)
                } else if flags.contains(ReadFlags::MODIFY) {
                    Touch::Open
                } else if flags.contains(ReadFlags::ATTRIB) {
                    Touch::Other
                } else {
                    Touch::Closed
                };
                found.push(Happening::Touched(path, touch));
            }
        }
        for folder in moved {
            self.forget(&folder);
        }
        Ok(found)
    }
}

#[expect(deprecated, reason = "its doubts are about types that may give up their descriptors")]
fn registered(events: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(events)
}

/// What a new path is: a file is going to be closed, but links are complete.
fn made(path: &Path) -> Touch {
    use std::os::unix::fs::MetadataExt as _;
    match std::fs::symlink_metadata(path) {
        Ok(there) if there.is_file() && there.nlink() < 2 => Touch::Open,
        Ok(_) => Touch::Closed,
        Err(_) => Touch::Gone,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    /// What is told of the things that `work` does in a folder.
    fn told(name: &str, work: impl FnOnce(&Path)) -> Vec<String> {
        let folder =
            std::env::temp_dir().join(format!("rcompose-fs-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("sub")).unwrap();
        fs::write(folder.join("old"), "1").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let happenings = runtime.block_on(async {
            let mut watcher = Watcher::new().unwrap();
            watcher.add(&folder).unwrap();
            watcher.add(&folder.join("sub")).unwrap();
            watcher.add(&folder.join("none")).unwrap();
            work(&folder);
            let mut all = Vec::new();
            let moment = Duration::from_millis(50);
            while let Ok(some) = tokio::time::timeout(moment, watcher.next()).await {
                all.extend(some.unwrap());
            }
            all
        });
        fs::remove_dir_all(&folder).unwrap();
        let shown = |path: &Path| path.strip_prefix(&folder).unwrap().display().to_string();
        let words = happenings.into_iter().map(|it| match it {
            Happening::Touched(path, touch) => format!("{} {touch:?}", shown(&path)),
            Happening::Folder(path) => format!("{} Folder", shown(&path)),
            Happening::Lost => "Lost".to_owned(),
        });
        words.collect()
    }

    #[test]
    fn files() {
        let told = told("files", |folder| {
            fs::write(folder.join("new"), "x").unwrap();
            fs::read(folder.join("old")).unwrap();
            fs::rename(folder.join("new"), folder.join("sub/moved")).unwrap();
            std::os::unix::fs::symlink("x", folder.join("link")).unwrap();
            fs::remove_file(folder.join("old")).unwrap();
        });
        let want = [
            "new Gone",
            "new Open",
            "new Closed",
            "new Gone",
            "sub/moved Closed",
            "link Closed",
            "old Gone",
        ];
        assert_eq!(told, want, "it was gone already when it was looked at");
    }

    #[test]
    fn folders() {
        let told = told("folders", |folder| {
            fs::create_dir(folder.join("made")).unwrap();
            fs::write(folder.join("made/unseen"), "").unwrap();
            fs::write(folder.join("sub/a"), "").unwrap();
            fs::rename(folder.join("sub"), folder.join("away")).unwrap();
        });
        let want = ["made Folder", "sub/a Gone", "sub/a Closed", "sub Gone", "away Folder"];
        assert_eq!(told, want, "its folder was gone already when it was looked at");
    }
}
