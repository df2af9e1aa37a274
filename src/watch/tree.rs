//! What is below a watched path, as it was last seen, and what has changed since.
//!
//! Content decides: a file whose bytes and permissions are the same has not changed, whatever the system
//! tells. As long as times, size and number of a file are the same it need not be read, unless it had been
//! written to right before it was looked at.
#![expect(clippy::disallowed_methods, reason = "what is watched are files beside the project")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rustix::fs::{Dir, FileType, Mode, OFlags};
use sha2::{Digest as _, Sha256};

use crate::watch::rules::Rule;
use crate::watch::sieve::{Level, Sieve};

/// Files up to this many bytes are read as a whole; larger ones travel from the disk.
pub const WHOLE: u64 = 1 << 20;

/// Larger files are not read only to know what is in them.
const LARGEST_KNOWN: u64 = 16 << 20;

/// Clocks of file systems do not tell apart what happens within such a time.
const SAME_TIME: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    Link,
}

/// Permissions of a folder that nobody has looked at: looking at all of them takes time.
const UNSEEN: u32 = u32::MAX;

/// What was seen of a path.
#[derive(Debug, Clone)]
pub struct Seen {
    pub kind: Kind,
    /// Permissions with the special bits.
    mode: u32,
    stamp: Stamp,
    /// Whether it may have been written to at the time it was looked at.
    is_fresh: bool,
    /// The beginning of its SHA-256; `None` if nobody has read it.
    content: Option<[u8; 16]>,
}

/// What changes when a file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    size: u64,
    /// Nanoseconds since 1970.
    modified: i128,
    changed: i128,
    number: u64,
}

impl Seen {
    fn new(metadata: &Metadata, now: SystemTime) -> Option<Self> {
        let kind = metadata.file_type();
        let kind = if kind.is_file() {
            Kind::File
        } else if kind.is_dir() {
            Kind::Folder
        } else if kind.is_symlink() {
            Kind::Link
        } else {
            // Sockets, pipes and devices mean nothing elsewhere.
            return None;
        };
        let time = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        let changed = time(metadata.ctime(), metadata.ctime_nsec());
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let age = i128::try_from(now).unwrap_or(i128::MAX) - changed;
        let stamp = Stamp {
            size: metadata.size(),
            modified: time(metadata.mtime(), metadata.mtime_nsec()),
            changed,
            number: metadata.ino(),
        };
        let is_fresh = age < i128::try_from(SAME_TIME.as_nanos()).unwrap_or_default();
        Some(Self { kind, mode: metadata.mode() & 0o7777, stamp, is_fresh, content: None })
    }

    /// A folder of which no more is known than that it is there.
    fn folder() -> Self {
        let stamp = Stamp { size: 0, modified: 0, changed: 0, number: 0 };
        Self { kind: Kind::Folder, mode: UNSEEN, stamp, is_fresh: true, content: None }
    }

    fn is_unread(&self) -> bool {
        match self.kind {
            Kind::Folder => self.mode == UNSEEN,
            Kind::File | Kind::Link => self.content.is_none() && self.stamp.size <= LARGEST_KNOWN,
        }
    }

    /// Whether there can be no other content now than there was.
    fn is_surely(&self, now: &Self) -> bool {
        self.kind == now.kind && self.stamp == now.stamp && !self.is_fresh
    }
}

/// All that counts below a rule's path, by path relative to it.
#[derive(Debug, Default)]
pub struct Tree {
    entries: BTreeMap<Box<[u8]>, Seen>,
}

impl Tree {
    #[must_use]
    pub fn get(&self, path: &[u8]) -> Option<&Seen> {
        self.entries.get(path)
    }

    pub fn set(&mut self, path: &[u8], seen: Seen) {
        self.entries.insert(path.into(), seen);
    }

    /// Whether there is anything in a folder, or was.
    #[must_use]
    pub fn has_below(&self, folder: &[u8]) -> bool {
        self.below(folder).next().is_some()
    }

