//! What `--help` shows: commands by theme, as wide as the terminal, named as they were called.

use std::fmt::Write as _;

use clap::Command;

use crate::report::raw;

/// The narrowest and the widest that help is set; the latter where there is no terminal.
const WIDTHS: (usize, usize) = (50, 100);

/// The name that texts in the sources call the program by.
const NAME: &str = "rcompose";

/// Commands by what they are for; each is in one of them.
const THEMES: &[(&str, &[&str])] = &[
    (
        "Bring up and take down",
        &[
            "up", "down", "create", "start", "stop", "restart", "scale", "pause", "unpause",
            "kill", "rm", "wait", "watch",
        ],
    ),
    (
        "Look at what runs",
        &[
            "ps", "logs", "events", "stats", "top", "port", "dns", "images", "volumes", "ls",
            "explain", "analyze",
        ],
    ),
    ("Work inside", &["exec", "run", "attach", "cp", "export", "commit"]),
    ("Images and projects", &["build", "pull", "push", "publish", "lock"]),
    ("Files and plans", &["config", "lint", "plan"]),
    ("For CI jobs", &["ci", "test", "gc"]),
    ("About rcompose", &["doctor", "completion", "version"]),
];

/// The commands of each theme, in the order in which they are shown.
fn themes(root: &Command) -> Vec<(&'static str, Vec<&Command>)> {
    let is_shown = |command: &&Command| !command.is_hide_set() && command.get_name() != "help";
    THEMES
        .iter()
        .map(|(theme, names)| {
            let found = names.iter().filter_map(|name| root.find_subcommand(name));
            (*theme, found.filter(is_shown).collect())
        })
        .collect()
}

/// Makes the help of `root` and its commands, which people call as `called`, fit for them.
pub(super) fn dress(root: Command, called: &str) -> Command {
    let columns = raw::size().map_or(WIDTHS.1, |(_, columns)| usize::from(columns));
    let width = columns.clamp(WIDTHS.0, WIDTHS.1);
    let template = format!(
        "{{about}}\n\n{{usage-heading}} {called} [OPTIONS] [COMMAND]\n\n{}{{all-args}}\n\nFlags and examples of a \
         command: {called} COMMAND --help\n",
        list(&root, width)
    );
    let usage = format!("{called} [OPTIONS] [COMMAND]");
    root.bin_name(called)
        .term_width(width)
        .help_template(template)
        .override_usage(usage)
        // They are listed by theme.
        .mut_subcommands(|command| {
            let examples = command.get_after_help().map(ToString::to_string);
            let command = command.hide(true);
            match examples {
                Some(text) if called != NAME => {
                    command.after_help(text.replace(&format!("  {NAME} "), &format!("  {called} ")))
                }
                _ => command,
            }
        })
}

/// All commands with what they do, by theme.
fn list(root: &Command, width: usize) -> String {
    let themes = themes(root);
    let names = themes.iter().flat_map(|(_, commands)| commands);
    let longest = names.map(|it| it.get_name().len()).max().unwrap_or(0);
    let mut text = String::new();
    for (theme, commands) in themes {
        let _ = writeln!(text, "{theme}:");
        for command in commands {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let mut start = format!("  {:longest$}  ", command.get_name());
            for line in wrapped(&about, width.saturating_sub(longest + 4)) {
                let _ = writeln!(text, "{start}{line}");
                start = " ".repeat(longest + 4);
            }
        }
        text.push('\n');
    }
    text
}

/// Text in lines of at most `width` characters, unless one word is longer.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let length = |line: &String| line.chars().count();
        if let Some(line) = lines.last_mut() {
            if line.is_empty() {
                line.push_str(word);
                continue;
            } else if length(line) + 1 + word.chars().count() <= width {
                line.push(' ');
                line.push_str(word);
                continue;
            }
        }
        lines.push(word.to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands;

    #[test]
    fn themes_name_what_there_is() {
        let root = commands::cli();
        let mut seen = std::collections::BTreeSet::new();
        for name in THEMES.iter().flat_map(|(_, names)| names.iter()) {
            assert!(root.find_subcommand(name).is_some(), "there is no `{name}`");
            assert!(seen.insert(name), "`{name}` is in two themes");
        }
    }

    #[test]
    fn no_text_is_lost() {
        assert_eq!(wrapped("a bb ccc", 4), ["a bb", "ccc"]);
        assert_eq!(wrapped("a bb ccc", 1), ["a", "bb", "ccc"]);
        assert_eq!(wrapped("", 4), [""]);
        let root = commands::cli();
        for width in [50, 80, 100] {
            let text = list(&root, width);
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
            for command in root.get_subcommands() {
                assert!(text.contains(&format!("\n  {} ", command.get_name())), "{text}");
            }
        }
        // The template of clap has braces of its own.
        assert!(!list(&root, 80).contains(['{', '}']));
    }

    /// The words of a line as a shell takes them apart.
    fn words(line: &str) -> Vec<String> {
        let quoted = line.split('\'').enumerate();
        let mut words = vec![String::new()];
        for (number, part) in quoted {
            for (place, piece) in part.split(|it| it == ' ' && number % 2 == 0).enumerate() {
                if place > 0 {
                    words.push(String::new());
                }
                words.last_mut().unwrap().push_str(piece);
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    #[test]
    fn examples_can_be_typed() {
        let mut examples = 0;
        for command in commands::cli().get_subcommands() {
            let Some(text) = command.get_after_help().map(ToString::to_string) else { continue };
            let mut lines = text.lines();
            assert_eq!(lines.next(), Some("Examples:"), "{}", command.get_name());
            for line in lines {
                let example = line.strip_prefix("  ").unwrap();
                let (typed, _) = example.split_once("   ").unwrap();
                let typed = typed.split(" | ").next().unwrap();
                assert!(typed.starts_with("rcompose ") && line.len() <= 100, "{line}");
                assert!(typed.contains(command.get_name()), "{line}");
                let parsed = commands::parse(words(typed), &mut commands::cli());
                assert!(parsed.is_ok(), "{typed}: {}", parsed.unwrap_err());
                examples += 1;
            }
        }
        assert!(examples > 40, "{examples}");
    }
}
