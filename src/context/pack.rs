//! A context as one archive, for builders that take no less than all of it.
//!
//! The same files make the same archive. It is written as the files are read, so its size does not
//! matter.
#![expect(clippy::disallowed_methods, reason = "contexts are read here")]

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use crate::context::ignore::NAME;
use crate::context::walk::{Entry, Filter, Kind};
use crate::context::{Error, IgnoreFile, ignore_file, walk};
use crate::spec::Dockerfile;

/// What is to be packed.
#[derive(Debug)]
pub struct Pack {
    root: PathBuf,
    ignore: Option<IgnoreFile>,
    dockerfile: String,
    dockerfile_text: String,
    /// Files that are in the archive whatever the context has under their names.
    added: Vec<Added>,
    /// The names of those that only the builder is to see.
    hidden: Vec<String>,
    /// The file that the builder looks for before it looks for ignore files.
    before_ignore: Option<&'static str>,
}

#[derive(Debug)]
struct Added {
    name: String,
    content: Vec<u8>,
    mode: u32,
}

impl Pack {
    /// Finds the Dockerfile and the ignore file of a context. A Dockerfile that is not in the context is
    /// added to it under a name that nothing there has.
    ///
    /// # Errors
    /// One of these files cannot be read.
    pub fn new(context: &Path, dockerfile: &Dockerfile) -> Result<Self, Error> {
        let root = fs::canonicalize(context).map_err(Error::at(context))?;
        let path = match dockerfile {
            Dockerfile::Path(path) => Some(Path::new(path)),
            Dockerfile::Inline(_) => None,
        };
        let ignore = ignore_file(&root, path)?;
        let mut pack = Self::plain(root, ignore);
        pack.dockerfile = match dockerfile {
            Dockerfile::Inline(text) => {
                pack.dockerfile_text.clone_from(text);
                pack.hide(".dockerfile", text.clone().into_bytes())
            }
            Dockerfile::Path(path) => pack.find(path)?,
        };
        Ok(pack)
    }

    /// The same of a folder in which no Dockerfile is looked for.
    ///
    /// # Errors
    /// Its ignore file cannot be read.
    pub fn of_folder(folder: &Path) -> Result<Self, Error> {
        let root = fs::canonicalize(folder).map_err(Error::at(folder))?;
        let ignore = ignore_file(&root, None)?;
        Ok(Self::plain(root, ignore))
    }

    fn plain(root: PathBuf, ignore: Option<IgnoreFile>) -> Self {
        let (dockerfile, dockerfile_text) = (String::new(), String::new());
        let (added, hidden) = (Vec::new(), Vec::new());
        Self { root, ignore, dockerfile, dockerfile_text, added, hidden, before_ignore: None }
    }

    /// The name of a Dockerfile in the archive.
    fn find(&mut self, path: &str) -> Result<String, Error> {
        let path = self.root.join(path);
        let real = fs::canonicalize(&path).map_err(Error::at(&path))?;
        let content = fs::read(&real).map_err(Error::at(&path))?;
        self.dockerfile_text = String::from_utf8_lossy(&content).into_owned();
        let Some(inside) = real.strip_prefix(&self.root).ok().and_then(Path::to_str) else {
            return Ok(self.hide(".dockerfile", content));
        };
        // The builder needs it, and takes it out again before files are copied.
        if self.leaves_out(inside) {
            self.added.push(Added { name: inside.to_owned(), content, mode: 0o644 });
        }
        Ok(inside.to_owned())
    }

    /// Has the builder read another text in the place of the Dockerfile.
    pub fn read_instead(&mut self, text: &str) {
        let before = std::mem::take(&mut self.dockerfile);
        // It may be there for the builder alone.
        self.added.retain(|added| added.name != before);
        self.dockerfile = self.hide(".dockerfile", text.as_bytes().to_vec());
    }

    /// Adds a file that the builder is told of and that is not copied into images. Gives its name, which
    /// begins with `start`.
    pub fn hide(&mut self, start: &str, content: Vec<u8>) -> String {
        let is_taken = |name: &String| {
            self.hidden.contains(name) || fs::symlink_metadata(self.root.join(name)).is_ok()
        };
        let mut names = (1..).map(|number| format!("{start}-{number}"));
        let name = names.find(|name| !is_taken(name)).unwrap_or_default();
        self.hidden.push(name.clone());
        self.added.push(Added { name: name.clone(), content, mode: 0o600 });
        name
    }

