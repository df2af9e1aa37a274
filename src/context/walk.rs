//! Finds the files of a context that travel, in the order that builders want.
//!
//! A folder comes before what is in it, and what is in a folder is sorted by name, byte by byte. A folder
//! that is left out comes only if something in it does not, and then right before the first of that.
//! Names need not be text. Files are looked at, not opened.
#![expect(clippy::disallowed_methods, reason = "contexts are read here")]

use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use crate::context::Error;
use crate::context::follow::{as_patterns, follow};
use crate::context::patterns::{Above, Patterns};

/// Which paths of a folder are wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// What is left out.
    pub exclude: Patterns,
    /// Nothing else is wanted, if there are any.
    pub include: Patterns,
}

impl Filter {
    /// All but what an ignore file leaves out.
    #[must_use]
    pub fn without(exclude: Patterns) -> Self {
        Self { exclude, include: Patterns::default() }
    }

    /// What a builder asks for: `follow` are paths that are wanted with all links that lead there.
    ///
    /// # Errors
    /// Patterns that are none; links that cannot be read.
    pub fn asked(
        root: &Path,
        include: &[String],
        exclude: &[String],
        follow_paths: &[String],
    ) -> Result<Self, Error> {
        let mut include = include.to_vec();
        // If the whole folder is wanted, the patterns alone hold.
        if let Some(paths) = follow(root, follow_paths)? {
            include.extend(as_patterns(paths));
        }
        let read = |lines: &[String]| {
            Patterns::of_lines(lines.iter().map(String::as_str)).map_err(Error::Filter)
        };
        Ok(Self { exclude: read(exclude)?, include: read(&include)? })
    }
}

/// Something in a context. Whom it belongs to does not count: there it is the superuser's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the context.
    pub path: PathBuf,
    pub kind: Kind,
    /// Permissions, with those of the special bits: `0o7777` at the most.
    pub mode: u32,
    /// Bytes of a file, or of the text of a link.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    File,
    /// A file that came before, under this path.
    HardLink(PathBuf),
    Folder,
    Symlink(PathBuf),
    Pipe,
    BlockDevice {
        major: u64,
        minor: u64,
    },
    CharDevice {
        major: u64,
        minor: u64,
    },
}

impl Entry {
    /// Kind and permissions as Go's `FileMode` has them, which is what builders are told.
    #[must_use]
    pub fn go_mode(&self) -> u32 {
        let kind = match self.kind {
            Kind::File | Kind::HardLink(_) => 0,
            Kind::Folder => 1 << 31,
            Kind::Symlink(_) => 1 << 27,
            Kind::Pipe => 1 << 25,
            Kind::BlockDevice { .. } => 1 << 26,
            Kind::CharDevice { .. } => 1 << 26 | 1 << 21,
        };
        let special = [(0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20)];
        let special = special.iter().filter(|(bit, _)| self.mode & bit != 0);
        special.fold(kind | self.mode & 0o777, |mode, (_, bit)| mode | bit)
    }
}

/// Begins to walk through a folder.
///
/// # Errors
/// It is not there, or no folder.
pub fn open(root: &Path, filter: Filter) -> Result<Walk, Error> {
    let root = fs::canonicalize(root).map_err(Error::at(root))?;
    if !fs::metadata(&root).map_err(Error::at(&root))?.is_dir() {
        return Err(Error::NoFolder { path: root });
    }
    let top = Folder {
        path: Vec::new(),
        entries: sorted(&root)?,
        excluded: Above::default(),
        included: Above::default(),
        waiting: None,
    };
    Ok(Walk { root, filter, folders: vec![top], found: VecDeque::new(), files: HashMap::new() })
}

/// How much travels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Entries that are no folders.
    pub files: u64,
    pub bytes: u64,
}

/// Counts what travels.
///
/// # Errors
/// Folders that cannot be read.
pub fn size(root: &Path, filter: Filter) -> Result<Size, Error> {
    open(root, filter)?.try_fold(Size::default(), |size, entry| {
        let entry = entry?;
        let bytes = if entry.kind == Kind::File { entry.size } else { 0 };
        let files = u64::from(entry.kind != Kind::Folder);
        Ok(Size { files: size.files + files, bytes: size.bytes + bytes })
    })
}

