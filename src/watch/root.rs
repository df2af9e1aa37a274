//! The files of a container that runs on this machine, as its own processes see them.

#![expect(clippy::disallowed_methods, reason = "what the system tells of processes is read here")]

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// Where links of the kernel's own lead is nobody's business.
const WITHIN: ResolveFlags = ResolveFlags::NO_MAGICLINKS;

/// The root of a container's files. It holds on to what is mounted there, so it is not kept for long.
#[derive(Debug)]
pub struct Root(OwnedFd);

impl Root {
    /// That of a container, by its main process and its ID. That process must be one of this machine,
    /// which is proved by where its resources are counted, or by what is mounted for it: an engine may be
    /// elsewhere, and the number be that of any process here. One that has made another folder its root
    /// sees other files than the container has.
    ///
    /// # Errors
    /// No such process, one that is none of our business, or none of the container's.
    pub fn of_container(process: i64, id: &str) -> io::Result<Self> {
        let path = format!("/proc/{process}/root/");
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty())?;
        let told = |file: &str| std::fs::read_to_string(format!("/proc/{process}/{file}"));
        let mounts = told("mountinfo")?;
        let is_its = || mounts.contains(id) || told("cgroup").is_ok_and(|it| it.contains(id));
        if id.len() < 32 || !is_mounted(&mounts) || !is_its() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Self(root))
    }

    /// A folder of the container, without a slash at its beginning. Links are followed as its own programs
    /// follow them.
    pub(super) fn folder(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        open(self.0.as_fd(), path, ResolveFlags::IN_ROOT)
    }
}

#[cfg(test)]
impl Root {
    /// Any folder.
    pub(super) fn of_folder(path: &Path) -> Self {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        Self(rustix::fs::open(path, flags, Mode::empty()).unwrap())
    }
}

/// A folder below another, which no link leads out of.
pub(super) fn beneath(folder: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Errno> {
    open(folder, path, ResolveFlags::BENEATH)
}

fn open(folder: BorrowedFd<'_>, path: &Path, how: ResolveFlags) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat2(folder, path, flags, Mode::empty(), WITHIN | how)
}

/// Whether something is mounted at the root of a process, by what it sees mounted.
fn is_mounted(mounts: &str) -> bool {
    mounts.lines().any(|line| line.split(' ').nth(4) == Some("/"))
}

/// Whether the numbers of users mean the same to a process as to us.
#[must_use]
pub fn shares_users(process: i64) -> bool {
    let users = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/user")).ok();
    users("self").is_some_and(|ours| users(&process.to_string()) == Some(ours))
}

/// User and group of a process that has never been anybody else, and is not the superuser, who may become
/// whoever he likes.
#[must_use]
pub fn owner(process: i64) -> Option<(u32, u32)> {
    owner_in(&std::fs::read_to_string(format!("/proc/{process}/status")).ok()?)
}

fn owner_in(status: &str) -> Option<(u32, u32)> {
    let number = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        let first = numbers.next()?.ok()?;
        numbers.all(|it| it == Ok(first)).then_some(first)
    };
    let user = number("Uid:").filter(|user| *user != 0)?;
    Some((user, number("Gid:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_processes_are() {
        let check = |user: &str, group: &str, want: Option<(u32, u32)>| {
            assert_eq!(owner_in(&format!("Name:\tx\nUid:\t{user}\nGid:\t{group}\n")), want);
        };
        check("5\t5\t5\t5", "7\t7\t7\t7", Some((5, 7)));
        check("5\t5\t5\t5", "0\t0\t0\t0", Some((5, 0)));
        check("0\t0\t0\t0", "7\t7\t7\t7", None);
        check("5\t0\t0\t0", "7\t7\t7\t7", None);
        check("5\t5\t5\t5", "7\t8\t7\t7", None);
        assert_eq!(owner_in(""), None);
    }

    #[test]
    fn roots_are_mounted() {
        let volume = "40 39 0:35 / /data rw - ext4 /dev/x rw\n";
        assert!(is_mounted(&format!("{volume}39 1 0:34 / / rw,relatime - overlay overlay rw\n")));
        assert!(!is_mounted(volume) && !is_mounted(""));
    }

    #[test]
    fn others_are_not_taken_for_containers() {
        let own = i64::from(std::process::id());
        assert!(shares_users(own) && !shares_users(0));
        let id = "0123456789abcdef".repeat(4);
        assert!(Root::of_container(own, &id).is_err());
        assert!(Root::of_container(own, "").is_err());
    }
}
