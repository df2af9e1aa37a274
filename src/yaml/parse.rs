//! Text to trees: anchors, merge keys, tags and the limits that keep hostile input harmless.
//!
//! The only user of the parser crate. What go-yaml accepts and how it reads it is the measure, as
//! Docker Compose reads its files with it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Tag};

use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::source::{FileId, Span};
use crate::yaml::node::{Entry, Map, Mark, Node, Value};
use crate::yaml::scalar;

/// Levels of nesting, aliases included, beyond which a file is refused.
pub const MAX_DEPTH: usize = 128;
/// Values that aliases may add to a file altogether.
pub const MAX_ALIAS_NODES: usize = 100_000;
/// Bytes of one scalar.
pub const MAX_SCALAR: usize = 16 << 20;

/// Reads all documents of a file.
///
/// # Errors
/// Every duplicate key and wrong tag, and the first error of syntax: nothing behind it can be read.
pub fn parse(file: FileId, text: &str) -> Result<Vec<Node>, Diagnostics> {
    if let Some((offset, char)) = text.char_indices().find(|(_, char)| !is_allowed(*char)) {
        let span = Span::new(file, offset..offset + char.len_utf8());
        let message = format!("the control character U+{:04X} is not allowed", u32::from(char));
        return Err(Diagnostic::error(span, message)
            .help("write it as an escape in double quotes, such as \"\\x07\"")
            .into());
    }
    let options = granit_parser::options! {
        emit_anchor_events: true,
        emit_unresolved_aliases: true,
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder {
        events: Parser::new_from_str_with_options(text, options),
        file,
        text,
        anchors: HashMap::new(),
        alias_nodes: 0,
        problems: Diagnostics::default(),
    };
    match builder.stream() {
        Ok(documents) if builder.problems.is_empty() => Ok(documents),
        Ok(_) => Err(builder.problems),
        Err(fatal) => {
            builder.problems.push(*fatal);
            Err(builder.problems)
        }
    }
}

/// The characters YAML admits unescaped.
fn is_allowed(char: char) -> bool {
    matches!(char,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}'
        | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

type Fatal = Box<Diagnostic>;
type Next<'a> = (Event<'a>, granit_parser::Span);

/// A named value.
enum Anchor {
    /// Its value is being read: an alias to it now would be a cycle.
    Open(Span),
    Ready(Rc<Ready>),
}

struct Ready {
    node: Node,
    nodes: usize,
    height: usize,
}

struct Builder<'a> {
    events: Parser<'a, granit_parser::StrInput<'a>>,
    file: FileId,
    text: &'a str,
    /// By name; anchors live on in the later documents of a file, as in go-yaml.
    anchors: HashMap<&'a str, Anchor>,
    alias_nodes: usize,
    problems: Diagnostics,
}

impl<'a> Builder<'a> {
    fn stream(&mut self) -> Result<Vec<Node>, Fatal> {
        let mut documents = Vec::new();
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(documents),
                (Event::DocumentStart(..), span) => {
                    let first = self.next()?;
                    if matches!(first.0, Event::DocumentEnd) {
                        documents.push(Node::null(self.span(&span)));
                        continue;
                    }
                    documents.push(self.node(first, 1)?);
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<Next<'a>, Fatal> {
        match self.events.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(Box::new(self.syntax(&error))),
            None => Ok((
                Event::StreamEnd,
                granit_parser::Span::empty(granit_parser::Marker::new(0, 1, 0)),
            )),
        }
    }

    fn span(&self, span: &granit_parser::Span) -> Span {
        Span::new(self.file, span.byte_range().unwrap_or(0..0))
    }