    /// For a builder that applies ignore files itself, by rules of its own, and looks for one of this name
    /// first: it finds one that names nothing but what is not to be copied, as what is left out has been
    /// left out. If the context has a file of that name, that holds as well.
    #[must_use]
    pub fn with_rules_in(self, name: Option<&'static str>) -> Self {
        let is_free = |name: &&str| fs::symlink_metadata(self.root.join(name)).is_err();
        let before_ignore = name.filter(is_free);
        Self { before_ignore, ..self }
    }

    /// The path of the Dockerfile in the archive.
    #[must_use]
    pub fn dockerfile(&self) -> &str {
        &self.dockerfile
    }

    /// What the Dockerfile says.
    #[must_use]
    pub fn dockerfile_text(&self) -> &str {
        &self.dockerfile_text
    }

    fn leaves_out(&self, path: &str) -> bool {
        self.ignore.as_ref().is_some_and(|ignore| ignore.patterns.matches(path))
    }

    /// Packs all of it.
    ///
    /// # Errors
    /// Files that cannot be read, or that change meanwhile; an archive that nobody takes.
    pub fn write(mut self, out: impl Write) -> Result<(), Error> {
        self.added.extend(self.ignore_file());
        let mut archive = Builder::new(out);
        for Added { name, content, mode } in &self.added {
            let mut header = header(EntryType::Regular, *mode, 0);
            header.set_size(content.len() as u64);
            let appended = archive.append_data(&mut header, name, content.as_slice());
            appended.map_err(Error::at(Path::new(name)))?;
        }
        let patterns = self.ignore.take().map(|ignore| ignore.patterns).unwrap_or_default();
        for entry in walk::open(&self.root, Filter::without(patterns))? {
            let entry = entry?;
            if self.added.iter().all(|added| Path::new(&added.name) != entry.path) {
                append(&mut archive, &self.root, &entry)?;
            }
        }
        let finished = archive.into_inner().and_then(|mut out| out.flush());
        finished.map_err(Error::at(&self.root))
    }

    /// The rules that the builder goes by: they say which of its own files are not copied into images.
    fn ignore_file(&self) -> Option<Added> {
        if let Some(name) = self.before_ignore {
            let dockerfile = Some(&*self.dockerfile).filter(|path| self.leaves_out(path));
            let hidden = self.hidden.iter().map(String::as_str).chain(dockerfile).chain([name]);
            let text = hidden.fold(String::new(), |text, path| text + &literal(path) + "\n");
            return Some(Added { name: name.to_owned(), content: text.into_bytes(), mode: 0o644 });
        }
        let at_top = self.root.join(NAME);
        let is_needed = !self.hidden.is_empty()
            || self.ignore.as_ref().is_some_and(|it| it.path != at_top || self.leaves_out(NAME));
        if !is_needed {
            return None;
        }
        let mut text = self.ignore.as_ref().map(|it| it.text.clone()).unwrap_or_default();
        let of_its_own = self.ignore.is_none().then(|| NAME.to_owned());
        for name in self.hidden.iter().chain(&of_its_own) {
            text.push('\n');
            text.push_str(name);
        }
        Some(Added { name: NAME.to_owned(), content: text.into_bytes(), mode: 0o644 })
    }
}

/// A pattern for nothing but this path.
fn literal(path: &str) -> String {
    path.chars().fold(String::new(), |mut text, char| {
        if matches!(char, '*' | '?' | '[' | ']' | '\\') {
            text.push('\\');
        }
        text.push(char);
        text
    })
}

fn header(kind: EntryType, mode: u32, modified: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(modified);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header
}

