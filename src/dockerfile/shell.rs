//! Lines for the shell, as simple commands: enough of the shell's grammar to see which programs are run
//! with which arguments, not more.

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

use crate::dockerfile::Word;
use crate::source::Span;

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simple {
    pub words: Vec<Word>,
    /// What stands before it: `&&`, `|`, `;` and the like; empty at the beginning.
    pub after: &'static str,
}

/// Words before a command that run nothing.
const LEADING: [&str; 10] =
    ["if", "then", "else", "elif", "while", "until", "do", "!", "{", "time"];
/// Words that stand where a command could, and are none.
const ENDS: [&str; 5] = ["fi", "done", "esac", "}", "in"];

/// Reads `text[range]`. Without `script`, ends of lines are no ends of commands, as builders join
/// lines before the shell sees them.
pub(super) fn parse(
    text: &str,
    range: Range<usize>,
    script: bool,
    escape: char,
    locate: &dyn Fn(Range<usize>) -> Span,
) -> Vec<Simple> {
    let piece = &text[range.clone()];
    let reader = Reader {
        text: piece,
        start: range.start,
        script,
        escape,
        chars: piece.char_indices().peekable(),
        word: None,
        words: Vec::new(),
        after: "",
        found: Vec::new(),
        locate,
    };
    reader.read()
}

struct Reader<'a> {
    text: &'a str,
    start: usize,
    script: bool,
    escape: char,
    chars: Peekable<CharIndices<'a>>,
    word: Option<(usize, String)>,
    words: Vec<Word>,
    after: &'static str,
    found: Vec<Simple>,
    locate: &'a dyn Fn(Range<usize>) -> Span,
}

