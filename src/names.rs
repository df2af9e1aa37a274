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

/// A one-off container.
#[must_use]
pub fn one_off(project: &str, service: &str, slug: &str, separator: Separator) -> String {
    let separator = separator.char();
    let slug = slug.get(..12).unwrap_or(slug);
    format!("{project}{separator}{service}{separator}run{separator}{slug}")
}

/// The name of a container without that of its project, as logs show it. A name that is not made of
/// project, service and number stays whole.
#[must_use]
pub fn short<'a>(project: &str, service: &str, container: &'a str) -> &'a str {
    let separator = |char| matches!(char, '-' | '_');
    let rest = container.strip_prefix(project).and_then(|rest| rest.strip_prefix(separator));
    let number = rest.and_then(|rest| rest.strip_prefix(service)?.strip_prefix(separator));
    match (rest, number) {
        (Some(rest), Some(number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => container,
    }
}

/// What variables about a service begin with: its name in capitals, with `_` for what names of variables
/// cannot have.
#[must_use]
pub fn variable(service: &str) -> String {
    let other =
        |char: char| if char.is_ascii_alphanumeric() { char.to_ascii_uppercase() } else { '_' };
    let name: String = service.chars().map(other).collect();
    // No name of a variable begins with a digit.
    if name.starts_with(|char: char| char.is_ascii_digit()) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_services() {
        assert_eq!(variable("my-web.2"), "MY_WEB_2");
        assert_eq!(variable("2lost"), "_2LOST");
        assert_eq!(variable("é"), "_");
    }

    #[test]
    fn short_names() {
        assert_eq!(short("p", "web", "p-web-1"), "web-1");
        assert_eq!(short("p", "web", "p_web_12"), "web_12");
        assert_eq!(short("p", "web", "p-other"), "p-other");
        assert_eq!(short("p", "web", "web"), "web");
    }
}
