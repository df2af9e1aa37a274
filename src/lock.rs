//! The lock file of a project: what the tags of its images stood for when it was made.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reference::{Reference, is_digest};
use crate::source::{FileId, Span};
use crate::yaml::{Node, parse};

/// The name of the file, which stands beside the first Compose file.
pub const FILE_NAME: &str = "compose.lock.yaml";

/// The only version of the file that there is.
const VERSION: i64 = 1;

const HEADER: &str = "\
# The exact images of this project: what each tag stands for. Made by `rcompose lock`, held to by
# `up --locked` and others. Keep it under version control, and let `rcompose lock` change it.
";

/// Digests of references.
#[derive(Debug, Clone, Default)]
pub struct Lock {
    /// By the reference as people write it, with its tag.
    images: BTreeMap<String, Locked>,
}

#[derive(Debug, Clone)]
pub struct Locked {
    pub digest: String,
    /// Where the file says so.
    pub span: Span,
}

impl Lock {
    /// Reads a lock file.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(file: FileId, text: &str) -> Result<Self, Diagnostics> {
        let start = Span::new(file, 0..0);
        let documents = parse::parse(file, text)?;
        let [root] = &documents[..] else {
            return Err(broken(start, "a lock file is one document").into());
        };
        let version = root.get("version");
        if version.and_then(Node::as_int) != Some(VERSION) {
            let at = version.map_or(root.span, |version| version.span);
            let message = format!("a lock file has `version: {VERSION}`");
            let problem = Diagnostic::error(at, message);
            return Err(problem.help("use the rcompose that made it, or delete it").into());
        }
        let mut lock = Self::default();
        let mut problems = Diagnostics::default();
        let images = root.get("images").filter(|images| !images.is_null());
        let Some(entries) = images
            .map(|images| images.as_map().ok_or(images.span))
            .transpose()
            .map_err(|span| Diagnostics::from(broken(span, "`images` must be a mapping")))?
        else {
            return Ok(lock);
        };
        for (name, entry) in entries {
            match (Reference::parse(name), entry.node.as_str().filter(|text| is_digest(text))) {
                (Ok(reference), Some(digest)) => {
                    let locked = Locked { digest: digest.to_owned(), span: entry.key };
                    lock.images.insert(reference.familiar(), locked);
                }
                (Err(why), _) => {
                    let message = format!("`{name}` is no reference of an image: {why}");
                    problems.push(broken(entry.key, message));
                }
                (_, None) => {
                    problems.push(broken(entry.node.span, "this is no digest of an image"));
                }
            }
        }
        if problems.is_empty() { Ok(lock) } else { Err(problems) }
    }

    /// The text of the file.
    #[must_use]
    pub fn write(&self) -> String {
        let mut text = format!("{HEADER}version: {VERSION}\n");
        if self.images.is_empty() {
            text.push_str("images: {}\n");
            return text;
        }
        text.push_str("images:\n");
        for (name, locked) in &self.images {
            // What begins with an address of version 6 would be a list.
            let name = if name.starts_with('[') { format!("\"{name}\"") } else { name.clone() };
            let _ = writeln!(text, "  {name}: {}", locked.digest);
        }
        text
    }

    /// What a reference stands for; what has a digest stands for itself.
    #[must_use]
    pub fn digest<'a>(&'a self, of: &'a Reference) -> Option<&'a str> {
        let own = of.digest.as_deref();
        own.or_else(|| self.images.get(&of.familiar()).map(|locked| locked.digest.as_str()))
    }

    pub fn set(&mut self, reference: &Reference, digest: String) {
        self.images.insert(reference.familiar(), Locked { digest, span: Span::NOWHERE });
    }

    /// Keeps what `wanted` takes; gives what went, with its place.
    pub fn retain(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<(String, Span)> {
        let gone = self.images.iter().filter(|(name, _)| !wanted(name));
        let gone: Vec<_> = gone.map(|(name, locked)| (name.clone(), locked.span)).collect();
        for (name, _) in &gone {
            self.images.remove(name);
        }
        gone
    }
}

fn broken(at: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(at, message).help("delete the lock file, and run `rcompose lock`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Format;
    use crate::source::SourceMap;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn read(text: &str) -> Result<Lock, String> {
        let mut sources = SourceMap::default();
        let file = sources.add(FILE_NAME.to_owned(), text.to_owned(), None);
        Lock::parse(file, text).map_err(|problems| problems.render(&sources, Format::Plain))
    }

    #[test]
    fn what_is_written_is_read() {
        let mut lock = Lock::default();
        assert!(lock.write().ends_with("version: 1\nimages: {}\n"));
        for text in ["nginx", "localhost:5000/team/app:1", "a:2", "[::1]:5000/b"] {
            lock.set(&Reference::parse(text).unwrap(), DIGEST.to_owned());
        }
        let text = lock.write();
        let expected = format!(
            "version: 1\nimages:\n  \"[::1]:5000/b:latest\": {DIGEST}\n  a:2: {DIGEST}\n  localhost:5000/team/app:1: {DIGEST}\n  \
             nginx:latest: {DIGEST}\n"
        );
        assert_eq!(text, format!("{HEADER}{expected}"));
        let mut again = read(&text).unwrap();
        assert_eq!(again.write(), text);
        let digest = |text: &str| {
            let reference = Reference::parse(text).unwrap();
            again.digest(&reference).map(str::to_owned)
        };
        assert_eq!(digest("library/nginx:latest").as_deref(), Some(DIGEST));
        assert_eq!(digest("nginx:1"), None);
        let own = DIGEST.replace('0', "f");
        assert_eq!(digest(&format!("b@{own}")), Some(own));
        let gone = again.retain(|name| name != "a:2");
        assert_eq!(gone.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a:2"]);
        assert!(!again.write().contains("a:2"));
    }

    #[test]
    fn what_is_broken_says_where() {
        let check = |text: &str, message: &str| {
            let problems = read(text).unwrap_err();
            assert!(problems.contains(message), "{text}: {problems}");
        };
        check("", "one document");
        check("images: {}", "version: 1");
        check("version: 2", "compose.lock.yaml:1:10");
        check("version: 1\nimages: []", "must be a mapping");
        check("version: 1\nimages: {A: x}", "must be lowercase");
        check("version: 1\nimages: {a: x}", "compose.lock.yaml:2:13");
        check("version: 1\nimages: {a: b", "compose.lock.yaml");
        assert!(read("version: 1\nimages:\n").is_ok());
    }
}
