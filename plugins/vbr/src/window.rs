//! Spans of time as people type them: `last 24 hours`, `7 days`, `today`, `last night`, `2026-11-20`.

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime, Time, UtcOffset};
use toolward_sdk::{Result, ToolError};

use crate::moment;

/// What is understood, for the descriptions of arguments and for errors.
pub const UNDERSTOOD: &str = "`last 24 hours`, `7 days`, `2w`, `today`, `yesterday`, `last night`, `2026-11-20` or an RFC 3339 time";

/// Whether understanding it takes the server's zone.
#[must_use]
pub fn is_local(text: &str) -> bool {
    let text = tidy(text);
    matches!(
        text.as_str(),
        "today" | "yesterday" | "last night" | "tonight"
    ) || date(&text).is_some()
}

/// The moment at which a span begins.
pub fn since(text: &str, now: OffsetDateTime, zone: UtcOffset) -> Result<OffsetDateTime> {
    let tidied = tidy(text);
    let local = now.to_offset(zone);
    let midnight = local.replace_time(Time::MIDNIGHT);
    match tidied.as_str() {
        "now" => return Ok(now),
        "today" => return Ok(midnight),
        "yesterday" => return Ok(midnight - Duration::days(1)),
        // The evening before the latest morning.
        "last night" | "tonight" => return Ok(midnight - Duration::hours(6)),
        _ => {}
    }
    if let Ok(at) = OffsetDateTime::parse(text.trim(), &Rfc3339) {
        return Ok(at);
    }
    if let Some(date) = date(&tidied) {
        return Ok(date.with_time(Time::MIDNIGHT).assume_offset(zone));
    }
    span(&tidied)
        .and_then(|span| now.checked_sub(span))
        .ok_or_else(|| {
            let message = format!("{text:?} is no time that is understood. hint: say {UNDERSTOOD}");
            ToolError::invalid_input(message).into()
        })
}

/// As the API wants it.
#[must_use]
pub fn filter(at: OffsetDateTime) -> String {
    let whole = at.replace_nanosecond(0).unwrap_or(at);
    moment::write(whole)
}

fn tidy(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}

fn date(text: &str) -> Option<Date> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).ok()
}

/// `last 24 hours`, `24 h`, `24h`, `hour`, `3 days ago`.
fn span(text: &str) -> Option<Duration> {
    let text = [
        "in the last ",
        "the last ",
        "last ",
        "past ",
        "previous ",
        "since ",
    ]
    .iter()
    .find_map(|start| text.strip_prefix(start))
    .unwrap_or(text);
    let text = text.strip_suffix(" ago").unwrap_or(text).trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (count, unit) = text.split_at(digits);
    let count: i64 = match count {
        "" => match unit.split_once(' ') {
            Some(("a" | "an" | "one", _)) | None => 1,
            Some(_) => return None,
        },
        count => count.parse().ok().filter(|count| *count <= 1_000_000)?,
    };
    let unit = unit.trim().rsplit(' ').next()?;
    Some(match unit {
        "m" | "min" | "mins" | "minute" | "minutes" => Duration::minutes(count),
        "h" | "hr" | "hrs" | "hour" | "hours" => Duration::hours(count),
        "d" | "day" | "days" => Duration::days(count),
        "w" | "week" | "weeks" => Duration::weeks(count),
        "month" | "months" => Duration::days(30 * count),
        "y" | "year" | "years" => Duration::days(365 * count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_understood_as_people_type_them() {
        let zone = UtcOffset::from_hms(2, 0, 0).unwrap();
        let now = moment::parse("2026-11-20T12:00:00Z", UtcOffset::UTC).unwrap();
        for (text, expected) in [
            ("last 24 hours", "2026-11-19T12:00:00Z"),
            ("24h", "2026-11-19T12:00:00Z"),
            ("Past 7 Days", "2026-11-13T12:00:00Z"),
            ("the last week", "2026-11-13T12:00:00Z"),
            ("90 minutes ago", "2026-11-20T10:30:00Z"),
            ("an hour", "2026-11-20T11:00:00Z"),
            ("2 w", "2026-11-06T12:00:00Z"),
            ("today", "2026-11-20T00:00:00+02:00"),
            ("yesterday", "2026-11-19T00:00:00+02:00"),
            ("last night", "2026-11-19T18:00:00+02:00"),
            ("2026-11-01", "2026-11-01T00:00:00+02:00"),
            ("2026-11-01T08:00:00+01:00", "2026-11-01T08:00:00+01:00"),
        ] {
            assert_eq!(filter(since(text, now, zone).unwrap()), expected, "{text}");
        }
        for text in [
            "",
            "soon",
            "7 parsecs",
            "99999999999999999999 days",
            "two days",
            "-3 days",
        ] {
            assert!(since(text, now, zone).is_err(), "{text}");
        }
    }
}