    /// All paths in a folder.
    pub fn below(&self, folder: &[u8]) -> impl Iterator<Item = &[u8]> {
        let prefix = if folder.is_empty() { Vec::new() } else { [folder, b"/"].concat() };
        let from: Box<[u8]> = prefix.clone().into();
        let all = self.entries.range(from..).map(|(path, _)| &**path);
        all.take_while(move |path| path.starts_with(&prefix)).filter(|path| !path.is_empty())
    }

    /// Forgets a path and all below it.
    pub fn remove(&mut self, path: &[u8]) {
        let all: Vec<Box<[u8]>> = self.below(path).map(Into::into).collect();
        for path in all {
            self.entries.remove(&path);
        }
        self.entries.remove(path);
    }

    pub fn paths(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.keys().map(|path| &**path)
    }

    /// The files that nobody has read, with what was seen of them.
    #[must_use]
    pub fn unread(&self) -> Vec<(Box<[u8]>, Seen)> {
        let unread = self.entries.iter().filter(|(_, seen)| seen.is_unread());
        unread.map(|(path, seen)| (path.clone(), seen.clone())).collect()
    }

    /// Takes note of what is in a file, if it is still the one that was read, or of what a folder is.
    pub fn learn(&mut self, path: &[u8], read: Seen) {
        if let Some(seen) = self.entries.get_mut(path)
            && seen.kind == read.kind
            && (seen.stamp == read.stamp || seen.kind == Kind::Folder)
            && seen.is_unread()
        {
            *seen = read;
        }
    }
}

/// Something to be looked at.
#[derive(Debug, Clone)]
pub struct Item {
    /// Relative to the rule's path.
    pub path: Box<[u8]>,
    pub was: Option<Seen>,
    /// Whether something below it was seen.
    pub had_below: bool,
    /// Whether it counts as changed in any case.
    pub is_owed: bool,
}

/// What has become of it.
#[derive(Debug)]
pub struct Looked {
    pub path: Box<[u8]>,
    /// `None` if it is not there, or does not count.
    pub now: Option<Seen>,
    pub change: Option<Change>,
    /// Why it cannot be read.
    pub problem: Option<io::Error>,
}

/// What has to be done to a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Gone,
    /// It is there, and so is what it has to be; with whether something of another kind was there.
    There {
        form: Form,
        mode: u32,
        /// Seconds since 1970.
        modified: u64,
        owner: (u32, u32),
        replaces: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    Folder,
    Link(PathBuf),
    Whole(Bytes),
    /// A large file of so many bytes.
    Large(u64),
}

/// Looks at paths of a rule.
#[must_use]
pub fn look(rule: &Rule, items: Vec<Item>) -> Vec<Looked> {
    items.into_iter().map(|item| look_at(rule, item)).collect()
}

fn look_at(rule: &Rule, item: Item) -> Looked {
    let Item { path, was, had_below, is_owed } = item;
    let place = joined(&rule.path, &path);
    let gone = |path: Box<[u8]>| {
        let change = (was.is_some() || had_below || is_owed).then_some(Change::Gone);
        Looked { path, now: None, change, problem: None }
    };
    let metadata = match fs::symlink_metadata(&place) {
        Ok(metadata) => metadata,
        Err(error) if is_missing(&error) => return gone(path),
        Err(error) => return Looked { path, now: was, change: None, problem: Some(error) },
    };
    let Some(mut now) = Seen::new(&metadata, SystemTime::now()) else {
        return gone(path);
    };
    if rule.sieve.leaves_out(&path).is_some() {
        // What does not count now may have, as a folder or by another name; it is not removed for that.
        return Looked { path, now: None, change: None, problem: None };
    }
    let replaces =
        was.as_ref().is_some_and(|was| (was.kind == Kind::Folder) != (now.kind == Kind::Folder));
    if let Some(was) = was.as_ref().filter(|was| was.is_surely(&now)) {
        now.content = was.content;
        if was.mode == now.mode && !is_owed {
            now.is_fresh = false;
            return Looked { path, now: Some(now), change: None, problem: None };
        }
    }
    let form = match form(&place, &mut now) {
        Ok(form) => form,
        Err(error) if is_missing(&error) => return gone(path),
        Err(error) => return Looked { path, now: was, change: None, problem: Some(error) },
    };
    let is_same = was.as_ref().is_some_and(|was| {
        let same_content = match now.kind {
            Kind::Folder => true,
            Kind::File | Kind::Link => was.content.is_some() && was.content == now.content,
        };
        was.kind == now.kind && was.mode == now.mode && same_content
    });
    let change = (is_owed || !is_same).then(|| Change::There {
        form,
        mode: now.mode,
        modified: u64::try_from(metadata.mtime()).unwrap_or_default(),
        owner: (metadata.uid(), metadata.gid()),
        replaces,
    });
    Looked { path, now: Some(now), change, problem: None }
}