fn append(archive: &mut Builder<impl Write>, root: &Path, entry: &Entry) -> Result<(), Error> {
    let place = root.join(&entry.path);
    let failed = Error::at(&place);
    let kind = match &entry.kind {
        Kind::File => EntryType::Regular,
        Kind::HardLink(_) => EntryType::Link,
        Kind::Folder => EntryType::Directory,
        Kind::Symlink(_) => EntryType::Symlink,
        Kind::Pipe => EntryType::Fifo,
        Kind::BlockDevice { .. } => EntryType::Block,
        Kind::CharDevice { .. } => EntryType::Char,
    };
    let seconds = u64::try_from(entry.modified / 1_000_000_000).unwrap_or_default();
    let mut header = header(kind, entry.mode, seconds);
    let appended = match &entry.kind {
        Kind::File => match File::open(&place) {
            Ok(file) => append_file(archive, header, entry, &file),
            // It went away, as if it had never been there.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        },
        Kind::HardLink(target) | Kind::Symlink(target) => {
            archive.append_link(&mut header, &entry.path, target)
        }
        Kind::BlockDevice { major, minor } | Kind::CharDevice { major, minor } => {
            let number = |number: u64| u32::try_from(number).map_err(io::Error::other);
            number(*major)
                .and_then(|major| header.set_device_major(major))
                .and_then(|()| number(*minor))
                .and_then(|minor| header.set_device_minor(minor))
                .and_then(|()| archive.append_data(&mut header, &entry.path, io::empty()))
        }
        Kind::Folder | Kind::Pipe => archive.append_data(&mut header, &entry.path, io::empty()),
    };
    appended.map_err(failed)
}

fn append_file(
    archive: &mut Builder<impl Write>,
    mut header: Header,
    entry: &Entry,
    file: &File,
) -> io::Result<()> {
    let size = file.metadata()?.len();
    header.set_size(size);
    let mut content = file.take(size);
    archive.append_data(&mut header, &entry.path, &mut content)?;
    match content.limit() {
        0 => Ok(()),
        _ => Err(io::Error::other("it was cut while it was read")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOP: &str = "Dockerfile";

    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let name = format!("rcompose-pack-{}-{name}", std::process::id());
            let tree = Self(std::env::temp_dir().join(name));
            for (file, content) in files {
                let path = tree.0.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
            tree
        }

        fn pack(&self, context: &str, dockerfile: &Dockerfile) -> Pack {
            Pack::new(&self.0.join(context), dockerfile).unwrap()
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn path(path: &str) -> Dockerfile {
        Dockerfile::Path(path.to_owned())
    }

    /// Names and contents, in order; folders without content.
    fn packed(pack: Pack) -> Vec<(String, String)> {
        let mut bytes = Vec::new();
        pack.write(&mut bytes).unwrap();
        let mut archive = tar::Archive::new(&*bytes);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            assert_eq!((entry.header().uid().unwrap(), entry.header().gid().unwrap()), (0, 0));
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            (name, content)
        });
        entries.collect()
    }

    fn names(pack: Pack) -> Vec<String> {
        packed(pack).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn what_the_builder_needs_is_never_left_out() {
        let tree = Tree::new(
            "needs",
            &[
                ("Dockerfile", "FROM a"),
                (".dockerignore", "*\n!src"),
                ("src/main", "x"),
                ("other", "y"),
            ],
        );
        let pack = tree.pack("", &path(TOP));
        assert_eq!(pack.dockerfile(), TOP);
        assert_eq!(names(pack), [TOP, ".dockerignore", "src", "src/main"]);
        // What is not left out is where it is.
        fs::write(tree.0.join(".dockerignore"), "other").unwrap();
        let want = [".dockerignore", TOP, "src", "src/main"];
        assert_eq!(names(tree.pack("", &path(TOP))), want);
    }

    #[test]
    fn a_dockerfile_from_elsewhere_is_hidden() {
        let tree = Tree::new(
            "elsewhere",
            &[("app/.dockerfile-1", "mine"), ("app/a", "x"), ("docker/web", "FROM b")],
        );
        let pack = tree.pack("app", &path("../docker/web"));
        assert_eq!(pack.dockerfile(), ".dockerfile-2");
        let packed_files = packed(pack);
        assert_eq!(packed_files[0], (".dockerfile-2".to_owned(), "FROM b".to_owned()));
        let rules = "\n.dockerfile-2\n.dockerignore".to_owned();
        assert_eq!(packed_files[1], (".dockerignore".to_owned(), rules));
        assert_eq!(packed_files[2].1, "mine");
        // An absolute path may lead into the context.
        let inside = tree.0.join("app/a").display().to_string();
        let pack = tree.pack("app", &path(&inside));
        assert_eq!(pack.dockerfile(), "a");
        assert_eq!(names(pack), [".dockerfile-1", "a"]);
        // A link may lead out of it.
        std::os::unix::fs::symlink("../docker/web", tree.0.join("app/link")).unwrap();
        assert_eq!(tree.pack("app", &path("link")).dockerfile(), ".dockerfile-2");
    }

    #[test]
    fn an_inline_dockerfile_and_secrets_are_hidden() {
        let tree = Tree::new("inline", &[(".dockerignore", "b"), ("a", "x"), ("b", "y")]);
        let mut pack = tree.pack("", &Dockerfile::Inline("FROM c".to_owned()));
        assert_eq!(pack.hide(".secret", b"s".to_vec()), ".secret-1");
        assert_eq!(pack.hide(".secret", b"t".to_vec()), ".secret-2");
        let files = packed(pack);
        let rules = "b\n.dockerfile-1\n.secret-1\n.secret-2".to_owned();
        assert_eq!(files[3], (".dockerignore".to_owned(), rules));
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, [".dockerfile-1", ".secret-1", ".secret-2", ".dockerignore", "a"]);
    }

    #[test]
    fn the_rules_beside_the_dockerfile_hold() {
        let tree = Tree::new(
            "beside",
            &[
                (".dockerignore", "a"),
                ("web.Dockerfile", "FROM d"),
                ("web.Dockerfile.dockerignore", "b\n.dockerignore"),
                ("a", "x"),
                ("b", "y"),
            ],
        );
        let files = packed(tree.pack("", &path("web.Dockerfile")));
        assert_eq!(files[0], (".dockerignore".to_owned(), "b\n.dockerignore".to_owned()));
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let want = [".dockerignore", "a", "web.Dockerfile", "web.Dockerfile.dockerignore"];
        assert_eq!(names, want);
    }

    #[test]
    fn a_builder_with_rules_of_its_own_is_told_what_is_hidden() {
        let tree = Tree::new(
            "own",
            &[
                ("docker/[a]", "FROM d"),
                (".dockerignore", "docker\n**/x"),
                ("a", "x"),
                ("b/x", "y"),
            ],
        );
        let own = Some(".containerignore");
        let files = packed(tree.pack("", &path("docker/[a]")).with_rules_in(own));
        let rules = "docker/\\[a\\]\n.containerignore\n".to_owned();
        assert_eq!(files[1], (".containerignore".to_owned(), rules));
        let found: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(found, ["docker/[a]", ".containerignore", ".dockerignore", "a", "b"]);
        assert_eq!(files[2].1, "docker\n**/x");
        fs::write(tree.0.join(".containerignore"), "a").unwrap();
        let files = packed(tree.pack("", &path("docker/[a]")).with_rules_in(own));
        assert!(files.contains(&(".containerignore".to_owned(), "a".to_owned())));
    }

    #[test]
    fn links_and_long_names_are_kept() {
        let long = format!("{}/{}", "a".repeat(90), "b".repeat(90));
        let tree = Tree::new("links", &[(TOP, "FROM e"), (&long, "x")]);
        fs::hard_link(tree.0.join(&long), tree.0.join("z")).unwrap();
        std::os::unix::fs::symlink("../out", tree.0.join("link")).unwrap();
        let mut bytes = Vec::new();
        tree.pack("", &path(TOP)).write(&mut bytes).unwrap();
        let mut again = Vec::new();
        tree.pack("", &path(TOP)).write(&mut again).unwrap();
        assert!(bytes == again, "the same files make another archive");
        let mut archive = tar::Archive::new(&*bytes);
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let target = entry.link_name().unwrap().map(|it| it.to_string_lossy().into_owned());
            found.push((entry.path().unwrap().to_string_lossy().into_owned(), target));
        }
        assert_eq!(found[2], (long.clone(), None));
        assert_eq!(found[3], ("link".to_owned(), Some("../out".to_owned())));
        assert_eq!(found[4], ("z".to_owned(), Some(long)));
    }

    #[test]
    fn a_missing_dockerfile_is_named() {
        let tree = Tree::new("missing", &[("a", "x")]);
        let error = Pack::new(&tree.0, &path("no")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read `") && error.contains("/no`: "), "{error}");
        let error = Pack::new(&tree.0.join("none"), &path(TOP)).unwrap_err().to_string();
        assert!(error.contains("/none`: "), "{error}");
        fs::write(tree.0.join(".dockerignore"), "a\n[").unwrap();
        let error = Pack::new(&tree.0, &path("a")).unwrap_err().to_string();
        assert!(error.ends_with("/.dockerignore`, line 2: `[` is not a valid pattern"), "{error}");
    }
}
