//! Puts files into a container that runs on this machine, without its engine.
//!
//! A file is written beside its place, and takes it in one step: nobody ever sees a part of it. Links of
//! the container are followed on the way, within its root, as the engine follows them; what has the name of
//! the file itself is replaced, never followed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use crate::watch::pack::Entry;
use crate::watch::root::Root;
use crate::watch::tree::{Form, open};

/// Permissions of folders that nobody has asked for.
const IMPLIED: Mode = Mode::from_raw_mode(0o755);

/// Names that are in use are not told apart from those of a process that had our number, and was killed.
const NAMES: usize = 100;

impl Root {
    /// Brings all entries to their places, the later over the earlier. They belong to `owner`, or to whom
    /// they belong here; folders on the way that are missing, to the superuser.
    ///
    /// # Errors
    /// The first path that cannot be had there; those before it are.
    pub fn place(
        &self,
        entries: &[Entry],
        owner: Option<(u32, u32)>,
    ) -> Result<(), (PathBuf, io::Error)> {
        let mut folders = Folders { root: self, last: None };
        // What comes into a folder changes its time.
        let mut times = Vec::new();
        for entry in entries {
            let owner = owner.unwrap_or(entry.owner);
            let placed = place(entry, owner, &mut folders);
            placed.map_err(|error| (entry.to.clone(), error))?;
            if entry.form == Form::Folder {
                times.push(entry);
            }
        }
        for entry in times {
            let set = || {
                let folder = self.folder(&entry.to)?;
                let own = AtFlags::SYMLINK_NOFOLLOW;
                rustix::fs::utimensat(folder, ".", &times_of(entry), own)
            };
            match set() {
                // It may have been replaced since.
                Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(error) => return Err((entry.to.clone(), error.into())),
            }
        }
        Ok(())
    }
}

/// The folder that was last written to: the next file is often in the same.
struct Folders<'a> {
    root: &'a Root,
    last: Option<(PathBuf, OwnedFd)>,
}

impl Folders<'_> {
    /// A folder, which is made if it is missing.
    fn get(&mut self, path: &Path) -> io::Result<BorrowedFd<'_>> {
        if self.last.as_ref().is_none_or(|(last, _)| last != path) {
            self.last = Some((path.to_owned(), made(self.root, path)?));
        }
        let last = self.last.as_ref().map(|(_, folder)| folder.as_fd());
        last.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn made(root: &Root, path: &Path) -> io::Result<OwnedFd> {
    match root.folder(path) {
        Err(Errno::NOENT) => {}
        other => return Ok(other?),
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::NotFound.into());
    };
    let above = made(root, parent)?;
    match rustix::fs::mkdirat(&above, name, IMPLIED) {
        // Whatever our own processes take away from permissions.
        Ok(()) => rustix::fs::chmodat(&above, name, IMPLIED, AtFlags::empty())?,
        Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(root.folder(path)?)
}

