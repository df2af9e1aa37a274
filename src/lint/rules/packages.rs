//! What commands of package managers do, for the rules about them.

use crate::dockerfile::Word;

/// What a command does to packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Update,
    Install,
    Remove,
    Clean,
}

/// Folders where package managers leave things.
const LEFT: [&str; 5] =
    ["/var/lib/apt/lists", "/var/cache/apt", "/var/cache/apk", "/var/cache/yum", "/var/cache/dnf"];

fn is_apt_program(name: &str) -> bool {
    matches!(name, "apt-get" | "apt" | "aptitude")
}

/// The act of a command, if it is one of a package manager or removes what one leaves behind.
pub(super) fn act(words: &[Word]) -> Option<Act> {
    let mut words = words.iter().map(|word| word.text.as_str()).filter(|word| *word != "sudo");
    let program = words.next()?.rsplit('/').next()?;
    let rest: Vec<&str> = words.collect();
    let verb = rest.iter().copied().find(|word| !word.starts_with('-')).unwrap_or("");
    let act = match (program, verb) {
        ("apk", "update") => Act::Update,
        ("apk", "add") => Act::Install,
        ("apk", "del") => Act::Remove,
        ("apk", "cache") => Act::Clean,
        ("apt-get" | "apt" | "aptitude" | "yum" | "dnf" | "microdnf" | "zypper", verb) => {
            match verb {
                "update" if is_apt_program(program) => Act::Update,
                "makecache" | "refresh" => Act::Update,
                "install" | "groupinstall" => Act::Install,
                "purge" | "remove" | "erase" | "autoremove" => Act::Remove,
                "clean" | "autoclean" => Act::Clean,
                _ => return None,
            }
        }
        ("rm", _) => {
            let is_left = |word: &&str| LEFT.iter().any(|folder| word.starts_with(folder));
            return rest.iter().any(is_left).then_some(Act::Clean);
        }
        _ => return None,
    };
    Some(act)
}

/// Whether a command is one of `apt`.
pub(super) fn is_apt(words: &[Word]) -> bool {
    let mut words = words.iter().map(|word| word.text.as_str());
    let program = words.find(|word| *word != "sudo").and_then(|word| word.rsplit('/').next());
    program.is_some_and(is_apt_program)
}

/// What a command installs.
pub(super) fn installed(words: &[Word]) -> impl Iterator<Item = &Word> {
    words.iter().skip(2).filter(|word| !word.text.starts_with('-'))
}
