//! Links that are followed: which paths of a folder have to be there so that a path can be read.
#![expect(clippy::disallowed_methods, reason = "contexts are read here")]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use crate::context::Error;
use crate::context::pattern::Pattern;

/// The links that lead to `paths` and what they lead to, in order; `None` if the whole folder is wanted.
///
/// A part of a path may be a pattern without `**`. What is not there is named all the same. A link cannot
/// leave the folder: its root is the root.
///
/// # Errors
/// Files and folders that cannot be looked at.
pub(super) fn follow(root: &Path, paths: &[String]) -> Result<Option<Vec<PathBuf>>, Error> {
    let mut found = Found { root, paths: BTreeSet::new() };
    for path in paths {
        found.add(Path::new(path))?;
    }
    let is_whole = found.paths.contains(Path::new(""));
    Ok((!is_whole).then(|| found.paths.into_iter().collect()))
}

struct Found<'a> {
    root: &'a Path,
    paths: BTreeSet<PathBuf>,
}

impl Found<'_> {
    fn add(&mut self, path: &Path) -> Result<(), Error> {
        let path = inside(path);
        let mut parts = path.components();
        let mut current = PathBuf::new();
        loop {
            current.extend(parts.next());
            let rest = parts.as_path();
            let targets = self.targets(&current)?;
            let is_end = rest.as_os_str().is_empty();
            if is_end || !targets.is_empty() {
                // Links may lead in a circle.
                if !self.paths.insert(current.clone()) {
                    return Ok(());
                }
                for target in &targets {
                    self.add(&target.join(rest))?;
                }
                return Ok(());
            }
        }
    }

    /// Where a path leads if it is a link, or all that match it if its last part is a pattern.
    fn targets(&self, path: &Path) -> Result<Vec<PathBuf>, Error> {
        let Some(name) = path.file_name() else {
            return Ok(Vec::new());
        };
        if !is_pattern(name.as_bytes()) {
            return Ok(self.target(path)?.into_iter().collect());
        }
        let Some(pattern) = name.to_str().and_then(|name| Pattern::compile(&single_stars(name)))
        else {
            return Ok(Vec::new());
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let place = self.root.join(folder);
        let entries = match fs::read_dir(&place) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::at(&place))?,
        };
        let mut names: Vec<OsString> = entries
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<Result<_, _>>()
            .map_err(Error::at(&place))?;
        names.retain(|name| pattern.matches(name.as_bytes()));
        names.sort_unstable();
        let targets = names.iter().map(|name| self.target(&folder.join(name)));
        targets.filter_map(Result::transpose).collect()
    }

    /// Where a link leads, as a path below the root.
    fn target(&self, path: &Path) -> Result<Option<PathBuf>, Error> {
        let place = self.root.join(path);
        match fs::read_link(&place) {
            Ok(target) => Ok(Some(inside(&path.parent().unwrap_or(Path::new("")).join(target)))),
            // It is no link.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(None),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(None)
            }
            Err(error) => Err(Error::at(&place)(error)),
        }
    }
}

/// A path below the root, by its letters: nothing leads above it.
fn inside(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => out.push(part),
            Component::ParentDir => {
                out.pop();
            }
            Component::RootDir => out.clear(),
            Component::CurDir | Component::Prefix(_) => {}
        }
    }
    out
}

fn is_pattern(name: &[u8]) -> bool {
    let mut bytes = name.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'*' | b'?' | b'[' => return true,
            _ => {}
        }
    }
    false
}

/// In a single name, two stars are as good as one.
fn single_stars(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for char in name.chars() {
        if char != '*' || !out.ends_with('*') {
            out.push(char);
        }
    }
    out
}

/// The paths as patterns, without those that lie in others.
pub(super) fn as_patterns(paths: Vec<PathBuf>) -> Vec<String> {
    let mut kept: Vec<PathBuf> = Vec::with_capacity(paths.len());
    for path in paths {
        if !kept.last().is_some_and(|last| path.starts_with(last)) {
            kept.push(path);
        }
    }
    let text =
        |path: PathBuf| String::from_utf8_lossy(&path.into_os_string().into_vec()).into_owned();
    kept.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_and_what_they_lead_to() {
        let root = std::env::temp_dir().join(format!("rcompose-follow-{}", std::process::id()));
        fs::create_dir_all(root.join("real/deep")).unwrap();
        fs::write(root.join("real/deep/file"), "").unwrap();
        for (target, link) in [
            ("real", "link"),
            ("/real/deep", "absolute"),
            ("../../out", "real/out"),
            ("circle-b", "circle-a"),
            ("circle-a", "circle-b"),
            ("gone", "dangling"),
            ("deep/file", "real/file"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        let check = |paths: &[&str], want: Option<&[&str]>| {
            let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
            let found = follow(&root, &paths).unwrap().map(as_patterns);
            let want = want.map(|want| want.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
            assert_eq!(found, want, "{paths:?}");
        };
        check(&["real"], Some(&["real"]));
        check(&["/real/deep/file"], Some(&["real/deep/file"]));
        check(&["link/deep"], Some(&["link", "real/deep"]));
        check(&["link/file"], Some(&["link", "real/deep/file", "real/file"]));
        check(&["absolute/file"], Some(&["absolute", "real/deep/file"]));
        check(&["real/out"], Some(&["out", "real/out"]));
        check(&["circle-a/x"], Some(&["circle-a", "circle-b"]));
        check(&["dangling", "no/such"], Some(&["dangling", "gone", "no/such"]));
        check(&["real/f*"], Some(&["real/deep/file", "real/f*"]));
        check(&["li**k/deep"], Some(&["li**k", "real/deep"]));
        check(&["real/deep", "real"], Some(&["real"]));
        check(&["a", "/"], None);
        check(&["real/.."], None);
        fs::remove_dir_all(&root).unwrap();
    }
}
