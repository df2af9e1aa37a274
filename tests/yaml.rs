//! Our reading of YAML beside that of another library.
//!
//! The two part ways in known places, which `same` names: scalars that go-yaml reads as numbers and
//! dates, and tags.

#![expect(clippy::disallowed_methods, reason = "tests read files and fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};

use rcompose::source::SourceMap;
use rcompose::yaml::node::Value as Ours;
use rcompose::yaml::{Node, parse, scalar};
use serde::Deserialize as _;
use serde_yaml::Value as Theirs;

/// Whether both libraries read the same; the path of the first difference otherwise.
fn same(ours: &Node, theirs: &Theirs, path: &str) -> Result<(), String> {
    let equal = match (&ours.value, theirs) {
        // Our tags are marks beside the value, and what is reset has none.
        (Ours::Null, Theirs::Tagged(tagged)) if tagged.tag == "reset" => true,
        (_, Theirs::Tagged(tagged)) => return same(ours, &tagged.value, path),
        (Ours::Map(map), Theirs::Mapping(mapping)) => {
            if map.len() != mapping.len() {
                return Err(format!("{path}: {} keys, not {}", map.len(), mapping.len()));
            }
            for (key, value) in mapping {
                // Others are an error of ours, as of the peer.
                let key = key.as_str().ok_or_else(|| format!("{path}: a key is {key:?}"))?;
                let path = format!("{path}.{key}");
                let entry = map.get(key).ok_or_else(|| format!("{path} is missing"))?;
                same(&entry.node, value, &path)?;
            }
            true
        }
        (Ours::List(items), Theirs::Sequence(sequence)) => {
            if items.len() != sequence.len() {
                return Err(format!("{path}: {} items, not {}", items.len(), sequence.len()));
            }
            for (index, (item, value)) in items.iter().zip(sequence).enumerate() {
                same(item, value, &format!("{path}[{index}]"))?;
            }
            true
        }
        (Ours::Null, Theirs::Null) => true,
        (Ours::Bool(a), Theirs::Bool(b)) => a == b,
        (Ours::Int(a), Theirs::Number(b)) => b.as_i64() == Some(*a),
        (Ours::Uint(a), Theirs::Number(b)) => b.as_u64() == Some(*a),
        (Ours::Float(a), Theirs::Number(b)) => {
            b.as_f64().is_some_and(|b| b.to_bits() == a.to_bits() || a.is_nan() && b.is_nan())
        }
        (Ours::Text(a) | Ours::Time(a), Theirs::String(b)) => a == b,
        // go-yaml has more ways to write a number.
        (Ours::Int(_) | Ours::Uint(_) | Ours::Float(_), Theirs::String(text)) => {
            format!("{:?}", scalar::resolve(text)) == format!("{:?}", ours.value)
        }
        _ => false,
    };
    if equal { Ok(()) } else { Err(format!("{path}: {:?}, not {theirs:?}", ours.value)) }
}

/// Compares all documents of a text.
fn compare(name: &str, text: &str) {
    let mut sources = SourceMap::default();
    let file = sources.add(name.to_owned(), text.to_owned(), None);
    let ours = parse::parse(file, text).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
    let theirs: Vec<Theirs> = serde_yaml::Deserializer::from_str(text)
        .map(|document| {
            let mut value =
                Theirs::deserialize(document).unwrap_or_else(|it| panic!("{name}: {it}"));
            value.apply_merge().unwrap_or_else(|it| panic!("{name}: {it}"));
            value
        })
        .collect();
    assert_eq!(ours.len(), theirs.len(), "{name}: documents");
    for (ours, theirs) in ours.iter().zip(&theirs) {
        same(ours, theirs, name).unwrap_or_else(|difference| panic!("{difference}"));
    }
}

#[test]
fn projects_read_the_same() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = vec![root.join("tests/corpus"), root.join("examples")];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "yaml" || it == "yml")
                // Folders are cut out of these.
                && path.file_name().is_some_and(|it| it != "expected.yaml")
            {
                count += 1;
                compare(path.to_str().unwrap(), &fs::read_to_string(&path).unwrap());
            }
        }
    }
    assert!(count > 45, "only {count} files were found");
}

#[test]
fn syntax_reads_the_same() {
    let texts = [
        "a: 1\n",
        "---\na: 1\n---\nb: 2\n...\n",
        "a: plain text with:no\u{a0}break\n",
        "a:\n  - b\n  - - c\n    - d\n  -\n    e: f\n",
        "a: {b: c, d: [e, {f: g}], 'h': \"i\", j: , k}\n",
        "a: 'it''s'\nb: \"\\x41\\u00e9\\U0001f600\\t\\\n   joined\"\n",
        "a: |\n  one\n   two\n\n  three\nb: >\n  folded\n  text\n\n  more\nc: |-\n  no end\nd: |+\n  kept\n\n",
        "a: |2\n   one space\n  none\n",
        "a: first\n  second\n\n  third\nb: \"one\n  two\n\n  three\"\nc: 'one\n  two'\n",
        "a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}\nf: {<<: [*x, {b: 2, g: 3}], h: 4}\n",
        "a: ~\nb: null\nc:\nd: Null\ne: nULL\n",
        "a: true\nb: False\nc: yes\nd: 'true'\ne: on\n",
        "a: 1\nb: -1\nc: +1\nd: 0x1F\ne: 0o17\nf: 1.5\ng: 1e3\nh: .5\ni: .inf\nj: -.INF\nk: .nan\nl: 18446744073709551615\n",
        "a: 0777\nb: 1_000\nc: 0b11\nd: 1.2.3\ne: 1-2\nf: 12:30\n",
        "a: # comment\n  b # no: comment\nc: d#e\n# end\n",
        "? a\n: b\n? |\n  long\n: c\n",
        "a: !!str 1\nb: !!int '2'\nc: !reset null\nd: !override [e]\n",
        "- a\n- b: c\n  d: e\n-\n- - f\n",
        "\u{feff}a: b\n",
        "a: b\r\nc: |\r\n  d\r\n  e\r\n",
        "{\"a\": [1, 2, {\"b\": null}], \"c\": \"d\\/e\"}\n",
        "a: 'x: y'\n\"b c\": d\n'e': f\n",
    ];
    for text in texts {
        compare("syntax", text);
    }
}
