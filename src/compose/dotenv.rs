//! Files of variables: `.env`, `--env-file`, `env_file`, `label_file`.
//!
//! The grammar is that of the peer, quirks included; see `model.md` §3.6 of the reference. Names
//! and values are texts, `$` in unquoted and double-quoted values is expanded as in
//! [`template`](super::template).

use std::collections::BTreeMap;
use std::ops::Range;

use crate::compose::template;

/// What is wrong with a file of variables, and the bytes it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub range: Range<usize>,
    pub message: String,
    pub help: Option<String>,
}

/// Variables by name.
pub type Variables = BTreeMap<String, String>;

/// Reads the assignments of `text` into `variables`, over what is there.
///
/// `lookup` gives values for the names in values: it is asked before `variables`, and also for
/// names that stand alone on a line. `unset` is told of variables that become empty.
///
/// # Errors
/// The first line that is no assignment.
pub fn parse(
    text: &str,
    variables: &mut Variables,
    lookup: &dyn Fn(&str) -> Option<String>,
    unset: &mut dyn FnMut(&str, Range<usize>),
) -> Result<(), Error> {
    let mut parser = Parser { text, at: 0, variables, lookup, unset };
    parser.skip_bom();
    while parser.skip_blank() {
        parser.statement()?;
    }
    Ok(())
}

/// Reads `format: raw`: one `NAME=VALUE` a line, nothing expanded, nothing trimmed behind `=`.
///
/// # Errors
/// The first line that is no assignment.
pub fn parse_raw(
    text: &str,
    variables: &mut Variables,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    let mut at = 0;
    for whole in text.split_inclusive('\n') {
        let start = at;
        at += whole.len();
        let line = whole.strip_suffix('\n').unwrap_or(whole);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let line = if start == 0 { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line };
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let error =
            |message: String| Error { range: start..start + whole.len(), message, help: None };
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (line, None),
        };
        if name.is_empty() {
            return Err(error("there is no name before `=`".to_owned()));
        }
        if name.contains(char::is_whitespace) {
            return Err(error(format!("the name `{name}` contains a blank")));
        }
        if let Some(value) = value.or_else(|| lookup(name)) {
            variables.insert(name.to_owned(), value);
        }
    }
    Ok(())
}

