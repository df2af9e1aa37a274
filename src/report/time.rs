//! Times for people.
#![expect(clippy::disallowed_methods, reason = "what is shown is shown now")]

use std::time::{SystemTime, UNIX_EPOCH};

/// A moment, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i128);

impl Timestamp {
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i128::try_from(since.as_nanos()).unwrap_or_default())
    }

    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        Self(i128::from(seconds) * 1_000_000_000)
    }

    /// `2026-11-21T01:54:48.000000000Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let (day, time) = self.parts();
        let nanoseconds = self.0.rem_euclid(1_000_000_000);
        format!("{day}T{time}.{nanoseconds:09}Z")
    }

    /// As Go prints a time in UTC: `2026-11-21 01:54:48 +0000 UTC`.
    #[must_use]
    pub fn go(self) -> String {
        let (day, time) = self.parts();
        format!("{day} {time} +0000 UTC")
    }

    fn parts(self) -> (String, String) {
        let seconds = self.0.div_euclid(1_000_000_000);
        let (year, month, day) = date(seconds.div_euclid(86_400));
        let second = seconds.rem_euclid(86_400);
        (
            format!("{year:04}-{month:02}-{day:02}"),
            format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60),
        )
    }

    /// How long ago this was, as Docker says it: `2 minutes ago`.
    #[must_use]
    pub fn ago(self, now: Self) -> String {
        let seconds = ((now.0 - self.0) / 1_000_000_000).max(0);
        let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
        let days = hours / 24;
        let many = |count: i128, unit: &str| format!("{count} {unit}");
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

/// The date of a day that is given as days since 1970, by the civil calendar.
fn date(days: i128) -> (i128, i128, i128) {
    // Eras of 400 years, and years that begin in March, put the leap day last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i128::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let go = |seconds| Timestamp::from_seconds(seconds).go();
        assert_eq!(go(0), "1970-01-01 00:00:00 +0000 UTC");
        assert_eq!(go(951_782_400), "2000-02-29 00:00:00 +0000 UTC");
        assert_eq!(go(1_795_226_088), "2026-11-21 01:54:48 +0000 UTC");
        assert_eq!(Timestamp(5).rfc3339(), "1970-01-01T00:00:00.000000005Z");
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
