//! Dockerfiles: their stages and instructions, each with its place.
//!
//! What an instruction consists of is read by the parser crate; what we know better is where an
//! instruction ends. The crate sees here-documents only where they come first in a `RUN`
//! (`RUN cat <<EOF > file` is as common), and gives up at the first problem. So the text is cut into
//! instructions first ([`lines`]), bodies of here-documents are hidden from the crate, and what has a
//! problem is left out so that the rest is still read. Places are those of the text as it was.

mod lines;
mod parse;
mod shell;
mod words;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::diagnostic::Diagnostics;
use crate::source::Span;

pub use crate::dockerfile::shell::Simple;

/// A piece of text and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub span: Span,
    /// Without quotes and escapes.
    pub text: String,
}

/// `NAME=value`, or a name alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub name: Word,
    pub value: Option<Word>,
}

/// `--name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    pub span: Span,
    pub name: String,
    pub value: Option<Word>,
}

/// A file that says how an image is made.
#[derive(Debug, Clone, Default)]
pub struct Dockerfile {
    /// The frontend that `# syntax=` names.
    pub syntax: Option<Word>,
    /// What `ARG`s before the first stage declare, which only `FROM` sees.
    pub args: Vec<Pair>,
    pub stages: Vec<Stage>,
    /// The numbers of stages by their names, in small letters.
    by_name: HashMap<String, Vec<usize>>,
}

/// A stage: a `FROM` and what follows it.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The whole `FROM`.
    pub span: Span,
    /// What it starts from, as written.
    pub base: Word,
    pub name: Option<Word>,
    pub platform: Option<Word>,
    pub instructions: Vec<Instruction>,
}

#[derive(Debug, Clone)]
pub struct Instruction {
    /// All of it, with its here-documents.
    pub span: Span,
    pub keyword: Span,
    pub kind: Kind,
    /// Whether it runs in builds that start from this image (`ONBUILD`).
    pub is_trigger: bool,
}

/// What an instruction does, as far as somebody looks at it.
#[derive(Debug, Clone)]
pub enum Kind {
    Run(Run),
    Copy(Copying),
    Add(Copying),
    Cmd(Command),
    Entrypoint(Command),
    Env(Vec<Pair>),
    Arg(Vec<Pair>),
    User(Word),
    Workdir(Word),
    Shell(Vec<Word>),
    Healthcheck,
    Other,
}

#[derive(Debug, Clone)]
pub struct Run {
    pub flags: Vec<Flag>,
    pub command: Command,
}

/// What a container or a step of a build runs.
#[derive(Debug, Clone)]
pub struct Command {
    pub span: Span,
    pub form: Form,
}

#[derive(Debug, Clone)]
pub enum Form {
    /// A JSON list: the program and its arguments.
    Exec(Vec<Word>),
    /// A line for the shell, as simple commands. A here-document that is its script counts.
    Shell(Vec<Simple>),
}

/// `COPY` or `ADD`.
#[derive(Debug, Clone)]
pub struct Copying {
    pub flags: Vec<Flag>,
    /// Paths and addresses; here-documents are not among them.
    pub sources: Vec<Word>,
    pub target: Word,
}

/// What a stage starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    Scratch,
    /// An earlier stage, by its number.
    Stage(usize),
    /// A reference, with its variables replaced.
    Image(String),
    /// Variables that have no value are part of it.
    Unknown(Vec<String>),
}

impl Dockerfile {
    /// Reads `text`, with all problems that do not follow from each other; `locate` knows the place of
    /// a range of its bytes.
    pub fn parse(text: &str, locate: &dyn Fn(Range<usize>) -> Span) -> (Self, Diagnostics) {
        parse::parse(text, locate)
    }

    /// What a stage starts from, if the build is given the arguments `given`.
    #[must_use]
    pub fn base(&self, stage: usize, given: &BTreeMap<String, String>) -> Base {
        let Some(base) = self.stages.get(stage).map(|stage| &stage.base) else {
            return Base::Scratch;
        };
        match self.expand(&base.text, given) {
            Err(missing) => Base::Unknown(missing),
            Ok(name) => {
                let earlier = self.named(&name).rfind(|found| *found < stage);
                match earlier {
                    Some(earlier) => Base::Stage(earlier),
                    None if name == "scratch" => Base::Scratch,
                    None => Base::Image(name),
                }
            }
        }
    }

    /// The stage of that name; the last one if there are several. Names are the same in capitals.
    #[must_use]
    pub fn stage(&self, name: &str) -> Option<usize> {
        self.named(name).next_back()
    }

    fn named(&self, name: &str) -> impl DoubleEndedIterator<Item = usize> + use<'_> {
        let found = self.by_name.get(&name.to_ascii_lowercase());
        found.into_iter().flatten().copied()
    }

    /// Replaces variables in what a `FROM` says.
    ///
    /// # Errors
    /// The variables that have no value.
    pub fn expand(
        &self,
        text: &str,
        given: &BTreeMap<String, String>,
    ) -> Result<String, Vec<String>> {
        let mut known: BTreeMap<&str, String> = BTreeMap::new();
        for Pair { name, value } in &self.args {
            let default = || {
                let text = &value.as_ref()?.text;
                words::expand(text, &|name| known.get(name).cloned()).ok()
            };
            if let Some(value) = given.get(&name.text).cloned().or_else(default) {
                known.insert(&name.text, value);
            }
        }
        words::expand(text, &|name| known.get(name).cloned())
    }

    /// The number of the stage that is built: `target`, or the last one.
    #[must_use]
    pub fn target(&self, target: Option<&str>) -> Option<usize> {
        let by_number = |name: &str| name.parse().ok().filter(|at| *at < self.stages.len());
        match target {
            Some(name) => self.stage(name).or_else(|| by_number(name)),
            None => self.stages.len().checked_sub(1),
        }
    }
}

impl Command {
    /// The simple commands of a line for the shell, or the one of a list.
    pub fn commands(&self) -> impl Iterator<Item = &[Word]> {
        let (list, line) = match &self.form {
            Form::Exec(words) => (Some(words.as_slice()), &[][..]),
            Form::Shell(commands) => (None, commands.as_slice()),
        };
        list.into_iter().chain(line.iter().map(|command| command.words.as_slice()))
    }
}

impl Instruction {
    /// The simple commands that a `RUN` runs.
    pub fn run(&self) -> impl Iterator<Item = &[Word]> {
        let run = match &self.kind {
            Kind::Run(run) => Some(&run.command),
            _ => None,
        };
        run.into_iter().flat_map(Command::commands)
    }
}

impl Copying {
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<&Flag> {
        self.flags.iter().find(|flag| flag.name == name)
    }
}

#[cfg(test)]
mod tests;
