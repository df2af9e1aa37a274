//! Removes paths of a container that runs on this machine, without any program in it.
//!
//! The container may have put links wherever it likes. They are followed as its own programs would follow
//! them, within its root, and below the target of a rule only as long as they do not lead out of that.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::watch::root::{Root, beneath};

impl Root {
    /// Removes paths, with all that is in them, below `target`. Both are without a slash at their
    /// beginnings. What is not there is fine.
    ///
    /// # Errors
    /// The first path that cannot be removed; all others are.
    pub fn remove(&self, target: &Path, inner: &[PathBuf]) -> Result<(), (PathBuf, io::Error)> {
        let mut result = Ok(());
        for inner in inner {
            match self.remove_one(target, inner) {
                Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => {}
                // It leads out of where it may lead.
                Err(Errno::XDEV) => {
                    let cause = io::Error::other("a link in the container leads out of the target");
                    result = result.and(Err((target.join(inner), cause)));
                }
                Err(error) => result = result.and(Err((target.join(inner), error.into()))),
            }
        }
        result
    }

    fn remove_one(&self, target: &Path, inner: &Path) -> Result<(), Errno> {
        // The target itself is removed from the folder that it is in.
        let (base, inner) = if inner.as_os_str().is_empty() {
            let Some(name) = target.file_name() else { return Err(Errno::BUSY) };
            (target.parent().unwrap_or(Path::new("")), Path::new(name))
        } else {
            (target, inner)
        };
        let base = self.folder(base)?;
        let Some(name) = inner.file_name() else { return Err(Errno::INVAL) };
        match inner.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) => {
                let folder = beneath(base.as_fd(), parent)?;
                remove_all(folder.as_fd(), name)
            }
            None => remove_all(base.as_fd(), name),
        }
    }
}

/// Removes what is called so in a folder. No link is followed.
fn remove_all(folder: BorrowedFd<'_>, name: &OsStr) -> Result<(), Errno> {
    match rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
        Err(Errno::ISDIR | Errno::PERM) => {}
        other => return other,
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let inside = rustix::fs::openat(folder, name, flags, Mode::empty())?;
    for entry in Dir::read_from(&inside)? {
        let entry = entry?;
        let bytes = entry.file_name().to_bytes();
        if bytes == b"." || bytes == b".." {
            continue;
        }
        let name = OsStr::from_bytes(bytes);
        let removed = match entry.file_type() {
            FileType::Directory => remove_all(inside.as_fd(), name),
            _ => rustix::fs::unlinkat(&inside, name, AtFlags::empty()),
        };
        match removed {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
    }
    rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a root is made for the test")]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_outside_is_removed() {
        let top = std::env::temp_dir().join(format!("rcompose-removal-{}", std::process::id()));
        let _ = fs::remove_dir_all(&top);
        let root = top.join("root");
        for folder in ["app/src/deep/er", "etc", "real/sub"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::create_dir_all(top.join("host")).unwrap();
        for file in [
            "host/file",
            "root/etc/file",
            "root/app/src/deep/er/a",
            "root/app/src/a",
            "root/real/sub/b",
        ] {
            fs::write(top.join(file), "").unwrap();
        }
        symlink("/real", root.join("linked")).unwrap();
        symlink("../../etc", root.join("app/src/out")).unwrap();
        symlink(top.join("host"), root.join("app/src/host")).unwrap();
        symlink("deep", root.join("app/src/in")).unwrap();
        symlink("../../../../../../host", root.join("escape")).unwrap();
        let opened = Root::of_folder(&root);
        let remove = |target: &str, inner: &str| {
            opened.remove(Path::new(target), &[PathBuf::from(inner)]).map_err(|it| it.0)
        };
        // Links that lead out of the target are not followed.
        assert_eq!(remove("app/src", "out/file"), Err("app/src/out/file".into()));
        assert_eq!(remove("app/src", "host/file"), Err("app/src/host/file".into()));
        assert!(remove("app/src", "../../etc/file").is_err());
        assert!(root.join("etc/file").exists() && top.join("host/file").exists());
        // The target may be a link, whose root is that of the container.
        assert_eq!(remove("linked", "sub/b"), Ok(()));
        assert!(!root.join("real/sub/b").exists());
        assert_eq!(remove("escape", "file"), Ok(()));
        assert!(top.join("host/file").exists());
        // A link within the target is one that is followed; a link itself is removed as such.
        assert_eq!(remove("app/src", "in/er/a"), Ok(()));
        assert!(!root.join("app/src/deep/er/a").exists());
        assert_eq!(remove("app/src", "in"), Ok(()));
        assert!(root.join("app/src/deep").exists());
        assert_eq!(remove("app/src", "out"), Ok(()));
        assert!(root.join("etc/file").exists());
        // Folders with all that is in them, the target itself, and what is not there.
        assert_eq!(remove("app/src", "deep"), Ok(()));
        assert_eq!(remove("app/src", "no/such"), Ok(()));
        assert_eq!(remove("app/src", ""), Ok(()));
        assert!(!root.join("app/src").exists() && root.join("app").exists());
        fs::remove_dir_all(&top).unwrap();
    }
}
