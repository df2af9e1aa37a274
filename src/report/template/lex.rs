//! A template taken apart into text and the words of its actions.

use std::ops::Range;

use crate::report::template::Error;

/// A part of a template.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    /// What stands between `{{` and `}}`.
    Action(Vec<Token>, Range<usize>),
}

/// A word of an action.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub kind: Kind,
    pub at: Range<usize>,
    /// Whether it follows the one before without a blank between them.
    pub joined: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Name(String),
    /// `.Name`
    Field(String),
    Dot,
    /// `$` or `$name`, without the dollar.
    Variable(String),
    Text(String),
    Int(i64),
    Float(f64),
    Pipe,
    Open,
    Close,
    Declare,
    Assign,
    Comma,
}

/// Takes a template apart.
///
/// # Errors
/// An action without an end, and characters that begin nothing.
pub(super) fn lex(source: &str) -> Result<Vec<Piece>, Error> {
    let mut pieces = Vec::new();
    let mut at = 0;
    let mut trim_next = false;
    loop {
        let open = source[at..].find("{{").map(|found| at + found);
        let text = &source[at..open.unwrap_or(source.len())];
        let text = if trim_next { text.trim_start_matches(SPACES) } else { text };
        let Some(open) = open else {
            push_text(&mut pieces, text);
            return Ok(pieces);
        };
        let mut inside = open + 2;
        let rest = &source[inside..];
        let trims = rest.starts_with('-') && rest[1..].starts_with(SPACES);
        push_text(&mut pieces, if trims { text.trim_end_matches(SPACES) } else { text });
        if trims {
            inside += 1;
        }
        let unclosed =
            || Error::new(open..open + 2, "the action is not closed").help("write `}}` behind it");
        let trimmed = source[inside..].trim_start_matches(SPACES);
        if let Some(comment) = trimmed.strip_prefix("/*") {
            let start = source.len() - comment.len();
            let length = comment.find("*/").ok_or_else(|| {
                Error::new(start - 2..start, "the comment is not closed")
                    .help("write `*/` behind it")
            })?;
            let rest = &source[start + length + 2..];
            let unspaced = rest.trim_start_matches(SPACES);
            trim_next = unspaced.starts_with("-}}") && unspaced.len() < rest.len();
            let end = if trim_next { unspaced } else { rest };
            let end = end
                .strip_prefix(if trim_next { "-}}" } else { "}}" })
                .ok_or_else(|| Error::new(start - 2..start, "a comment is an action of its own"))?;
            at = source.len() - end.len();
            continue;
        }
        let mut words = Words { source, at: inside, tokens: Vec::new() };
        (at, trim_next) = match words.read() {
            Ok(Some(end)) => end,
            Ok(None) => return Err(unclosed()),
            // What has no end at all has that problem first.
            Err(_) if !source[inside..].contains("}}") => return Err(unclosed()),
            Err(error) => return Err(error),
        };
        pieces.push(Piece::Action(words.tokens, open..at));
    }
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(unescaped(text)));
    }
}

/// Docker reads `\t` and `\n` as a tab and the end of a line, wherever they stand.
fn unescaped(text: &str) -> String {
    text.replace("\\t", "\t").replace("\\n", "\n")
}

struct Words<'a> {
    source: &'a str,
    at: usize,
    tokens: Vec<Token>,
}

