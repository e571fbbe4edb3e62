//! Moments: exact for programs, how long ago for people and models.

use std::time::SystemTime;

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime, UtcOffset};
use toolward_sdk::prelude::*;

use crate::read;

/// A moment.
#[answer]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Moment {
    /// RFC 3339, with the offset of the backup server's zone.
    pub at: String,
    /// How far from now, such as `3 hours ago` or `in 20 minutes`.
    pub age: String,
}

impl Moment {
    /// Of a property of an answer. Without an offset it is of the server's own zone.
    #[must_use]
    pub fn read(value: &Value, name: &str, zone: UtcOffset) -> Option<Self> {
        let text = read::text(value, name)?;
        let at = parse(&text, zone)?;
        Some(Self {
            // As it came, where it is whole: nothing is lost in rounding.
            at: if is_whole(&text) { text } else { write(at) },
            age: age(at, now()),
        })
    }

    /// Of a moment that is known.
    #[must_use]
    pub fn of(at: OffsetDateTime) -> Self {
        Self {
            at: write(at),
            age: age(at, now()),
        }
    }
}

/// The time of this call.
#[must_use]
pub fn now() -> OffsetDateTime {
    SystemTime::now().into()
}

/// RFC 3339.
#[must_use]
pub fn write(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

/// A moment as the API writes it, with or without an offset.
#[must_use]
pub fn parse(text: &str, zone: UtcOffset) -> Option<OffsetDateTime> {
    if let Ok(at) = OffsetDateTime::parse(text, &Rfc3339) {
        return Some(at);
    }
    let whole = text.split('.').next().unwrap_or(text);
    let local = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let at = PrimitiveDateTime::parse(whole, local).ok()?;
    Some(at.assume_offset(zone))
}

/// Whether a moment says its offset.
#[must_use]
pub fn is_whole(text: &str) -> bool {
    OffsetDateTime::parse(text, &Rfc3339).is_ok()
}

/// How far from now.
#[must_use]
pub fn age(at: OffsetDateTime, now: OffsetDateTime) -> String {
    let span = now - at;
    let words = span_in_words(span.abs());
    match words {
        None => "just now".to_owned(),
        Some(words) if span.is_positive() => format!("{words} ago"),
        Some(words) => format!("in {words}"),
    }
}

fn span_in_words(span: Duration) -> Option<String> {
    let minutes = span.whole_minutes();
    let (count, unit) = match minutes {
        0 => return None,
        1..=119 => (minutes, "minute"),
        120..=2879 => (minutes / 60, "hour"),
        2880..=86_399 => (minutes / 1440, "day"),
        86_400..=1_051_199 => (minutes / 43_800, "month"),
        _ => (minutes / 525_600, "year"),
    };
    let plural = if count == 1 { "" } else { "s" };
    Some(format!("{count} {unit}{plural}"))
}

/// How long something took, such as `26 min 4 s`.
#[must_use]
pub fn lasted(from: &Value, to: &Value, zone: UtcOffset) -> Option<String> {
    let from = parse(from.as_str()?, zone)?;
    let to = parse(to.as_str()?, zone)?;
    Some(duration(to - from))
}

/// The same, of a span that is known.
#[must_use]
pub fn duration(span: Duration) -> String {
    let seconds = span.whole_seconds().max(0);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> OffsetDateTime {
        parse(text, UtcOffset::UTC).unwrap()
    }

    #[test]
    fn ages_are_told_in_words() {
        let now = at("2026-11-20T12:00:00Z");
        for (text, expected) in [
            ("2026-11-20T11:59:40Z", "just now"),
            ("2026-11-20T11:59:00Z", "1 minute ago"),
            ("2026-11-20T09:00:00Z", "3 hours ago"),
            ("2026-11-19T13:00:00+01:00", "24 hours ago"),
            ("2026-11-13T12:00:00Z", "7 days ago"),
            ("2026-01-20T12:00:00Z", "9 months ago"),
            ("2020-11-20T12:00:00Z", "6 years ago"),
            ("2026-11-20T12:20:00Z", "in 20 minutes"),
        ] {
            assert_eq!(age(at(text), now), expected, "{text}");
        }
    }

    #[test]
    fn a_time_without_an_offset_is_the_servers() {
        let zone = UtcOffset::from_hms(2, 0, 0).unwrap();
        let value =
            json!({ "a": "2026-11-20T22:00:04.123", "b": "2026-11-20T22:00:04.1234567+01:00" });
        assert_eq!(
            Moment::read(&value, "a", zone).unwrap().at,
            "2026-11-20T22:00:04+02:00"
        );
        assert_eq!(
            Moment::read(&value, "b", zone).unwrap().at,
            "2026-11-20T22:00:04.1234567+01:00"
        );
        assert_eq!(Moment::read(&value, "c", zone), None);
    }

    #[test]
    fn durations_are_short() {
        assert_eq!(duration(Duration::seconds(4)), "4 s");
        assert_eq!(duration(Duration::seconds(1564)), "26 min 4 s");
        assert_eq!(duration(Duration::seconds(90_000)), "25 h 0 min");
    }
}
