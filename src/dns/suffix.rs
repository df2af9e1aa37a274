//! What names of services end in.

use std::fmt;

/// The end of all names that are answered, such as `test`: lower case, without dots around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suffix(String);

/// Why something cannot be a suffix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error(
        "names cannot end in `{0}`: a part of a name has 1 to 63 letters, digits, hyphens or underscores"
    )]
    Malformed(String),
    #[error("names cannot end in `{0}`: a name has 253 characters at the most")]
    TooLong(String),
    #[error(
        "names cannot end in `{0}`: `.local` is for machines that tell their own names, so that \
         systems ask all neighbours for it, and no server"
    )]
    Local(String),
    #[error(
        "names cannot end in `{0}`: systems answer `.localhost` themselves, with their own address"
    )]
    Localhost(String),
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        "use another ending, such as `test`, which nobody else may have"
    }
}

/// The longest suffix that leaves room for a service and its project.
const LONGEST: usize = 120;

impl Suffix {
    /// # Errors
    /// What names cannot end in, or must not.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let own = text.strip_prefix('.').unwrap_or(text);
        let own = own.strip_suffix('.').unwrap_or(own).to_ascii_lowercase();
        if !own.split('.').all(is_label) {
            return Err(Error::Malformed(text.to_owned()));
        }
        match own.rsplit('.').next() {
            Some("local") => Err(Error::Local(own)),
            Some("localhost") => Err(Error::Localhost(own)),
            _ if own.len() > LONGEST => Err(Error::TooLong(own)),
            _ => Ok(Self(own)),
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Suffix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Whether this can stand between two dots.
pub(super) fn is_label(label: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&label.len()) && label.bytes().all(is_fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes() {
        for (text, want) in [("test", "test"), (".Test.", "test"), ("dev.Example", "dev.example")] {
            assert_eq!(Suffix::parse(text).unwrap().as_str(), want);
        }
        let long = vec!["a".repeat(60); 3].join(".");
        for (text, want) in [
            ("", "a part of a name has 1 to 63"),
            ("a..b", "a part of a name has 1 to 63"),
            ("tést", "a part of a name has 1 to 63"),
            ("..test", "a part of a name has 1 to 63"),
            (&"a".repeat(64), "a part of a name has 1 to 63"),
            (&long, "253 characters"),
            ("local", "`.local` is for machines"),
            ("shop.LOCAL.", "`.local` is for machines"),
            ("localhost", "`.localhost` themselves"),
        ] {
            let error = Suffix::parse(text).unwrap_err();
            assert!(error.to_string().contains(want), "{text}: {error}");
        }
    }
}
