//! Words of instructions, and variables in them.

use std::ops::Range;

/// What becomes of quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    Kept,
    Removed,
}

/// Splits `text[range]` at blanks that are neither quoted nor escaped. Ends of lines are blanks, and so
/// are lines of comments.
pub(super) fn split(
    text: &str,
    range: Range<usize>,
    escape: char,
    quotes: Quotes,
) -> Vec<(Range<usize>, String)> {
    let mut words = Vec::new();
    let mut word: Option<(usize, String)> = None;
    let mut quote = None;
    let end = range.end;
    let mut chars =
        text[range.clone()].char_indices().map(|(at, char)| (range.start + at, char)).peekable();
    let mut line_start = false;
    while let Some((at, char)) = chars.next() {
        if line_start && char == '#' && quote.is_none() {
            while chars.next_if(|(_, char)| *char != '\n').is_some() {}
            continue;
        }
        if char.is_whitespace() && quote.is_none() {
            line_start |= char == '\n';
            if let Some((start, text)) = word.take() {
                words.push((start..at, text));
            }
            continue;
        }
        line_start = false;
        if char == escape && quote != Some('\'') {
            let rest = text[at + char.len_utf8()..end].trim_start_matches([' ', '\t', '\r']);
            if rest.starts_with('\n') || rest.is_empty() {
                // The line goes on. What is in quotes goes on as well.
                while chars.next_if(|(_, char)| *char != '\n').is_some() {}
                if quote.is_some() {
                    chars.next();
                }
                continue;
            }
            let (_, text) = word.get_or_insert_with(|| (at, String::new()));
            if let Some((_, next)) = chars.next() {
                if quotes == Quotes::Kept {
                    text.push(char);
                }
                text.push(next);
            }
            continue;
        }
        let (_, text) = word.get_or_insert_with(|| (at, String::new()));
        match (quote, char) {
            (None, '"' | '\'') => quote = Some(char),
            (Some(open), _) if open == char => quote = None,
            _ => {
                text.push(char);
                continue;
            }
        }
        if quotes == Quotes::Kept {
            text.push(char);
        }
    }
    if let Some((start, text)) = word {
        words.push((start..end, text));
    }
    words
}

/// Replaces `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+other}`; other forms stay.
///
/// # Errors
/// The variables that have no value.
pub(super) fn expand(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Vec<String>> {
    let mut out = String::with_capacity(text.len());
    let mut missing = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let braced = after.starts_with('{');
        let inner = if braced { &after[1..] } else { after };
        let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
        let length = inner.find(|char| !is_name(char)).unwrap_or(inner.len());
        let (name, tail) = inner.split_at(length);
        let close = if braced { tail.find('}') } else { Some(0) };
        let Some(close) = close.filter(|_| !name.is_empty()) else {
            out.push('$');
            rest = after;
            continue;
        };
        let operation = &tail[..close];
        let value = lookup(name);
        let filled = value.as_deref().filter(|value| !value.is_empty());
        match (operation.get(..2), filled) {
            (Some(":+"), Some(_)) => out.push_str(&operation[2..]),
            (Some(":+"), None) => {}
            (_, Some(value)) => out.push_str(value),
            (Some(":-"), None) => out.push_str(&operation[2..]),
            _ if operation.starts_with('-') && value.is_none() => out.push_str(&operation[1..]),
            _ => missing.push(name.to_owned()),
        }
        rest = &tail[close + usize::from(braced)..];
    }
    out.push_str(rest);
    if missing.is_empty() { Ok(out) } else { Err(missing) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let check = |text: &str, want: &[&str]| {
            let got = split(text, 0..text.len(), '\\', Quotes::Removed);
            let got: Vec<&str> = got.iter().map(|(_, word)| word.as_str()).collect();
            assert_eq!(got, want, "{text}");
        };
        check("a  b\tc", &["a", "b", "c"]);
        check("a='b c' \"d\"e", &["a=b c", "de"]);
        check("a\\ b \\\n# no\n c", &["a b", "c"]);
        check("'a \\\n b'", &["a \\\n b"]);
        check("\"a \\\n b\"", &["a  b"]);
        check("a \\", &["a"]);
        check("'open", &["open"]);
        check("a \\  \r\n b", &["a", "b"]);
    }

    #[test]
    fn variables() {
        let lookup = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let check = |text: &str, want: &str| assert_eq!(expand(text, &lookup).unwrap(), want);
        check("x:$A-${A}", "x:a-a");
        check("${B:-b}${A:-b}${EMPTY:-c}", "bac");
        check("${A:+y}${B:+y}", "y");
        check("${B-b}", "b");
        check("$ ${ $", "$ ${ $");
        assert_eq!(expand("$B$A${C}", &lookup).unwrap_err(), ["B", "C"]);
    }
}
