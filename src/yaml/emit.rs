//! Trees to text: the YAML and JSON that Docker Compose would write, byte for byte.
//!
//! Mappings are written in their own order; who wants them sorted sorts them before. The styles of
//! YAML scalars follow go-yaml's writer: plain where that reads back as the same text, double
//! quotes where it would be read as another type, single quotes where syntax asks for quotes,
//! literal blocks for several lines, and never a fold.

use std::cmp::Ordering;
use std::fmt::Write as _;

use crate::yaml::node::{Map, Node, Value};
use crate::yaml::{number, scalar};

/// Keys longer than this many bytes are written in the `? key` form.
const LONGEST_SIMPLE_KEY: usize = 128;

/// The document as block YAML, indented by two.
#[must_use]
pub fn yaml(node: &Node) -> String {
    let mut writer = Yaml { out: String::new() };
    match &node.value {
        Value::Map(map) if !map.is_empty() => writer.map(map, 0),
        Value::List(items) if !items.is_empty() => writer.list(items, 0),
        _ => {
            writer.scalar(node, 0);
            writer.out.push('\n');
        }
    }
    writer.out
}

struct Yaml {
    out: String,
}

impl Yaml {
    /// Writes entries that each begin at column `indent`; the first is at its place already.
    fn map(&mut self, map: &Map, indent: usize) {
        for (index, (key, entry)) in map.iter().enumerate() {
            if index > 0 {
                self.pad(indent);
            }
            let style = Style::of(key);
            if style.multiline || key.len() > LONGEST_SIMPLE_KEY {
                self.out.push_str("? ");
                self.text(key, indent, false);
                self.out.push('\n');
                self.pad(indent);
            } else {
                self.text(key, indent, true);
            }
            self.out.push(':');
            self.value(&entry.node, indent);
        }
    }

    fn list(&mut self, items: &[Node], indent: usize) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.pad(indent);
            }
            self.out.push('-');
            match &item.value {
                Value::Map(map) if !map.is_empty() => {
                    self.out.push(' ');
                    self.map(map, indent + 2);
                }
                Value::List(items) if !items.is_empty() => {
                    self.out.push(' ');
                    self.list(items, indent + 2);
                }
                _ => {
                    self.out.push(' ');
                    self.scalar(item, indent);
                    self.out.push('\n');
                }
            }
        }
    }

    /// Writes what follows the colon of a key at column `indent`.
    fn value(&mut self, node: &Node, indent: usize) {
        match &node.value {
            Value::Map(map) if !map.is_empty() => {
                self.out.push('\n');
                self.pad(indent + 2);
                self.map(map, indent + 2);
            }
            Value::List(items) if !items.is_empty() => {
                self.out.push('\n');
                self.pad(indent + 2);
                self.list(items, indent + 2);
            }
            _ => {
                self.out.push(' ');
                self.scalar(node, indent);
                self.out.push('\n');
            }
        }
    }

    fn scalar(&mut self, node: &Node, indent: usize) {
        match &node.value {
            Value::Null => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(value) => {
                let _ = write!(self.out, "{value}");
            }
            Value::Uint(value) => {
                let _ = write!(self.out, "{value}");
            }
            Value::Float(value) => match number::general(*value).as_str() {
                "+Inf" => self.out.push_str(".inf"),
                "-Inf" => self.out.push_str("-.inf"),
                "NaN" => self.out.push_str(".nan"),
                text => self.out.push_str(text),
            },
            Value::Text(text) => self.text(text, indent, false),
            Value::Time(text) => self.out.push_str(text),
            Value::List(_) => self.out.push_str("[]"),
            Value::Map(_) => self.out.push_str("{}"),
        }
    }

    fn text(&mut self, text: &str, indent: usize, simple_key: bool) {
        let style = Style::of(text);
        let literal = text.contains('\n') && style.block && !simple_key;
        if literal {
            self.literal(text, indent + 2);
        } else if text.contains('\n') || !reads_back_as_text(text) {
            self.double_quoted(text);
        } else if style.plain {
            self.out.push_str(text);
        } else if style.single_quoted {
            self.out.push('\'');
            self.out.push_str(&text.replace('\'', "''"));
            self.out.push('\'');
        } else {
            self.double_quoted(text);
        }
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.out.push('|');
        if text.starts_with([' ', '\n', '\u{2028}', '\u{2029}']) {
            self.out.push('2');
        }
        if !text.ends_with('\n') {
            self.out.push('-');
        } else if text == "\n" || text.ends_with("\n\n") {
            self.out.push('+');
        }
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            self.out.push('\n');
            if !line.is_empty() {
                self.pad(indent);
                self.out.push_str(line);
            }
        }
    }

    fn double_quoted(&mut self, text: &str) {
        self.out.push('"');
        for char in text.chars() {
            match char {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\0' => self.out.push_str("\\0"),
                '\u{7}' => self.out.push_str("\\a"),
                '\u{8}' => self.out.push_str("\\b"),
                '\t' => self.out.push_str("\\t"),
                '\n' => self.out.push_str("\\n"),
                '\u{b}' => self.out.push_str("\\v"),
                '\u{c}' => self.out.push_str("\\f"),
                '\r' => self.out.push_str("\\r"),
                '\u{1b}' => self.out.push_str("\\e"),
                '\u{85}' => self.out.push_str("\\N"),
                '\u{2028}' => self.out.push_str("\\L"),
                '\u{2029}' => self.out.push_str("\\P"),
                char if is_printable(char) => self.out.push(char),
                char => {
                    let code = u32::from(char);
                    let _ = match code {
                        0..=0xff => write!(self.out, "\\x{code:02X}"),
                        0x100..=0xffff => write!(self.out, "\\u{code:04X}"),
                        _ => write!(self.out, "\\U{code:08X}"),
                    };
                }
            }
        }
        self.out.push('"');
    }

    fn pad(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }
}