impl Reader<'_> {
    fn read(mut self) -> Vec<Simple> {
        let mut line_start = self.script;
        while let Some((at, char)) = self.chars.next() {
            let begins = self.word.is_none();
            match char {
                '#' if begins && (line_start || self.script) => {
                    while self.chars.next_if(|(_, char)| *char != '\n').is_some() {}
                }
                '\n' => {
                    self.end_word(at);
                    line_start = true;
                    if self.script {
                        self.end_command(";");
                    }
                    continue;
                }
                ' ' | '\t' | '\r' => {
                    self.end_word(at);
                    continue;
                }
                '\\' => self.escaped(at, '\\'),
                _ if char == self.escape => self.escaped(at, char),
                '\'' | '"' => self.quoted(at, char),
                '`' => self.nested(at, '`'),
                '$' if self.chars.peek().is_some_and(|(_, next)| matches!(next, '(' | '{')) => {
                    let open = self.chars.next().map_or('(', |(_, open)| open);
                    self.push(at, '$');
                    self.nested(at + 1, open);
                }
                '&' if self.is_redirection(at) => self.push(at, char),
                '&' | '|' | ';' => {
                    self.end_word(at);
                    let twice = self.chars.next_if(|(_, next)| *next == char).is_some();
                    self.end_command(match (char, twice) {
                        ('&', true) => "&&",
                        ('|', true) => "||",
                        ('|', false) => "|",
                        ('&', false) => "&",
                        _ => ";",
                    });
                }
                '(' | ')' if begins => self.end_command(";"),
                ')' => {
                    self.end_word(at);
                    self.end_command(";");
                }
                _ => self.push(at, char),
            }
            line_start = false;
        }
        self.end_word(self.text.len());
        self.end_command("");
        self.found
    }

    fn push(&mut self, at: usize, char: char) {
        self.word.get_or_insert_with(|| (at, String::new())).1.push(char);
    }

    /// Whether the `&` at `at` belongs to `2>&1` or `&>`.
    fn is_redirection(&mut self, at: usize) -> bool {
        self.text[..at].ends_with('>') || self.chars.peek().is_some_and(|(_, next)| *next == '>')
    }

    fn escaped(&mut self, at: usize, escape: char) {
        let rest = self.text[at + escape.len_utf8()..].trim_start_matches([' ', '\t', '\r']);
        if rest.starts_with('\n') || rest.is_empty() {
            // The line goes on, but for comments between.
            while self.chars.next_if(|(_, char)| *char != '\n').is_some() {}
            self.chars.next();
            self.skip_comments();
            return;
        }
        if escape != '\\' {
            self.push(at, escape);
        } else if let Some((_, next)) = self.chars.next() {
            self.push(at, next);
        }
    }

    fn skip_comments(&mut self) {
        loop {
            let Some((at, _)) = self.chars.peek().copied() else { return };
            let line = self.text[at..].split_inclusive('\n').next().unwrap_or("");
            let trimmed = line.trim();
            if self.script || !(trimmed.is_empty() || trimmed.starts_with('#')) {
                return;
            }
            let end = at + line.len();
            while self.chars.next_if(|(at, _)| *at < end).is_some() {}
        }
    }

    fn quoted(&mut self, at: usize, quote: char) {
        self.word.get_or_insert_with(|| (at, String::new()));
        while let Some((at, char)) = self.chars.next() {
            if char == quote {
                return;
            }
            let escapes = char == '\\' && quote == '"';
            let next = self.chars.next_if(|(_, next)| escapes && matches!(next, '"' | '\\' | '$'));
            self.push(at, next.map_or(char, |(_, next)| next));
        }
    }

    /// Takes what is in brackets as part of a word.
    fn nested(&mut self, at: usize, open: char) {
        let close = match open {
            '(' => ')',
            '{' => '}',
            other => other,
        };
        self.push(at, open);
        let mut depth = 1_usize;
        while let Some((at, char)) = self.chars.next() {
            self.push(at, char);
            if char == close {
                depth -= 1;
            } else if char == open {
                depth += 1;
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn end_word(&mut self, at: usize) {
        if let Some((start, text)) = self.word.take() {
            let range = self.start + start..self.start + at;
            self.words.push(Word { span: (self.locate)(range), text });
        }
    }

    fn end_command(&mut self, next: &'static str) {
        let mut words = std::mem::take(&mut self.words);
        let is_assignment = |word: &Word| {
            word.text.split_once('=').is_some_and(|(name, _)| {
                !name.is_empty() && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
            })
        };
        let leading = words
            .iter()
            .take_while(|word| LEADING.contains(&word.text.as_str()) || is_assignment(word))
            .count();
        words.drain(..leading);
        if words.first().is_some_and(|word| !ENDS.contains(&word.text.as_str())) {
            self.found.push(Simple { words, after: self.after });
        }
        self.after = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, script: bool, want: &[&str]) {
        let locate = |_: Range<usize>| Span::NOWHERE;
        let found = parse(text, 0..text.len(), script, '\\', &locate);
        let got: Vec<String> = found
            .iter()
            .map(|it| {
                let words: Vec<&str> = it.words.iter().map(|word| word.text.as_str()).collect();
                format!("{} {}", it.after, words.join("|")).trim_start().to_owned()
            })
            .collect();
        assert_eq!(got, want);
    }

    #[test]
    fn simple_commands() {
        check(
            "apt-get update && apt-get install -y curl",
            false,
            &["apt-get|update", "&& apt-get|install|-y|curl"],
        );
        check("a 2>&1 | b; c & d", false, &["a|2>&1", "| b", "; c", "& d"]);
        check("A=b C='d e' cmd x", false, &["cmd|x"]);
        check("if [ -f a ]; then b; else c; fi", false, &["[|-f|a|]", "; b", "; c"]);
        check("echo \"a && b\" 'c; d'", false, &["echo|a && b|c; d"]);
        check("a \\\n  # why\n\n && b", false, &["a", "&& b"]);
        check("x=$(a && b) && c $(d; e) `f | g`", false, &["&& c|$(d; e)|`f | g`"]);
        check("(cd a && b)", false, &["; cd|a", "&& b"]);
        check("a\\ b \"c\\\"d\"", false, &["a b|c\"d"]);
        check("'open && x", false, &["open && x"]);
        check("", false, &[]);
    }

    #[test]
    fn scripts() {
        check("set -e\n# no\na b\n\nc # d\n", true, &["set|-e", "; a|b", "; c"]);
        check("a \\\n b\n", true, &["a|b"]);
    }
}
