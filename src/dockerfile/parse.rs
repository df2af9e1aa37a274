//! From text to stages: the sole user of the parser crate.

use std::ops::Range;

use parse_dockerfile as parser;
use parse_dockerfile::Instruction as Parsed;

use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::dockerfile::lines::{self, Line};
use crate::dockerfile::words::{self, Quotes};
use crate::dockerfile::{
    Command, Copying, Dockerfile, Flag, Form, Instruction, Kind, Pair, Run, Stage, Word, shell,
};
use crate::source::Span;

const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];
/// Problems after which nobody looks for more. Each costs another reading of the text.
const MOST_PROBLEMS: usize = 20;

pub(super) fn parse(
    text: &str,
    locate: &dyn Fn(Range<usize>) -> Span,
) -> (Dockerfile, Diagnostics) {
    let directives = lines::directives(text);
    let escape = match directives.escape.clone().map(|range| &text[range]) {
        Some("`") => '`',
        _ => '\\',
    };
    let mut reader = Reader {
        text,
        masked: text.as_bytes().to_vec(),
        lines: lines::split(text, escape),
        escape,
        locate,
        problems: Diagnostics::default(),
    };
    reader.hide_documents();
    reader.check_order();
    let instructions = reader.instructions();
    let mut file = reader.assemble(&instructions);
    file.syntax = directives.syntax.map(|range| reader.word(range));
    (file, reader.problems)
}

struct Reader<'a> {
    text: &'a str,
    /// The text as the crate sees it: as long as `text`, with spaces for what it must not see.
    masked: Vec<u8>,
    lines: Vec<Line>,
    escape: char,
    locate: &'a dyn Fn(Range<usize>) -> Span,
    problems: Diagnostics,
}

/// An instruction of the crate, without its borrow of the masked text.
struct Found {
    start: usize,
    item: Item,
}

enum Item {
    From(Stage),
    Arg(Vec<Pair>),
    Other(Instruction),
}

