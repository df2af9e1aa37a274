//! `volumes` and `tmpfs` of a service: what is mounted where.

use crate::compose::paths::{Base, any_host, clean};
use crate::compose::schema::{
    BOOL, DISTINCT_TEXTS, Key, Kinds, LATE_BOOL, Leaf, List, Merge, Pairs, Print, Record, Rule,
    Shape, Short, TEXT, To, before_equals,
};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::yaml::{Node, Value};

pub(super) const VOLUMES: Key =
    Key::new("volumes", Shape::List(&LIST)).merge(Merge::UniqueBy(target));

static LIST: List = List::of(Shape::Short(&SHORT));
static SHORT: Short = Short { accepts: Kinds::TEXT, expand, long: Shape::Record(&MOUNT) };

const TYPES: &[&str] = &["bind", "volume", "tmpfs", "cluster", "npipe", "image"];
const SIZE: Leaf = Leaf::new(Kinds::INT.or(Kinds::TEXT), To::Bytes).rule(Rule::Range(0, i64::MAX));
const MODE: Leaf = Leaf::new(Kinds::NUMBER.or(Kinds::TEXT), To::Unsigned32);
const RECURSIVE: &[&str] = &["enabled", "disabled", "writable", "readonly"];

static MOUNT: Record = Record::new(&[
    Key::new("type", TEXT.rule(Rule::OneOf(TYPES)).shape()).required(),
    Key::new("source", TEXT.shape()),
    Key::new("target", TEXT.shape()),
    Key::new("read_only", BOOL.shape()),
    Key::new("consistency", TEXT.shape()),
    Key::new("bind", Shape::Record(&BIND)).print(Print::IfPresent),
    Key::new("volume", Shape::Record(&VOLUME)).print(Print::IfPresent),
    Key::new("tmpfs", Shape::Record(&TMPFS)).print(Print::IfPresent),
    Key::new("image", Shape::Record(&IMAGE)).print(Print::IfPresent),
])
.check(has_target)
.resolve(bind_source);

static BIND: Record = Record::new(&[
    Key::new("selinux", TEXT.rule(Rule::OneOf(&["z", "Z"])).shape()),
    Key::new("propagation", TEXT.shape()),
    Key::new("create_host_path", LATE_BOOL.shape()),
    Key::new("recursive", TEXT.rule(Rule::OneOf(RECURSIVE)).shape()),
]);
static VOLUME: Record = Record::new(&[
    Key::new("labels", Shape::Pairs(Pairs::Labels)),
    Key::new("nocopy", BOOL.shape()),
    Key::new("subpath", TEXT.shape()),
]);
static TMPFS: Record =
    Record::new(&[Key::new("size", SIZE.shape()), Key::new("mode", MODE.shape())]);
static IMAGE: Record = Record::new(&[Key::new("subpath", TEXT.shape())]);

const PROPAGATIONS: &[&str] = &["rprivate", "private", "rshared", "shared", "rslave", "slave"];

/// Expands `[SOURCE:]TARGET[:OPTIONS]`.
fn expand(short: &Node) -> Result<Node, Diagnostic> {
    let text = short.as_str().unwrap_or("");
    let at = short.span;
    let invalid = |what: &str| Diagnostic::error(at, format!("invalid volume `{text}`: {what}"));
    if text.is_empty() {
        return Err(Diagnostic::error(at, "a volume is empty"));
    }
    if text.len() <= 2 {
        return Ok(Node::map(
            at,
            [("type", Node::text(at, "volume")), ("target", Node::text(at, clean(text)))],
        ));
    }
    let sections = sections(text);
    if sections.iter().any(String::is_empty) {
        return Err(invalid("nothing stands between two colons"));
    }
    let (source, target, options) = match sections.as_slice() {
        [target] => ("", target.as_str(), ""),
        [source, target] => (source.as_str(), target.as_str(), ""),
        [source, target, options] => (source.as_str(), target.as_str(), options.as_str()),
        _ => return Err(invalid("it has too many colons")),
    };
    let bind = is_host_path(source);
    let mut long = Node::map(at, [("type", Node::text(at, if bind { "bind" } else { "volume" }))]);
    if !source.is_empty() {
        long.set("source", at, Node::text(at, source));
    }
    long.set("target", at, Node::text(at, clean(target)));
    let options = Options::parse(options);
    if options.read_only {
        long.set("read_only", at, Node::bool(at, true));
    }
    if let Some(block) = options.bind_block(at, bind) {
        long.set("bind", at, block);
    }
    if options.nocopy {
        long.set("volume", at, Node::map(at, [("nocopy", Node::bool(at, true))]));
    } else if !bind {
        long.set("volume", at, Node::empty_map(at));
    }
    Ok(long)
}

#[derive(Default)]
struct Options<'a> {
    read_only: bool,
    nocopy: bool,
    selinux: Option<&'a str>,
    propagation: Option<&'a str>,
}