fn place(entry: &Entry, owner: (u32, u32), folders: &mut Folders<'_>) -> io::Result<()> {
    let Some(name) = entry.to.file_name() else { return Err(io::ErrorKind::InvalidInput.into()) };
    let parent = folders.get(entry.to.parent().unwrap_or(Path::new("")))?;
    let owner = (Some(Uid::from_raw(owner.0)), Some(Gid::from_raw(owner.1)));
    match &entry.form {
        Form::Folder => {
            match rustix::fs::mkdirat(parent, name, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            // A link to a folder is none.
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let folder = rustix::fs::openat(parent, name, flags, Mode::empty())?;
            rustix::fs::fchown(&folder, owner.0, owner.1)?;
            rustix::fs::fchmod(&folder, Mode::from_raw_mode(entry.mode))?;
            Ok(())
        }
        Form::Link(target) => in_one_step(parent, name, |temporary| {
            rustix::fs::symlinkat(target, parent, temporary)?;
            let own = AtFlags::SYMLINK_NOFOLLOW;
            rustix::fs::chownat(parent, temporary, owner.0, owner.1, own)?;
            Ok(rustix::fs::utimensat(parent, temporary, &times_of(entry), own)?)
        }),
        Form::Whole(_) | Form::Large(_) => in_one_step(parent, name, |temporary| {
            let flags =
                OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mode = Mode::RUSR | Mode::WUSR;
            let mut file = File::from(rustix::fs::openat(parent, temporary, flags, mode)?);
            match &entry.form {
                Form::Whole(bytes) => file.write_all(bytes)?,
                // Who writes to it meanwhile has it sent once more.
                _ => drop(io::copy(&mut open(&entry.from)?, &mut file)?),
            }
            rustix::fs::fchown(&file, owner.0, owner.1)?;
            rustix::fs::fchmod(&file, Mode::from_raw_mode(entry.mode))?;
            Ok(rustix::fs::futimens(&file, &times_of(entry))?)
        }),
    }
}

/// Has something made by a name of its own, and gives it its name when it is whole.
fn in_one_step(
    parent: BorrowedFd<'_>,
    name: &OsStr,
    mut write: impl FnMut(&str) -> io::Result<()>,
) -> io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    for _ in 0..NAMES {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Most who look for changes in there look at no such name.
        let temporary = format!(".rcompose-{}-{number}~", std::process::id());
        let written = write(&temporary);
        if written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists) {
            continue;
        }
        let renamed = written.and_then(|()| {
            rustix::fs::renameat(parent, &*temporary, parent, name).map_err(io::Error::from)
        });
        if renamed.is_err() {
            // What is half made is of no use; why it is, is told.
            let _ = rustix::fs::unlinkat(parent, &*temporary, AtFlags::empty());
        }
        return renamed;
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn times_of(entry: &Entry) -> Timestamps {
    let seconds = i64::try_from(entry.modified).unwrap_or(i64::MAX);
    let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a root is made for the test")]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use bytes::Bytes;

    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let top = std::env::temp_dir().join(format!("rcompose-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&top);
            fs::create_dir_all(top.join("root")).unwrap();
            Self(top)
        }

        fn place(&self, entries: &[Entry]) -> Result<(), PathBuf> {
            let root = Root::of_folder(&self.0.join("root"));
            root.place(entries, None).map_err(|(path, _)| path)
        }

        fn read(&self, path: &str) -> String {
            fs::read_to_string(self.0.join(path)).unwrap()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn entry(to: &str, form: Form, mode: u32) -> Entry {
        let (from, owner) = (PathBuf::new(), whoever());
        Entry { to: to.into(), from, form, mode, modified: 1_000_000_000, owner }
    }

    fn whoever() -> (u32, u32) {
        (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
    }

    fn whole(text: &'static str) -> Form {
        Form::Whole(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn all_kinds_come_to_their_places() {
        let scratch = Scratch::new("placing");
        let large = scratch.0.join("large");
        fs::write(&large, "much").unwrap();
        let mut big = entry("app/big", Form::Large(4), 0o600);
        big.from = large;
        fs::create_dir_all(scratch.0.join("root/app/old")).unwrap();
        fs::write(scratch.0.join("root/app/old/f"), "old").unwrap();
        symlink("old/f", scratch.0.join("root/app/link")).unwrap();
        let entries = [
            entry("app/d", Form::Folder, 0o2750),
            entry("app/d/f", whole("new"), 0o4755),
            entry("app/old/f", whole("first"), 0o644),
            entry("app/old/f", whole("newer"), 0o444),
            entry("app/link", whole("no link"), 0o644),
            entry("app/to", Form::Link("../x".into()), 0o777),
            entry("on/the/way", whole("w"), 0o644),
            big,
        ];
        assert_eq!(scratch.place(&entries), Ok(()));
        assert_eq!(scratch.read("root/app/old/f"), "newer");
        assert_eq!(scratch.read("root/app/link"), "no link");
        assert_eq!(scratch.read("root/app/big"), "much");
        let to = fs::read_link(scratch.0.join("root/app/to")).unwrap();
        assert_eq!(to, Path::new("../x"));
        for (path, mode, modified) in [
            ("app/d", 0o2750, true),
            ("app/d/f", 0o4755, true),
            ("app/old/f", 0o444, true),
            ("on/the", 0o755, false),
        ] {
            let there = fs::symlink_metadata(scratch.0.join("root").join(path)).unwrap();
            assert_eq!(there.mode() & 0o7777, mode, "{path}");
            assert_eq!(there.mtime() == 1_000_000_000, modified, "{path}");
        }
        // Nothing of what was on the way is left.
        for folder in ["app", "app/d", "app/old", "on/the"] {
            let names = fs::read_dir(scratch.0.join("root").join(folder)).unwrap();
            let names = names.map(|it| it.unwrap().file_name().into_string().unwrap());
            assert!(names.into_iter().all(|name| !name.starts_with(".rcompose")), "{folder}");
        }
    }

    #[test]
    fn nothing_is_placed_outside() {
        let scratch = Scratch::new("placing-outside");
        fs::create_dir_all(scratch.0.join("host")).unwrap();
        fs::write(scratch.0.join("host/f"), "precious").unwrap();
        fs::create_dir_all(scratch.0.join("root/app")).unwrap();
        // They lead to where they lead for the container.
        symlink(scratch.0.join("host"), scratch.0.join("root/app/out")).unwrap();
        symlink("../../host", scratch.0.join("root/app/up")).unwrap();
        symlink(scratch.0.join("host/f"), scratch.0.join("root/app/f")).unwrap();
        assert!(scratch.place(&[entry("app/out/f", whole("x"), 0o644)]).is_err());
        assert!(scratch.place(&[entry("app/up/f", whole("x"), 0o644)]).is_err());
        assert!(scratch.place(&[entry("app/up", Form::Folder, 0o777)]).is_err());
        assert_eq!(scratch.place(&[entry("app/f", whole("x"), 0o644)]), Ok(()));
        assert_eq!(scratch.place(&[entry("../host/f", whole("y"), 0o644)]), Ok(()));
        assert_eq!(scratch.read("host/f"), "precious");
        assert_eq!(scratch.read("root/app/f"), "x");
        assert_eq!(scratch.read("root/host/f"), "y");
        // A folder is not replaced by a file.
        assert!(scratch.place(&[entry("app", whole("x"), 0o644)]).is_err());
        assert_eq!(fs::read_dir(scratch.0.join("root")).unwrap().count(), 2);
    }
}
