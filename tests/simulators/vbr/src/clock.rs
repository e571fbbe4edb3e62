//! Times as the server writes and reads them: RFC 3339, in the zone of the simulated server.

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// The zone's name as `serverTime` gives it.
pub(crate) const ZONE_NAME: &str = "(UTC+02:00) Helsinki, Kyiv, Riga, Sofia, Tallinn, Vilnius";

/// Not UTC, so that a client that drops the offset is found out.
fn zone() -> UtcOffset {
    UtcOffset::from_hms(2, 0, 0).unwrap_or(UtcOffset::UTC)
}

pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc().to_offset(zone())
}

/// `2026-11-20T22:00:04.1+02:00`.
pub(crate) fn text(at: OffsetDateTime) -> String {
    let at = at.to_offset(zone());
    // Whole milliseconds: nanoseconds would only make answers longer.
    let at = at.replace_millisecond(at.millisecond()).unwrap_or(at);
    at.format(&Rfc3339).unwrap_or_default()
}

pub(crate) fn parse(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

/// `11/20/2026 10:00 PM`, as the console shows it and `nextRunPolicy` quotes it.
pub(crate) fn console(at: OffsetDateTime) -> String {
    let at = at.to_offset(zone());
    let (half, hour) = match at.hour() {
        0 => ("AM", 12),
        hour @ 1..=11 => ("AM", hour),
        12 => ("PM", 12),
        hour => ("PM", hour - 12),
    };
    format!(
        "{}/{}/{} {hour}:{:02} {half}",
        u8::from(at.month()),
        at.day(),
        at.year(),
        at.minute()
    )
}

/// `00:26:04`.
pub(crate) fn duration(span: time::Duration) -> String {
    let seconds = span.whole_seconds().max(0);
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_instant_and_say_their_offset() {
        let at = parse("2026-11-20T20:00:04.123456Z").unwrap();
        assert_eq!(text(at), "2026-11-20T22:00:04.123+02:00");
        assert_eq!(console(at), "11/20/2026 10:00 PM");
        assert_eq!(duration(time::Duration::seconds(1564)), "00:26:04");
    }

    #[test]
    fn a_time_without_an_offset_is_refused() {
        assert!(parse("2026-11-20T20:00:04").is_none());
    }
}