impl<'a> Options<'a> {
    /// Options nobody knows are ignored, as in the peer: `cached` and the like of old.
    fn parse(text: &'a str) -> Self {
        let mut options = Self::default();
        for option in text.split(',') {
            match option {
                "ro" => options.read_only = true,
                "rw" => options.read_only = false,
                "nocopy" => options.nocopy = true,
                "z" | "Z" => options.selinux = Some(option),
                _ if PROPAGATIONS.contains(&option) => options.propagation = Some(option),
                _ => {}
            }
        }
        options
    }

    fn bind_block(&self, at: Span, bind: bool) -> Option<Node> {
        if !bind && self.selinux.is_none() && self.propagation.is_none() {
            return None;
        }
        let mut block = Node::empty_map(at);
        if let Some(selinux) = self.selinux {
            block.set("selinux", at, Node::text(at, selinux));
        }
        if let Some(propagation) = self.propagation {
            block.set("propagation", at, Node::text(at, propagation));
        }
        if bind {
            // A short form has always made the folder of the host if it was missing.
            block.set("create_host_path", at, Node::bool(at, true));
        }
        Some(block)
    }
}

/// Splits at colons, except behind a drive letter and inside `${…}` (where variables stay).
fn sections(text: &str) -> Vec<String> {
    let mut sections = Vec::new();
    let mut section = String::new();
    let mut braces = 0_usize;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '$' if chars.peek() == Some(&'{') => {
                braces += 1;
                section.push(char);
            }
            '}' if braces > 0 => {
                braces -= 1;
                section.push(char);
            }
            ':' if braces == 0 && !is_drive(&section) => {
                sections.push(std::mem::take(&mut section));
            }
            _ => section.push(char),
        }
    }
    sections.push(section);
    sections
}

/// Whether `text` is a letter: a colon behind it makes a Windows drive.
fn is_drive(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
}

fn is_host_path(source: &str) -> bool {
    source.starts_with(['.', '/', '~'])
        || source.starts_with("\\\\")
        || source.split_once(':').is_some_and(|(drive, _)| is_drive(drive))
}

fn target(mount: &Node) -> Option<String> {
    mount.str_of("target").map(str::to_owned)
}

fn has_target(mount: &Node) -> Option<Diagnostic> {
    if mount.get("target").is_none() {
        return Some(Diagnostic::error(
            mount.span,
            "a volume needs a `target`, the path in the container",
        ));
    }
    None
}

fn bind_source(mount: &mut Node, base: &Base<'_>) -> Option<Diagnostic> {
    if mount.str_of("type") != Some("bind") {
        return None;
    }
    let at = mount.span;
    let Some(source) = mount.get_mut("source") else {
        return Some(Diagnostic::error(at, "a bind mount needs a `source`, a path of the host"));
    };
    if let Value::Text(path) = &mut source.value {
        *path = any_host(path, base);
    }
    None
}

pub(super) const TMPFS_KEY: Key =
    Key::new("tmpfs", Shape::List(&TARGETS)).merge(Merge::UniqueBy(before_equals));

static TARGETS: List = DISTINCT_TEXTS.single();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::emit;

    fn check(text: &str, want: &str) {
        let got = match expand(&Node::text(Span::NOWHERE, text)) {
            Ok(mount) => emit::json_compact(&mount),
            Err(problem) => problem.message,
        };
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn short_forms() {
        check("/data", r#"{"type":"volume","target":"/data","volume":{}}"#);
        check("./x", r#"{"type":"volume","target":"x","volume":{}}"#);
        check("d", r#"{"type":"volume","target":"d"}"#);
        check("data:/d/../e/", r#"{"type":"volume","source":"data","target":"/e","volume":{}}"#);
        check(
            "./a:/a:ro",
            r#"{"type":"bind","source":"./a","target":"/a","read_only":true,"bind":{"create_host_path":true}}"#,
        );
        check(
            "~/a:/a:z,rshared,cached",
            r#"{"type":"bind","source":"~/a","target":"/a","bind":{"selinux":"z","propagation":"rshared","create_host_path":true}}"#,
        );
        check(
            "data:/d:nocopy",
            r#"{"type":"volume","source":"data","target":"/d","volume":{"nocopy":true}}"#,
        );
        check(
            "data:/d:Z",
            r#"{"type":"volume","source":"data","target":"/d","bind":{"selinux":"Z"},"volume":{}}"#,
        );
        check(
            "C:\\x:/x",
            r#"{"type":"bind","source":"C:\\x","target":"/x","bind":{"create_host_path":true}}"#,
        );
        check(
            "c:/x:/y:ro",
            r#"{"type":"bind","source":"c:/x","target":"/y","read_only":true,"bind":{"create_host_path":true}}"#,
        );
        check("d:/x", r#"{"type":"volume","target":"d:/x","volume":{}}"#);
        check(
            "${D:-./x}:/y",
            r#"{"type":"volume","source":"${D:-./x}","target":"/y","volume":{}}"#,
        );
        check("", "a volume is empty");
        check("aa::/b", "invalid volume `aa::/b`: nothing stands between two colons");
        check("aa:/b:ro:x", "invalid volume `aa:/b:ro:x`: it has too many colons");
    }
}