impl Words<'_> {
    /// Reads to the end of the action; where that is, and whether blanks behind it go. `None` if it
    /// has no end.
    fn read(&mut self) -> Result<Option<(usize, bool)>, Error> {
        let mut joined = false;
        loop {
            let rest = &self.source[self.at..];
            let unspaced = rest.trim_start_matches(SPACES);
            let spaced = unspaced.len() < rest.len();
            if spaced && unspaced.starts_with("-}}") {
                return Ok(Some((self.source.len() - unspaced.len() + 3, true)));
            }
            if unspaced.starts_with("}}") {
                return Ok(Some((self.source.len() - unspaced.len() + 2, false)));
            }
            self.at = self.source.len() - unspaced.len();
            let Some(first) = unspaced.chars().next() else {
                return Ok(None);
            };
            joined = joined && !spaced;
            let start = self.at;
            let kind = self.word(first)?;
            self.tokens.push(Token { kind, at: start..self.at, joined });
            joined = true;
        }
    }

    fn word(&mut self, first: char) -> Result<Kind, Error> {
        let start = self.at;
        let rest = &self.source[start..];
        let simple = |kind| (kind, first.len_utf8());
        let (kind, length) = match first {
            '|' => simple(Kind::Pipe),
            '(' => simple(Kind::Open),
            ')' => simple(Kind::Close),
            ',' => simple(Kind::Comma),
            ':' if rest.starts_with(":=") => (Kind::Declare, 2),
            '=' => simple(Kind::Assign),
            '"' => self.quoted()?,
            '`' => {
                let end = rest[1..].find('`').ok_or_else(|| unterminated(start))?;
                (Kind::Text(unescaped(&rest[1..=end])), end + 2)
            }
            '\'' => self.character()?,
            '$' => {
                let name = name(&rest[1..]);
                (Kind::Variable(name.to_owned()), 1 + name.len())
            }
            '.' if !rest[1..].starts_with(|char: char| char.is_ascii_digit()) => {
                let name = name(&rest[1..]);
                let kind = if name.is_empty() { Kind::Dot } else { Kind::Field(name.to_owned()) };
                (kind, 1 + name.len())
            }
            '.' | '+' | '-' | '0'..='9' => number(rest).ok_or_else(|| {
                let length = rest.find([' ', '}', ')', '|']).unwrap_or(rest.len());
                let text = &rest[..length];
                Error::new(start..start + length, format!("`{text}` is no number"))
            })?,
            _ if !name(rest).is_empty() => {
                let name = name(rest);
                (Kind::Name(name.to_owned()), name.len())
            }
            _ => {
                let at = start..start + first.len_utf8();
                return Err(Error::new(at, format!("`{first}` has no meaning in an action")));
            }
        };
        self.at += length;
        Ok(kind)
    }

    /// A text with escapes.
    fn quoted(&self) -> Result<(Kind, usize), Error> {
        let rest = &self.source[self.at + 1..];
        let mut text = String::new();
        let mut chars = rest.char_indices();
        while let Some((index, char)) = chars.next() {
            match char {
                '"' => return Ok((Kind::Text(text), index + 2)),
                '\\' => text.push(self.escape(&mut chars, index + 1)?),
                char => text.push(char),
            }
        }
        Err(unterminated(self.at))
    }

    fn character(&self) -> Result<(Kind, usize), Error> {
        let rest = &self.source[self.at + 1..];
        let mut chars = rest.char_indices();
        let char = match chars.next() {
            Some((index, '\\')) => self.escape(&mut chars, index + 1)?,
            Some((_, char)) => char,
            None => return Err(unterminated(self.at)),
        };
        match chars.next() {
            Some((index, '\'')) => Ok((Kind::Int(i64::from(u32::from(char))), index + 2)),
            _ => Err(Error::new(self.at..self.at + 1, "a character constant is one character")),
        }
    }

    /// What follows a backslash that stands `before` bytes behind the quote.
    fn escape(&self, chars: &mut std::str::CharIndices<'_>, before: usize) -> Result<char, Error> {
        let place = self.at + before;
        let unknown = |text: &str| {
            Error::new(place..place + 1 + text.len(), format!("`\\{text}` is no escape"))
        };
        let Some((_, char)) = chars.next() else {
            return Err(unterminated(self.at));
        };
        let digits = match char {
            'a' => return Ok('\u{7}'),
            'b' => return Ok('\u{8}'),
            'f' => return Ok('\u{c}'),
            'n' => return Ok('\n'),
            'r' => return Ok('\r'),
            't' => return Ok('\t'),
            'v' => return Ok('\u{b}'),
            '\\' | '"' | '\'' => return Ok(char),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            other => return Err(unknown(&other.to_string())),
        };
        let code: String = chars.by_ref().take(digits).map(|(_, char)| char).collect();
        let read = u32::from_str_radix(&code, 16).ok().filter(|_| code.len() == digits);
        read.and_then(char::from_u32).ok_or_else(|| unknown(&format!("{char}{code}")))
    }
}

fn unterminated(start: usize) -> Error {
    Error::new(start..start + 1, "the text is not closed").help("write a quote behind it")
}

/// The letters, digits and underscores that `text` begins with.
fn name(text: &str) -> &str {
    let is_part = |char: char| char == '_' || char.is_alphanumeric();
    if text.starts_with(|char: char| char.is_numeric()) {
        return "";
    }
    text.split(|char| !is_part(char)).next().unwrap_or_default()
}

/// A number, and how long it is.
fn number(text: &str) -> Option<(Kind, usize)> {
    let is_part = |index: usize, char: char| {
        char.is_ascii_alphanumeric()
            || matches!(char, '.' | '_')
            || (matches!(char, '+' | '-') && (index == 0 || text[..index].ends_with(['e', 'E'])))
    };
    let end = text.char_indices().find(|(index, char)| !is_part(*index, *char));
    let length = end.map_or(text.len(), |(index, _)| index);
    let digits = text[..length].replace('_', "");
    let (negative, unsigned) = match digits.strip_prefix(['+', '-']) {
        Some(unsigned) => (digits.starts_with('-'), unsigned),
        None => (false, &*digits),
    };
    let lower = unsigned.to_lowercase();
    let radix = [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().find_map(|(prefix, radix)| {
        lower.strip_prefix(prefix).map(|digits| i64::from_str_radix(digits, radix))
    });
    let whole = match radix {
        Some(read) => Some(read.ok()?),
        None => lower.parse().ok(),
    };
    let kind = match whole {
        Some(number) => Kind::Int(if negative { -number } else { number }),
        None if !lower.starts_with(|char: char| char.is_ascii_digit() || char == '.') => {
            return None;
        }
        None => {
            let number: f64 = lower.parse().ok()?;
            Kind::Float(if negative { -number } else { number })
        }
    };
    Some((kind, length))
}
