//! Lines of containers, each with the name of its container before it.

use std::collections::BTreeMap;

use crate::report::time::Timestamp;

/// A line is written in pieces if it is longer than this many bytes.
const LONGEST_LINE: usize = 1 << 20;

/// Room for a line that has begun is kept if it is no more than this.
const SMALL: usize = 1 << 16;

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
    sources: BTreeMap<String, Source>,
}

#[derive(Debug)]
struct Source {
    colour: &'static str,
    /// What stands before its lines; made anew when there is a longer name.
    prefix: Vec<u8>,
    /// The lines that have begun, of its standard output and standard error.
    begun: [Vec<u8>; 2],
}

impl LogPrinter {
    #[must_use]
    pub fn new(style: Style) -> Self {
        Self { style, ..Self::default() }
    }

    /// Makes room for the names of sources, and gives them their colours in this order.
    pub fn expect<'a>(&mut self, sources: impl IntoIterator<Item = &'a str>) {
        for source in sources {
            if self.sources.contains_key(source) {
                continue;
            }
            let next = COLOURS[self.colours.len() % COLOURS.len()];
            let colour = *self.colours.entry(owner(source).to_owned()).or_insert(next);
            let new = Source { colour, prefix: Vec::new(), begun: [Vec::new(), Vec::new()] };
            self.sources.insert(source.to_owned(), new);
            self.width = self.width.max(source.chars().count());
            for (name, it) in &mut self.sources {
                it.prefix = prefix(name, self.width, it.colour, self.style).into_bytes();
            }
        }
    }

    /// Adds to `out` the whole lines that are there now that `source` has written `bytes`.
    pub fn output(&mut self, source: &str, stderr: bool, bytes: &[u8], out: &mut Vec<u8>) {
        let style = self.style;
        let Some(it) = self.source(source) else { return };
        let begun = &mut it.begun[usize::from(stderr)];
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let whole = piece.last() == Some(&b'\n');
            if !whole && begun.len() + piece.len() < LONGEST_LINE {
                begun.extend_from_slice(piece);
                continue;
            }
            begin(&it.prefix, style, out);
            out.append(begun);
            out.extend_from_slice(piece);
            if !whole {
                out.push(b'\n');
            }
        }
        if begun.capacity() > SMALL && begun.is_empty() {
            *begun = Vec::new();
        }
    }

    /// Adds to `out` the line that `source` has begun and will not end.
    pub fn end(&mut self, source: &str, stderr: bool, out: &mut Vec<u8>) {
        let style = self.style;
        let Some(it) = self.source(source) else { return };
        let begun = std::mem::take(&mut it.begun[usize::from(stderr)]);
        if !begun.is_empty() {
            begin(&it.prefix, style, out);
            out.extend(begun);
            out.push(b'\n');
        }
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

    fn source(&mut self, name: &str) -> Option<&mut Source> {
        if !self.sources.contains_key(name) {
            self.expect([name]);
        }
        self.sources.get_mut(name)
    }
}

fn prefix(source: &str, width: usize, colour: &str, style: Style) -> String {
    match style {
        Style { no_prefix: true, .. } => String::new(),
        Style { colours: false, .. } => format!("{source:<width$}  | "),
        Style { .. } => format!("\x1b[{colour}m{source:<width$}  | \x1b[0m"),
    }
}

/// Begins a line.
fn begin(prefix: &[u8], style: Style, out: &mut Vec<u8>) {
    out.extend_from_slice(prefix);
    if style.timestamps {
        out.extend_from_slice(Timestamp::now().rfc3339().as_bytes());
        out.push(b' ');
    }
}

/// What a container's hooks write has the container's colour.
fn owner(source: &str) -> &str {
    source.strip_suffix(" ->").unwrap_or(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(logs: &mut LogPrinter, source: &str, stderr: bool, bytes: &[u8]) -> String {
        let mut out = Vec::new();
        logs.output(source, stderr, bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn end(logs: &mut LogPrinter, source: &str) -> String {
        let mut out = Vec::new();
        logs.end(source, false, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_whole_whatever_the_pieces() {
        let logs = &mut LogPrinter::new(Style::default());
        logs.expect(["web-1", "cache-1"]);
        assert_eq!(output(logs, "web-1", false, b"one\ntw"), "web-1    | one\n");
        assert_eq!(output(logs, "web-1", true, b"oh\n"), "web-1    | oh\n");
        assert_eq!(output(logs, "web-1", false, b"o\n\n"), "web-1    | two\nweb-1    | \n");
        assert_eq!(output(logs, "cache-1", false, b"last"), "");
        assert_eq!(end(logs, "cache-1"), "cache-1  | last\n");
        assert_eq!(end(logs, "cache-1"), "");
    }

    #[test]
    fn a_longer_name_makes_room() {
        let logs = &mut LogPrinter::new(Style::default());
        assert_eq!(output(logs, "a-1", false, b"x\ny"), "a-1  | x\n");
        assert_eq!(output(logs, "long-1", false, b"x\n"), "long-1  | x\n");
        assert_eq!(output(logs, "a-1", false, b"\n"), "a-1     | y\n");
    }

    #[test]
    fn an_endless_line_is_cut() {
        let logs = &mut LogPrinter::new(Style { no_prefix: true, ..Style::default() });
        let piece = vec![b'x'; LONGEST_LINE / 16];
        for _ in 0..3 {
            let written: usize = (0..16).map(|_| output(logs, "a-1", false, &piece).len()).sum();
            assert_eq!(written, LONGEST_LINE + 1);
        }
    }

    #[test]
    fn colours_come_in_order() {
        let logs = &mut LogPrinter::new(Style { colours: true, ..Style::default() });
        logs.expect(["a-1", "b-1"]);
        assert_eq!(output(logs, "b-1", false, b"x\n"), "\x1b[33mb-1  | \x1b[0mx\n");
        assert_eq!(
            logs.exited("a-1", 3, true),
            "\x1b[36ma-1 exited with code 3 (restarting)\x1b[0m\n"
        );
    }

    #[test]
    fn hooks_have_the_colour_of_their_container() {
        let logs = &mut LogPrinter::new(Style { colours: true, ..Style::default() });
        logs.expect(["a-1", "b-1"]);
        assert_eq!(output(logs, "b-1 ->", false, b"x\n"), "\x1b[33mb-1 ->  | \x1b[0mx\n");
        assert_eq!(output(logs, "c-1", false, b"x\n"), "\x1b[32mc-1     | \x1b[0mx\n");
    }
}