impl Reader<'_> {
    fn word(&self, range: Range<usize>) -> Word {
        let text = self.text.get(range.clone()).unwrap_or("").to_owned();
        Word { span: (self.locate)(range), text }
    }

    fn error(&mut self, range: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error((self.locate)(range), message)
    }

    fn blank(&mut self, range: Range<usize>) {
        for byte in &mut self.masked[range] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }

    /// Hides here-documents, and what announces them.
    fn hide_documents(&mut self) {
        let documents: Vec<(Range<usize>, Range<usize>, Option<usize>)> = self
            .lines
            .iter()
            .flat_map(|line| &line.documents)
            .map(|it| (it.marker.clone(), it.body.clone(), it.end))
            .collect();
        for (marker, body, end) in documents {
            if end.is_none() {
                let problem = self.error(marker.clone(), "nothing ends this here-document");
                let name = self.text[marker.clone()].trim_start_matches(|it: char| it != '<');
                let name = name.trim_start_matches(['<', '-']).replace(['"', '\''], "");
                self.problems.push(problem.help(format!("end it with a line `{name}`")));
            }
            self.blank(body.start..end.unwrap_or(body.end));
            if let Some(at) = self.text[marker.clone()].find("<<") {
                self.masked[marker.start + at..marker.start + at + 2].fill(b'_');
            }
        }
    }

    /// Checks what can be known without looking into instructions.
    fn check_order(&mut self) {
        let mut has_stage = false;
        let mut broken = Vec::new();
        let lines = self
            .lines
            .iter()
            .map(|line| (line.range.clone(), line.keyword(self.text).to_owned(), line.end()));
        for (range, keyword, end) in lines.collect::<Vec<_>>() {
            let place = range.start..range.start + keyword.len();
            // A keyword may be split by a continuation, as anything; the crate knows.
            let word = keyword.trim_end_matches(self.escape).to_ascii_uppercase();
            let known = KEYWORDS.contains(&word.as_str()) || word.len() < keyword.len();
            if !known {
                let shown: String = keyword.chars().take(64).collect();
                let problem = self.error(place, format!("unknown instruction `{shown}`"));
                let help = match nearest(&word, KEYWORDS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        format!(
                            "end the line before it with `{}` if this goes on there",
                            self.escape
                        )
                    }
                };
                self.problems.push(problem.help(help));
                broken.push(range.start..end);
                continue;
            }
            has_stage |= word == "FROM";
            if !has_stage && word != "ARG" {
                let problem = self.error(place, format!("`{word}` comes before the first `FROM`"));
                self.problems
                    .push(problem.help("begin with `FROM IMAGE`; only `ARG` may come before"));
                broken.push(range.start..end);
            }
        }
        if !has_stage && broken.is_empty() {
            let end = self.lines.first().map_or(0, |line| line.range.end);
            let start = self.lines.first().map_or(0, |line| line.range.start);
            let problem = self.error(start..end, "there is no `FROM`");
            self.problems.push(problem.help("begin with `FROM IMAGE`"));
        }
        for range in broken {
            self.blank(range);
        }
    }

    /// Everything the crate can read, with its problems noted.
    fn instructions(&mut self) -> Vec<Found> {
        for _ in 0..MOST_PROBLEMS {
            let masked = std::mem::take(&mut self.masked);
            let text = String::from_utf8(masked).unwrap_or_default();
            let outcome = self.attempt(&text);
            self.masked = text.into_bytes();
            match outcome {
                Ok(found) => return found,
                Err((offset, message)) => {
                    let next = self.lines.partition_point(|line| line.range.start <= offset);
                    let Some(line) = next.checked_sub(1).and_then(|at| self.lines.get(at)) else {
                        self.problem_of_crate(offset..offset + 1, &message);
                        return Vec::new();
                    };
                    let keyword = line.keyword(self.text);
                    let is_stage = keyword.eq_ignore_ascii_case("FROM");
                    let (start, end) = (line.range.start, line.end());
                    let here = offset.clamp(start, line.range.end);
                    let place =
                        if here == start { start..start + keyword.len() } else { here..here + 1 };
                    self.problem_of_crate(place, &message);
                    // What follows a `FROM` that cannot be read belongs to no stage.
                    let end = if is_stage { self.masked.len() } else { end };
                    self.blank(start..end);
                }
            }
        }
        Vec::new()
    }

    fn problem_of_crate(&mut self, range: Range<usize>, message: &str) {
        // An empty text has its problem already.
        if message.contains("at least one FROM") {
            return;
        }
        let message = match message.split_once(" instruction ") {
            Some((keyword, rest)) => format!("`{keyword}` {rest}"),
            None => message.replace('\'', "`"),
        };
        let problem = self.error(range, message);
        self.problems.push(problem);
    }

    /// Reads the masked text up to the first problem, which is given as its offset and a message.
    fn attempt(&self, masked: &str) -> Result<Vec<Found>, (usize, String)> {
        let offset = |error: &parser::Error| {
            let line = error.line().saturating_sub(1);
            let start: usize = masked.split_inclusive('\n').take(line).map(str::len).sum();
            start + error.column().saturating_sub(1)
        };
        let describe = |error: parser::Error| (offset(&error), format!("{error:#}"));
        let iter = parser::parse_iter(masked).map_err(describe)?;
        let mut found = Vec::new();
        for item in iter {
            match item {
                Ok(item) => found.extend(self.found(&item)),
                // Nothing is left of a text that has its problems already.
                Err(error) if error.line() == 0 => break,
                Err(error) => return Err(describe(error)),
            }
        }
        Ok(found)
    }

    fn found(&self, parsed: &Parsed<'_>) -> Option<Found> {
        let (keyword, kind) = match parsed {
            Parsed::From(from) => {
                let start = from.from.span.start;
                let platform = from.options.iter().find(|flag| flag.name.value == "platform");
                let stage = Stage {
                    span: (self.locate)(self.whole(start)),
                    base: self.taken(&from.image),
                    name: from.as_.as_ref().map(|(_, name)| self.taken(name)),
                    platform: platform
                        .and_then(|flag| flag.value.as_ref())
                        .map(|it| self.taken(it)),
                    instructions: Vec::new(),
                };
                return Some(Found { start, item: Item::From(stage) });
            }
            Parsed::Onbuild(onbuild) => {
                let mut found = self.found(&onbuild.instruction)?;
                if let Item::Other(instruction) = &mut found.item {
                    instruction.is_trigger = true;
                    instruction.span = (self.locate)(self.whole(onbuild.onbuild.span.start));
                }
                return Some(found);
            }
            Parsed::Arg(arg) => {
                let pairs = self.pairs(arg.arguments.span.clone());
                let start = arg.arg.span.start;
                return Some(Found { start, item: Item::Arg(pairs) });
            }
            Parsed::Run(run) => {
                let keyword = &run.run;
                let command = self.run(&run.arguments, keyword.span.start);
                let flags = self.flags(&run.options);
                (keyword, Kind::Run(Run { flags, command }))
            }
            Parsed::Copy(it) => {
                (&it.copy, Kind::Copy(self.copying(&it.options, &it.src, &it.dest)))
            }
            Parsed::Add(it) => (&it.add, Kind::Add(self.copying(&it.options, &it.src, &it.dest))),
            Parsed::Cmd(it) => (&it.cmd, Kind::Cmd(self.command(&it.arguments))),
            Parsed::Entrypoint(it) => {
                (&it.entrypoint, Kind::Entrypoint(self.command(&it.arguments)))
            }
            Parsed::Env(it) => (&it.env, Kind::Env(self.pairs(it.arguments.span.clone()))),
            Parsed::User(it) => (&it.user, Kind::User(self.taken(&it.arguments))),
            Parsed::Workdir(it) => (&it.workdir, Kind::Workdir(self.taken(&it.arguments))),
            Parsed::Shell(it) => {
                (&it.shell, Kind::Shell(it.arguments.iter().map(|word| self.taken(word)).collect()))
            }
            Parsed::Healthcheck(it) => (&it.healthcheck, Kind::Healthcheck),
            Parsed::Expose(it) => (&it.expose, Kind::Other),
            Parsed::Label(it) => (&it.label, Kind::Other),
            Parsed::Maintainer(it) => (&it.maintainer, Kind::Other),
            Parsed::Stopsignal(it) => (&it.stopsignal, Kind::Other),
            Parsed::Volume(it) => (&it.volume, Kind::Other),
            _ => return None,
        };
        let start = keyword.span.start;
        let instruction = Instruction {
            span: (self.locate)(self.whole(start)),
            keyword: (self.locate)(keyword.span.clone()),
            kind,
            is_trigger: false,
        };
        Some(Found { start, item: Item::Other(instruction) })
    }

    /// The line that has `offset` in it.
    fn line(&self, offset: usize) -> Option<&Line> {
        let next = self.lines.partition_point(|line| line.range.start <= offset);
        self.lines.get(next.checked_sub(1)?)
    }

    /// All of the instruction at `offset`, without the end of its last line.
    fn whole(&self, offset: usize) -> Range<usize> {
        let Some(line) = self.line(offset) else { return offset..offset };
        let whole = line.range.start..line.end();
        whole.start..whole.start + self.text[whole.clone()].trim_end().len()
    }

    fn taken(&self, word: &parser::UnescapedString<'_>) -> Word {
        Word { span: (self.locate)(word.span.clone()), text: word.value.clone().into_owned() }
    }

    fn flags(&self, flags: &[parser::Flag<'_>]) -> Vec<Flag> {
        let flag = |flag: &parser::Flag<'_>| Flag {
            span: (self.locate)(flag.span()),
            name: flag.name.value.clone().into_owned(),
            value: flag.value.as_ref().map(|value| self.taken(value)),
        };
        flags.iter().map(flag).collect()
    }

    /// `NAME=value` and names, or the old `NAME value` of `ENV`.
    fn pairs(&self, range: Range<usize>) -> Vec<Pair> {
        let words = words::split(self.text, range.clone(), self.escape, Quotes::Removed);
        let whole = |range: Range<usize>, text: &str| Word {
            span: (self.locate)(range),
            text: text.to_owned(),
        };
        if let [(first, name), (second, _), ..] = words.as_slice()
            && !name.contains('=')
            && !words.iter().any(|(_, word)| word.contains('='))
        {
            let is_env = self
                .line(range.start)
                .is_some_and(|line| line.keyword(self.text).eq_ignore_ascii_case("ENV"));
            if is_env {
                let rest = second.start..range.end;
                let value = self.text[rest.clone()].trim_end().to_owned();
                let value = Word { span: (self.locate)(rest), text: value };
                return vec![Pair { name: whole(first.clone(), name), value: Some(value) }];
            }
        }
        let pair = |(range, word): &(Range<usize>, String)| match word.split_once('=') {
            Some((name, value)) => {
                let middle = (range.start + name.len() + 1).min(range.end);
                let value = whole(middle..range.end, value);
                Pair {
                    name: whole(range.start..middle.saturating_sub(1), name),
                    value: Some(value),
                }
            }
            None => Pair { name: whole(range.clone(), word), value: None },
        };
        words.iter().map(pair).collect()
    }

    fn copying(
        &self,
        flags: &[parser::Flag<'_>],
        sources: &[parser::Source<'_>],
        target: &parser::UnescapedString<'_>,
    ) -> Copying {
        let source = |source: &parser::Source<'_>| match source {
            parser::Source::Path(path) => {
                let documents = &self.line(path.span.start)?.documents;
                let is_document = documents.iter().any(|it| it.marker.start == path.span.start);
                (!is_document).then(|| self.taken(path))
            }
            _ => None,
        };
        Copying {
            flags: self.flags(flags),
            sources: sources.iter().filter_map(source).collect(),
            target: self.taken(target),
        }
    }

    fn command(&self, command: &parser::Command<'_>) -> Command {
        match command {
            parser::Command::Exec(list) => Command {
                span: (self.locate)(list.span.clone()),
                form: Form::Exec(list.value.iter().map(|word| self.taken(word)).collect()),
            },
            parser::Command::Shell(line) => Command {
                span: (self.locate)(line.span.clone()),
                form: Form::Shell(self.shell(line.span.clone(), false)),
            },
            _ => Command { span: Span::NOWHERE, form: Form::Exec(Vec::new()) },
        }
    }

    fn shell(&self, range: Range<usize>, script: bool) -> Vec<shell::Simple> {
        shell::parse(self.text, range, script, self.escape, self.locate)
    }

    /// As [`Reader::command`]; here-documents that a shell reads are its script.
    fn run(&self, command: &parser::Command<'_>, start: usize) -> Command {
        let mut read = self.command(command);
        let Form::Shell(commands) = &mut read.form else { return read };
        let documents = self.line(start).map_or(&[][..], |line| line.documents.as_slice());
        let [document] = documents else { return read };
        let is_marker = |word: &Word| word.text.contains("<<");
        let programs: Vec<&str> = commands
            .iter()
            .flat_map(|command| &command.words)
            .filter(|word| !is_marker(word) && !word.text.starts_with('-'))
            .map(|word| word.text.as_str())
            .collect();
        let shells = ["sh", "bash", "/bin/sh", "/bin/bash", "ash", "dash"];
        if programs.iter().all(|program| shells.contains(program)) {
            *commands = self.shell(document.body.clone(), true);
        }
        read
    }

    fn assemble(&self, found: &[Found]) -> Dockerfile {
        let mut file = Dockerfile::default();
        for Found { start, item } in found {
            match (item, file.stages.last_mut()) {
                (Item::From(stage), _) => {
                    if let Some(name) = &stage.name {
                        let name = name.text.to_ascii_lowercase();
                        file.by_name.entry(name).or_default().push(file.stages.len());
                    }
                    file.stages.push(stage.clone());
                }
                (Item::Arg(pairs), None) => file.args.extend(pairs.iter().cloned()),
                (Item::Arg(pairs), Some(stage)) => stage.instructions.push(Instruction {
                    span: (self.locate)(self.whole(*start)),
                    keyword: (self.locate)(*start..start + 3),
                    kind: Kind::Arg(pairs.clone()),
                    is_trigger: false,
                }),
                (Item::Other(instruction), Some(stage)) => {
                    stage.instructions.push(instruction.clone());
                }
                (Item::Other(_), None) => {}
            }
        }
        file
    }
}
