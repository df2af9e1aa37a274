//! Times: as people write them, and as they are shown.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A moment, to the nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(jiff::Timestamp);

impl From<jiff::Timestamp> for Timestamp {
    fn from(moment: jiff::Timestamp) -> Self {
        Self(moment)
    }
}

impl Timestamp {
    #[must_use]
    pub fn now() -> Self {
        Self(jiff::Timestamp::now())
    }

    /// A moment given in seconds since 1970; the nearest there is if it is out of range.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        let bound = if seconds < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        Self(jiff::Timestamp::from_second(seconds).unwrap_or(bound))
    }

    /// Reads a moment as Docker does: an age (`1h30m`), seconds since 1970 (`1600000000.5`), or a date
    /// with or without a time and a zone, the local one if there is none.
    #[must_use]
    pub fn parse(text: &str, now: Self, zone: &TimeZone) -> Option<Self> {
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
        if !seconds.is_empty() && is_number(seconds) && is_number(fraction) {
            let nanoseconds = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
            return jiff::Timestamp::new(seconds.parse().ok()?, nanoseconds).ok().map(Self);
        }
        if let Ok(age) = text.parse::<SignedDuration>() {
            return now.0.checked_sub(age).ok().map(Self);
        }
        if let Ok(moment) = text.parse() {
            return Some(Self(moment));
        }
        let local: DateTime = text.parse().ok()?;
        local.to_zoned(zone.clone()).ok().map(|zoned| Self(zoned.timestamp()))
    }

    /// The same for those who do not show it.
    #[must_use]
    pub fn moment(self) -> jiff::Timestamp {
        self.0
    }

    /// `2026-11-21T01:54:48.000000000Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        format!("{:.9}", self.0)
    }

    /// As Go prints a time: `2026-11-21 02:54:48 +0100 CET`.
    #[must_use]
    pub fn go(self, zone: &TimeZone) -> String {
        self.0.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string()
    }

    /// As Go writes a moment for programs: `2026-11-21T02:54:48.5+01:00`, without zeros at the end.
    #[must_use]
    pub fn go_rfc3339(self, zone: &TimeZone) -> String {
        let zoned = self.0.to_zoned(zone.clone());
        let offset = if zoned.offset().is_zero() { "Z" } else { "%:z" };
        zoned.strftime(&format!("%Y-%m-%dT%H:%M:%S%.f{offset}")).to_string()
    }

    /// As Go prints a moment to the microsecond, without the zone.
    #[must_use]
    pub fn go_micros(self, zone: &TimeZone) -> String {
        self.0.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S.%6f").to_string()
    }

    /// How long ago this was, as Docker says it: `2 minutes ago`.
    #[must_use]
    pub fn ago(self, now: Self) -> String {
        let seconds = now.0.duration_since(self.0).as_secs().max(0);
        let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
        let days = hours / 24;
        let many = |count: i64, unit: &str| format!("{count} {unit}");
        let text = match () {
            () if seconds < 1 => "Less than a second".to_owned(),
            () if seconds == 1 => "1 second".to_owned(),
            () if seconds < 60 => many(seconds, "seconds"),
            () if minutes == 1 => "About a minute".to_owned(),
            () if minutes < 60 => many(minutes, "minutes"),
            () if hours == 1 => "About an hour".to_owned(),
            () if hours < 48 => many(hours, "hours"),
            () if hours < 24 * 7 * 2 => many(days, "days"),
            () if hours < 24 * 30 * 2 => many(days / 7, "weeks"),
            () if hours < 24 * 365 * 2 => many(days / 30, "months"),
            () => many(days / 365, "years"),
        };
        format!("{text} ago")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let go = |seconds| Timestamp::from_seconds(seconds).go(&TimeZone::UTC);
        assert_eq!(go(0), "1970-01-01 00:00:00 +0000 UTC");
        assert_eq!(go(951_782_400), "2000-02-29 00:00:00 +0000 UTC");
        assert_eq!(go(1_795_226_088), "2026-11-21 01:54:48 +0000 UTC");
        assert_eq!(Timestamp::from_seconds(0).go(&zone), "1970-01-01 01:00:00 +0100 +01");
        assert_eq!(Timestamp::from_seconds(5).rfc3339(), "1970-01-01T00:00:05.000000000Z");
        let half = Timestamp::parse("1600000000.5", Timestamp::now(), &zone).unwrap();
        assert_eq!(half.go_rfc3339(&zone), "2020-09-13T13:26:40.5+01:00");
        assert_eq!(Timestamp::from_seconds(0).go_rfc3339(&TimeZone::UTC), "1970-01-01T00:00:00Z");
        assert_eq!(half.go_micros(&zone), "2020-09-13 13:26:40.500000");
        assert_eq!(go(i64::MAX), "9999-12-30 22:00:00 +0000 UTC");
    }

    #[test]
    fn moments_are_read() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let now = Timestamp::from_seconds(1_000_000);
        let table = [
            ("0", Some("0.000000000")),
            ("1600000000", Some("1600000000.000000000")),
            ("1600000000.5", Some("1600000000.500000000")),
            ("1600000000.1234567899", Some("1600000000.123456789")),
            ("1h30m", Some("994600.000000000")),
            ("10s", Some("999990.000000000")),
            ("0.5s", Some("999999.500000000")),
            ("2020-01-01", Some("1577833200.000000000")),
            ("2020-01-01T00:00", Some("1577833200.000000000")),
            ("2020-01-01T00:00:00.25", Some("1577833200.250000000")),
            ("2020-01-01T00:00:00Z", Some("1577836800.000000000")),
            ("2020-01-01T00:00:00.5+02:00", Some("1577829600.500000000")),
            ("yesterday", None),
            ("", None),
            ("1.2.3", None),
        ];
        for (text, want) in table {
            let got = Timestamp::parse(text, now, &zone).map(|it| {
                let moment = it.moment();
                format!("{}.{:09}", moment.as_second(), moment.subsec_nanosecond())
            });
            assert_eq!(got.as_deref(), want, "{text}");
        }
    }

    #[test]
    fn ages() {
        let ago = |seconds| Timestamp::from_seconds(0).ago(Timestamp::from_seconds(seconds));
        let table = [
            (0, "Less than a second ago"),
            (1, "1 second ago"),
            (59, "59 seconds ago"),
            (60, "About a minute ago"),
            (150, "2 minutes ago"),
            (3600, "About an hour ago"),
            (5400, "2 hours ago"),
            (47 * 3600, "47 hours ago"),
            (48 * 3600, "2 days ago"),
            (15 * 86400, "2 weeks ago"),
            (70 * 86400, "2 months ago"),
            (800 * 86400, "2 years ago"),
        ];
        for (seconds, want) in table {
            assert_eq!(ago(seconds), want);
        }
    }
}
