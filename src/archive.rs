//! Trees of files as archives: packed from this machine, and unpacked onto it.
//!
//! What comes in an archive goes where it is told to go and nowhere else, whatever its names and links
//! say: a container may have written them.
#![expect(clippy::disallowed_methods, reason = "what is copied are files of the user's")]

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use tar::EntryType;

/// Packs a file or a folder with all that is in it. At the top it is called `name`; a dot stands for
/// the inside of a folder. Links are packed as links.
///
/// # Errors
/// Files that cannot be read.
pub fn pack(path: &Path, name: &Path, out: impl Write) -> io::Result<()> {
    let mut builder = tar::Builder::new(out);
    builder.follow_symlinks(false);
    builder.sparse(false);
    let mut waiting = vec![(path.to_owned(), name.to_owned())];
    while let Some((path, name)) = waiting.pop() {
        let kind = fs::symlink_metadata(&path).map_err(|error| at(&path, &error))?.file_type();
        // Nobody can connect to a copy.
        if kind.is_socket() {
            continue;
        }
        builder.append_path_with_name(&path, &name).map_err(|error| at(&path, &error))?;
        if kind.is_dir() {
            let entries = fs::read_dir(&path).map_err(|error| at(&path, &error))?;
            let mut names: Vec<OsString> =
                entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?;
            names.sort_unstable_by(|a, b| b.cmp(a));
            waiting.extend(names.into_iter().map(|it| (path.join(&it), name.join(&it))));
        }
    }
    builder.into_inner()?.flush()
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// How an archive is unpacked.
#[derive(Debug, Clone)]
pub struct Unpack {
    pub folder: PathBuf,
    /// What the top of the archive is called, if not as it is; with whether that top is the inside of a
    /// folder, which has no name.
    pub name: Option<(OsString, bool)>,
}

impl Unpack {
    /// Unpacks an archive; gives the names of what this machine cannot be given: devices and the like.
    ///
    /// # Errors
    /// Files that cannot be written, and names that lead out of the folder.
    pub fn run(&self, archive: impl Read) -> io::Result<Vec<String>> {
        let root = fs::canonicalize(&self.folder).map_err(|error| at(&self.folder, &error))?;
        let mut skipped = Vec::new();
        let mut folders: Vec<(PathBuf, u32, u64)> = Vec::new();
        let mut archive = tar::Archive::new(archive);
        for entry in archive.entries()? {
            let mut entry = entry?;
            let name = entry.path()?.into_owned();
            let Some(inner) = self.renamed(&name)? else {
                continue;
            };
            let path = inside(&root, &inner)?;
            let header = entry.header();
            let (mode, time) = (header.mode()? & 0o7777, header.mtime()?);
            let kind = header.entry_type();
            match kind {
                EntryType::Directory => {
                    make_folder(&path)?;
                    folders.push((path, mode, time));
                }
                EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                    clear(&path)?;
                    let mut file =
                        fs::File::create_new(&path).map_err(|error| at(&path, &error))?;
                    if let Err(error) = io::copy(&mut entry, &mut file) {
                        // Half a file is worse than none, and takes room.
                        let _ = fs::remove_file(&path);
                        return Err(at(&path, &error));
                    }
                    file.set_permissions(fs::Permissions::from_mode(mode))?;
                    file.set_modified(moment(time))?;
                }
                EntryType::Symlink => {
                    let target = entry.link_name()?.unwrap_or_default().into_owned();
                    clear(&path)?;
                    std::os::unix::fs::symlink(target, &path).map_err(|error| at(&path, &error))?;
                }
                EntryType::Link => {
                    let target = entry.link_name()?.unwrap_or_default().into_owned();
                    let target = self.renamed(&target)?.unwrap_or_default();
                    let target = inside(&root, &target)?;
                    clear(&path)?;
                    fs::hard_link(target, &path).map_err(|error| at(&path, &error))?;
                }
                EntryType::XGlobalHeader => {}
                _ => skipped.push(inner.display().to_string()),
            }
        }
        // Last, as a folder may forbid what is yet to come into it.
        for (path, mode, time) in folders.iter().rev() {
            fs::set_permissions(path, fs::Permissions::from_mode(*mode))?;
            fs::File::open(path)?.set_modified(moment(*time))?;
        }
        Ok(skipped)
    }

    /// The name of an entry below the folder; `None` for the folder itself.
    fn renamed(&self, name: &Path) -> io::Result<Option<PathBuf>> {
        let mut parts = Vec::new();
        for part in name.components() {
            match part {
                Component::Normal(part) => parts.push(part.to_owned()),
                Component::CurDir | Component::RootDir => {}
                Component::ParentDir | Component::Prefix(_) => return Err(outside(name)),
            }
        }
        match &self.name {
            Some((top, true)) => parts.insert(0, top.clone()),
            Some((top, false)) => {
                if let Some(first) = parts.first_mut() {
                    first.clone_from(top);
                }
            }
            None => {}
        }
        let path: PathBuf = parts.iter().collect();
        Ok((!parts.is_empty()).then_some(path))
    }
}