/// A walk through a folder. It ends after an error.
pub struct Walk {
    root: PathBuf,
    filter: Filter,
    /// The folders that are being read, each in the one before.
    folders: Vec<Folder>,
    found: VecDeque<Entry>,
    /// The first path of each file that has several, by device and number.
    files: HashMap<(u64, u64), PathBuf>,
}

struct Folder {
    /// Empty at the top; else it ends in a slash.
    path: Vec<u8>,
    entries: IntoIter<(OsString, DirEntry)>,
    excluded: Above,
    included: Above,
    /// The folder itself, until something in it is found.
    waiting: Option<Entry>,
}

impl Walk {
    /// The folder, without links on the way to it.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn visit(&mut self, name: &OsString, found: &DirEntry) -> Result<(), Error> {
        let Some(folder) = self.folders.last() else {
            return Ok(());
        };
        let path = [&folder.path, name.as_bytes()].concat();
        let is_folder = match found.file_type() {
            // Nobody can connect to a copy.
            Ok(kind) if kind.is_socket() => return Ok(()),
            Ok(kind) => kind.is_dir(),
            Err(error) => return gone(&found.path(), error),
        };
        let Filter { exclude, include } = &self.filter;
        let (is_out, excluded) = state(exclude, &path, &folder.excluded, is_folder);
        if is_folder && is_out && !exclude.can_take_back_below(&path) {
            return Ok(());
        }
        let (is_in, included) = state(include, &path, &folder.included, is_folder);
        let is_in = is_in || include.is_empty();
        if is_folder && !is_in && !include.can_match_below(&path) {
            return Ok(());
        }
        let is_wanted = is_in && !is_out;
        if !is_wanted && !is_folder {
            return Ok(());
        }
        let entry = match self.entry(PathBuf::from(OsString::from_vec(path.clone())), found) {
            Ok(entry) => entry,
            Err(error) => return gone(&found.path(), error),
        };
        let mut waiting = Some(entry);
        if is_wanted {
            let folders = self.folders.iter_mut().filter_map(|folder| folder.waiting.take());
            self.found.extend(folders.chain(waiting.take()));
        }
        if is_folder {
            let entries = match sorted(&found.path()) {
                Err(Error::Unreadable { cause, .. })
                    if cause.kind() == ErrorKind::NotFound
                        || !is_wanted && cause.kind() == ErrorKind::PermissionDenied =>
                {
                    return Ok(());
                }
                entries => entries?,
            };
            let path = [&path, &b"/"[..]].concat();
            self.folders.push(Folder { path, entries, excluded, included, waiting });
        }
        Ok(())
    }

    fn entry(&mut self, path: PathBuf, found: &DirEntry) -> std::io::Result<Entry> {
        let metadata = found.metadata()?;
        let device = || {
            let device = metadata.rdev();
            (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xf_ff00)
        };
        let kind = metadata.file_type();
        let kind = if kind.is_dir() {
            Kind::Folder
        } else if kind.is_symlink() {
            Kind::Symlink(fs::read_link(found.path())?)
        } else if let Some(first) = self.earlier(&path, &metadata) {
            Kind::HardLink(first)
        } else if kind.is_fifo() {
            Kind::Pipe
        } else if kind.is_block_device() {
            let (major, minor) = device();
            Kind::BlockDevice { major, minor }
        } else if kind.is_char_device() {
            let (major, minor) = device();
            Kind::CharDevice { major, minor }
        } else {
            Kind::File
        };
        let size = match kind {
            Kind::File | Kind::Symlink(_) => metadata.size(),
            _ => 0,
        };
        let seconds = metadata.mtime().saturating_mul(1_000_000_000);
        let modified = seconds.saturating_add(metadata.mtime_nsec());
        Ok(Entry { path, kind, mode: metadata.mode() & 0o7777, size, modified })
    }

    /// The path under which a file has come already.
    fn earlier(&mut self, path: &Path, metadata: &fs::Metadata) -> Option<PathBuf> {
        if metadata.nlink() < 2 {
            return None;
        }
        let number = (metadata.dev(), metadata.ino());
        let first = self.files.get(&number).cloned();
        if first.is_none() {
            self.files.insert(number, path.to_owned());
        }
        first
    }
}

impl Iterator for Walk {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.found.pop_front() {
                return Some(Ok(entry));
            }
            let Some((name, found)) = self.folders.last_mut()?.entries.next() else {
                self.folders.pop();
                continue;
            };
            if let Err(error) = self.visit(&name, &found) {
                self.folders.clear();
                return Some(Err(error));
            }
        }
    }
}

