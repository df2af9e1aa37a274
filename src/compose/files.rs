//! Finding and reading files: the only I/O of the language.
#![expect(clippy::disallowed_methods, reason = "the one place of the language that reads files")]

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read as _};
use std::rc::Rc;

use crate::compose::paths;

/// Bytes beyond which a file is refused.
pub const MAX_FILE: u64 = 64 << 20;

/// Where files come from.
#[derive(Debug)]
pub enum Files {
    /// The disk, and standard input for `-`.
    Disk,
    /// The same, and copies of what is elsewhere.
    Fetching(Rc<dyn Fetch>),
    /// Exactly these, by absolute path; `-` is standard input.
    Fixed(BTreeMap<String, Vec<u8>>),
}

/// Gets files that are elsewhere: artifacts in registries, and git repositories.
pub trait Fetch: fmt::Debug {
    /// The absolute path of a copy of the Compose file that `reference` names.
    ///
    /// # Errors
    /// What cannot be had.
    fn fetch(&self, reference: &str) -> Result<String, Unfetched>;
}

/// Why a file that is elsewhere cannot be had.
#[derive(Debug)]
pub struct Unfetched {
    /// A clause.
    pub message: String,
    pub help: Option<String>,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    Missing,
    /// There is something, but it may not be looked at.
    Unreadable,
}

impl Files {
    /// The bytes of a file, or of standard input for `-`.
    ///
    /// # Errors
    /// Those of the system, and a file of more than [`MAX_FILE`] bytes.
    pub fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        match self {
            Self::Fixed(files) => match files.get(path) {
                Some(bytes) => Ok(bytes.clone()),
                None if self.kind(path) == Kind::Folder => Err(io::ErrorKind::IsADirectory.into()),
                None => Err(io::ErrorKind::NotFound.into()),
            },
            Self::Disk | Self::Fetching(_) if path == "-" => read_bounded(io::stdin().lock(), 0),
            Self::Disk | Self::Fetching(_) => {
                let metadata = std::fs::metadata(path)?;
                if metadata.is_dir() {
                    return Err(io::ErrorKind::IsADirectory.into());
                }
                read_bounded(std::fs::File::open(path)?, metadata.len())
            }
        }
    }

    /// The text of a file; the error is a clause.
    ///
    /// # Errors
    /// Those of [`Files::read`], and bytes that are no text.
    pub fn read_text(&self, path: &str) -> Result<String, String> {
        let bytes = self.read(path).map_err(|error| format!("cannot read `{path}`: {error}"))?;
        String::from_utf8(bytes).map_err(|_| format!("`{path}` is no text"))
    }

    /// The absolute path of a copy of a file that is elsewhere.
    pub(crate) fn fetch(&self, reference: &str) -> Result<String, Unfetched> {
        match self {
            Self::Fetching(fetcher) => fetcher.fetch(reference),
            Self::Disk | Self::Fixed(_) => Err(Unfetched {
                message: format!("`{reference}` is elsewhere, and nothing is fetched here"),
                help: Some("copy it first, and name the copy".to_owned()),
            }),
        }
    }

    #[must_use]
    pub fn kind(&self, path: &str) -> Kind {
        match self {
            Self::Fixed(files) => {
                let below = format!("{}/", path.trim_end_matches('/'));
                if files.contains_key(path) {
                    Kind::File
                } else if files.keys().any(|file| file.starts_with(&below)) {
                    Kind::Folder
                } else {
                    Kind::Missing
                }
            }
            Self::Disk | Self::Fetching(_) => match std::fs::metadata(path) {
                Ok(metadata) if metadata.is_dir() => Kind::Folder,
                Ok(_) => Kind::File,
                Err(error) if error.kind() == io::ErrorKind::NotFound => Kind::Missing,
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => Kind::Missing,
                Err(_) => Kind::Unreadable,
            },
        }
    }

    /// `path` with the first symbolic link in it replaced by where it leads, if there is one.
    #[must_use]
    pub(crate) fn follow_first_link(&self, path: &str) -> Option<String> {
        if matches!(self, Self::Fixed(_)) || !path.starts_with('/') {
            return None;
        }
        let mut current = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            current = format!("{current}/{part}");
            if std::fs::symlink_metadata(&current).ok()?.is_symlink() {
                let target = std::fs::canonicalize(&current).ok()?;
                return Some(path.replacen(&current, target.to_str()?, 1));
            }
        }
        None
    }

    /// The name of the folder with all symbolic links followed, if it can be known.
    #[must_use]
    pub(crate) fn real_name(&self, folder: &str) -> Option<String> {
        if matches!(self, Self::Fixed(_)) {
            return None;
        }
        let real = std::fs::canonicalize(folder).ok()?;
        Some(paths::file_name(real.to_str()?).to_owned())
    }
}

fn read_bounded(source: impl io::Read, size: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(MAX_FILE)).unwrap_or(0));
    source.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {} MiB", MAX_FILE >> 20),
        ));
    }
    Ok(bytes)
}

/// Bytes that are no text, as a place and what is wrong there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotText {
    /// The text with what is wrong replaced.
    pub(crate) text: String,
    pub(crate) offset: usize,
    pub(crate) problem: &'static str,
}

/// Decodes UTF-8, or UTF-16 with a byte order mark; a mark is dropped.
pub(crate) fn decode(bytes: Vec<u8>) -> Result<String, NotText> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks(2).map(|pair| unit([pair[0], pair.get(1).copied().unwrap_or(0)]));
        let mut text = String::new();
        for char in char::decode_utf16(units) {
            if let Ok(char) = char {
                text.push(char);
            } else {
                let offset = text.len();
                text.push(char::REPLACEMENT_CHARACTER);
                return Err(NotText { text, offset, problem: "invalid UTF-16" });
            }
        }
        Ok(text)
    };
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => decode(rest.to_vec()),
        _ => String::from_utf8(bytes).map_err(|error| {
            let offset = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            NotText { text, offset, problem: "invalid UTF-8" }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding() {
        let text = |bytes: &[u8]| decode(bytes.to_vec()).unwrap();
        assert_eq!(text(b"a\xc3\xa9"), "aé");
        assert_eq!(text(b"\xef\xbb\xbfa"), "a");
        assert_eq!(text(b"\xff\xfea\0\xe9\0"), "aé");
        assert_eq!(text(b"\xfe\xff\0a\0\xe9"), "aé");
        assert_eq!(decode(b"ab\xff".to_vec()).unwrap_err().offset, 2);
        assert_eq!(decode(b"\xff\xfe\0\xd8".to_vec()).unwrap_err().problem, "invalid UTF-16");
    }
}