/// What go-yaml takes for printable: nothing outside the basic plane.
fn is_printable(char: char) -> bool {
    matches!(char, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// Whether plain `text` is text to YAML 1.2 and to the words and base-60 numbers of YAML 1.1.
fn reads_back_as_text(text: &str) -> bool {
    scalar::is_text(text) && !is_old_bool(text) && !is_base_60(text)
}

fn is_old_bool(text: &str) -> bool {
    matches!(
        text,
        "y" | "Y"
            | "yes"
            | "Yes"
            | "YES"
            | "on"
            | "On"
            | "ON"
            | "n"
            | "N"
            | "no"
            | "No"
            | "NO"
            | "off"
            | "Off"
            | "OFF"
    )
}

/// `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`
fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or("");
    if !first.starts_with(|char: char| char.is_ascii_digit())
        || !first.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
    {
        return false;
    }
    let rest: Vec<&str> = parts.collect();
    let Some((last, middle)) = rest.split_last() else {
        return false;
    };
    let (last, fraction) = last.split_once('.').unwrap_or((last, ""));
    let sexagesimal = |part: &str| match part.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [b'0'..=b'5', digit] => digit.is_ascii_digit(),
        _ => false,
    };
    middle.iter().all(|part| sexagesimal(part))
        && sexagesimal(last)
        && fraction.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

/// Which styles can hold a text, in block context.
struct Style {
    plain: bool,
    single_quoted: bool,
    block: bool,
    multiline: bool,
}

impl Style {
    fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self { plain: true, single_quoted: true, block: false, multiline: false };
        }
        // Most texts are words.
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/');
        if text.as_bytes()[0].is_ascii_alphanumeric()
            && text.bytes().all(|byte| is_word(byte) || byte == b'-')
        {
            return Self { plain: true, single_quoted: true, block: true, multiline: false };
        }
        let is_break =
            |char: char| matches!(char, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let mut special = false;
        let mut tab = false;
        let (mut breaks, mut break_space, mut space_break) = (false, false, false);
        let mut previous = '\n';
        let mut chars = text.chars().peekable();
        let mut first = true;
        while let Some(char) = chars.next() {
            let blank_follows = chars.peek().is_none_or(|next| matches!(next, ' ' | '\t'));
            let blank_before = first || matches!(previous, ' ' | '\t') || is_break(previous);
            indicators |= match char {
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
                | '@' | '`' => first,
                '?' | '-' => first && blank_follows,
                ':' => blank_follows,
                '#' => blank_before,
                _ => false,
            };
            if char == '\t' {
                tab = true;
            } else if !is_printable(char) {
                special = true;
            }
            if char == ' ' && !first && is_break(previous) {
                break_space = true;
            }
            if is_break(char) {
                breaks = true;
                space_break |= previous == ' ' && !first;
            }
            previous = char;
            first = false;
        }
        let edge = |char: Option<char>| char.is_some_and(|char| char == ' ' || is_break(char));
        let trailing_space = text.ends_with(' ');
        let unquotable = break_space || space_break || tab || special;
        Self {
            plain: !(edge(text.chars().next())
                || edge(text.chars().next_back())
                || unquotable
                || breaks
                || indicators),
            single_quoted: !unquotable,
            block: !(trailing_space || space_break || special),
            multiline: breaks,
        }
    }
}