fn outside(name: &Path) -> io::Error {
    let message = format!("the archive has a name that leads out of it: {}", name.display());
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// A path below `root`, whose folder is there, and is below it as well when all links are followed.
fn inside(root: &Path, inner: &Path) -> io::Result<PathBuf> {
    let path = root.join(inner);
    let parent = path.parent().unwrap_or(root);
    if !parent.exists() {
        // What is missing is made below what is there, which must be inside.
        let there = parent.ancestors().find(|it| it.exists()).unwrap_or(root);
        if !fs::canonicalize(there)?.starts_with(root) {
            return Err(outside(inner));
        }
        fs::create_dir_all(parent).map_err(|error| at(parent, &error))?;
    }
    if fs::canonicalize(parent)?.starts_with(root) { Ok(path) } else { Err(outside(inner)) }
}

/// A folder may be there already, but nothing else.
fn make_folder(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => Ok(()),
        Ok(_) => {
            let message = format!("cannot overwrite {} with a directory", path.display());
            Err(io::Error::new(io::ErrorKind::AlreadyExists, message))
        }
        Err(_) => fs::create_dir(path).map_err(|error| at(path, &error)),
    }
}

/// Makes room for what is no folder.
fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => {
            let message = format!("cannot overwrite directory {}", path.display());
            Err(io::Error::new(io::ErrorKind::AlreadyExists, message))
        }
        Ok(_) => fs::remove_file(path).map_err(|error| at(path, &error)),
        Err(_) => Ok(()),
    }
}

fn moment(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_secs(seconds))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Something on this machine that is to be packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where it is; its last part may be a link, which is packed as such.
    pub path: PathBuf,
    /// What it is called: a dot for the inside of a folder.
    pub name: OsString,
    pub is_folder: bool,
}

impl Source {
    /// Finds what an absolute path stands for. A link at its end is followed if that is asked for, or if
    /// a slash follows it.
    ///
    /// # Errors
    /// Nothing is there.
    pub fn find(path: &str, follow: bool) -> io::Result<Self> {
        let shown = Path::new(path);
        let clean = clean(path);
        let is_inside = ends_in_dot(path);
        let problem = |error: io::Error| at(shown, &error);
        let real = if follow || path.ends_with('/') || is_inside {
            fs::canonicalize(path).map_err(problem)?
        } else {
            let parent = fs::canonicalize(clean.parent().unwrap_or(&clean)).map_err(problem)?;
            match clean.file_name() {
                Some(name) => parent.join(name),
                None => parent,
            }
        };
        let metadata: Metadata = fs::symlink_metadata(&real).map_err(problem)?;
        let name = match clean.file_name() {
            Some(name) if !is_inside => name.to_owned(),
            _ => OsString::from("."),
        };
        Ok(Self { path: real, name, is_folder: metadata.is_dir() })
    }
}

/// A place on this machine that something is copied to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub path: PathBuf,
    pub exists: bool,
    pub is_folder: bool,
}

