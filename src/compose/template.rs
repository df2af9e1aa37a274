//! `$NAME` and `${NAME:-word}`: the grammar of variables in text.
//!
//! ```text
//! template = { text | "$$" | "$" NAME | "${" NAME [ OP WORD ] "}" }
//! NAME     = [A-Za-z_][A-Za-z0-9_]*
//! OP       = ":-" "-" ":?" "?" ":+" "+"
//! WORD     = any characters but newline up to the matching "}"; itself a template
//! ```

use std::ops::Range;

/// Words within words, beyond which a template is refused.
const MAX_DEPTH: usize = 64;

/// A piece of a template. Ranges are bytes of the text that was parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    pub range: Range<usize>,
    pub kind: Kind<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind<'a> {
    Text(&'a str),
    /// `$$`.
    Dollar,
    Variable {
        name: &'a str,
        operator: Option<(Operator, Word<'a>)>,
    },
}

/// What stands behind an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'a> {
    pub text: &'a str,
    /// Where it begins in the text that was parsed.
    pub start: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `-` or `:-`: the word if unset.
    Default,
    /// `?` or `:?`: an error if unset.
    Required,
    /// `+` or `:+`: the word if set.
    Alternate,
    /// The same with a colon, where empty counts as unset.
    DefaultIfEmpty,
    RequiredNonEmpty,
    AlternateIfNonEmpty,
}

/// What a template asks for that cannot be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A `${` that begins no variable.
    Invalid(Range<usize>),
    /// A variable that must have a value; the message may be empty.
    Missing {
        name: String,
        message: String,
        range: Range<usize>,
    },
    TooDeep(Range<usize>),
}

impl Error {
    /// The part of the text that it is about.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        match self {
            Self::Invalid(range) | Self::TooDeep(range) | Self::Missing { range, .. } => {
                range.clone()
            }
        }
    }
}

