//! What a plain scalar means.
//!
//! No Rust crate reads scalars as go-yaml does (base-0 integers, underscores, `yes` stays text), so
//! the rules are here, as a table of tests. See `model.md` §6 of the project's reference: each rule
//! was observed on Docker Compose.

use crate::yaml::Value;

/// Types a plain (unquoted, untagged) scalar.
#[must_use]
pub fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Value::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    number(text).unwrap_or_else(|| Value::Text(text.to_owned()))
}

/// Whether `text`, written plain, would be read back as text.
#[must_use]
pub fn is_text(text: &str) -> bool {
    matches!(resolve(text), Value::Text(_))
}

fn number(text: &str) -> Option<Value> {
    match text.as_bytes().first()? {
        b'.' => simple_float(text).map(Value::Float),
        b'0'..=b'9' | b'+' | b'-' => {
            if let Some(time) = timestamp(text) {
                return Some(Value::Time(time));
            }
            let plain = text.replace('_', "");
            integer(&plain).or_else(|| simple_float(&plain).map(Value::Float))
        }
        _ => None,
    }
}

/// An integer in base 0 notation: `0x`, `0o`, `0b` and a leading zero choose the base.
fn integer(plain: &str) -> Option<Value> {
    let (negative, digits) = match plain.as_bytes().first()? {
        b'-' => (true, &plain[1..]),
        b'+' => (false, &plain[1..]),
        _ => (false, plain),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, base).ok()?;
    match (negative, i64::try_from(magnitude)) {
        (false, Ok(value)) => Some(Value::Int(value)),
        (false, Err(_)) if !plain.starts_with('+') => Some(Value::Uint(magnitude)),
        (true, Ok(value)) => Some(Value::Int(-value)),
        (true, Err(_)) if magnitude == 1 << 63 => Some(Value::Int(i64::MIN)),
        _ => None,
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn simple_float(plain: &str) -> Option<f64> {
    let rest = plain.strip_prefix(['-', '+']).unwrap_or(plain);
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (rest, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && digits(fraction),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    if !(mantissa_fits && exponent_fits) {
        return None;
    }
    plain.parse().ok().filter(|value: &f64| value.is_finite())
}

/// A date, or a date and a time, as RFC 3339 text.
fn timestamp(text: &str) -> Option<String> {
    let (year, rest) = text.split_at_checked(4)?;
    if !year.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let rest = rest.strip_prefix('-')?;
    let (month, rest) = rest.split_once('-')?;
    let month = field(month, 1, 12)?;
    let split = rest.find(['T', 't', ' ']);
    let (day, time) = match split {
        Some(at) => (&rest[..at], Some((&rest[at..=at], &rest[at + 1..]))),
        None => (rest, None),
    };
    let day = field(day, 1, days(year.parse().ok()?, month))?;
    let Some((separator, time)) = time else {
        return Some(format!("{year}-{month:02}-{day:02}T00:00:00Z"));
    };
    let (clock, zone) = if separator == " " {
        (time, "Z")
    } else {
        let at = time.find(['Z', '+', '-'])?;
        (&time[..at], zone(&time[at..])?)
    };
    let mut fields = clock.splitn(3, ':');
    let hour = field(fields.next()?, 0, 23)?;
    let minute = field(fields.next()?, 0, 59)?;
    let (second, fraction) = match fields.next()?.split_once('.') {
        Some((second, fraction)) => (second, Some(fraction)),
        None => (clock.rsplit(':').next()?, None),
    };
    let second = field(second, 0, 59)?;
    let fraction = match fraction {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let digits = digits[..digits.len().min(9)].trim_end_matches('0');
            if digits.is_empty() { String::new() } else { format!(".{digits}") }
        }
        Some(_) => return None,
        None => String::new(),
    };
    Some(format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"))
}

/// One or two digits between `low` and `high`.
fn field(text: &str, low: u32, high: u32) -> Option<u32> {
    if !(1..=2).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|value| (low..=high).contains(value))
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

/// `Z` or `±hh:mm`.
fn zone(text: &str) -> Option<&str> {
    if text == "Z" || text == "+00:00" {
        return Some("Z");
    }
    let (hours, minutes) = text[1..].split_once(':')?;
    (hours.len() == 2 && minutes.len() == 2 && field(hours, 0, 24).is_some())
        .then_some(text)
        .filter(|_| field(minutes, 0, 59).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cases: &[(&str, &str)]) {
        for (text, want) in cases {
            assert_eq!(format!("{:?}", resolve(text)), *want, "{text}");
        }
    }

    #[test]
    fn words() {
        check(&[
            ("", "Null"),
            ("~", "Null"),
            ("Null", "Null"),
            ("nULL", "Text(\"nULL\")"),
            ("TRUE", "Bool(true)"),
            ("False", "Bool(false)"),
            ("yes", "Text(\"yes\")"),
            ("on", "Text(\"on\")"),
            ("n", "Text(\"n\")"),
        ]);
    }

    #[test]
    fn integers() {
        check(&[
            ("0", "Int(0)"),
            ("-0", "Int(0)"),
            ("+12", "Int(12)"),
            ("1_000", "Int(1000)"),
            ("0444", "Int(292)"),
            ("0o444", "Int(292)"),
            ("-0o17", "Int(-15)"),
            ("0x50", "Int(80)"),
            ("0b101", "Int(5)"),
            ("-0b11", "Int(-3)"),
            ("08", "Float(8.0)"),
            ("9223372036854775807", "Int(9223372036854775807)"),
            ("9223372036854775808", "Uint(9223372036854775808)"),
            ("-9223372036854775808", "Int(-9223372036854775808)"),
            ("18446744073709551616", "Float(1.8446744073709552e19)"),
            ("0o9", "Text(\"0o9\")"),
            ("0b102", "Text(\"0b102\")"),
            ("22:22", "Text(\"22:22\")"),
            ("1:30:00", "Text(\"1:30:00\")"),
            ("-", "Text(\"-\")"),
            ("1.2.3.4", "Text(\"1.2.3.4\")"),
            ("10.0.0.0/24", "Text(\"10.0.0.0/24\")"),
        ]);
    }

    #[test]
    fn floats() {
        check(&[
            ("1.0", "Float(1.0)"),
            (".5", "Float(0.5)"),
            ("3.", "Float(3.0)"),
            ("1e3", "Float(1000.0)"),
            ("1.5e-7", "Float(1.5e-7)"),
            ("1e", "Text(\"1e\")"),
            (".", "Text(\".\")"),
            ("..", "Text(\"..\")"),
            (".inf", "Float(inf)"),
            ("-.INF", "Float(-inf)"),
            (".nan", "Float(NaN)"),
            ("inf", "Text(\"inf\")"),
        ]);
    }

    #[test]
    fn dates() {
        check(&[
            ("2001-01-01", "Time(\"2001-01-01T00:00:00Z\")"),
            ("2001-1-2", "Time(\"2001-01-02T00:00:00Z\")"),
            ("2001-02-30", "Text(\"2001-02-30\")"),
            ("2001-12-14T21:59:43.10-05:00", "Time(\"2001-12-14T21:59:43.1-05:00\")"),
            ("2001-12-14 21:59:43", "Time(\"2001-12-14T21:59:43Z\")"),
            ("2001-12-14 21:59", "Text(\"2001-12-14 21:59\")"),
            ("2001-12", "Text(\"2001-12\")"),
        ]);
    }
}
