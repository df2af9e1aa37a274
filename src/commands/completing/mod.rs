//! What can stand at a place of the command line: the answers that the scripts of shells, and the Docker CLI, ask
//! for.
//!
//! The request is a hidden command with the words so far, of which the last is the one to complete, if only as an
//! empty word. The answer is a line for each word that fits, with a tab and what it means behind it, and then a
//! line with a colon and the sum of [`hint`]s. These are the conventions of the Docker CLI.
//!
//! Nothing is ever told but answers: who presses a key wants no errors. Nothing is fetched and nothing started.

mod kinds;
mod known;
mod line;

use clap::ValueEnum;

use crate::commands::completing::kinds::Kind;
use crate::commands::completing::known::Known;
use crate::commands::completing::line::{Place, Wanted};
use crate::commands::exit::{self, Exit};
use crate::env::Env;
use crate::report::Terminal;

/// What shells are to do with the answers. Those with which it means nothing are left out.
mod hint {
    /// No blank follows the word.
    pub(super) const NO_SPACE: u8 = 2;
    /// Files do not fit.
    pub(super) const NO_FILES: u8 = 4;
    /// The words are endings of files that fit.
    pub(super) const FILES_ENDING: u8 = 8;
    /// Only folders fit.
    pub(super) const FOLDERS: u8 = 16;
}

/// Shells that there are completions for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

impl Shell {
    /// The script that completes the program called `name`.
    #[must_use]
    pub fn script(self, name: &str) -> String {
        let script = match self {
            Self::Bash => include_str!("scripts/bash"),
            Self::Elvish => include_str!("scripts/elvish"),
            Self::Fish => include_str!("scripts/fish"),
            Self::Powershell => include_str!("scripts/powershell"),
            Self::Zsh => include_str!("scripts/zsh"),
        };
        script.replace("NAME", name)
    }
}

/// A word that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    text: String,
    /// What it means, or nothing.
    about: String,
}

impl Word {
    fn new(text: impl Into<String>, about: impl Into<String>) -> Self {
        Self { text: text.into(), about: about.into() }
    }

    fn bare(text: impl Into<String>) -> Self {
        Self::new(text, "")
    }
}

/// What fits.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    words: Vec<Word>,
    hints: u8,
}

impl Answer {
    fn words(words: Vec<Word>) -> Self {
        Self { words, hints: hint::NO_FILES }
    }
}

/// The words of a request, and whether it asks what they mean; `None` if it is none.
pub(super) fn request(args: &[String]) -> Option<(&[String], bool)> {
    match args {
        [_, name, words @ ..] if name == "__complete" => Some((words, true)),
        [_, name, words @ ..] if name == "__completeNoDesc" => Some((words, false)),
        _ => None,
    }
}

/// Answers a request.
pub(super) fn run(words: &[String], with_meanings: bool, env: Env, mut terminal: Terminal) -> Exit {
    let Some((word, before)) = words.split_last() else {
        return exit::told(":4\n", &mut terminal);
    };
    let command = line::tree();
    let wanted = line::wanted(&command, before, word);
    let mut known = Known::new(&wanted.globals, env);
    let answer = answer(&wanted, &mut known);
    let mut text = String::new();
    for word in answer.words {
        // One answer is one line.
        let about = word.about.lines().next().unwrap_or_default();
        text.push_str(&word.text);
        if with_meanings && !about.is_empty() {
            text.push('\t');
            text.push_str(about);
        }
        text.push('\n');
    }
    exit::told(&format!("{text}:{}\n", answer.hints), &mut terminal)
}

fn answer(wanted: &Wanted<'_>, known: &mut Known) -> Answer {
    let typed = wanted.typed.as_str();
    let mut answer = match wanted.place {
        Place::Command => Answer::words(line::subcommands(wanted.command)),
        Place::Flag => Answer::words(line::flags(wanted)),
        Place::Value(arg) => value(kinds::kind(wanted.command, arg), wanted, known),
        Place::Nothing => Answer::words(Vec::new()),
    };
    if answer.hints & hint::FILES_ENDING == 0 {
        answer.words.retain(|word| word.text.starts_with(typed));
    }
    if answer.words.is_empty() {
        // Files that are offered instead are whole words.
        answer.hints &= !hint::NO_SPACE;
    }
    answer
}

fn value(kind: Kind, wanted: &Wanted<'_>, known: &mut Known) -> Answer {
    let is_new = |word: &Word| !wanted.given.contains(&word.text);
    match kind {
        Kind::Words(words) => Answer::words(words),
        Kind::Services => Answer::words(known.services().into_iter().filter(is_new).collect()),
        Kind::ServiceAnd(end) => {
            let more = |word: Word| Word { text: word.text + end, ..word };
            let given = |word: &Word| wanted.given.iter().any(|it| it.starts_with(&word.text));
            let words =
                known.services().into_iter().map(more).filter(|word| !given(word)).collect();
            Answer { words, hints: hint::NO_FILES | hint::NO_SPACE }
        }
        // A path of this machine, unless it is one in a container.
        Kind::Copied if wanted.typed.contains(':') => Answer::words(Vec::new()),
        Kind::Copied => {
            let mut answer = value(Kind::ServiceAnd(":"), wanted, known);
            answer.hints &= !hint::NO_FILES;
            let is_path = wanted.typed.contains(['/', '.', '~']);
            if is_path {
                answer.words.clear();
            }
            answer
        }
        Kind::Profiles => Answer::words(known.profiles().into_iter().filter(is_new).collect()),
        Kind::Projects => Answer::words(known.projects()),
        Kind::Contexts => Answer::words(known.contexts()),
        Kind::Files => Answer::default(),
        Kind::ComposeFiles => {
            Answer { words: ["yaml", "yml"].map(Word::bare).into(), hints: hint::FILES_ENDING }
        }
        Kind::Folders => Answer { words: Vec::new(), hints: hint::FOLDERS },
        Kind::Free => Answer::words(Vec::new()),
    }
}