/// Splits `text` into its parts.
///
/// # Errors
/// The first `${` that begins no variable.
pub fn parse(text: &str) -> Result<Vec<Part<'_>>, Error> {
    let bytes = text.as_bytes();
    let mut parts = Vec::new();
    let (mut at, mut literal) = (0, 0);
    while let Some(found) = text[at..].find('$') {
        let start = at + found;
        let (end, kind) = match bytes.get(start + 1) {
            Some(b'$') => (start + 2, Kind::Dollar),
            Some(b'{') => braced(text, start)?,
            Some(byte) if is_name_start(*byte) => {
                let end = name_end(bytes, start + 1);
                (end, Kind::Variable { name: &text[start + 1..end], operator: None })
            }
            // A dollar before anything else is just a dollar.
            _ => {
                at = start + 1;
                continue;
            }
        };
        if literal < start {
            parts.push(Part { range: literal..start, kind: Kind::Text(&text[literal..start]) });
        }
        parts.push(Part { range: start..end, kind });
        at = end;
        literal = end;
    }
    if literal < text.len() {
        parts.push(Part { range: literal..text.len(), kind: Kind::Text(&text[literal..]) });
    }
    Ok(parts)
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn name_end(bytes: &[u8], start: usize) -> usize {
    let length =
        bytes[start..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_');
    start + length.count()
}

/// Reads the variable whose `${` stands at `start`.
fn braced(text: &str, start: usize) -> Result<(usize, Kind<'_>), Error> {
    let bytes = text.as_bytes();
    let invalid = || {
        let line = text[start..].lines().next().unwrap_or("");
        Error::Invalid(start..start + line.find('}').map_or(line.len(), |at| at + 1))
    };
    let name_start = start + 2;
    if !bytes.get(name_start).copied().is_some_and(is_name_start) {
        return Err(invalid());
    }
    let after_name = name_end(bytes, name_start);
    let name = &text[name_start..after_name];
    if bytes.get(after_name) == Some(&b'}') {
        return Ok((after_name + 1, Kind::Variable { name, operator: None }));
    }
    let (operator, length) = operator(&text[after_name..]).ok_or_else(invalid)?;
    let word = after_name + length;
    let end = closing_brace(bytes, start + 1).filter(|end| *end >= word).ok_or_else(invalid)?;
    let inner = Word { text: &text[word..end], start: word };
    Ok((end + 1, Kind::Variable { name, operator: Some((operator, inner)) }))
}

/// The brace that closes the one at `open`: the matching one, or, where the count does not come
/// out, the last of the line.
///
/// The byte behind each `{` is not looked at: a quirk of the peer that decides where `${A:-{}}`
/// ends.
fn closing_brace(bytes: &[u8], open: usize) -> Option<usize> {
    let (mut depth, mut last, mut at) = (0_usize, None, open);
    while let Some(byte) = bytes.get(at).filter(|byte| **byte != b'\n') {
        match byte {
            b'{' => {
                depth += 1;
                if bytes.get(at + 1) == Some(&b'}') {
                    last = Some(at + 1);
                }
                at += usize::from(bytes.get(at + 1) != Some(&b'\n'));
            }
            b'}' => {
                depth -= 1;
                last = Some(at);
                if depth == 0 {
                    return last;
                }
            }
            _ => {}
        }
        at += 1;
    }
    last
}

fn operator(text: &str) -> Option<(Operator, usize)> {
    let mut bytes = text.bytes();
    Some(match bytes.next()? {
        b'-' => (Operator::Default, 1),
        b'?' => (Operator::Required, 1),
        b'+' => (Operator::Alternate, 1),
        b':' => match bytes.next()? {
            b'-' => (Operator::DefaultIfEmpty, 2),
            b'?' => (Operator::RequiredNonEmpty, 2),
            b'+' => (Operator::AlternateIfNonEmpty, 2),
            _ => return None,
        },
        _ => return None,
    })
}

/// Puts values in for variables.
///
/// `lookup` gives the value of a name. `unset` is told of every variable that has no value, no
/// default, and so becomes empty; its range is that of the whole variable.
///
/// # Errors
/// See [`Error`].
pub fn substitute(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    unset: &mut dyn FnMut(&str, Range<usize>),
) -> Result<String, Error> {
    let mut out = String::with_capacity(text.len());
    fill(&mut out, Word { text, start: 0 }, lookup, unset, 0)?;
    Ok(out)
}

fn fill(
    out: &mut String,
    word: Word<'_>,
    lookup: &dyn Fn(&str) -> Option<String>,
    unset: &mut dyn FnMut(&str, Range<usize>),
    depth: usize,
) -> Result<(), Error> {
    let shift = |range: Range<usize>| word.start + range.start..word.start + range.end;
    if depth > MAX_DEPTH {
        return Err(Error::TooDeep(shift(0..word.text.len())));
    }
    let parts = parse(word.text).map_err(|error| Error::Invalid(shift(error.range())))?;
    for part in parts {
        let (name, operator) = match part.kind {
            Kind::Text(text) => {
                out.push_str(text);
                continue;
            }
            Kind::Dollar => {
                out.push('$');
                continue;
            }
            Kind::Variable { name, operator } => (name, operator),
        };
        let value = lookup(name);
        let Some((operator, inner)) = operator else {
            match value {
                Some(value) => out.push_str(&value),
                None => unset(name, shift(part.range)),
            }
            continue;
        };
        let inner = Word { text: inner.text, start: word.start + inner.start };
        let filled = match operator {
            Operator::Default | Operator::Required | Operator::Alternate => value.is_some(),
            _ => value.as_ref().is_some_and(|value| !value.is_empty()),
        };
        match operator {
            Operator::Alternate | Operator::AlternateIfNonEmpty if filled => {
                fill(out, inner, lookup, unset, depth + 1)?;
            }
            Operator::Alternate | Operator::AlternateIfNonEmpty => {}
            _ if filled => out.push_str(&value.unwrap_or_default()),
            Operator::Default | Operator::DefaultIfEmpty => {
                fill(out, inner, lookup, unset, depth + 1)?;
            }
            Operator::Required | Operator::RequiredNonEmpty => {
                let mut message = String::new();
                fill(&mut message, inner, lookup, unset, depth + 1)?;
                return Err(Error::Missing {
                    name: name.to_owned(),
                    message,
                    range: shift(part.range),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Result<(String, Vec<String>), Error> {
        let lookup = |name: &str| match name {
            "SET" => Some("value".to_owned()),
            "EMPTY" => Some(String::new()),
            "RAW" => Some("${SET}".to_owned()),
            _ => None,
        };
        let mut unset = Vec::new();
        let out = substitute(text, &lookup, &mut |name, _| unset.push(name.to_owned()))?;
        Ok((out, unset))
    }

    fn check(text: &str, want: &str) {
        assert_eq!(run(text).map(|(out, _)| out), Ok(want.to_owned()), "{text}");
    }

    #[test]
    fn plain_and_operators() {
        check("a $SET b ${SET}c", "a value b valuec");
        check("${SET:-w}${EMPTY:-w}${NO:-w}", "valueww");
        check("${SET-w}|${EMPTY-w}|${NO-w}", "value||w");
        check("${SET:+w}|${EMPTY:+w}|${NO:+w}", "w||");
        check("${SET+w}|${EMPTY+w}|${NO+w}", "w|w|");
        check("${SET:?m}|${EMPTY?m}", "value|");
        check("$RAW", "${SET}");
    }

    #[test]
    fn dollars() {
        check("$$", "$");
        check("$$$SET", "$value");
        check("$$$$", "$$");
        check("$${SET}", "${SET}");
        check("$1 $(x) $- $é $", "$1 $(x) $- $é $");
        check("\\$SET", "\\value");
    }

    #[test]
    fn words() {
        check("${NO:-${ALSO:-${SET}}}", "value");
        check("${NO-a:-b}", "a:-b");
        check("${NO:-{a}}", "{a}");
        check("${NO:-{\"a\":{\"b\":1}}}", "{\"a\":{\"b\":1}}");
        check("${NO:-a}}", "a}");
        check("${NO:-{}}", "{}");
        check("${NO:-{}}x}", "{}}x");
        check("${NO:-a} ${SET:-b} ${NO}", "a value ");
        check("a ${NO:-x}\nb ${NO:-y}", "a x\nb y");
    }

    #[test]
    fn unset_variables_are_told_once_each_use() {
        let (_, unset) = run("$A ${B} ${C:-x} ${D:+x} $SET").unwrap();
        assert_eq!(unset, ["A", "B"]);
        let (_, unset) = run("${SET:-$A}").unwrap();
        assert!(unset.is_empty(), "a default that is not needed is not looked at");
    }

    #[test]
    fn errors() {
        for text in [
            "${",
            "${}",
            "${1}",
            "${A.B}",
            "${ A}",
            "${A }",
            "${A:x}",
            "${A:=d}",
            "${A#x}",
            "${A:-x",
            "${A:-x\n}",
        ] {
            assert!(matches!(run(text), Err(Error::Invalid(_))), "{text}");
        }
        assert_eq!(run("a ${ A} b"), Err(Error::Invalid(2..7)));
        assert_eq!(run("a${NO:-${ x}}"), Err(Error::Invalid(7..12)));
        assert_eq!(
            run("x${EMPTY:?need $SET}"),
            Err(Error::Missing {
                name: "EMPTY".into(),
                message: "need value".into(),
                range: 1..20
            })
        );
        let deep = format!("{}x{}", "${A:-".repeat(100), "}".repeat(100));
        assert!(matches!(run(&deep), Err(Error::TooDeep(_))));
    }
}