/// The document as JSON indented by two, without a final newline.
#[must_use]
pub fn json(node: &Node) -> String {
    let mut out = String::new();
    write_json(&mut out, node, Some(0));
    out
}

/// The document as JSON without blanks.
#[must_use]
pub fn json_compact(node: &Node) -> String {
    let mut out = String::new();
    write_json(&mut out, node, None);
    out
}

fn write_json(out: &mut String, node: &Node, indent: Option<usize>) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Uint(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Float(value) if value.is_finite() => out.push_str(&number::json(*value)),
        Value::Float(_) => out.push_str("null"),
        Value::Text(text) | Value::Time(text) => json_text(out, text),
        Value::List(items) => {
            let inner = indent.map(|indent| indent + 2);
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                json_line(out, inner);
                write_json(out, item, inner);
            }
            if !items.is_empty() {
                json_line(out, indent);
            }
            out.push(']');
        }
        Value::Map(map) => {
            let inner = indent.map(|indent| indent + 2);
            out.push('{');
            for (index, (key, entry)) in map.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                json_line(out, inner);
                json_text(out, key);
                out.push_str(if inner.is_some() { ": " } else { ":" });
                write_json(out, &entry.node, inner);
            }
            if !map.is_empty() {
                json_line(out, indent);
            }
            out.push('}');
        }
    }
}

fn json_line(out: &mut String, indent: Option<usize>) {
    if let Some(indent) = indent {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', indent));
    }
}

/// Text as Go's JSON encoder writes it: `<`, `>` and `&` are escaped too.
pub fn json_text(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            char => out.push(char),
        }
    }
    out.push('"');
}

