//! References of images: `[REGISTRY/]NAME[:TAG][@DIGEST]`, read as the engines read them.

use std::fmt;

/// The registry that is meant where none is named.
pub const DEFAULT_REGISTRY: &str = concat!("docker", ".io");
/// The folder of the images there that need none.
const OFFICIAL: &str = "library";
/// The tag that is meant where there is neither a tag nor a digest.
const LATEST: &str = "latest";
/// Bytes of the longest name, with its registry.
const LONGEST_NAME: usize = 255;
/// Bytes of the longest tag.
const LONGEST_TAG: usize = 128;

/// A reference in all its parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Host and port.
    pub registry: String,
    /// With the folder of official images.
    pub repository: String,
    pub tag: Option<String>,
    /// `sha256:…`, which says exactly what is meant; a tag beside it says nothing.
    pub digest: Option<String>,
}

/// Why a text is no reference, as a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("it has no name")]
    Empty,
    #[error("a repository must be lowercase")]
    Uppercase,
    #[error("it is an ID, not a name")]
    Id,
    #[error("a name is made of lowercase letters and digits, with single separators between them")]
    Name,
    #[error("a tag has letters, digits, `_`, `.` and `-`, and begins with none of the last two")]
    Tag,
    #[error("a digest is `sha256:` and 64 hexadecimal digits")]
    Digest,
    #[error("it is too long")]
    Long,
}

