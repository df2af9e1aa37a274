//! What the values of flags and arguments are.

use clap::{Arg, Command};

use crate::commands::completing::Word;
use crate::commands::ps;
use crate::lint::rules::RULES;

/// What a value is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One of these words.
    Words(Vec<Word>),
    Services,
    /// A service with this and more behind it.
    ServiceAnd(&'static str),
    /// A path here, or one in the container of a service.
    Copied,
    Profiles,
    Projects,
    Contexts,
    ComposeFiles,
    Files,
    Folders,
    /// Nobody can know.
    Free,
}

/// When images are pulled, wherever that can be said.
const POLICIES: [&str; 4] = ["always", "missing", "never", "build"];

/// Flags whose words their parsers alone know: command (`rcompose` for flags before it), flag and words.
#[rustfmt::skip]
const WORDS: &[(&str, &str, &[&str])] = &[
    ("rcompose", "ansi", &["auto", "never", "always"]),
    ("rcompose", "log-level", &["debug", "info", "warn", "error", "fatal"]),
    ("rcompose", "progress", &["auto", "tty", "plain", "json", "quiet"]),
    ("check", "format", &["table", "json"]),
    ("config", "format", &["yaml", "json"]),
    ("doctor", "format", &["pretty", "json"]),
    ("down", "rmi", &["all", "local"]),
    ("images", "format", &["table", "json"]),
    ("kill", "signal", &["SIGHUP", "SIGINT", "SIGKILL", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"]),
    ("lint", "fail-on", &["error", "warning", "info", "never"]),
    ("lint", "format", &["plain", "json", "sarif", "github"]),
    ("logs", "tail", &["all"]),
    ("ls", "filter", &["name="]),
    ("ls", "format", &["table", "json"]),
    ("port", "protocol", &["tcp", "udp"]),
    ("ps", "filter", &["status="]),
    ("ps", "format", &["table", "json", "raw"]),
    ("ps", "status", &ps::STATES),
    ("publish", "oci-version", &["1.0", "1.1"]),
    ("stats", "format", &["table", "json"]),
    ("version", "format", &["pretty", "json"]),
    ("volumes", "format", &["table", "json", "raw"]),
];

/// The same for values that are no fixed words, where their names do not say what they are.
const KINDS: &[(&str, &str, Kind)] = &[
    ("rcompose", "context", Kind::Contexts),
    ("rcompose", "file", Kind::ComposeFiles),
    ("rcompose", "project-name", Kind::Projects),
    // Folders of containers.
    ("exec", "workdir", Kind::Free),
    ("run", "workdir", Kind::Free),
];

/// What the value of an argument of `command` is.
pub(super) fn kind(command: &Command, arg: &Arg) -> Kind {
    let possible = arg.get_possible_values();
    if !possible.is_empty() {
        let about = |it: &clap::builder::PossibleValue| {
            it.get_help().map(ToString::to_string).unwrap_or_default()
        };
        let words = possible.iter().filter(|it| !it.is_hide_set());
        return Kind::Words(words.map(|it| Word::new(it.get_name(), about(it))).collect());
    }
    let is_row = |of: &str, flag: &str| of == command.get_name() && arg.get_long() == Some(flag);
    if let Some((_, _, words)) = WORDS.iter().find(|(of, flag, _)| is_row(of, flag)) {
        return Kind::Words(words.iter().copied().map(Word::bare).collect());
    }
    if let Some((_, _, kind)) = KINDS.iter().find(|(of, flag, _)| is_row(of, flag)) {
        return kind.same();
    }
    let name = arg.get_value_names().and_then(|names| names.first()).map_or("", |it| it.as_str());
    match name {
        "SERVICE" | "SERVICES" => Kind::Services,
        "SERVICE=NUM" => Kind::ServiceAnd("="),
        "SOURCE" | "DESTINATION" => Kind::Copied,
        "POLICY" => Kind::Words(POLICIES.map(Word::bare).into()),
        "PROFILE" => Kind::Profiles,
        "FILE" | "PATH" => Kind::Files,
        "FOLDER" => Kind::Folders,
        "RULE" => Kind::Words(RULES.iter().map(|it| Word::new(it.id, it.summary)).collect()),
        _ => Kind::Free,
    }
}

impl Kind {
    /// The kinds of the table, which hold nothing.
    const fn same(&self) -> Self {
        match self {
            Self::Contexts => Self::Contexts,
            Self::ComposeFiles => Self::ComposeFiles,
            Self::Projects => Self::Projects,
            _ => Self::Free,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands;
    use crate::commands::completing::line;
    use crate::commands::options::Context;
    use crate::env::Env;
    use crate::report::Terminal;

    /// The command of that name, at any depth.
    fn named<'c>(tree: &'c Command, name: &str) -> Option<&'c Command> {
        let is_it = tree.get_name() == name;
        is_it.then_some(tree).or_else(|| tree.get_subcommands().find_map(|it| named(it, name)))
    }

    /// What is offered is taken.
    #[test]
    fn words_before_commands_can_be_said() {
        for (_, flag, words) in WORDS.iter().filter(|(of, ..)| *of == "rcompose") {
            for word in *words {
                let env = Env::fixed("/", []);
                let flags = [format!("--{flag}"), (*word).to_owned()];
                let options = commands::global_options(&flags).unwrap();
                let terminal = Terminal::new(&env);
                let set = Context::new(options, env, terminal).configure();
                assert!(set.is_ok(), "--{flag} {word}");
            }
        }
    }

    #[test]
    fn rows_name_what_there_is() {
        let tree = line::tree();
        let names = WORDS.iter().map(|(of, flag, _)| (of, flag));
        for (of, flag) in names.chain(KINDS.iter().map(|(of, flag, _)| (of, flag))) {
            let command = named(&tree, of).unwrap();
            let mut flags = command.get_arguments().filter_map(Arg::get_long);
            assert!(flags.any(|it| it == *flag), "`{of}` has no `--{flag}`");
        }
    }

    #[test]
    fn values_of_arguments() {
        let tree = line::tree();
        let check = |of: &str, name: &str, want: Kind| {
            let command = named(&tree, of).unwrap();
            let is_it = |it: &&Arg| it.get_long() == Some(name) || it.get_id().as_str() == name;
            let arg = command.get_arguments().find(is_it).unwrap();
            assert_eq!(kind(command, arg), want, "{of} {name}");
        };
        check("up", "services", Kind::Services);
        check("up", "exit-code-from", Kind::Services);
        check("up", "scale", Kind::ServiceAnd("="));
        for command in ["up", "create", "run", "plan", "ci", "test"] {
            check(command, "pull", Kind::Words(POLICIES.map(Word::bare).into()));
        }
        check("up", "timeout", Kind::Free);
        check("cp", "source", Kind::Copied);
        check("rcompose", "profile", Kind::Profiles);
        check("rcompose", "file", Kind::ComposeFiles);
        check("rcompose", "env-file", Kind::Files);
        check("rcompose", "project-directory", Kind::Folders);
        check("exec", "workdir", Kind::Free);
        check("down", "rmi", Kind::Words(["all", "local"].map(Word::bare).into()));
    }
}
