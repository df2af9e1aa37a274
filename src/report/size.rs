//! Sizes as Docker shows them.

/// With powers of 1000 and three digits: `1.99MB`.
#[must_use]
pub fn decimal(bytes: f64) -> String {
    scaled(bytes, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"], 3)
}

/// With powers of 1024 and four digits: `23.54GiB`.
#[must_use]
pub fn binary(bytes: f64) -> String {
    scaled(bytes, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"], 4)
}

fn scaled(mut size: f64, base: f64, units: &[&str], digits: usize) -> String {
    let mut unit = 0;
    while size >= base && unit + 1 < units.len() {
        size /= base;
        unit += 1;
    }
    format!("{}{}", significant(size, digits), units[unit])
}

/// A number with so many digits, without zeros at the end: `%.3g` of C and Go.
fn significant(number: f64, digits: usize) -> String {
    let scientific = format!("{number:.*e}", digits - 1);
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let power: i32 = exponent.parse().unwrap_or_default();
    let trimmed = |text: &str| {
        let short = text.trim_end_matches('0').trim_end_matches('.');
        if text.contains('.') { short.to_owned() } else { text.to_owned() }
    };
    match usize::try_from(power) {
        Ok(power) if power < digits => trimmed(&format!("{number:.*}", digits - 1 - power)),
        Ok(power) => format!("{}e+{power:02}", trimmed(mantissa)),
        // Sizes are no small fractions.
        Err(_) => trimmed(&format!("{number:.*}", digits + power.unsigned_abs() as usize - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let table = [
            (0.0, "0B", "0B"),
            (126.0, "126B", "126B"),
            (1000.0, "1kB", "1000B"),
            (1410.0, "1.41kB", "1.377KiB"),
            (1_985_701.0, "1.99MB", "1.894MiB"),
            (999_999.0, "1e+03kB", "976.6KiB"),
            (25_275_956_838.0, "25.3GB", "23.54GiB"),
            (479_232.0, "479kB", "468KiB"),
        ];
        for (bytes, in_decimal, in_binary) in table {
            assert_eq!((&*decimal(bytes), &*binary(bytes)), (in_decimal, in_binary));
        }
        assert_eq!(significant(0.5, 3), "0.5");
    }
}
