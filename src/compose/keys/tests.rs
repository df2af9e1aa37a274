//! The key tables and the specification say the same.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize as _;
use serde::de::{self, Deserializer, Visitor};

use crate::compose::check::accepted;
use crate::compose::keys::ROOT;
use crate::compose::keys::service::{SERVICE, Service};
use crate::compose::schema::{Effect, Kinds, NullChild, Shape};

/// The kinds of value at each path, as the schema of the specification has them.
const SPECIFICATION: &str = include_str!("../../../tests/facts/specification.txt");

/// Where the tables have other kinds than the specification, and why. Not one may be idle.
const EXCEPTIONS: &[(&str, &str)] = &[
    (".external", "`external: {name: x}` of old is rewritten before it is checked"),
    ("include", "it is read before there is a model, by `include.rs`"),
    ("additional_contexts.*", "the peer refuses null, whatever the schema says"),
    ("additional_contexts[]", "lists are short forms"),
    ("ssh[]", "lists are short forms"),
    ("depends_on[]", "lists are short forms"),
    ("models[]", "lists are short forms"),
    ("networks[]", "lists are short forms"),
    ("ports[]", "one short form may stand for several ports, so the list expands it"),
    ("storage_opt.*", "the schema leaves the values open"),
];

/// The kinds of value at each path below `shape`.
fn flatten(shape: &Shape, nullable: bool, path: &str, found: &mut BTreeMap<String, Kinds>) {
    let null = if nullable { Kinds::NULL } else { Kinds::NONE };
    let kinds = accepted(shape).or(null);
    let all = found.get(path).map_or(kinds, |earlier| earlier.or(kinds));
    found.insert(path.to_owned(), all);
    let scalar = Kinds::TEXT.or(Kinds::NUMBER).or(Kinds::BOOL).or(Kinds::NULL);
    let mut leaf = |end: &str, kinds| found.insert(format!("{path}{end}"), kinds);
    match shape {
        Shape::Any | Shape::Leaf(_) => {}
        Shape::Record(record) => {
            for key in record.keys {
                flatten(&key.shape, key.nullable, &below(path, key.name), found);
            }
        }
        Shape::Dict(dict) => {
            flatten(&dict.value, dict.null != NullChild::Refused, &below(path, "*"), found);
        }
        Shape::List(list) => flatten(&list.item, false, &format!("{path}[]"), found),
        Shape::Pairs(_) => {
            leaf(".*", scalar);
            leaf("[]", Kinds::TEXT);
        }
        Shape::Hosts => {
            leaf(".*", Kinds::TEXT.or(Kinds::LIST));
            leaf(".*[]", Kinds::TEXT);
            leaf("[]", Kinds::TEXT);
        }
        Shape::Argv | Shape::HealthTest => {
            leaf("[]", Kinds::TEXT);
        }
        Shape::Short(short) => flatten(&short.long, nullable, path, found),
        Shape::Either(one, other) => {
            flatten(one, nullable, path, found);
            flatten(other, nullable, path, found);
        }
    }
    // The outermost shape knows the short forms.
    let all = found[path].or(kinds);
    found.insert(path.to_owned(), all);
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn kinds_of(words: &str) -> Kinds {
    words.split(", ").filter(|word| !word.is_empty()).fold(Kinds::NONE, |kinds, word| {
        kinds.or(match word {
            "text" => Kinds::TEXT,
            "boolean" => Kinds::BOOL,
            "integer" => Kinds::INT,
            "number" => Kinds::NUMBER,
            "list" => Kinds::LIST,
            "mapping" => Kinds::MAP,
            "nothing" => Kinds::NULL,
            other => panic!("`{other}` is no kind"),
        })
    })
}

#[test]
fn tables_agree_with_the_specification() {
    let specified: BTreeMap<&str, Kinds> = SPECIFICATION
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(": ").unwrap_or((line.trim_end_matches(':'), "")))
        .map(|(path, kinds)| (path, kinds_of(kinds)))
        .collect();
    let mut ours = BTreeMap::new();
    flatten(&Shape::Record(&ROOT), false, "", &mut ours);
    ours.remove("");
    let paths: BTreeSet<&str> =
        specified.keys().copied().chain(ours.keys().map(String::as_str)).collect();
    let mut differences = Vec::new();
    let mut used = BTreeSet::new();
    for path in paths {
        let words = |kinds: Option<&Kinds>| kinds.map_or("nothing".to_owned(), |it| it.words());
        let (spec, own) = (specified.get(path), ours.get(path));
        if spec == own {
            continue;
        }
        match EXCEPTIONS.iter().find(|(part, _)| path.contains(part)) {
            Some((part, _)) => drop(used.insert(*part)),
            None => differences.push(format!("{path}: {}, not {}", words(own), words(spec))),
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let idle: Vec<_> = EXCEPTIONS.iter().filter(|(part, _)| !used.contains(part)).collect();
    assert!(idle.is_empty(), "no exceptions: {idle:?}");
}

#[test]
fn every_key_of_a_service_says_what_becomes_of_it() {
    let unsaid: Vec<_> =
        SERVICE.keys.iter().filter(|key| matches!(key.effect, Effect::Unsaid)).collect();
    assert!(unsaid.is_empty(), "{unsaid:?}");
}

#[test]
fn no_table_has_a_key_twice() {
    fn walk(shape: &Shape, path: &str) {
        match shape {
            Shape::Record(record) => {
                let mut names = BTreeSet::new();
                for key in record.keys {
                    assert!(names.insert(key.name), "`{path}` has two rows for `{}`", key.name);
                    walk(&key.shape, &below(path, key.name));
                }
            }
            Shape::Dict(dict) => walk(&dict.value, &below(path, "*")),
            Shape::List(list) => walk(&list.item, path),
            Shape::Short(short) => walk(&short.long, path),
            Shape::Either(one, other) => {
                walk(one, path);
                walk(other, path);
            }
            _ => {}
        }
    }
    walk(&Shape::Record(&ROOT), "");
}

/// Learns the fields that a type asks for.
struct Fields(&'static [&'static str]);

impl<'de> Deserializer<'de> for &mut Fields {
    type Error = de::value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        self.0 = fields;
        Err(de::Error::custom("only the names were wanted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("this is no struct"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[test]
fn the_typed_view_and_the_table_agree() {
    let mut fields = Fields(&[]);
    assert!(Service::deserialize(&mut fields).is_err());
    let fields: BTreeSet<&str> = fields.0.iter().copied().collect();
    let rows: BTreeSet<&str> = SERVICE.keys.iter().map(|key| key.name).collect();
    let unknown: Vec<_> = fields.difference(&rows).collect();
    assert!(unknown.is_empty(), "fields without a row: {unknown:?}");
    // What reaches the engine comes from a field.
    let unread: Vec<_> = SERVICE
        .keys
        .iter()
        .filter(|key| matches!(key.effect, Effect::Container(_) | Effect::Planner))
        .map(|key| key.name)
        .filter(|name| !fields.contains(name))
        .collect();
    assert!(unread.is_empty(), "rows without a field: {unread:?}");
}