/// The order of keys in go-yaml's output: runs of digits compare as numbers, letters come after
/// other characters.
#[must_use]
pub fn natural_order(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut in_digits = false;
    for at in 0..a.len().min(b.len()) {
        let (left, right) = (a[at], b[at]);
        if left == right {
            in_digits = left.is_ascii_digit();
            continue;
        }
        match (left.is_alphabetic(), right.is_alphabetic()) {
            (true, true) => return left.cmp(&right),
            // Where a number ends, the shorter number comes first; elsewhere letters come last.
            (true, false) => {
                return if in_digits { Ordering::Less } else { Ordering::Greater };
            }
            (false, true) => {
                return if in_digits { Ordering::Greater } else { Ordering::Less };
            }
            (false, false) => {}
        }
        // Leading zeros only count within a number that has begun with another digit.
        let begun = (left == '0' || right == '0')
            && a[..at]
                .iter()
                .rev()
                .take_while(|char| char.is_ascii_digit())
                .any(|char| *char != '0');
        let run = |chars: &[char]| {
            let digits = chars[at..].iter().take_while(|char| char.is_ascii_digit());
            digits.fold((i64::from(begun), 0), |(number, length), char| {
                let digit = i64::from(u32::from(*char) - u32::from('0'));
                (number.wrapping_mul(10).wrapping_add(digit), length + 1)
            })
        };
        let ((left_number, left_length), (right_number, right_length)) = (run(&a), run(&b));
        return left_number
            .cmp(&right_number)
            .then(left_length.cmp(&right_length))
            .then(left.cmp(&right));
    }
    a.len().cmp(&b.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    fn text(text: &str) -> String {
        yaml(&Node::map(Span::NOWHERE, [("k", Node::text(Span::NOWHERE, text))]))
    }

    #[test]
    fn scalar_styles() {
        for (value, want) in [
            ("a:b", "k: a:b\n"),
            ("-a", "k: -a\n"),
            ("::1", "k: ::1\n"),
            ("10.0.0.0/24", "k: 10.0.0.0/24\n"),
            ("inf", "k: inf\n"),
            ("=", "k: =\n"),
            ("1e", "k: 1e\n"),
            ("~a", "k: ~a\n"),
            ("yes", "k: \"yes\"\n"),
            ("N", "k: \"N\"\n"),
            ("true", "k: \"true\"\n"),
            ("", "k: \"\"\n"),
            ("~", "k: \"~\"\n"),
            ("017", "k: \"017\"\n"),
            ("1_000", "k: \"1_000\"\n"),
            ("22:22", "k: \"22:22\"\n"),
            ("12:30:45", "k: \"12:30:45\"\n"),
            ("22:60", "k: 22:60\n"),
            ("2001-01-01", "k: \"2001-01-01\"\n"),
            ("#a", "k: '#a'\n"),
            ("a #b", "k: 'a #b'\n"),
            ("a#b", "k: a#b\n"),
            ("a: b", "k: 'a: b'\n"),
            ("a:", "k: 'a:'\n"),
            ("- a", "k: '- a'\n"),
            ("-", "k: '-'\n"),
            ("---", "k: '---'\n"),
            ("it's", "k: it's\n"),
            ("'a'", "k: '''a'''\n"),
            (" a", "k: ' a'\n"),
            ("a ", "k: 'a '\n"),
            ("{a}", "k: '{a}'\n"),
            ("a\tb", "k: \"a\\tb\"\n"),
            ("\u{7}", "k: \"\\a\"\n"),
            ("\u{1f389}", "k: \"\\U0001F389\"\n"),
            ("é", "k: é\n"),
            ("a\nb", "k: |-\n  a\n  b\n"),
            ("a\nb\n", "k: |\n  a\n  b\n"),
            ("a\n\n", "k: |+\n  a\n\n"),
            ("\n", "k: |2+\n\n"),
            (" a\nb", "k: |2-\n   a\n  b\n"),
            ("a \nb", "k: \"a \\nb\"\n"),
            ("a\n b", "k: |-\n  a\n   b\n"),
            ("a\tb\nc", "k: |-\n  a\tb\n  c\n"),
        ] {
            assert_eq!(text(value), want, "{value:?}");
        }
    }

    #[test]
    fn collections() {
        let at = Span::NOWHERE;
        let inner = Node::map(at, [("a", Node::int(at, 1)), ("b", Node::null(at))]);
        let nested = Node::list(at, vec![Node::list(at, vec![Node::int(at, 1), Node::int(at, 2)])]);
        let tree = Node::map(
            at,
            [
                ("m", inner.clone()),
                ("l", Node::list(at, vec![inner, nested])),
                ("e", Node::empty_map(at)),
                ("f", Node::list(at, vec![])),
            ],
        );
        assert_eq!(
            yaml(&tree),
            "\
m:
  a: 1
  b: null
l:
  - a: 1
    b: null
  - - - 1
      - 2
e: {}
f: []
"
        );
        assert_eq!(
            json_compact(&tree),
            r#"{"m":{"a":1,"b":null},"l":[{"a":1,"b":null},[[1,2]]],"e":{},"f":[]}"#
        );
        assert_eq!(
            json(&Node::map(at, [("<k>", Node::list(at, vec![]))])),
            "{\n  \"\\u003ck\\u003e\": []\n}"
        );
    }

    #[test]
    fn keys() {
        let at = Span::NOWHERE;
        let long = "k".repeat(129);
        let tree = Node::map(
            at,
            [
                ("n", Node::int(at, 1)),
                (long.as_str(), Node::int(at, 2)),
                ("a\nb", Node::int(at, 3)),
            ],
        );
        assert_eq!(yaml(&tree), format!("\"n\": 1\n? {long}\n: 2\n? |-\n  a\n  b\n: 3\n"));
    }

    #[test]
    fn natural_key_order() {
        let mut keys = vec!["a-b", "ab", "A10", "a1", "_x", "1a", "A", "10", "a", "9", "A2"];
        keys.sort_by(|a, b| natural_order(a, b));
        assert_eq!(keys.join(" "), "_x 1a 9 10 A A2 A10 a a-b a1 ab");
    }
}
