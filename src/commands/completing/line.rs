//! Which place of the command line a word stands at.

use clap::{Arg, ArgAction, Command};

use crate::commands::{self, completing::Word};

/// Where a word stands.
#[derive(Debug)]
pub(super) enum Place<'c> {
    /// Where a command is named.
    Command,
    /// A dash has been typed.
    Flag,
    /// The value of a flag, or an argument.
    Value(&'c Arg),
    /// Where nothing of ours stands.
    Nothing,
}

/// What is to be completed.
#[derive(Debug)]
pub(super) struct Wanted<'c> {
    pub command: &'c Command,
    pub place: Place<'c>,
    /// What there is of the word; of `--flag=value` the value.
    pub typed: String,
    /// Flags before the command, with their values.
    pub globals: Vec<String>,
    /// Flags of the command that have been given.
    flags: Vec<&'c Arg>,
    /// Values of the same flag, or arguments, that have been given.
    pub given: Vec<String>,
}

/// All commands with all of their flags.
pub(super) fn tree() -> Command {
    let mut command = commands::cli();
    command.build();
    command
}

/// Reads the words `before` the one of which `typed` is there.
pub(super) fn wanted<'c>(root: &'c Command, before: &[String], typed: &str) -> Wanted<'c> {
    let mut reader = Reader::new(root, root);
    // A flag that waits for its value.
    let mut open: Option<&Arg> = None;
    for word in before {
        open = reader.read(word, open);
    }
    if open.is_some() && std::ptr::eq(reader.command, root) {
        // A flag without its value says nothing.
        reader.globals.pop();
    }
    let (place, typed) = match open {
        Some(flag) => (Place::Value(flag), typed),
        None => reader.place(typed),
    };
    let given = match place {
        Place::Value(arg) if !arg.is_positional() => reader.values_of(arg),
        _ => reader.arguments,
    };
    let flags = reader.flags.iter().map(|(flag, _)| *flag).collect();
    Wanted {
        command: reader.command,
        place,
        typed: typed.to_owned(),
        globals: reader.globals,
        flags,
        given,
    }
}

struct Reader<'c> {
    root: &'c Command,
    command: &'c Command,
    globals: Vec<String>,
    /// Flags of this command with their values, if those are known yet.
    flags: Vec<(&'c Arg, Option<String>)>,
    arguments: Vec<String>,
    /// Whether only arguments follow.
    ended: bool,
}

impl<'c> Reader<'c> {
    fn new(root: &'c Command, command: &'c Command) -> Self {
        Self {
            root,
            command,
            globals: Vec::new(),
            flags: Vec::new(),
            arguments: Vec::new(),
            ended: false,
        }
    }

    /// Takes a word in; gives the flag whose value the next one is.
    fn read(&mut self, word: &str, open: Option<&'c Arg>) -> Option<&'c Arg> {
        let is_global = std::ptr::eq(self.command, self.root);
        let subcommand = (!self.ended && open.is_none() && self.arguments.is_empty())
            .then(|| self.command.find_subcommand(word))
            .flatten();
        if let Some(command) = subcommand {
            let globals = std::mem::take(&mut self.globals);
            *self = Self { globals, ..Self::new(self.root, command) };
            return None;
        }
        if is_global {
            self.globals.push(word.to_owned());
        }
        if open.is_some() {
            if let Some((_, value)) = self.flags.last_mut() {
                *value = Some(word.to_owned());
            }
            return None;
        }
        if self.ended || !word.starts_with('-') || word == "-" {
            self.arguments.push(word.to_owned());
            // What follows is the business of another program.
            self.ended |= takes_command(self.command);
            return None;
        }
        if word == "--" {
            self.ended = true;
            return None;
        }
        if let Some(name) = word.strip_prefix("--") {
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (name, None),
            };
            let flag = long(self.command, name)?;
            let waits = value.is_none() && wants_value(flag);
            self.flags.push((flag, value));
            return waits.then_some(flag);
        }
        let mut letters = word[1..].chars();
        while let Some(letter) = letters.next() {
            let flag = short(self.command, letter)?;
            let value = letters.as_str();
            let takes = wants_value(flag);
            self.flags.push((flag, (takes && !value.is_empty()).then(|| value.to_owned())));
            if takes {
                return value.is_empty().then_some(flag);
            }
        }
        None
    }

    /// Where a word stands of which `typed` is there; and what of it is the value.
    fn place<'t>(&self, typed: &'t str) -> (Place<'c>, &'t str) {
        if !self.ended && typed.starts_with('-') {
            let assigned = typed.strip_prefix("--").and_then(|rest| rest.split_once('='));
            return match assigned {
                Some((name, value)) => match long(self.command, name) {
                    Some(flag) if takes_value(flag) => (Place::Value(flag), value),
                    _ => (Place::Nothing, value),
                },
                None => (Place::Flag, typed),
            };
        }
        if self.command.has_subcommands() && self.arguments.is_empty() && !self.ended {
            return (Place::Command, typed);
        }
        let place = self.argument().map_or(Place::Nothing, Place::Value);
        (place, typed)
    }

    /// The argument whose turn it is.
    fn argument(&self) -> Option<&'c Arg> {
        let mut left = self.arguments.len();
        for argument in self.command.get_positionals() {
            let most = argument.get_num_args().map_or(1, |it| it.max_values());
            let most =
                if matches!(argument.get_action(), ArgAction::Append) { usize::MAX } else { most };
            if left < most {
                return Some(argument);
            }
            left -= most;
        }
        None
    }

    fn values_of(&self, arg: &Arg) -> Vec<String> {
        let same = self.flags.iter().filter(|(flag, _)| flag.get_id() == arg.get_id());
        same.filter_map(|(_, value)| value.clone()).collect()
    }
}