impl Reference {
    /// Reads a reference. A tag is not made up: see [`Reference::target`].
    ///
    /// # Errors
    /// What engines refuse, too.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) if is_digest(digest) => (rest, Some(digest)),
            Some(_) => return Err(Invalid::Digest),
            None => (text, None),
        };
        let last = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest[last..].find(':') {
            Some(colon) => (&rest[..last + colon], Some(&rest[last + colon + 1..])),
            None => (rest, None),
        };
        if name.is_empty() {
            return Err(Invalid::Empty);
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(Invalid::Tag);
        }
        if is_hex(name, 64) {
            return Err(Invalid::Id);
        }
        let (registry, repository) = match name.split_once('/') {
            Some((first, rest)) if is_host(first) => (first, rest),
            _ => (DEFAULT_REGISTRY, name),
        };
        // Its name of old, which some configurations still have.
        let registry = if registry.trim_start_matches("index.") == DEFAULT_REGISTRY {
            DEFAULT_REGISTRY
        } else {
            registry
        };
        if repository.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(Invalid::Uppercase);
        }
        if !repository.split('/').all(is_component) {
            return Err(Invalid::Name);
        }
        let repository = if registry == DEFAULT_REGISTRY && !repository.contains('/') {
            format!("{OFFICIAL}/{repository}")
        } else {
            repository.to_owned()
        };
        if registry.len() + 1 + repository.len() > LONGEST_NAME {
            return Err(Invalid::Long);
        }
        Ok(Self {
            registry: registry.to_owned(),
            repository,
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// The name with its registry.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The name as people write it: without the registry and the folder that are meant anyway.
    #[must_use]
    pub fn familiar_name(&self) -> String {
        if self.registry != DEFAULT_REGISTRY {
            return self.name();
        }
        let official = self.repository.strip_prefix(OFFICIAL).and_then(|it| it.strip_prefix('/'));
        official.unwrap_or(&self.repository).to_owned()
    }

    /// What a registry is asked for: the digest, else the tag, else the tag that is meant.
    #[must_use]
    pub fn target(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or(LATEST)
    }

    /// The whole reference as people write it, with the tag that is meant: the same text for all ways
    /// of writing it.
    #[must_use]
    pub fn familiar(&self) -> String {
        match &self.digest {
            Some(digest) => format!("{}@{digest}", self.familiar_name()),
            None => format!("{}:{}", self.familiar_name(), self.target()),
        }
    }

    /// The whole reference with the digest that it stands for.
    #[must_use]
    pub fn pinned(&self, digest: &str) -> String {
        match &self.digest {
            Some(own) => format!("{}@{own}", self.name()),
            None => format!("{}:{}@{digest}", self.name(), self.target()),
        }
    }

    /// The whole reference with nothing left out; what has a digest has no tag.
    #[must_use]
    pub fn whole(&self) -> String {
        match &self.digest {
            Some(digest) => format!("{}@{digest}", self.name()),
            None => format!("{}:{}", self.name(), self.target()),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.familiar())
    }
}

/// Whether the first part of a name is a registry and no folder.
fn is_host(part: &str) -> bool {
    part == "localhost"
        || part.contains(['.', ':'])
        || part.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// A part of a name: words with `.`, `_`, `__` or dashes between them.
fn is_component(part: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = |byte: Option<&u8>| byte.copied().is_some_and(is_word);
    let separators = part.split(|char: char| char.is_ascii_lowercase() || char.is_ascii_digit());
    ends(part.as_bytes().first())
        && ends(part.as_bytes().last())
        && separators
            .filter(|it| !it.is_empty())
            .all(|it| matches!(it, "." | "_" | "__") || it.bytes().all(|byte| byte == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=LONGEST_TAG).contains(&tag.len())
        && tag.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
        && tag.bytes().next().is_some_and(is_word)
}

/// Whether a text is a digest as registries give them.
#[must_use]
pub fn is_digest(text: &str) -> bool {
    match text.split_once(':') {
        Some(("sha256", hex)) => is_hex(hex, 64),
        Some(("sha512", hex)) => is_hex(hex, 128),
        _ => false,
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn parts() {
        let check = |text: &str, expected: [&str; 4]| {
            let it = Reference::parse(text).unwrap();
            let tag = it.tag.as_deref().unwrap_or("");
            let digest = it.digest.as_deref().unwrap_or("");
            assert_eq!([&*it.registry, &*it.repository, tag, digest], expected, "{text}");
        };
        let hub = DEFAULT_REGISTRY;
        check("nginx", [hub, "library/nginx", "", ""]);
        check("nginx:1.25", [hub, "library/nginx", "1.25", ""]);
        check("team/app:x_Y.z-1", [hub, "team/app", "x_Y.z-1", ""]);
        check(&format!("index.{hub}/nginx"), [hub, "library/nginx", "", ""]);
        check(&format!("{hub}/library/nginx"), [hub, "library/nginx", "", ""]);
        check("localhost/a", ["localhost", "a", "", ""]);
        check("localhost:5000/a/b:2", ["localhost:5000", "a/b", "2", ""]);
        check("[::1]:5000/a", ["[::1]:5000", "a", "", ""]);
        check("registry.example/a__b/c--d.e_f", ["registry.example", "a__b/c--d.e_f", "", ""]);
        check(&format!("a:1@{DIGEST}"), [hub, "library/a", "1", DIGEST]);
        check(&format!("HOST/a@{DIGEST}"), ["HOST", "a", "", DIGEST]);
    }

    #[test]
    fn what_is_none() {
        let check = |text: &str, why| assert_eq!(Reference::parse(text), Err(why), "{text}");
        check("", Invalid::Empty);
        check(":1", Invalid::Empty);
        check("App", Invalid::Uppercase);
        check(&"0f".repeat(32), Invalid::Id);
        for name in ["a//b", "-a", "a-", "a___b", "a..b", "a b", "a/", "/a", "${x}", "ä"] {
            check(name, Invalid::Name);
        }
        for tag in ["a:", "a:-x", "a:.x", "a:x y", "a:1:2"] {
            check(tag, Invalid::Tag);
        }
        check(&format!("a:{}", "x".repeat(129)), Invalid::Tag);
        for digest in ["a@", "a@sha256:1", "a@md5:00", &format!("a@{}", DIGEST.to_uppercase())] {
            check(digest, Invalid::Digest);
        }
        check(&"a".repeat(300), Invalid::Long);
    }

    #[test]
    fn one_text_for_all_ways_of_writing_it() {
        let familiar = |text: &str| Reference::parse(text).unwrap().familiar();
        for text in ["nginx", "nginx:latest", "library/nginx", &format!("{DEFAULT_REGISTRY}/nginx")]
        {
            assert_eq!(familiar(text), "nginx:latest", "{text}");
        }
        assert_eq!(familiar("localhost:5000/a"), "localhost:5000/a:latest");
        assert_eq!(familiar(&format!("a:1@{DIGEST}")), format!("a@{DIGEST}"));
        let whole = Reference::parse("nginx").unwrap().whole();
        assert_eq!(whole, format!("{DEFAULT_REGISTRY}/library/nginx:latest"));
    }
}