    fn syntax(&self, error: &ScanError) -> Diagnostic {
        let offset = error.marker().byte_offset().unwrap_or(0).min(self.text.len());
        let span = Span::new(self.file, offset..offset);
        match error.kind() {
            ErrorKind::RecursionLimitExceeded => too_deep(span),
            ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabNotAllowed => {
                Diagnostic::error(span, "a tab stands where YAML wants spaces")
                    .help("indent with spaces")
            }
            _ => {
                let diagnostic = Diagnostic::error(span, format!("invalid YAML: {}", error.info()));
                let line = self.text[..offset].rfind('\n').map_or(0, |at| at + 1);
                let tabbed = self.text[line..]
                    .bytes()
                    .take_while(|byte| matches!(byte, b' ' | b'\t'))
                    .any(|byte| byte == b'\t');
                if tabbed { diagnostic.help("indent with spaces, not tabs") } else { diagnostic }
            }
        }
    }

    /// Builds the value that begins with `first`; `depth` counts from 1 for a document.
    fn node(&mut self, (event, place): Next<'a>, depth: usize) -> Result<Node, Fatal> {
        let span = self.span(&place);
        if depth > MAX_DEPTH {
            return Err(Box::new(too_deep(span)));
        }
        match event {
            Event::Alias(_) | Event::UnresolvedAlias(_) => self.alias(span, depth),
            Event::Scalar(text, style, anchor, tag) => {
                let name = self.anchor(anchor)?;
                let node = self.scalar(span, text, style, tag.as_deref())?;
                self.define(name, &node);
                Ok(node)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let name = self.anchor(anchor)?;
                let mut items = Vec::new();
                let end = loop {
                    let next = self.next()?;
                    if matches!(next.0, Event::SequenceEnd) {
                        break self.span(&next.1);
                    }
                    let item = self.node(next, depth + 1)?;
                    if item.mark != Mark::Reset {
                        items.push(item);
                    }
                };
                let node = collection(span, end, Value::List(items), tag.as_deref());
                self.define(name, &node);
                Ok(node)
            }
            Event::MappingStart(_, anchor, tag) => {
                let name = self.anchor(anchor)?;
                let (map, end) = self.mapping(depth)?;
                let node = collection(span, end, Value::Map(Box::new(map)), tag.as_deref());
                self.define(name, &node);
                Ok(node)
            }
            // Nothing else can begin a value; the parser's grammar sees to it.
            _ => Ok(Node::null(span)),
        }
    }