/// Reads what there is to read, and takes note of it.
fn form(place: &Path, seen: &mut Seen) -> io::Result<Form> {
    Ok(match seen.kind {
        Kind::Folder => Form::Folder,
        Kind::Link => {
            let target = fs::read_link(place)?;
            seen.content = Some(short(Sha256::digest(target.as_os_str().as_bytes()).as_slice()));
            Form::Link(target)
        }
        Kind::File if seen.stamp.size <= WHOLE => {
            let mut bytes = Vec::new();
            open(place)?.read_to_end(&mut bytes)?;
            seen.content = Some(short(Sha256::digest(&bytes).as_slice()));
            Form::Whole(bytes.into())
        }
        Kind::File => {
            seen.content = Some(digest(place)?);
            Form::Large(seen.stamp.size)
        }
    })
}

/// What is in a file, and what a folder is.
///
/// # Errors
/// Files that cannot be read.
pub fn read(place: &Path, mut seen: Seen) -> io::Result<Seen> {
    match seen.kind {
        Kind::File => seen.content = Some(digest(place)?),
        Kind::Link => drop(form(place, &mut seen)?),
        Kind::Folder => {
            let there = Seen::new(&fs::symlink_metadata(place)?, SystemTime::now());
            seen = there.ok_or(ErrorKind::NotADirectory)?;
        }
    }
    Ok(seen)
}

fn digest(place: &Path) -> io::Result<[u8; 16]> {
    let mut file = open(place)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(short(digest.finalize().as_slice())),
            length => digest.update(&buffer[..length]),
        }
    }
}

/// Opens a file, which another program may have replaced by what blocks who opens it.
pub(super) fn open(place: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(place, flags, Mode::empty())?;
    Ok(file.into())
}

fn short(digest: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    short
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// A path below another; empty for that itself.
#[must_use]
pub fn joined(path: &Path, inner: &[u8]) -> PathBuf {
    if inner.is_empty() { path.to_owned() } else { path.join(OsStr::from_bytes(inner)) }
}

/// A walk through all that counts at and below a path.
pub struct Scan<'a> {
    pub root: &'a Path,
    pub sieve: &'a Sieve,
    /// Told of each folder before it is read.
    pub entering: &'a mut dyn FnMut(&Path),
    pub found: &'a mut dyn FnMut(&[u8], Seen),
    /// Folders that cannot be read.
    pub problems: Vec<(PathBuf, io::Error)>,
}

