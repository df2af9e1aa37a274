//! Paths as text: cleaning, joining, and making those of a model absolute.

use crate::compose::files::Files;
use crate::compose::report::{Path, Report};
use crate::compose::schema::{Leaf, PathKind, Shape};
use crate::yaml::{Node, Value};

/// What relative paths are relative to.
#[derive(Clone, Copy)]
pub struct Base<'a> {
    /// Absolute, or relative to the project folder while the paths of an extended or included file
    /// are rebased.
    pub folder: &'a str,
    /// Stands for `~`.
    pub home: Option<&'a str>,
    pub files: &'a Files,
}

/// The shortest path of the same meaning, by text alone.
#[must_use]
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// `path` below `folder`, cleaned.
#[must_use]
pub fn join(folder: &str, path: &str) -> String {
    if folder.is_empty() { clean(path) } else { clean(&format!("{folder}/{path}")) }
}

/// The folder of `path`.
#[must_use]
pub fn parent(path: &str) -> String {
    match path.rsplit_once('/') {
        Some(("", _)) => "/".to_owned(),
        Some((folder, _)) => clean(folder),
        None => ".".to_owned(),
    }
}

/// The last part of `path`; empty for the root.
#[must_use]
pub fn file_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or("")
}

/// The way from folder `from` to `to`, both absolute.
#[must_use]
pub fn relative(from: &str, to: &str) -> String {
    let (from, to) = (clean(from), clean(to));
    let split = |path: &str| {
        path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let (from, to) = (split(&from), split(&to));
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", from.len() - common);
    let way: Vec<&str> = up.chain(to[common..].iter().map(String::as_str)).collect();
    if way.is_empty() { ".".to_owned() } else { way.join("/") }
}

/// Replaces a leading `~` by the home folder, as the peer does also for `~name`.
#[must_use]
pub fn expand_home(path: &str, home: Option<&str>) -> String {
    match (path.strip_prefix('~'), home) {
        (Some(rest), Some(home)) => join(home, rest),
        _ => path.to_owned(),
    }
}

/// `path` absolute, as a file of this host; an empty path stays empty.
#[must_use]
pub fn absolute(path: &str, base: &Base<'_>) -> String {
    let path = expand_home(path, base.home);
    if path.is_empty() || path.starts_with('/') { path } else { join(base.folder, &path) }
}

/// `path` absolute, where a Windows path is absolute too: the engine may run there.
#[must_use]
pub fn any_host(path: &str, base: &Base<'_>) -> String {
    let path = expand_home(path, base.home);
    if path.starts_with('/') || is_windows_absolute(&path) {
        path
    } else {
        join(base.folder, &path)
    }
}

/// Two slashes begin a share or a device, a letter, a colon and a slash a path on a drive.
fn is_windows_absolute(path: &str) -> bool {
    let slash = |byte: u8| byte == b'/' || byte == b'\\';
    match path.as_bytes() {
        [_, b':', next, ..] => slash(*next),
        [first, second, ..] => slash(*first) && slash(*second),
        _ => false,
    }
}

/// Whether a build context is fetched by the builder rather than read here.
#[must_use]
pub fn is_remote_context(context: &str) -> bool {
    const PREFIXES: [&str; 4] = ["service:", "github.com/", "git@", "ssh://"];
    context.contains("://") || PREFIXES.iter().any(|prefix| context.starts_with(prefix))
}

/// Makes the paths of a canonical tree absolute, or relative to another folder.
pub(super) fn resolve(
    node: &mut Node,
    shape: &Shape,
    base: &Base<'_>,
    path: &Path<'_>,
    report: &mut Report,
) {
    match (shape.for_node(node), &mut node.value) {
        (Shape::Leaf(leaf), Value::Text(text)) => *text = resolved(text, leaf, base),
        (Shape::Record(record), _) => {
            if let Some(resolve) = record.resolve
                && let Some(problem) = resolve(node, base)
            {
                report.push(path, problem);
            }
            for (name, entry) in node.as_map_mut().into_iter().flatten() {
                if let Some(key) = record.key(name) {
                    resolve(&mut entry.node, &key.shape, base, &path.key(name), report);
                }
            }
        }
        (Shape::Dict(dict), Value::Map(map)) => {
            for (name, entry) in map.iter_mut() {
                resolve(&mut entry.node, &dict.value, base, &path.key(name), report);
            }
        }
        (Shape::List(list), Value::List(items)) => {
            for (index, item) in items.iter_mut().enumerate() {
                resolve(item, &list.item, base, &path.index(index), report);
            }
        }
        _ => {}
    }
}

fn resolved(text: &str, leaf: &Leaf, base: &Base<'_>) -> String {
    match leaf.path {
        PathKind::None => text.to_owned(),
        PathKind::File => absolute(text, base),
        PathKind::AnyHost => any_host(text, base),
        PathKind::Context if is_remote_context(text) => text.to_owned(),
        PathKind::Context => absolute(text, base),
        PathKind::Followed => {
            let path = absolute(text, base);
            base.files.follow_first_link(&path).unwrap_or(path)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning() {
        for (path, want) in [
            ("", "."),
            ("a/./b/../c/", "a/c"),
            ("../../a", "../../a"),
            ("/../a//b", "/a/b"),
            ("/", "/"),
            ("a/..", "."),
        ] {
            assert_eq!(clean(path), want, "{path}");
        }
        assert_eq!(join("/p", "./x"), "/p/x");
        assert_eq!(join(".", "./x"), "x");
        assert_eq!(parent("/a/b"), "/a");
        assert_eq!(parent("/a"), "/");
        assert_eq!(parent("a"), ".");
        assert_eq!(relative("/a/b", "/a/c/d"), "../c/d");
        assert_eq!(relative("/a", "/a"), ".");
    }

    #[test]
    fn windows_paths() {
        assert!(is_windows_absolute("C:\\x") && is_windows_absolute("c:/x"));
        assert!(is_windows_absolute("\\\\host\\share\\x") && is_windows_absolute("\\\\.\\pipe\\x"));
        assert!(!is_windows_absolute("c:x") && !is_windows_absolute("\\x"));
    }

    #[test]
    fn remote_contexts() {
        for context in
            ["https://a/b.git", "git@a:b", "github.com/a/b", "service:x", "docker-image://a"]
        {
            assert!(is_remote_context(context), "{context}");
        }
        assert!(!is_remote_context("./github.com/a"));
    }
}