    /// Takes the name of the anchor that the parser says the last event has.
    fn anchor(&mut self, id: usize) -> Result<Option<&'a str>, Fatal> {
        if id == 0 {
            return Ok(None);
        }
        let (event, place) = self.next()?;
        debug_assert!(matches!(event, Event::Anchor(..)));
        let span = self.span(&place);
        let name = self.text.get(span.range()).map_or("", |name| name.trim_start_matches('&'));
        self.anchors.insert(name, Anchor::Open(span));
        Ok(Some(name))
    }

    fn define(&mut self, name: Option<&'a str>, node: &Node) {
        if let Some(name) = name {
            let (nodes, height) = measure(node);
            let ready = Ready { node: node.clone(), nodes, height };
            self.anchors.insert(name, Anchor::Ready(Rc::new(ready)));
        }
    }

    fn alias(&mut self, span: Span, depth: usize) -> Result<Node, Fatal> {
        let name = self.text.get(span.range()).map_or("", |name| name.trim_start_matches('*'));
        let ready = match self.anchors.get(name) {
            Some(Anchor::Ready(ready)) => Rc::clone(ready),
            Some(Anchor::Open(anchor)) => {
                let problem =
                    Diagnostic::error(span, format!("the anchor `{name}` contains itself"))
                        .context(*anchor, "the anchor stands here");
                return Err(Box::new(problem));
            }
            None => {
                let near = nearest(name, self.anchors.keys().copied());
                self.problems.push(
                    Diagnostic::error(
                        span,
                        format!("there is no anchor `{name}` before this alias"),
                    )
                    .help_opt(near.map(|it| format!("did you mean `*{it}`?"))),
                );
                return Ok(Node::null(span));
            }
        };
        self.alias_nodes += ready.nodes;
        if self.alias_nodes > MAX_ALIAS_NODES {
            let message = format!("aliases expand to more than {MAX_ALIAS_NODES} values");
            return Err(Box::new(Diagnostic::error(span, message)));
        }
        if depth + ready.height > MAX_DEPTH {
            return Err(Box::new(too_deep(span)));
        }
        Ok(ready.node.clone())
    }

    fn mapping(&mut self, depth: usize) -> Result<(Map, Span), Fatal> {
        let mut map = Map::default();
        let mut merges: Vec<(Span, Node)> = Vec::new();
        let end = loop {
            let next = self.next()?;
            if matches!(next.0, Event::MappingEnd) {
                break self.span(&next.1);
            }
            let key_span = self.span(&next.1);
            let key = self.key(next, depth)?;
            let value = self.next()?;
            let node = self.node(value, depth + 1)?;
            match key {
                Key::Merge if merges.is_empty() => merges.push((key_span, node)),
                Key::Merge => self.duplicate("<<", key_span, merges[0].0),
                Key::Name(name) => match map.get(&name) {
                    Some(first) => {
                        let first = first.key;
                        self.duplicate(&name, key_span, first);
                    }
                    None => {
                        map.insert(name, Entry { key: key_span, node });
                    }
                },
                Key::Bad => {}
            }
        };
        for (span, node) in merges {
            self.merge(&mut map, span, node);
        }
        Ok((map, end))
    }

    fn duplicate(&mut self, name: &str, span: Span, first: Span) {
        self.problems.push(
            Diagnostic::error(span, format!("the key `{name}` is defined twice"))
                .context(first, "first defined here"),
        );
    }

    /// Applies `<<: node`: keys that `map` lacks come from the mappings, the first that has one.
    fn merge(&mut self, map: &mut Map, key: Span, node: Node) {
        let sources = match node.value {
            Value::Map(_) => vec![node],
            Value::List(items) => items,
            _ => vec![node],
        };
        for source in sources {
            let span = source.span;
            let Value::Map(entries) = source.value else {
                let kind = source.kind();
                self.problems.push(
                    Diagnostic::error(
                        if source.span.is_nowhere() { key } else { span },
                        format!("`<<` takes a mapping or a list of mappings, not {kind}"),
                    )
                    .help("merge an anchor, such as `<<: *defaults`"),
                );
                continue;
            };
            for (name, entry) in *entries {
                match map.get_mut(&name) {
                    // A reset that comes through a merge still resets what is below this file.
                    Some(own) if entry.node.mark != Mark::None && own.node.mark == Mark::None => {
                        own.node.mark = Mark::Override;
                    }
                    Some(_) => {}
                    None => {
                        map.insert(name, entry);
                    }
                }
            }
        }
    }

    fn key(&mut self, next: Next<'a>, depth: usize) -> Result<Key, Fatal> {
        let span = self.span(&next.1);
        let plain_merge = matches!(
            &next.0,
            Event::Scalar(text, ScalarStyle::Plain, _, tag) if text == "<<"
                && tag.as_ref().is_none_or(|tag| core_tag(tag).as_deref() == Some("merge"))
        );
        let complex = matches!(next.0, Event::SequenceStart(..) | Event::MappingStart(..));
        let node = self.node(next, depth + 1)?;
        if plain_merge {
            return Ok(Key::Merge);
        }
        let what = match node.value {
            Value::Text(name) => return Ok(Key::Name(name)),
            _ if complex => "a list or a mapping".to_owned(),
            Value::Null => "empty".to_owned(),
            _ => format!("`{}`", self.text.get(span.range()).unwrap_or("")),
        };
        let problem =
            Diagnostic::error(span, format!("a key must be text, but this one is {what}"));
        let problem = if complex || node.is_null() {
            problem
        } else {
            problem.help(format!("put it in quotes: \"{}\"", what.trim_matches('`')))
        };
        self.problems.push(problem);
        Ok(Key::Bad)
    }

    /// Whether the last line of the file, without a newline at its end, belongs to the block scalar
    /// at `span`. go-yaml makes up no newline there.
    fn ends_unfinished(&self, span: Span) -> bool {
        let last = self.text.rfind('\n').map_or(0, |at| at + 1);
        span.range().end >= self.text.len() && !self.text[last..].trim().is_empty()
    }

    fn scalar(
        &mut self,
        span: Span,
        text: Cow<'a, str>,
        style: ScalarStyle,
        tag: Option<&Tag>,
    ) -> Result<Node, Fatal> {
        if text.len() > MAX_SCALAR {
            let message = format!("a value is longer than {} MiB", MAX_SCALAR >> 20);
            return Err(Box::new(Diagnostic::error(span, message)));
        }
        let plain = style == ScalarStyle::Plain;
        let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        let text = if block && self.ends_unfinished(span) {
            Cow::Owned(text.strip_suffix('\n').unwrap_or(&text).to_owned())
        } else {
            text
        };
        // The parser gives `~` for a value that is not there.
        let text = if plain && span.range().is_empty() { Cow::Borrowed("") } else { text };
        let Some(tag) = tag else {
            let value = if plain { scalar::resolve(&text) } else { Value::Text(text.into_owned()) };
            return Ok(Node::new(span, value));
        };
        if let Some(mark) = mark(tag) {
            let null = plain && matches!(scalar::resolve(&text), Value::Null);
            let value = if mark == Mark::Reset || null {
                Value::Null
            } else {
                Value::Text(text.into_owned())
            };
            return Ok(Node { span, mark, value });
        }
        let value = match core_tag(tag).as_deref() {
            Some("str") => Some(Value::Text(text.into_owned())),
            Some("binary") => base64(&text).map(Value::Text),
            Some("int") => match scalar::resolve(&text) {
                value @ (Value::Int(_) | Value::Uint(_)) => Some(value),
                _ => None,
            },
            #[expect(clippy::cast_precision_loss, reason = "the tag asks for a float")]
            Some("float") => match scalar::resolve(&text) {
                value @ Value::Float(_) => Some(value),
                Value::Int(value) => Some(Value::Float(value as f64)),
                _ => None,
            },
            Some("bool") => match scalar::resolve(&text) {
                value @ Value::Bool(_) => Some(value),
                _ => None,
            },
            Some("null") => match scalar::resolve(&text) {
                Value::Null => Some(Value::Null),
                _ => None,
            },
            Some("timestamp") => match scalar::resolve(&text) {
                value @ Value::Time(_) => Some(value),
                _ => None,
            },
            // A tag nobody knows makes text, as in go-yaml.
            _ => Some(Value::Text(text.into_owned())),
        };
        if let Some(value) = value {
            return Ok(Node::new(span, value));
        }
        let name = core_tag(tag).unwrap_or_default().into_owned();
        self.problems.push(Diagnostic::error(span, format!("this value is no `!!{name}`")));
        Ok(Node::null(span))
    }
}

