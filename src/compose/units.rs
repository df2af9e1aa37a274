//! Durations and sizes as people write them.

use std::time::Duration;

use serde::Deserialize;

/// Reads a sequence of numbers with units: `1h30m`, `1.5s`, `2d`.
///
/// Units are `ns us µs ms s m h d w`; a leading sign is allowed, and `0` needs no unit.
/// The result is in nanoseconds.
#[must_use]
pub fn nanoseconds(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let whole = digits(rest);
        let (whole, after) = rest.split_at(whole);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at(digits(after)),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let unit = after.find(|char: char| char == '.' || char.is_ascii_digit());
        let (unit, after) = after.split_at(unit.unwrap_or(after.len()));
        let scale: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60 * 1_000_000_000,
            "h" => 3_600 * 1_000_000_000,
            "d" => 24 * 3_600 * 1_000_000_000,
            "w" => 7 * 24 * 3_600 * 1_000_000_000,
            _ => return None,
        };
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(scale)?)?;
        // More digits than nanoseconds can show say nothing.
        let fraction = &fraction[..fraction.len().min(18)];
        if !fraction.is_empty() {
            let divisor = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
            total = total.checked_add(fraction.parse::<i128>().ok()? * scale / divisor)?;
        }
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// A duration as Go prints it: `1h30m0s`, `500ms`, `0s`.
#[must_use]
pub fn go_duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let all = nanoseconds.unsigned_abs();
    let decimal = |value: u64, scale: u64| {
        let (whole, fraction) = (value / scale, value % scale);
        if fraction == 0 {
            return whole.to_string();
        }
        let width = scale.ilog10() as usize;
        format!("{whole}.{fraction:0width$}").trim_end_matches('0').to_owned()
    };
    match all {
        0 => "0s".to_owned(),
        1..=999 => format!("{sign}{all}ns"),
        1_000..=999_999 => format!("{sign}{}µs", decimal(all, 1_000)),
        1_000_000..=999_999_999 => format!("{sign}{}ms", decimal(all, 1_000_000)),
        _ => {
            let (seconds, rest) = (all / 1_000_000_000, all % 1_000_000_000);
            let (minutes, second) = (seconds / 60, seconds % 60);
            let (hours, minute) = (minutes / 60, minutes % 60);
            let second = decimal(second * 1_000_000_000 + rest, 1_000_000_000);
            match (hours, minute) {
                (0, 0) => format!("{sign}{second}s"),
                (0, minute) => format!("{sign}{minute}m{second}s"),
                (hours, minute) => format!("{sign}{hours}h{minute}m{second}s"),
            }
        }
    }
}

/// A canonical duration of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Nanoseconds(pub i64);

impl Nanoseconds {
    /// For the clock; a negative duration is none.
    #[must_use]
    pub fn duration(self) -> Option<Duration> {
        u64::try_from(self.0).ok().map(Duration::from_nanos)
    }
}

impl TryFrom<String> for Nanoseconds {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        nanoseconds(&text).map(Self).ok_or_else(|| format!("`{text}` is no duration"))
    }
}

/// A canonical size of a model; 0 stands for none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Bytes(i64);

impl Bytes {
    /// The bytes, unless there are none.
    #[must_use]
    pub fn get(self) -> Option<i64> {
        (self.0 != 0).then_some(self.0)
    }
}

impl TryFrom<String> for Bytes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| format!("`{text}` is no size"))
    }
}

/// Reads a size in bytes: a number with an optional unit `b k m g t p`, each also with `b` or `ib`,
/// all powers of 1024.
///
/// # Errors
/// A clause saying what is wrong.
pub fn bytes(text: &str) -> Result<i64, String> {
    let split = text.rfind(|char: char| char.is_ascii_digit() || char == '.' || char == ' ');
    let Some(at) = split else {
        return Err(format!("`{text}` is no size"));
    };
    let (number, unit) = match &text[at..=at] {
        " " => (&text[..at], &text[at + 1..]),
        _ => text.split_at(at + 1),
    };
    let value: f64 = number.parse().map_err(|_| format!("`{text}` is no size"))?;
    if value < 0.0 || !value.is_finite() {
        return Err(format!("`{text}` is no size"));
    }
    let unit = unit.to_lowercase();
    let mut letters = unit.chars();
    let scale = match letters.next() {
        None => 1.0,
        Some('b') if letters.as_str().is_empty() => 1.0,
        Some(prefix) => {
            let power =
                "kmgtp".find(prefix).filter(|_| matches!(letters.as_str(), "" | "b" | "ib"));
            let Some(power) = power else {
                return Err(format!("`{unit}` is no unit of size; use b, k, m, g, t or p"));
            };
            1024_f64.powi(i32::try_from(power).unwrap_or(0) + 1)
        }
    };
    #[expect(clippy::cast_possible_truncation, reason = "sizes are cut to whole bytes")]
    Ok((value * scale) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, want) in [
            ("1h30m", "1h30m0s"),
            ("90.5s", "1m30.5s"),
            ("500ms", "500ms"),
            ("100us", "100µs"),
            ("100µs", "100µs"),
            ("1.5us", "1.5µs"),
            ("0", "0s"),
            ("1d", "24h0m0s"),
            ("1w", "168h0m0s"),
            (".5s", "500ms"),
            ("1.s", "1s"),
            ("-1s", "-1s"),
            ("+1s", "1s"),
            ("1s1s", "2s"),
            ("36h", "36h0m0s"),
        ] {
            assert_eq!(nanoseconds(text).map(go_duration).as_deref(), Some(want), "{text}");
        }
        for text in ["", "1", "s", "1x", "1 s", "1y", "1mo", ".s", "-", "99999999w"] {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, want) in [
            ("64", 64),
            ("64b", 64),
            ("1k", 1024),
            ("1KB", 1024),
            ("1KiB", 1024),
            ("1.5m", 1_572_864),
            ("1 g", 1 << 30),
            (".5k", 512),
            ("1e3", 1000),
            ("2t", 2 << 40),
        ] {
            assert_eq!(bytes(text), Ok(want), "{text}");
        }
        for text in ["", "k", "1ki", "1e", "-1", "-1m", "1kbx", "1bb", "x1", "inf"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
