//! `# rcompose-lint: ignore RULE[, RULE] [-- why]`: rules that are off at one place.
//!
//! A comment with a line of its own is about the next line that is none; one behind something is about
//! its own line. In a Dockerfile, a comment before an instruction is about all of it. Trees of YAML
//! have no comments, so the text is searched.

use std::collections::HashSet;

use crate::diagnostic::nearest;
use crate::lint::rules::{RULES, UNKNOWN_RULE, UNUSED_IGNORE};
use crate::lint::{Findings, Level, Levels, Rule};
use crate::source::{FileId, SourceMap, Span};

const MARK: &str = "rcompose-lint:";

/// One rule that a comment names.
#[derive(Debug)]
struct Ignored {
    file: FileId,
    /// The line it is about, from 1.
    line: usize,
    name: String,
    span: Span,
    is_used: bool,
}

/// What the comments of all files say.
#[derive(Debug, Default)]
pub struct Silence {
    all: Vec<Ignored>,
    /// Comments that say nothing we know.
    unclear: Vec<Span>,
    files: HashSet<FileId>,
}

impl Silence {
    #[must_use]
    pub fn read(sources: &SourceMap) -> Self {
        let mut found = Self::default();
        for file in sources.files() {
            let text = sources.text(file);
            if text.contains(MARK) {
                found.files.insert(file);
                found.file(file, text);
            }
        }
        found
    }

    fn file(&mut self, file: FileId, text: &str) {
        let is_comment = |line: &str| line.trim_start().starts_with('#');
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut offset = 0;
        for (index, line) in lines.iter().enumerate() {
            let start = offset;
            offset += line.len();
            let Some(at) = line.find(MARK) else { continue };
            let before = line[..at].trim_end_matches([' ', '\t']);
            // A `#` within a word begins no comment.
            let is_marked = before
                .strip_suffix('#')
                .is_some_and(|it| it.is_empty() || it.ends_with([' ', '\t', '#']));
            if !is_marked {
                continue;
            }
            let about = if is_comment(line) {
                let next = lines[index..].iter().position(|line| !is_comment(line));
                next.map_or(index, |next| index + next)
            } else {
                index
            };
            let body = at + MARK.len();
            let rest = line[body..].split(" --").next().unwrap_or("").trim_end();
            let comment = Span::new(file, start + at..start + line.trim_end().len());
            let Some(names) = rest.trim_start().strip_prefix("ignore") else {
                self.unclear.push(comment);
                continue;
            };
            let mut position = start + body + (rest.len() - names.len());
            let mut is_empty = true;
            for part in names.split_inclusive([',', ' ', '\t']) {
                let name = part.trim_matches([',', ' ', '\t']);
                if !name.is_empty() {
                    is_empty = false;
                    let from = position + part.find(name).unwrap_or(0);
                    let span = Span::new(file, from..from + name.len());
                    let name = name.to_owned();
                    self.all.push(Ignored { file, line: about + 1, name, span, is_used: false });
                }
                position += part.len();
            }
            if is_empty {
                self.unclear.push(comment);
            }
        }
    }

    /// Whether a finding at `span`, in something that begins where `within` does, is to be ignored.
    pub fn covers(&mut self, rule: &Rule, span: Span, within: Span, sources: &SourceMap) -> bool {
        if !self.files.contains(&span.file()) {
            return false;
        }
        let line = |span: Span| sources.line(span.file(), span.start());
        let lines = [line(span), line(within)];
        let mut covered = false;
        for ignored in &mut self.all {
            let is_it = ignored.file == span.file()
                && ignored.name == rule.id
                && lines.contains(&ignored.line);
            ignored.is_used |= is_it;
            covered |= is_it;
        }
        covered
    }

    /// Adds findings about the comments themselves. What is unused is known only if all services were
    /// looked at.
    pub(super) fn report(&self, levels: &Levels, all: bool, findings: &mut Findings) {
        findings.of(&UNKNOWN_RULE);
        for span in &self.unclear {
            findings
                .add(*span, "this comment names no rule")
                .help("write `# rcompose-lint: ignore RULE -- why`");
        }
        for ignored in &self.all {
            match super::rule(&ignored.name) {
                None => {
                    let message = format!("there is no rule `{}`", ignored.name);
                    let finding = findings.of(&UNKNOWN_RULE).add(ignored.span, message);
                    let names = RULES.iter().map(|rule| rule.id);
                    if let Some(near) = nearest(&ignored.name, names) {
                        finding.help(format!("did you mean `{near}`?"));
                    }
                }
                Some(rule) if all && !ignored.is_used && levels.of(rule) > Level::Off => {
                    let message = format!("nothing here breaks `{}`", ignored.name);
                    findings.of(&UNUSED_IGNORE).add(ignored.span, message);
                }
                Some(_) => {}
            }
        }
    }
}
