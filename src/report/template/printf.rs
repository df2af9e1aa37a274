//! `printf` as Go does it.

use std::fmt::Write as _;

use crate::report::template::value::{Value, with_exponent};

/// A value as `print` shows it.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Nil => "<nil>".to_owned(),
        other => other.print(),
    }
}

/// What stands between `%` and the verb.
#[derive(Default)]
struct Flags {
    left: bool,
    plus: bool,
    sharp: bool,
    blank: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// Widths and precisions, at the most.
const WIDEST: usize = 10_000;

/// What is wrong with a format stands in what it gives, as in Go.
pub(super) fn printf(format: &str, values: &[Value]) -> String {
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    let mut next = 0;
    while let Some(char) = chars.next() {
        if char != '%' {
            out.push(char);
            continue;
        }
        let mut flags = Flags::default();
        while let Some(flag) = chars.next_if(|char| "-+# 0".contains(*char)) {
            match flag {
                '-' => flags.left = true,
                '+' => flags.plus = true,
                '#' => flags.sharp = true,
                ' ' => flags.blank = true,
                _ => flags.zero = true,
            }
        }
        let mut number = || {
            let mut number = None;
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                let digit = digit as usize - '0' as usize;
                number = Some((number.unwrap_or(0) * 10 + digit).min(WIDEST));
            }
            number
        };
        flags.width = number().unwrap_or(0);
        if chars.next_if_eq(&'.').is_some() {
            let mut precision = 0;
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                precision = (precision * 10 + (digit as usize - '0' as usize)).min(WIDEST);
            }
            flags.precision = Some(precision);
        }
        let Some(verb) = chars.next() else {
            out.push_str("%!(NOVERB)");
            break;
        };
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(value) = values.get(next) else {
            let _ = write!(out, "%!{verb}(MISSING)");
            continue;
        };
        next += 1;
        out.push_str(&one(value, verb, &flags));
    }
    if next < values.len() {
        let extra: Vec<String> = values[next..]
            .iter()
            .map(|value| format!("{}={}", kind(value), plain(value)))
            .collect();
        let _ = write!(out, "%!(EXTRA {})", extra.join(", "));
    }
    out
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nil => "<nil>",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Float(_) => "float64",
        Value::Text(_) => "string",
        Value::List(_) => "[]string",
        Value::Map(_) => "map[string]string",
        Value::Struct(_) | Value::Row(_) => "struct",
    }
}

fn one(value: &Value, verb: char, flags: &Flags) -> String {
    let text = match (value, verb) {
        (Value::Nil, 'v') => "<nil>".to_owned(),
        (Value::Int(number), 'v' | 'd') => {
            return integer(&number.unsigned_abs().to_string(), *number, flags);
        }
        (Value::Int(number), 'x') => {
            return integer(&format!("{:x}", number.unsigned_abs()), *number, flags);
        }
        (Value::Int(number), 'X') => {
            return integer(&format!("{:X}", number.unsigned_abs()), *number, flags);
        }
        (Value::Int(number), 'o') => {
            return integer(&format!("{:o}", number.unsigned_abs()), *number, flags);
        }
        (Value::Int(number), 'b') => {
            return integer(&format!("{:b}", number.unsigned_abs()), *number, flags);
        }
        (Value::Int(number), 'c') => {
            let char = u32::try_from(*number).ok().and_then(char::from_u32);
            char.unwrap_or(char::REPLACEMENT_CHARACTER).to_string()
        }
        (Value::Float(number), 'f' | 'F') => {
            let precision = flags.precision.unwrap_or(6);
            return signed(
                &format!("{:.precision$}", number.abs()),
                number.is_sign_negative(),
                flags,
            );
        }
        (Value::Float(number), 'e') => {
            let precision = flags.precision.unwrap_or(6);
            let text = with_exponent(&format!("{:.precision$e}", number.abs()));
            return signed(&text, number.is_sign_negative(), flags);
        }
        (Value::Float(number), 'v' | 'g') => {
            let text = plain(&Value::Float(number.abs()));
            return signed(&text, number.is_sign_negative(), flags);
        }
        (Value::Bool(value), 'v' | 't') => value.to_string(),
        (Value::Text(text), 'q') => quoted(&cut(text, flags), flags),
        (Value::Text(text), 'x') => hex(text),
        (Value::Text(text), 'X') => hex(text).to_uppercase(),
        (Value::Text(text), 'v') if flags.sharp => quoted(text, flags),
        (Value::Text(text), 's' | 'v') => cut(text, flags),
        (Value::List(_) | Value::Map(_) | Value::Struct(_) | Value::Row(_), 's' | 'v') => {
            plain(value)
        }
        (Value::List(items), 'q') => {
            let items: Vec<String> = items.iter().map(|item| one(item, 'q', flags)).collect();
            format!("[{}]", items.join(" "))
        }
        (Value::Nil, _) => format!("%!{verb}(<nil>)"),
        (other, 'T') => kind(other).to_owned(),
        (other, _) => format!("%!{verb}({}={})", kind(other), plain(other)),
    };
    pad(&text, if flags.zero && !flags.left { '0' } else { ' ' }, flags)
}

fn cut(text: &str, flags: &Flags) -> String {
    flags.precision.map_or_else(|| text.to_owned(), |length| text.chars().take(length).collect())
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Quoted as in Go's source.
fn quoted(text: &str, flags: &Flags) -> String {
    if flags.sharp && !text.contains(['`', '\n', '\r']) {
        return format!("`{text}`");
    }
    crate::report::containers::quote(text)
}

fn integer(digits: &str, number: i64, flags: &Flags) -> String {
    let least = flags.precision.unwrap_or(0);
    signed(&format!("{digits:0>least$}"), number < 0, flags)
}

/// A number with its sign, which stands before zeros that fill it up.
fn signed(digits: &str, negative: bool, flags: &Flags) -> String {
    let sign = match (negative, flags.plus, flags.blank) {
        (true, ..) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        (false, false, false) => "",
    };
    if flags.zero && !flags.left {
        let width = flags.width.saturating_sub(sign.len());
        return format!("{sign}{digits:0>width$}");
    }
    pad(&format!("{sign}{digits}"), ' ', flags)
}

fn pad(text: &str, fill: char, flags: &Flags) -> String {
    let missing = flags.width.saturating_sub(text.chars().count());
    let fill: String = std::iter::repeat_n(if flags.left { ' ' } else { fill }, missing).collect();
    if flags.left { format!("{text}{fill}") } else { format!("{fill}{text}") }
}
