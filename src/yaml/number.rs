//! Numbers as text, the way the peer prints them.
//!
//! Docker Compose turns numbers into text with Go's shortest forms: in labels, environment and
//! options, and in its YAML and JSON. All of it ends up in the config hash, so it must be the same
//! to the last digit.

/// The form used in YAML and wherever a number becomes text: an exponent below `1e-4` and from
/// `1e6`, with at least two digits.
#[must_use]
pub fn general(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    shortest(value, -4..6, 2)
}

/// The form used in JSON: an exponent below `1e-6` and from `1e21`, not padded.
///
/// JSON has no infinities; they never get that far, as nothing in a canonical model may be one.
#[must_use]
pub fn json(value: f64) -> String {
    shortest(value, -6..21, 1)
}

fn shortest(value: f64, plain: std::ops::Range<i32>, exponent_digits: usize) -> String {
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value == 0.0 || plain.contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:0exponent_digits$}", exponent.abs())
}

/// Rounds to single precision, keeping the shortest decimal of the rounded value.
#[must_use]
pub fn single(value: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, reason = "rounding is the purpose")]
    let rounded = value as f32;
    rounded.to_string().parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn general_form() {
        for (value, text) in [
            (1.5, "1.5"),
            (1.0, "1"),
            (1e3, "1000"),
            (100_000.0, "100000"),
            (123_456.789, "123456.789"),
            (1_000_000.0, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (12_345_678.9, "1.23456789e+07"),
            (0.0001, "0.0001"),
            (1e-5, "1e-05"),
            (1.234_567_890_123_456_8e22, "1.2345678901234568e+22"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(general(value), text);
        }
    }

    #[test]
    fn json_form() {
        for (value, text) in
            [(1e6, "1000000"), (1e-7, "1e-7"), (1e21, "1e+21"), (0.5, "0.5"), (1e-6, "0.000001")]
        {
            assert_eq!(json(value), text);
        }
    }

    #[test]
    fn single_precision() {
        assert_eq!(general(single(0.333_333_333_333)), "0.33333334");
        assert_eq!(general(single(0.1)), "0.1");
    }
}