fn long<'c>(command: &'c Command, name: &str) -> Option<&'c Arg> {
    command.get_arguments().find(|arg| {
        let also = || arg.get_all_aliases().is_some_and(|all| all.contains(&name));
        arg.get_long() == Some(name) || also()
    })
}

fn short(command: &Command, letter: char) -> Option<&Arg> {
    command.get_arguments().find(|arg| arg.get_short() == Some(letter))
}

fn takes_value(flag: &Arg) -> bool {
    flag.get_action().takes_values()
}

/// Whether the value may be the next word.
fn wants_value(flag: &Arg) -> bool {
    takes_value(flag) && flag.get_num_args().is_none_or(|it| it.min_values() > 0)
}

/// Whether what follows the first argument is a command with flags of its own.
fn takes_command(command: &Command) -> bool {
    command.get_arguments().any(Arg::is_trailing_var_arg_set)
}

/// The commands that there are, with what they do.
pub(super) fn subcommands(command: &Command) -> Vec<Word> {
    let shown = command.get_subcommands().filter(|it| !it.is_hide_set());
    let about = |it: &Command| it.get_about().map(ToString::to_string).unwrap_or_default();
    shown.map(|it| Word::new(it.get_name(), about(it))).collect()
}

/// The flags that can still be given. One letter is as good as the word, and shown to who asks for letters.
pub(super) fn flags(wanted: &Wanted<'_>) -> Vec<Word> {
    let command = wanted.command;
    let is_given = |arg: &Arg| wanted.flags.iter().any(|it| it.get_id() == arg.get_id());
    let repeats = |arg: &Arg| matches!(arg.get_action(), ArgAction::Append | ArgAction::Count);
    let contradicts = |arg: &Arg| {
        let of = |a: &Arg, b: &Arg| {
            command.get_arg_conflicts_with(a).iter().any(|it| it.get_id() == b.get_id())
        };
        wanted.flags.iter().any(|it| of(arg, it) || of(it, arg))
    };
    let mut words = Vec::new();
    for arg in command.get_arguments().filter(|it| !it.is_positional() && !it.is_hide_set()) {
        if (is_given(arg) && !repeats(arg)) || contradicts(arg) {
            continue;
        }
        let about = arg.get_help().map(ToString::to_string).unwrap_or_default();
        if let Some(letter) = arg.get_short().filter(|_| wanted.typed == "-") {
            words.push(Word::new(format!("-{letter}"), &about));
        }
        if let Some(name) = arg.get_long() {
            words.push(Word::new(format!("--{name}"), about));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a line asks for, up to its end: the kind of the place, its name, and what is typed.
    fn told(line: &str) -> String {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let typed = words.pop().unwrap();
        let root = tree();
        let wanted = wanted(&root, &words, &typed);
        let place = match wanted.place {
            Place::Command => "command".to_owned(),
            Place::Flag => "flag".to_owned(),
            Place::Value(arg) => arg.get_id().to_string(),
            Place::Nothing => "nothing".to_owned(),
        };
        format!("{}: {place} {:?}", wanted.command.get_name(), wanted.typed)
    }

    #[test]
    fn places() {
        let check = |line: &str, want: &str| assert_eq!(told(line), want, "{line}");
        check("", "rcompose: command \"\"");
        check("u", "rcompose: command \"u\"");
        check("-", "rcompose: flag \"-\"");
        check("-f ", "rcompose: files \"\"");
        check("-f a.yaml --profile pro", "rcompose: profiles \"pro\"");
        check("--profile=pro", "rcompose: profiles \"pro\"");
        check("-f up up ", "up: services \"\"");
        check("up web d", "up: services \"d\"");
        check("up --", "up: flag \"--\"");
        check("up -- -", "up: services \"-\"");
        check("up -dt ", "up: timeout \"\"");
        check("up -dt5 ", "up: services \"\"");
        check("up --menu ", "up: services \"\"");
        check("up --menu=f", "up: menu \"f\"");
        check("up --nope=f", "up: nothing \"f\"");
        check("exec ", "exec: service \"\"");
        check("exec -T web ", "exec: command \"\"");
        check("exec web -", "exec: command \"-\"");
        check("cp a ", "cp: destination \"\"");
        check("cp a b ", "cp: nothing \"\"");
        check("help u", "help: command \"u\"");
        check("nonsense ", "rcompose: nothing \"\"");
    }

    #[test]
    fn flags_that_are_left() {
        let check = |line: &str, flag: &str, want: bool| {
            let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let typed = words.pop().unwrap();
            let root = tree();
            let all = flags(&wanted(&root, &words, &typed));
            assert_eq!(all.iter().any(|it| it.text == flag), want, "{line}: {flag}");
        };
        check("up --", "--detach", true);
        check("up --", "-d", false);
        check("up -", "-d", true);
        check("up --dry-run --", "--dry-run", false);
        check("up --scale a=1 --", "--scale", true);
        // They contradict each other.
        check("up -d --", "--attach", false);
        check("up --", "--insecure-registry", false);
    }
}