/// Blanks that do not end a line.
fn is_blank(char: char) -> bool {
    matches!(char, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    variables: &'a mut Variables,
    lookup: &'a dyn Fn(&str) -> Option<String>,
    unset: &'a mut dyn FnMut(&str, Range<usize>),
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip_bom(&mut self) {
        if self.rest().starts_with('\u{feff}') {
            self.at += '\u{feff}'.len_utf8();
        }
    }

    /// Skips blank lines and comments; false at the end.
    fn skip_blank(&mut self) -> bool {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            if !self.rest().starts_with('#') {
                return self.at < self.text.len();
            }
            self.at = self.line_end();
        }
    }

    /// Where the newline of the current line, or the end of the text, is.
    fn line_end(&self) -> usize {
        self.rest().find('\n').map_or(self.text.len(), |at| self.at + at)
    }

    fn error(&self, range: Range<usize>, message: String) -> Error {
        let _ = self;
        Error { range, message, help: None }
    }

    fn statement(&mut self) -> Result<(), Error> {
        if let Some(rest) = self.rest().strip_prefix("export")
            && rest.starts_with(char::is_whitespace)
        {
            self.at = self.text.len() - rest.trim_start_matches(is_blank).len();
        }
        let start = self.at;
        let end = self.name_end()?;
        let name = self.text[start..end].trim_end().to_owned();
        if name.contains(' ') {
            return Err(self.error(start..end, format!("the name `{name}` contains a blank")));
        }
        let separator = self.text[end..].chars().next();
        self.at = end + separator.map_or(0, char::len_utf8);
        if matches!(separator, None | Some('\n')) {
            if let Some(value) = (self.lookup)(&name) {
                self.variables.insert(name, value);
            }
            return Ok(());
        }
        self.at = self.text.len() - self.rest().trim_start_matches(is_blank).len();
        let value = match self.rest().chars().next() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote)?,
            _ => self.unquoted()?,
        };
        self.variables.insert(name, value);
        Ok(())
    }

    /// Where the name ends: at `=`, `:`, the newline or the end of the text.
    fn name_end(&self) -> Result<usize, Error> {
        for (offset, char) in self.rest().char_indices() {
            match char {
                '=' | ':' | '\n' => return Ok(self.at + offset),
                '_' | '.' | '-' | '[' | ']' => {}
                char if is_blank(char) || char.is_alphanumeric() => {}
                char => {
                    let at = self.at + offset;
                    let line = &self.text[self.at..self.line_end()];
                    let mut error = self.error(
                        at..at + char.len_utf8(),
                        format!("unexpected `{char}` in the name of a variable"),
                    );
                    if line.contains(": ") || line.starts_with('{') {
                        error.help = Some("write one `NAME=value` a line".to_owned());
                    }
                    return Err(error);
                }
            }
        }
        Ok(self.text.len())
    }

    fn unquoted(&mut self) -> Result<String, Error> {
        let start = self.at;
        let end = self.line_end();
        self.at = (end + 1).min(self.text.len());
        let line = &self.text[start..end];
        let value = line.split_once(" #").map_or(line, |(value, _)| value).trim_end();
        self.expand(value, start)
    }

    fn quoted(&mut self, quote: char) -> Result<String, Error> {
        let start = self.at;
        let mut value = String::new();
        let mut escaped = false;
        let body = start + 1;
        for (offset, char) in self.text[body..].char_indices() {
            if char == quote && !escaped {
                self.at = body + offset + 1;
                return if quote == '"' {
                    self.expand(&unescape(&value), start)
                } else {
                    Ok(value)
                };
            }
            if char == '\\' && !escaped {
                escaped = true;
                continue;
            }
            if escaped && char != quote {
                value.push('\\');
            }
            escaped = false;
            value.push(char);
        }
        let mut error = self
            .error(start..self.line_end(), "the quote that opens here is not closed".to_owned());
        error.help =
            Some(format!("close it with `{quote}`, or write `\\{quote}` within the value"));
        Err(error)
    }

    fn expand(&mut self, value: &str, start: usize) -> Result<String, Error> {
        let lookup = |name: &str| (self.lookup)(name).or_else(|| self.variables.get(name).cloned());
        let end = self.at.min(self.text.len());
        let line = self.text[start..end].trim_end().len();
        let range = start..start + line;
        template::substitute(value, &lookup, &mut |name, _| {
            (self.unset)(name, range.clone());
        })
        .map_err(|error| match error {
            template::Error::Missing { name, message, .. } => Error {
                range: range.clone(),
                message: format!("the variable `{name}` must have a value"),
                help: (!message.is_empty()).then_some(message),
            },
            template::Error::Invalid(_) | template::Error::TooDeep(_) => Error {
                range: range.clone(),
                message: "this is no valid `${NAME}`".to_owned(),
                help: Some("write `$$` for a dollar, or put the value in single quotes".to_owned()),
            },
        })
    }
}

/// Replaces the escapes of double quotes; what is no escape stays with its backslash.
fn unescape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest[at + 1..];
        let (replacement, length) = match escape.as_bytes().first() {
            Some(b'a') => ("\u{7}".to_owned(), 1),
            Some(b'b') => ("\u{8}".to_owned(), 1),
            Some(b'f') => ("\u{c}".to_owned(), 1),
            Some(b'n') => ("\n".to_owned(), 1),
            Some(b'r') => ("\r".to_owned(), 1),
            Some(b't') => ("\t".to_owned(), 1),
            Some(b'v') => ("\u{b}".to_owned(), 1),
            Some(b'"') => ("\"".to_owned(), 1),
            Some(b'\\') => ("\\".to_owned(), 1),
            // A literal dollar for the expansion that follows.
            Some(b'$') => ("$$".to_owned(), 1),
            Some(b'0') => octal(&escape[1..]).unwrap_or(("\\0".to_owned(), 1)),
            _ => ("\\".to_owned(), 0),
        };
        out.push_str(&replacement);
        rest = &escape[length..];
    }
    out.push_str(rest);
    out
}

