//! Dates and times of the file.

use std::time::{Duration, SystemTime};

use toml::value::{Datetime, Offset};

/// The moment that a date or an RFC 3339 time names. A date is its first moment in UTC; a time without an offset
/// names no moment.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let parsed: Datetime = text.parse().ok()?;
    let date = parsed.date?;
    let days = days_since_1970(
        i64::from(date.year),
        i64::from(date.month),
        i64::from(date.day),
    );
    let (seconds, offset) = match (parsed.time, parsed.offset) {
        (None, None) => (0, 0),
        (Some(time), Some(offset)) => {
            let minutes = match offset {
                Offset::Z => 0,
                Offset::Custom { minutes } => i64::from(minutes),
            };
            let second = time.second.unwrap_or(0);
            let of_day =
                i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + i64::from(second);
            (of_day, minutes * 60)
        }
        (_, _) => return None,
    };
    let since = u64::try_from(days * 86_400 + seconds - offset).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(since))
}

/// Days from 1970-01-01 in the Gregorian calendar (Howard Hinnant, «chrono-Compatible Low-Level Date Algorithms»):
/// years begin in March there, so that a leap day is a year's last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_moment() {
        let rows = [
            ("1970-01-01", Some(0)),
            ("2000-02-29", Some(951_782_400)),
            ("2000-03-01", Some(951_868_800)),
            ("2026-11-21T08:46:00Z", Some(1_795_250_760)),
            ("2026-11-21T09:46:00+01:00", Some(1_795_250_760)),
            ("2026-11-21T08:46:00.5Z", Some(1_795_250_760)),
            ("2026-11-21T08:46:00", None),
            ("08:46:00", None),
            ("1969-12-31", None),
            ("2026-13-01", None),
            ("2027-02-30", None),
            ("tomorrow", None),
            ("", None),
        ];
        for (text, seconds) in rows {
            let expected =
                seconds.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