/// Whether a path is matched; and of a folder, what is to be known for what is in it.
fn state(patterns: &Patterns, path: &[u8], above: &Above, is_folder: bool) -> (bool, Above) {
    if is_folder {
        patterns.enter(path, above)
    } else {
        (patterns.matches_in(path, above), Above::default())
    }
}

/// What goes away meanwhile was never there.
fn gone(path: &Path, error: std::io::Error) -> Result<(), Error> {
    match error.kind() {
        ErrorKind::NotFound => Ok(()),
        _ => Err(Error::at(path)(error)),
    }
}

fn sorted(folder: &Path) -> Result<IntoIter<(OsString, DirEntry)>, Error> {
    let entries = fs::read_dir(folder).and_then(|entries| {
        entries.map(|entry| entry.map(|entry| (entry.file_name(), entry))).collect()
    });
    let mut entries: Vec<(OsString, DirEntry)> = entries.map_err(Error::at(folder))?;
    entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(entries.into_iter())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    /// A folder that goes away with its value.
    struct Tree(PathBuf);

    impl Tree {
        fn new(files: &[&str]) -> Self {
            use std::sync::atomic::{AtomicU32, Ordering};
            static NUMBER: AtomicU32 = AtomicU32::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("rcompose-walk-{}-{number}", std::process::id());
            let tree = Self(std::env::temp_dir().join(name));
            fs::create_dir_all(&tree.0).unwrap();
            for file in files {
                let path = tree.0.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, file).unwrap();
            }
            tree
        }

        fn walk(&self, filter: Filter) -> Vec<String> {
            let entries = open(&self.0, filter).unwrap();
            entries.map(|entry| entry.unwrap().path.to_string_lossy().into_owned()).collect()
        }

        fn without(&self, lines: &str) -> Vec<String> {
            self.walk(Filter::without(Patterns::parse(lines).unwrap()))
        }

        fn asked(&self, include: &[&str], exclude: &[&str], follow: &[&str]) -> Vec<String> {
            let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
            let [include, exclude, follow]: [Vec<String>; 3] =
                [owned(include), owned(exclude), owned(follow)];
            self.walk(Filter::asked(&self.0, &include, &exclude, &follow).unwrap())
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn folders_come_before_what_is_in_them() {
        let tree = Tree::new(&["b", "a/z", "a.txt", "a/a", "a-b/c", "\u{e9}"]);
        let want = ["a", "a/a", "a/z", "a-b", "a-b/c", "a.txt", "b", "\u{e9}"];
        let mut sorted = want.to_vec();
        sorted.sort_unstable_by_key(|path| path.split('/').next().unwrap().to_owned());
        assert_eq!(tree.walk(Filter::default()), sorted);
    }

    #[test]
    fn a_folder_that_is_left_out_comes_with_what_is_taken_back() {
        let tree = Tree::new(&["a/b/c", "a/b/d", "a/e", "f"]);
        assert_eq!(tree.without("a"), ["f"]);
        assert_eq!(tree.without("a\n!a/b/d"), ["a", "a/b", "a/b/d", "f"]);
        assert_eq!(tree.without("a\n!a/x"), ["f"]);
        assert_eq!(tree.without("*\n!**/c"), ["a", "a/b", "a/b/c"]);
        assert_eq!(tree.without("**\n!a/e"), ["a", "a/e"]);
        assert_eq!(tree.without("a/*"), ["a", "f"]);
    }

    #[test]
    fn only_what_a_builder_asks_for() {
        let tree = Tree::new(&["a/b/c", "a/b/d", "a/e", "f"]);
        assert_eq!(tree.asked(&["f", "a/b"], &[], &[]), ["a", "a/b", "a/b/c", "a/b/d", "f"]);
        assert_eq!(tree.asked(&["a/b"], &["**/c"], &[]), ["a", "a/b", "a/b/d"]);
        assert_eq!(tree.asked(&["a/*", "!a/b"], &[], &[]), ["a", "a/e"]);
        assert_eq!(tree.asked(&["**/d"], &[], &[]), ["a", "a/b", "a/b/d"]);
        assert_eq!(tree.asked(&["no"], &[], &[]), [""; 0]);
        symlink("b", tree.0.join("a/link")).unwrap();
        symlink("/a/link/c", tree.0.join("to")).unwrap();
        assert_eq!(tree.asked(&[], &[], &["to"]), ["a", "a/b", "a/b/c", "a/link", "to"]);
        assert_eq!(tree.asked(&["f"], &[], &["/a/e"]), ["a", "a/e", "f"]);
        assert_eq!(tree.asked(&[], &["a", "to"], &["/"]), ["f"]);
    }

    #[test]
    fn kinds() {
        let tree = Tree::new(&["a/file", "run.sh"]);
        let at = |name: &str| tree.0.join(name);
        fs::hard_link(at("run.sh"), at("z-again")).unwrap();
        fs::hard_link(at("run.sh"), at("a/first")).unwrap();
        symlink("../no/where", at("link")).unwrap();
        fs::set_permissions(at("run.sh"), fs::Permissions::from_mode(0o6751)).unwrap();
        fs::set_permissions(at("a"), fs::Permissions::from_mode(0o1777)).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        let odd = OsString::from_vec(b"odd-\xff".to_vec());
        fs::write(tree.0.join(&odd), "").unwrap();
        let entries: Vec<Entry> =
            open(&tree.0, Filter::default()).unwrap().map(Result::unwrap).collect();
        let names: Vec<_> = entries.iter().map(|entry| entry.path.as_os_str()).collect();
        let want = ["a", "a/file", "a/first", "link", "odd", "run.sh", "z-again"];
        let want = want.map(|name| if name == "odd" { odd.clone() } else { name.into() });
        assert_eq!(names, want);
        let [folder, file, first, link, _, second, third] = &entries[..] else { panic!() };
        assert_eq!((&folder.kind, folder.size), (&Kind::Folder, 0));
        assert_eq!(folder.go_mode(), 1 << 31 | 1 << 20 | 0o777);
        assert_eq!((&file.kind, file.size), (&Kind::File, 6));
        let modified = fs::metadata(at("a/file")).unwrap().modified().unwrap();
        let modified = modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        assert_eq!(i128::from(file.modified), i128::try_from(modified).unwrap());
        // The first path that comes has the content.
        assert_eq!((&first.kind, first.size), (&Kind::File, 6));
        assert_eq!(first.go_mode(), 1 << 23 | 1 << 22 | 0o751);
        assert_eq!((&second.kind, second.size), (&Kind::HardLink("a/first".into()), 0));
        assert_eq!(third.kind, Kind::HardLink("a/first".into()));
        assert_eq!((&link.kind, link.size), (&Kind::Symlink("../no/where".into()), 11));
        assert_eq!(link.go_mode() & !0o777, 1 << 27);
        let size = size(&tree.0, Filter::default()).unwrap();
        assert_eq!(size, Size { files: 6, bytes: 12 });
        // If the first path is left out, the next has the content.
        let filter = Filter::without(Patterns::parse("a").unwrap());
        let entries: Vec<Entry> = open(&tree.0, filter).unwrap().map(Result::unwrap).collect();
        assert_eq!(entries[2].kind, Kind::File);
        assert_eq!(entries[3].kind, Kind::HardLink("run.sh".into()));
    }

    #[test]
    fn devices_are_not_opened() {
        let filter = || Filter::without(Patterns::parse("*\n!null").unwrap());
        let entries: Vec<Entry> =
            open(Path::new("/dev"), filter()).unwrap().map(Result::unwrap).collect();
        assert_eq!(entries[0].kind, Kind::CharDevice { major: 1, minor: 3 });
        assert_eq!(entries[0].go_mode(), 1 << 26 | 1 << 21 | 0o666);
    }

    #[test]
    fn errors_name_the_path() {
        let tree = Tree::new(&["file"]);
        let wrong = |path: &Path| open(path, Filter::default()).err().unwrap().to_string();
        let missing = wrong(&tree.0.join("no"));
        assert!(missing.starts_with("cannot read `") && missing.contains("/no`: "), "{missing}");
        let file = wrong(&tree.0.join("file"));
        assert!(file.ends_with("/file` is not a folder"), "{file}");
        let filter = Filter::asked(&tree.0, &["[".to_owned()], &[], &[]).unwrap_err().to_string();
        assert!(filter.ends_with("`[` is not a valid pattern"), "{filter}");
    }
}