/// `ddd` of `\0ddd`, as the character and the bytes behind the backslash that it takes.
fn octal(digits: &str) -> Option<(String, usize)> {
    let length = digits.bytes().take(3).take_while(u8::is_ascii_digit).count();
    if length != 3 {
        return None;
    }
    let code = u32::from_str_radix(&digits[..3], 8).ok().filter(|code| *code < 256)?;
    Some((char::from_u32(code)?.to_string(), 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        (name == "HOST").then(|| "from-host".to_owned())
    }

    fn check(text: &str, want: &[(&str, &str)]) {
        let mut variables = Variables::new();
        parse(text, &mut variables, &lookup, &mut |_, _| {}).expect(text);
        let got: Vec<_> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
        let mut want = want.to_vec();
        want.sort_unstable();
        assert_eq!(got, want, "{text}");
    }

    fn check_err(text: &str, want: &str) {
        let error = parse(text, &mut Variables::new(), &lookup, &mut |_, _| {}).expect_err(text);
        assert_eq!(error.message, want, "{text}");
    }

    #[test]
    fn unquoted_values() {
        check("A=1\nB: 2\nexport C=3\n", &[("A", "1"), ("B", "2"), ("C", "3")]);
        check("\u{feff}A = x y  \r\n", &[("A", "x y")]);
        check(
            "A=x # c\nB=x#c\nC= #c\nD=x\t# c\n",
            &[("A", "x"), ("B", "x#c"), ("C", "#c"), ("D", "x\t# c")],
        );
        check("  # c\n\nA=\n", &[("A", "")]);
        check("A=\\n\\$\n", &[("A", "\\n\\$")]);
        check("1a.b-c[0]=x\nexportA=1\n", &[("1a.b-c[0]", "x"), ("exportA", "1")]);
    }

    #[test]
    fn quoted_values() {
        check("A='a $HOST \\' \\n'\n", &[("A", "a $HOST ' \\n")]);
        check("A=\"a\nb\"\n", &[("A", "a\nb")]);
        check("A=\"\\n\\t\\\\ \\\" \\x41 \\c \\0101\"\n", &[("A", "\n\t\\ \" \\x41 \\c A")]);
        check("A='x' B='y'\nC='z' # c\n", &[("A", "x"), ("B", "y"), ("C", "z")]);
        check("A=\"\\$HOST $$ $HOST\"\n", &[("A", "$HOST $ from-host")]);
    }

    #[test]
    fn bare_names_take_what_is_known() {
        check("HOST\nNONE\nA=1\n", &[("HOST", "from-host"), ("A", "1")]);
        check("HOST", &[("HOST", "from-host")]);
    }

    #[test]
    fn expansion_asks_outside_first() {
        check(
            "HOST=own\nA=$HOST ${B:-d}\nB=$A\n",
            &[("HOST", "own"), ("A", "from-host d"), ("B", "from-host d")],
        );
        check("A=1\nA=2\nB=$A\n", &[("A", "2"), ("B", "2")]);
    }

    #[test]
    fn problems() {
        check_err("A+=1\n", "unexpected `+` in the name of a variable");
        check_err("A B=1\n", "the name `A B` contains a blank");
        check_err("A='x\nB=1\n", "the quote that opens here is not closed");
        check_err("A=\"a\"\"b\"\n", "unexpected `\"` in the name of a variable");
        check_err("A=${B:?x}\n", "the variable `B` must have a value");
        check_err("A=${ B}\n", "this is no valid `${NAME}`");
    }

    #[test]
    fn raw_format() {
        let read = |text: &str| {
            let mut variables = Variables::new();
            parse_raw(text, &mut variables, &lookup).map(|()| {
                variables
                    .into_iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(
            read("# c\n  A='x' # y  \nB=$HOST\r\n\nHOST\nNONE\n").unwrap(),
            ["A='x' # y  ", "B=$HOST", "HOST=from-host"]
        );
        assert!(read("A B=1\n").is_err() && read("=1\n").is_err());
    }
}
