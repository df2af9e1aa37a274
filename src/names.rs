//! What containers, networks, volumes and images are called.

/// What stands between the parts of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Separator {
    #[default]
    Hyphen,
    /// As version 1 of Docker Compose did.
    Underscore,
}

impl Separator {
    #[must_use]
    pub fn new(compatibility: bool) -> Self {
        if compatibility { Self::Underscore } else { Self::Hyphen }
    }

    #[must_use]
    pub fn char(self) -> char {
        match self {
            Self::Hyphen => '-',
            Self::Underscore => '_',
        }
    }
}

/// The image of a service that is built and says no other name.
#[must_use]
pub fn image(project: &str, service: &str, separator: Separator) -> String {
    format!("{project}{}{service}", separator.char())
}

/// The container of a replica.
#[must_use]
pub fn container(project: &str, service: &str, number: u32, separator: Separator) -> String {
    let separator = separator.char();
    format!("{project}{separator}{service}{separator}{number}")
}
