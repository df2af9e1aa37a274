//! The functions of templates: those of Go and those that Docker adds.

use std::ops::Range;

use crate::diagnostic::nearest;
use crate::report::template::compare::{equal, less};
use crate::report::template::value::Value;
use crate::report::template::{Error, Mode, printf};

/// A function by its name, and how many values it takes.
type Function = (&'static str, Range<usize>, fn(Vec<Value>) -> Result<Value, String>);

const ANY: usize = usize::MAX;

const FUNCTIONS: [Function; 24] = [
    ("eq", 2..ANY, |values| {
        let (first, rest) = values.split_first().unwrap_or((&Value::Nil, &[]));
        for value in rest {
            if equal(first, value)? {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    }),
    ("ge", 2..3, |values| Ok(Value::Bool(!less(&values[0], &values[1])?))),
    ("gt", 2..3, |values| {
        let or_equal = less(&values[0], &values[1])? || equal(&values[0], &values[1])?;
        Ok(Value::Bool(!or_equal))
    }),
    ("index", 1..ANY, |values| {
        let mut values = values.into_iter();
        let mut value = values.next().unwrap_or(Value::Nil);
        for index in values {
            value = at(value, &index)?;
        }
        Ok(value)
    }),
    ("join", 2..3, |values| match &values[..] {
        [Value::List(items), separator] => {
            let items: Result<Vec<String>, String> =
                items.iter().map(|item| text(item).map(str::to_owned)).collect();
            Ok(items?.join(text(separator)?).into())
        }
        [other, ..] => Err(expected("a list", other)),
        [] => Ok(Value::Nil),
    }),
    ("json", 1..2, |values| Ok(values[0].json().into())),
    ("le", 2..3, |values| {
        Ok(Value::Bool(less(&values[0], &values[1])? || equal(&values[0], &values[1])?))
    }),
    ("len", 1..2, |values| {
        let length = match &values[0] {
            Value::Text(text) => text.len(),
            Value::List(items) => items.len(),
            Value::Map(items) => items.len(),
            other => return Err(format!("{} has no length", other.kind())),
        };
        Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
    }),
    ("lower", 1..2, |values| Ok(text(&values[0])?.to_lowercase().into())),
    ("lt", 2..3, |values| Ok(Value::Bool(less(&values[0], &values[1])?))),
    ("ne", 2..3, |values| Ok(Value::Bool(!equal(&values[0], &values[1])?))),
    ("not", 1..2, |values| Ok(Value::Bool(!values[0].is_true()))),
    ("pad", 3..4, |values| {
        let text = text(&values[0])?;
        if text.is_empty() {
            return Ok("".into());
        }
        let blanks = |value| Ok::<_, String>(" ".repeat(count(value)?));
        Ok(format!("{}{text}{}", blanks(&values[1])?, blanks(&values[2])?).into())
    }),
    ("print", 0..ANY, |values| {
        // As Go, which puts blanks between two values of which none is a text.
        let mut out = String::new();
        for (index, value) in values.iter().enumerate() {
            let is_text = |value: &Value| matches!(value, Value::Text(_));
            if index > 0 && !is_text(value) && !is_text(&values[index - 1]) {
                out.push(' ');
            }
            out.push_str(&printf::plain(value));
        }
        Ok(out.into())
    }),
    ("printf", 1..ANY, |values| Ok(printf::printf(text(&values[0])?, &values[1..]).into())),
    ("println", 0..ANY, |values| {
        let words: Vec<String> = values.iter().map(printf::plain).collect();
        Ok(format!("{}\n", words.join(" ")).into())
    }),
    ("slice", 1..5, |values| {
        let bound = |at: usize, otherwise: usize| values.get(at).map_or(Ok(otherwise), count);
        let range = |length: usize| {
            let (start, end) = (bound(1, 0)?, bound(2, length)?);
            if start > end || end > length {
                return Err(format!("{start}:{end} is out of range; the length is {length}"));
            }
            Ok(start..end)
        };
        match &values[0] {
            Value::Text(text) => {
                let part = text.get(range(text.len())?);
                Ok(part.ok_or("this would cut a character in two")?.into())
            }
            Value::List(items) => Ok(Value::List(items[range(items.len())?].to_vec())),
            other => Err(expected("a text or a list", other)),
        }
    }),
    ("split", 2..3, |values| {
        let (all, separator) = (text(&values[0])?, text(&values[1])?);
        let parts: Vec<Value> = if separator.is_empty() {
            all.chars().map(|char| char.to_string().into()).collect()
        } else {
            all.split(separator).map(Value::from).collect()
        };
        Ok(Value::List(parts))
    }),
    ("title", 1..2, |values| {
        let mut begins = true;
        let title = text(&values[0])?.chars().flat_map(|char| {
            let first = std::mem::replace(
                &mut begins,
                !(char.is_alphanumeric() || matches!(char, '_' | '\'')),
            );
            let upper = if first { char.to_uppercase().collect() } else { vec![char] };
            upper.into_iter()
        });
        Ok(title.collect::<String>().into())
    }),
    ("trim", 1..2, |values| Ok(text(&values[0])?.trim().into())),
    ("truncate", 2..3, |values| {
        let (text, mut length) = (text(&values[0])?, count(&values[1])?);
        // Bytes are what counts, as with Docker, but no character is cut in two.
        while !text.is_char_boundary(length.min(text.len())) {
            length -= 1;
        }
        Ok(text.get(..length).unwrap_or(text).into())
    }),
    ("upper", 1..2, |values| Ok(text(&values[0])?.to_uppercase().into())),
    // What they give is decided where their values are looked at.
    ("and", 1..ANY, |_| Ok(Value::Nil)),
    ("or", 1..ANY, |_| Ok(Value::Nil)),
];

/// Those that leave a title as it is.
const OF_TEXTS: [&str; 7] = ["json", "split", "join", "title", "lower", "upper", "truncate"];

/// # Errors
/// A function that there is not.
pub(super) fn must_exist(name: &str, at: &Range<usize>) -> Result<(), Error> {
    let names = || FUNCTIONS.iter().map(|(name, ..)| *name);
    if names().any(|known| known == name) {
        return Ok(());
    }
    let error = Error::new(at.clone(), format!("there is no function `{name}`"));
    let capital = name.starts_with(|char: char| char.is_ascii_uppercase());
    Err(match nearest(name, names()) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None if capital => error.help(format!("write a dot before the name of a field: `.{name}`")),
        None => error.help(format!("there are {}", names().collect::<Vec<_>>().join(", "))),
    })
}

/// Calls a function.
///
/// # Errors
/// Values that it cannot take.
pub(super) fn call(name: &str, values: Vec<Value>, mode: Mode) -> Result<Value, String> {
    let Some((_, takes, function)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
        return Err("there is no such function".to_owned());
    };
    if !takes.contains(&values.len()) {
        let wanted = match (takes.start, takes.end) {
            (least, ANY) => format!("at least {least}"),
            (least, end) if end == least + 1 => least.to_string(),
            (least, end) => format!("{least} to {}", end - 1),
        };
        return Err(format!("it takes {wanted} values, not {}", values.len()));
    }
    if mode == Mode::Titles && OF_TEXTS.contains(&name) {
        return text(&values[0]).map(Value::from);
    }
    function(values)
}

fn expected(what: &str, value: &Value) -> String {
    format!("expected {what}, got {}", value.kind())
}

fn text(value: &Value) -> Result<&str, String> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(expected("a text", other)),
    }
}

/// Lengths that a template may ask for, at the most.
const LONGEST: i64 = 100_000;

fn count(value: &Value) -> Result<usize, String> {
    match value {
        Value::Int(number @ 0..=LONGEST) => Ok(usize::try_from(*number).unwrap_or_default()),
        Value::Int(number) => Err(format!("{number} is out of range")),
        other => Err(expected("an integer", other)),
    }
}

fn at(value: Value, index: &Value) -> Result<Value, String> {
    match value {
        Value::Map(mut map) => Ok(map.remove(text(index)?).unwrap_or(Value::Nil)),
        Value::List(mut items) => {
            let index = count(index)?;
            if index >= items.len() {
                return Err(format!("{index} is out of range; the length is {}", items.len()));
            }
            Ok(items.swap_remove(index))
        }
        // A byte, as in Go.
        Value::Text(all) => {
            let byte = all.as_bytes().get(count(index)?);
            byte.map(|byte| Value::Int((*byte).into())).ok_or_else(|| "out of range".to_owned())
        }
        other => Err(expected("a list or a map", &other)),
    }
}