enum Key {
    Name(String),
    Merge,
    Bad,
}

fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error(span, format!("values are nested more than {MAX_DEPTH} levels deep"))
}

fn collection(start: Span, end: Span, value: Value, tag: Option<&Tag>) -> Node {
    let span = Span::new(start.file(), start.start()..end.range().end.max(start.range().end));
    match tag.and_then(mark) {
        Some(Mark::Reset) => Node { span, mark: Mark::Reset, value: Value::Null },
        Some(mark) => Node { span, mark, value },
        None => Node::new(span, value),
    }
}

fn mark(tag: &Tag) -> Option<Mark> {
    if tag.original_handle() != "!" {
        return None;
    }
    match tag.suffix() {
        "reset" => Some(Mark::Reset),
        "override" => Some(Mark::Override),
        _ => None,
    }
}

/// The name behind `!!`.
fn core_tag(tag: &Tag) -> Option<Cow<'_, str>> {
    tag.suffix_in_namespace("tag:yaml.org,2002:")
}

/// The number of values in a tree and the levels it has.
fn measure(node: &Node) -> (usize, usize) {
    let fold = |children: &mut dyn Iterator<Item = &Node>| {
        children.fold((1, 0), |(nodes, height), child| {
            let (more, high) = measure(child);
            (nodes + more, height.max(high))
        })
    };
    let (nodes, height) = match &node.value {
        Value::List(items) => fold(&mut items.iter()),
        Value::Map(map) => fold(&mut map.values().map(|entry| &entry.node)),
        _ => (1, 0),
    };
    (nodes, height + 1)
}

