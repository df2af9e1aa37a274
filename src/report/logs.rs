//! Lines of containers, each with the name of its container before it.

use std::collections::BTreeMap;

use crate::report::time::Timestamp;

/// A line is written in pieces if it is longer than this many bytes.
const LONGEST_LINE: usize = 1 << 20;

/// Colours of prefixes, in the order in which containers get them (`cli.md` §4.8).
const COLOURS: [&str; 10] = ["36", "33", "32", "35", "34", "36;1", "33;1", "32;1", "35;1", "34;1"];

/// How lines are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    pub colours: bool,
    pub no_prefix: bool,
    /// Put the time of arrival before each line.
    pub timestamps: bool,
}

/// Makes whole lines of what containers write.
#[derive(Debug, Default)]
pub struct LogPrinter {
    style: Style,
    width: usize,
    colours: BTreeMap<String, &'static str>,
    /// Lines that have begun, by source and whether they are of its standard error.
    begun: BTreeMap<(String, bool), Vec<u8>>,
}

impl LogPrinter {
    #[must_use]
    pub fn new(style: Style) -> Self {
        Self { style, ..Self::default() }
    }

    /// Makes room for the names of sources, and gives them their colours in this order.
    pub fn expect<'a>(&mut self, sources: impl IntoIterator<Item = &'a str>) {
        for source in sources {
            self.width = self.width.max(source.chars().count());
            let owner = owner(source);
            if !self.colours.contains_key(owner) {
                let colour = COLOURS[self.colours.len() % COLOURS.len()];
                self.colours.insert(owner.to_owned(), colour);
            }
        }
    }

    /// The whole lines that are there now that `source` has written `bytes`.
    pub fn output(&mut self, source: &str, stderr: bool, bytes: &[u8]) -> Vec<u8> {
        self.expect([source]);
        let prefix = self.prefix(source);
        let key = (source.to_owned(), stderr);
        let mut line = self.begun.remove(&key).unwrap_or_default();
        let mut out = Vec::with_capacity(bytes.len() + prefix.len());
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(piece);
            let whole = line.last() == Some(&b'\n');
            if whole || line.len() >= LONGEST_LINE {
                out.extend_from_slice(prefix.as_bytes());
                out.append(&mut line);
                if !whole {
                    out.push(b'\n');
                }
            }
        }
        if !line.is_empty() {
            self.begun.insert(key, line);
        }
        out
    }

    /// The line that `source` has begun and will not end.
    pub fn end(&mut self, source: &str, stderr: bool) -> Vec<u8> {
        let Some(line) = self.begun.remove(&(source.to_owned(), stderr)) else {
            return Vec::new();
        };
        let mut out = self.prefix(source).into_bytes();
        out.extend(line);
        out.push(b'\n');
        out
    }

    /// Says that the process of a container has ended.
    #[must_use]
    pub fn exited(&self, source: &str, code: i64, restarting: bool) -> String {
        let suffix = if restarting { " (restarting)" } else { "" };
        let text = format!("{source} exited with code {code}{suffix}");
        match self.colours.get(source) {
            Some(colour) if self.style.colours => format!("\x1b[{colour}m{text}\x1b[0m\n"),
            _ => format!("{text}\n"),
        }
    }

    fn prefix(&self, source: &str) -> String {
        let mut prefix = String::new();
        if !self.style.no_prefix {
            prefix = format!("{source:<width$} | ", width = self.width + 1);
            if self.style.colours
                && let Some(colour) = self.colours.get(owner(source))
            {
                prefix = format!("\x1b[{colour}m{prefix}\x1b[0m");
            }
        }
        if self.style.timestamps {
            prefix.push_str(&Timestamp::now().rfc3339());
            prefix.push(' ');
        }
        prefix
    }
}

/// What a container's hooks write has the container's colour.
fn owner(source: &str) -> &str {
    source.strip_suffix(" ->").unwrap_or(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn lines_are_whole_whatever_the_pieces() {
        let mut logs = LogPrinter::new(Style::default());
        logs.expect(["web-1", "cache-1"]);
        assert_eq!(text(logs.output("web-1", false, b"one\ntw")), "web-1    | one\n");
        assert_eq!(text(logs.output("web-1", true, b"oh\n")), "web-1    | oh\n");
        assert_eq!(text(logs.output("web-1", false, b"o\n\n")), "web-1    | two\nweb-1    | \n");
        assert_eq!(text(logs.output("cache-1", false, b"last")), "");
        assert_eq!(text(logs.end("cache-1", false)), "cache-1  | last\n");
        assert_eq!(text(logs.end("cache-1", false)), "");
    }

    #[test]
    fn an_endless_line_is_cut() {
        let mut logs = LogPrinter::new(Style { no_prefix: true, ..Style::default() });
        let written = logs.output("a-1", false, &vec![b'x'; LONGEST_LINE + 5]);
        assert_eq!(written.len(), LONGEST_LINE + 6);
    }

    #[test]
    fn colours_come_in_order() {
        let mut logs = LogPrinter::new(Style { colours: true, ..Style::default() });
        logs.expect(["a-1", "b-1"]);
        assert_eq!(text(logs.output("b-1", false, b"x\n")), "\x1b[33mb-1  | \x1b[0mx\n");
        assert_eq!(
            logs.exited("a-1", 3, true),
            "\x1b[36ma-1 exited with code 3 (restarting)\x1b[0m\n"
        );
    }

    #[test]
    fn hooks_have_the_colour_of_their_container() {
        let mut logs = LogPrinter::new(Style { colours: true, ..Style::default() });
        logs.expect(["a-1", "b-1"]);
        assert_eq!(text(logs.output("b-1 ->", false, b"x\n")), "\x1b[33mb-1 ->  | \x1b[0mx\n");
        assert_eq!(text(logs.output("c-1", false, b"x\n")), "\x1b[32mc-1     | \x1b[0mx\n");
    }
}