impl Scan<'_> {
    /// Walks through `inner` and what is in it, which is all if that is empty.
    pub fn run(&mut self, inner: &[u8]) {
        let place = joined(self.root, inner);
        let now = SystemTime::now();
        // The rule's path may be a link to a folder.
        let metadata =
            if inner.is_empty() { fs::metadata(&place) } else { fs::symlink_metadata(&place) };
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(error) if is_missing(&error) => return,
            Err(error) => return self.problems.push((place, error)),
        };
        let Some(seen) = Seen::new(&metadata, now) else { return };
        let is_folder = seen.kind == Kind::Folder;
        let mut level = self.sieve.top();
        let mut counts = true;
        let mut is_open = true;
        let slashes = inner.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let mut ends: Vec<usize> = slashes.map(|(slash, _)| slash).collect();
        if is_folder && !inner.is_empty() {
            ends.push(inner.len());
        }
        for end in ends {
            let fate;
            (fate, level) = self.sieve.enter(&inner[..end], &level);
            (counts, is_open) = (fate.counts, fate.is_open);
            if !is_open {
                return;
            }
        }
        if !is_folder {
            counts = inner.is_empty() || self.sieve.counts(inner, &level);
        }
        if counts {
            (self.found)(inner, seen);
        }
        if is_folder && is_open {
            self.folders(place, inner, level, now);
        }
    }

    fn folders(&mut self, place: PathBuf, inner: &[u8], level: Level, now: SystemTime) {
        let mut waiting = vec![(place, inner.to_vec(), level)];
        let mut path = Vec::new();
        while let Some((place, inner, level)) = waiting.pop() {
            // What comes into it from now on is told.
            (self.entering)(&place);
            let opened = rustix::fs::open(
                &place,
                OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC,
                Mode::empty(),
            );
            let mut entries = match opened.and_then(Dir::new) {
                Ok(entries) => entries,
                Err(error) => {
                    let error = io::Error::from(error);
                    if !is_missing(&error) {
                        self.problems.push((place, error));
                    }
                    continue;
                }
            };
            while let Some(Ok(entry)) = entries.read() {
                let name = entry.file_name().to_bytes();
                if name == b"." || name == b".." {
                    continue;
                }
                path.clear();
                if !inner.is_empty() {
                    path.extend_from_slice(&inner);
                    path.push(b'/');
                }
                path.extend_from_slice(name);
                let at = place.join(OsStr::from_bytes(name));
                let is_folder = match entry.file_type() {
                    FileType::Directory => true,
                    // Some file systems do not say.
                    FileType::Unknown => fs::symlink_metadata(&at).is_ok_and(|it| it.is_dir()),
                    _ => false,
                };
                if is_folder {
                    let (fate, below) = self.sieve.enter(&path, &level);
                    if fate.counts {
                        (self.found)(&path, Seen::folder());
                    }
                    if fate.is_open {
                        waiting.push((at, path.clone(), below));
                    }
                } else if self.sieve.counts(&path, &level)
                    && let Ok(metadata) = fs::symlink_metadata(&at)
                    && let Some(seen) = Seen::new(&metadata, now)
                {
                    (self.found)(&path, seen);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::source::Span;
    use crate::watch::rules::Action;

    /// A watched folder that goes away with its value, and what was last seen of it.
    struct Watched {
        rule: Rule,
        tree: Tree,
    }

    impl Watched {
        fn new(name: &str) -> Self {
            let name = format!("rcompose-tree-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            let mut sieve = Sieve::new();
            sieve.ignore(&path, &["*.log".to_owned()]).unwrap();
            let rule = Rule::new("web", path, Action::Sync, "/app", sieve, Span::NOWHERE);
            Self { rule, tree: Tree::default() }
        }

        fn at(&self, name: &str) -> PathBuf {
            self.rule.path.join(name)
        }

        fn write(&self, name: &str, text: &str) {
            fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
            fs::write(self.at(name), text).unwrap();
        }

        /// Looks at a path, and takes note of it; gives what has changed in a word.
        fn look(&mut self, name: &str) -> &'static str {
            let item = Item {
                path: name.as_bytes().into(),
                was: self.tree.get(name.as_bytes()).cloned(),
                had_below: self.tree.has_below(name.as_bytes()),
                is_owed: false,
            };
            let looked = look(&self.rule, vec![item]).remove(0);
            assert!(looked.problem.is_none(), "{:?}", looked.problem);
            match looked.now {
                Some(now) => self.tree.set(&looked.path, now),
                None => self.tree.remove(&looked.path),
            }
            match looked.change {
                None => "same",
                Some(Change::Gone) => "gone",
                Some(Change::There { replaces: true, .. }) => "other",
                Some(Change::There { form: Form::Folder, .. }) => "folder",
                Some(Change::There { form: Form::Link(_), .. }) => "link",
                Some(Change::There { form: Form::Whole(_), .. }) => "file",
                Some(Change::There { form: Form::Large(_), .. }) => "large",
            }
        }

        fn scan(&self) -> Vec<String> {
            let mut all = Vec::new();
            let mut found = |path: &[u8], _: Seen| {
                all.push(String::from_utf8_lossy(path).into_owned());
            };
            let mut entered = 0;
            let mut entering = |_: &Path| entered += 1;
            let (root, sieve) = (&self.rule.path, &self.rule.sieve);
            let mut scan = Scan {
                root,
                sieve,
                entering: &mut entering,
                found: &mut found,
                problems: Vec::new(),
            };
            scan.run(b"");
            assert!(scan.problems.is_empty());
            all.sort();
            all
        }
    }

    impl Drop for Watched {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.rule.path);
        }
    }

    #[test]
    fn content_decides() {
        let mut it = Watched::new("content");
        it.write("a", "1");
        assert_eq!(it.look("a"), "file");
        assert_eq!(it.look("a"), "same");
        it.write("a", "1");
        assert_eq!(it.look("a"), "same", "the same bytes");
        File::options()
            .write(true)
            .open(it.at("a"))
            .unwrap()
            .set_modified(SystemTime::now())
            .unwrap();
        assert_eq!(it.look("a"), "same", "another time");
        it.write("a", "2");
        assert_eq!(it.look("a"), "file", "as many bytes, maybe at the same time");
        fs::rename(it.at("a"), it.at("b")).unwrap();
        it.write("a", "2");
        assert_eq!(it.look("a"), "same", "another file with the same bytes");
        fs::set_permissions(it.at("a"), fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(it.look("a"), "file", "other permissions");
        fs::remove_file(it.at("a")).unwrap();
        assert_eq!((it.look("a"), it.look("a")), ("gone", "same"));
        it.write("a.log", "1");
        assert_eq!(it.look("a.log"), "same", "it does not count");
        it.write("big", &"x".repeat(usize::try_from(WHOLE).unwrap() + 1));
        assert_eq!((it.look("big"), it.look("big")), ("large", "same"));
    }

    #[test]
    fn kinds_may_change() {
        let mut it = Watched::new("kinds");
        it.write("a", "1");
        symlink("a", it.at("l")).unwrap();
        fs::create_dir(it.at("d")).unwrap();
        assert_eq!((it.look("a"), it.look("l"), it.look("d")), ("file", "link", "folder"));
        assert_eq!((it.look("l"), it.look("d")), ("same", "same"));
        fs::remove_file(it.at("a")).unwrap();
        it.write("a/inner", "1");
        assert_eq!((it.look("a"), it.look("a/inner")), ("other", "file"));
        fs::remove_dir_all(it.at("a")).unwrap();
        it.write("a", "1");
        assert_eq!((it.look("a/inner"), it.look("a")), ("gone", "other"));
        fs::remove_file(it.at("l")).unwrap();
        symlink("d", it.at("l")).unwrap();
        assert_eq!(it.look("l"), "link");
        // What is below a folder is gone with it.
        it.write("d/e/f", "1");
        assert_eq!(it.look("d/e/f"), "file");
        fs::remove_dir_all(it.at("d")).unwrap();
        assert_eq!((it.look("d"), it.look("d/e/f")), ("gone", "same"));
        let _socket = std::os::unix::net::UnixListener::bind(it.at("s")).unwrap();
        assert_eq!(it.look("s"), "same", "sockets mean nothing elsewhere");
    }

    #[test]
    fn all_that_counts_is_found() {
        let it = Watched::new("scan");
        for file in ["a", "d/e/f", "d/x.log", "y.log", ".git/HEAD", "d/a~"] {
            it.write(file, "");
        }
        symlink("/", it.at("root")).unwrap();
        assert_eq!(it.scan(), ["", "a", "d", "d/e", "d/e/f", "d/x.log", "root"]);
    }

    #[test]
    fn what_nobody_has_read_is_learnt() {
        let mut it = Watched::new("learn");
        it.write("a", "1");
        let metadata = fs::symlink_metadata(it.at("a")).unwrap();
        let seen = Seen::new(&metadata, SystemTime::now()).unwrap();
        it.tree.set(b"a", seen);
        let unread = it.tree.unread();
        assert_eq!(unread.len(), 1);
        let (path, seen) = unread.into_iter().next().unwrap();
        let known = read(&it.at("a"), seen).unwrap();
        it.tree.learn(&path, known);
        assert!(it.tree.unread().is_empty());
        it.write("a", "1");
        assert_eq!(it.look("a"), "same");
    }
}
