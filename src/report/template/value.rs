//! What templates work with.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;

/// A value of a template. Texts print as they are, the others as Go prints them.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// What is not there.
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
    /// Fields in the order in which they are printed.
    Struct(Vec<(&'static str, Value)>),
    Row(Rc<Row>),
}

/// Something that a command lists.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is to people: `container`.
    pub what: &'static str,
    pub fields: BTreeMap<&'static str, Value>,
    pub labels: Labels,
}

/// What `.Label "name"` gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Labels {
    /// There is no such field.
    None,
    Of(BTreeMap<String, String>),
    /// Titles, as in the first line of a table.
    Titles,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl Labels {
    /// The label, or the title of its column.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        match self {
            Self::None => None,
            Self::Of(labels) => Some(labels.get(name).cloned().unwrap_or_default()),
            Self::Titles => {
                let last = name.rsplit('.').next().unwrap_or_default();
                Some(last.replace(['-', '_'], " "))
            }
        }
    }
}

impl Value {
    /// Whether an `if` takes it for true.
    #[must_use]
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Map(items) => !items.is_empty(),
            Self::Struct(_) | Self::Row(_) => true,
        }
    }

    /// What it is, for problems.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Struct(_) => "a structure",
            Self::Row(row) => row.what,
        }
    }

    /// As Go prints it.
    pub(super) fn print(&self) -> String {
        match self {
            Self::Nil => "<no value>".to_owned(),
            other => other.inner(),
        }
    }

    fn inner(&self) -> String {
        let joined = |parts: Vec<String>| parts.join(" ");
        match self {
            Self::Nil => "<nil>".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => float(*value),
            Self::Text(text) => text.clone(),
            Self::List(items) => format!("[{}]", joined(items.iter().map(Self::inner).collect())),
            Self::Map(items) => {
                let parts = items.iter().map(|(key, value)| format!("{key}:{}", value.inner()));
                format!("map[{}]", joined(parts.collect()))
            }
            Self::Struct(fields) => {
                format!("{{{}}}", joined(fields.iter().map(|(_, value)| value.inner()).collect()))
            }
            // Go would print what is behind the fields; these are what one can ask for.
            Self::Row(_) => self.json(),
        }
    }

    /// As Go's encoder writes it without thinking of browsers; it does think of them inside of what is
    /// listed, though.
    pub(super) fn json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        fn fields<'a>(out: &mut String, fields: impl IntoIterator<Item = (&'a str, &'a Value)>) {
            out.push('{');
            for (index, (name, value)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                quote(out, name);
                out.push(':');
                value.write_json(out);
            }
            out.push('}');
        }
        match self {
            Self::Nil => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(value) => {
                let _ = write!(out, "{value}");
            }
            Self::Float(value) => out.push_str(&float(*value)),
            Self::Text(text) => quote(out, text),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                out.push(']');
            }
            Self::Map(map) => fields(out, map.iter().map(|(key, value)| (&**key, value))),
            Self::Struct(all) => fields(out, all.iter().map(|(key, value)| (*key, value))),
            Self::Row(row) => {
                let start = out.len();
                fields(out, row.fields.iter().map(|(key, value)| (*key, value)));
                let text = out.split_off(start);
                out.push_str(&escape_html(&text));
            }
        }
    }
}

/// JSON as Go's encoder writes it when it thinks of browsers.
#[must_use]
pub fn escape_html(json: &str) -> String {
    // These characters stand inside texts alone.
    let text = json.replace('&', "\\u0026").replace('<', "\\u003c");
    text.replace('>', "\\u003e")
}

/// A text in JSON. Go keeps clear of two characters that end lines in JavaScript.
fn quote(out: &mut String, text: &str) {
    let quoted = serde_json::Value::from(text).to_string();
    out.push_str(&quoted.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029"));
}

/// A number in the shortest form that reads back the same; as Go, with an exponent if it is very large
/// or very small.
fn float(value: f64) -> String {
    if !value.is_finite() {
        let word = if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        };
        return word.to_owned();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e21).contains(&size) {
        return with_exponent(&format!("{value:e}"));
    }
    value.to_string()
}

/// `1e21` as Go has it: `1e+21`, and two digits at least.
pub(super) fn with_exponent(text: &str) -> String {
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return text.to_owned();
    };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}