impl Place {
    /// Finds what an absolute path stands for. Links are followed; the folder it is in must be there.
    ///
    /// # Errors
    /// The folder is missing, or something stands there that nothing can be copied to.
    pub fn find(path: &str) -> io::Result<Self> {
        let mut place = clean(path);
        let above = place.parent().unwrap_or(Path::new("/")).to_owned();
        if !above.is_dir() {
            let above = above.display();
            let message = format!("invalid output path: directory \"{above}\" does not exist");
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        for _ in 0..MOST_LINKS {
            match fs::symlink_metadata(&place) {
                Err(_) => {
                    let parent = place.parent().unwrap_or(Path::new("/")).to_owned();
                    if !parent.is_dir() {
                        let error = io::Error::from(io::ErrorKind::NotFound);
                        return Err(at(&parent, &error));
                    }
                    return Ok(Self { path: place, exists: false, is_folder: false });
                }
                Ok(there) if there.is_symlink() => {
                    let target = fs::read_link(&place)?;
                    place = clean(
                        &place.parent().unwrap_or(Path::new("/")).join(target).to_string_lossy(),
                    );
                }
                Ok(there) if there.is_dir() || there.is_file() => {
                    return Ok(Self { path: place, exists: true, is_folder: there.is_dir() });
                }
                Ok(_) => {
                    let message =
                        format!("{} is neither a directory nor a regular file", place.display());
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
                }
            }
        }
        Err(io::Error::other(format!("too many symlinks in {path}")))
    }
}

/// Links to links, at the most.
const MOST_LINKS: usize = 10;

/// Whether a path says that it is the inside of a folder that is meant.
#[must_use]
pub fn ends_in_dot(path: &str) -> bool {
    path == "." || path.ends_with("/.")
}

/// Whether a path can only be that of a folder.
#[must_use]
pub fn asks_for_folder(path: &str) -> bool {
    path.ends_with('/') || ends_in_dot(path)
}

/// A path without `.` and `..`, by its letters alone.
#[must_use]
pub fn clean(path: &str) -> PathBuf {
    let mut out = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir | Component::Prefix(_) => {}
            Component::ParentDir => {
                // Nothing is above the root.
                if out.file_name().is_some_and(|name| name != "..") {
                    out.pop();
                } else if !out.has_root() {
                    out.push("..");
                }
            }
            Component::RootDir | Component::Normal(_) => out.push(part),
        }
    }
    if out.as_os_str().is_empty() { PathBuf::from(".") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(entries: &[(&str, EntryType, &str)]) -> Result<Vec<String>, String> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("rcompose-archive-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let inner = folder.join("inner");
        fs::create_dir_all(&inner).unwrap();
        let mut builder = tar::Builder::new(Vec::new());
        for (name, kind, text) in entries {
            let mut header = tar::Header::new_gnu();
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(0o755);
            header.set_mtime(1);
            let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
            if is_link {
                header.set_link_name(text).unwrap();
            }
            let bytes = if is_link { &[][..] } else { text.as_bytes() };
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            builder.append(&header, bytes).unwrap();
        }
        let bytes = builder.into_inner().unwrap();
        let result = Unpack { folder: inner.clone(), name: None }.run(&*bytes);
        let mut found = Vec::new();
        let mut waiting = vec![folder.clone()];
        while let Some(path) = waiting.pop() {
            for entry in fs::read_dir(&path).unwrap() {
                let path = entry.unwrap().path();
                found.push(path.strip_prefix(&folder).unwrap().display().to_string());
                if path.is_dir() && !path.is_symlink() {
                    waiting.push(path);
                }
            }
        }
        fs::remove_dir_all(&folder).unwrap();
        found.sort();
        result.map(|_| found).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_gets_out_of_the_folder() {
        let file = EntryType::Regular;
        let found =
            unpacked(&[("a/b", file, "x"), ("/abs", file, "x"), ("dev", EntryType::Char, "")]);
        assert_eq!(found.unwrap(), ["inner", "inner/a", "inner/a/b", "inner/abs"]);
        assert!(unpacked(&[("../out", file, "x")]).unwrap_err().contains("leads out"));
        assert!(unpacked(&[("a/../../out", file, "x")]).unwrap_err().contains("leads out"));
        let links = [("up", EntryType::Symlink, ".."), ("up/out", file, "x")];
        assert!(unpacked(&links).unwrap_err().contains("leads out"));
        let links = [("up", EntryType::Symlink, ".."), ("up/new/out", file, "x")];
        assert!(unpacked(&links).unwrap_err().contains("leads out"));
        let links = [("up", EntryType::Symlink, "../out"), ("up", file, "x")];
        assert_eq!(unpacked(&links).unwrap(), ["inner", "inner/up"]);
        let links = [("hard", EntryType::Link, "../x")];
        assert!(unpacked(&links).unwrap_err().contains("leads out"));
        let folders = [("a", EntryType::Directory, ""), ("a", file, "x")];
        assert!(unpacked(&folders).unwrap_err().contains("cannot overwrite directory"));
    }

    #[test]
    fn names_are_changed_at_the_top() {
        let renamed = |name: Option<(&str, bool)>, path: &str| {
            let name = name.map(|(name, inside)| (OsString::from(name), inside));
            let unpack = Unpack { folder: PathBuf::new(), name };
            unpack.renamed(Path::new(path)).unwrap().map(|path| path.display().to_string())
        };
        assert_eq!(renamed(None, "./a/b").as_deref(), Some("a/b"));
        assert_eq!(renamed(None, "./"), None);
        assert_eq!(renamed(Some(("x", false)), "a/b/a").as_deref(), Some("x/b/a"));
        assert_eq!(renamed(Some(("x", true)), "./a/b").as_deref(), Some("x/a/b"));
        assert_eq!(renamed(Some(("x", true)), "./").as_deref(), Some("x"));
    }

    #[test]
    fn paths_by_their_letters() {
        let check = |path: &str, want: &str| assert_eq!(clean(path), Path::new(want), "{path}");
        check("/a/./b/../c/", "/a/c");
        check("/../a", "/a");
        check("a/..", ".");
        check("../a", "../a");
        check("a/../../b", "../b");
        check("/", "/");
        assert!(ends_in_dot("a/.") && ends_in_dot(".") && !ends_in_dot("a.") && !ends_in_dot("a/"));
        assert!(asks_for_folder("a/") && asks_for_folder("a/.") && !asks_for_folder("a"));
    }
}