/// Standard base64 with blanks anywhere, as text.
fn base64(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let (mut bits, mut held, mut ended) = (0_u32, 0, false);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                ended = true;
                continue;
            }
            _ => return None,
        };
        if ended {
            return None;
        }
        bits = bits << 6 | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Format;
    use crate::source::SourceMap;
    use crate::yaml::emit;

    fn read(text: &str) -> (SourceMap, Result<Vec<Node>, Diagnostics>) {
        let mut sources = SourceMap::default();
        let file = sources.add("f.yaml".into(), text.into(), None);
        let documents = parse(file, text);
        (sources, documents)
    }

    /// Documents as compact JSON, one a line.
    fn check(text: &str, want: &str) {
        let (sources, documents) = read(text);
        match documents {
            Ok(documents) => {
                let got: Vec<_> = documents.iter().map(emit::json_compact).collect();
                assert_eq!(got.join("\n"), want, "{text}");
            }
            Err(problems) => panic!("{text}\n{}", problems.render(&sources, Format::Plain)),
        }
    }

    /// `line:column: message`, one a line.
    fn check_err(text: &str, want: &str) {
        let (sources, documents) = read(text);
        let problems = documents.expect_err(text);
        let got: Vec<_> = problems
            .iter()
            .map(|it| {
                let at = sources.position(it.span).unwrap();
                format!("{}:{}: {}", at.line, at.column, it.message)
            })
            .collect();
        assert_eq!(got.join("\n"), want, "{text}");
    }

    #[test]
    fn plain_values() {
        check(
            "a: 1\nb: [x, ~, 'true', \"1\"]\nc: {d: }\n",
            r#"{"a":1,"b":["x",null,"true","1"],"c":{"d":null}}"#,
        );
        check("", "");
        check("# nothing\n", "");
        check("---\n---\na: 1\n", "null\n{\"a\":1}");
        check("{\"a\": [1, 2], \"b\": {}}", r#"{"a":[1,2],"b":{}}"#);
        check("a: |\n  x\n  y", r#"{"a":"x\ny"}"#);
        check("a: >\n  x\n  y\n", r#"{"a":"x y\n"}"#);
        check("a: |\n  x\n ", r#"{"a":"x\n"}"#);
        check("%YAML 1.1\n---\na: yes\n", r#"{"a":"yes"}"#);
    }

    #[test]
    fn anchors_and_merge_keys() {
        check("a: &x [1]\nb: *x\n", r#"{"a":[1],"b":[1]}"#);
        check(
            "d: &d {a: 1, b: 2}\ne: {b: 3, <<: *d, c: 4}\n",
            r#"{"d":{"a":1,"b":2},"e":{"b":3,"c":4,"a":1}}"#,
        );
        check(
            "- &p {a: 1}\n- &q {a: 2, b: 2}\n- <<: [*p, *q]\n",
            r#"[{"a":1},{"a":2,"b":2},{"a":1,"b":2}]"#,
        );
        check("a: {\"<<\": 1}\n", r#"{"a":{"\u003c\u003c":1}}"#);
        check("x: &x 1\n---\ny: *x\n", "{\"x\":1}\n{\"y\":1}");
        check("a: &x 1\nb: &x 2\nc: *x\n", r#"{"a":1,"b":2,"c":2}"#);
        check(
            "l: &l [{a: 1}, {b: 2}]\nm: {<<: *l}\n",
            r#"{"l":[{"a":1},{"b":2}],"m":{"a":1,"b":2}}"#,
        );
        check("k: &k name\n*k : v\n", r#"{"k":"name","name":"v"}"#);
    }

    #[test]
    fn tags() {
        check(
            "a: !!str 1\nb: !!int \"3\"\nc: !!float 1\nd: !foo 12\ne: !!str\n",
            r#"{"a":"1","b":3,"c":1,"d":"12","e":""}"#,
        );
        check("a: !!binary aGVsbG8=\n", r#"{"a":"hello"}"#);
        check("a: [1, !reset 2, 3]\n", r#"{"a":[1,3]}"#);
        let (_, documents) = read("a: !reset [1]\nb: !override {c: 1}\nd: !override ~\n");
        let document = &documents.unwrap()[0];
        assert_eq!(document.get("a").unwrap().mark, Mark::Reset);
        assert!(document.get("a").unwrap().is_null());
        assert_eq!(document.get("b").unwrap().mark, Mark::Override);
        assert!(document.get("d").unwrap().is_null());
    }

    #[test]
    fn a_reset_behind_a_merge_key_overrides_below() {
        let (_, documents) = read("x: &x {p: !reset }\ns: {<<: *x, p: 1}\n");
        let own = documents.unwrap()[0].at(["s", "p"]).cloned().unwrap();
        assert_eq!((own.mark, own.as_int()), (Mark::Override, Some(1)));
    }

    #[test]
    fn spans_are_exact() {
        let text = "a: 'x y'\nb: |\n  one\nc: &n [1,\n  2]\n";
        let (sources, documents) = read(text);
        let document = documents.unwrap().remove(0);
        let slice = |key: &str| sources.slice(document.get(key).unwrap().span).to_owned();
        assert_eq!(slice("a"), "'x y'");
        assert_eq!(slice("c"), "[1,\n  2]");
        assert!(slice("b").contains("one"));
        assert_eq!(sources.slice(document.as_map().unwrap()["c"].key), "c");
    }

    #[test]
    fn problems_have_places() {
        check_err(
            "a: 1\nb: 2\na: 3\nb: 4\n",
            "3:1: the key `a` is defined twice\n4:1: the key `b` is defined twice",
        );
        check_err("a: {<<: {}, <<: {}}", "1:13: the key `<<` is defined twice");
        check_err("a: *b\n", "1:4: there is no anchor `b` before this alias");
        check_err("a: &a {b: *a}\n", "1:11: the anchor `a` contains itself");
        check_err("1: a\n", "1:1: a key must be text, but this one is `1`");
        check_err("a:\n  ~: b\n", "2:3: a key must be text, but this one is empty");
        check_err("[a]: b\n", "1:1: a key must be text, but this one is a list or a mapping");
        check_err(
            "a: {<<: 1}\n",
            "1:9: `<<` takes a mapping or a list of mappings, not an integer",
        );
        check_err("a: !!int x\n", "1:10: this value is no `!!int`");
        check_err("a: \u{1}\n", "1:4: the control character U+0001 is not allowed");
        check_err("a:\n\t- b\n", "2:2: a tab stands where YAML wants spaces");
    }

    #[test]
    fn hostile_input_is_refused_early() {
        let deep = "[".repeat(10_000);
        check_err(&deep, "1:129: values are nested more than 128 levels deep");
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            use std::fmt::Write as _;
            let items = vec![format!("*a{}", level - 1); 10].join(", ");
            writeln!(bomb, "a{level}: &a{level} [{items}]").unwrap();
        }
        let (_, documents) = read(&bomb);
        let message = documents.unwrap_err().iter().next().unwrap().message.clone();
        assert_eq!(message, "aliases expand to more than 100000 values");
        let mut chain = String::from("a0: &a0 {k: v}\n");
        for level in 1..300 {
            use std::fmt::Write as _;
            writeln!(chain, "a{level}: &a{level} {{k: *a{}}}", level - 1).unwrap();
        }
        let (_, documents) = read(&chain);
        let message = documents.unwrap_err().iter().next().unwrap().message.clone();
        assert_eq!(message, "values are nested more than 128 levels deep");
    }
}
