//! How values are shown: sizes in bytes and for people, times as dates, shares as percent.

use serde::{Deserialize, Serialize};
use toolward_sdk::JsonSchema;

/// A size, exactly and for people.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Size {
    /// In bytes.
    pub(crate) bytes: u64,
    /// For people.
    pub(crate) human: String,
}

impl Size {
    pub(crate) fn of(bytes: u64) -> Self {
        Self {
            bytes,
            human: human(bytes),
        }
    }
}

const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/// `1.5 GiB`.
pub(crate) fn human(bytes: u64) -> String {
    let mut unit = 0;
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut value = bytes as f64;
    while value >= 1024.0 && unit < UNITS.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    format!("{text} {}", UNITS[unit])
}

/// `32G` as the API writes it in a disk's options, in bytes.
pub(crate) fn bytes_of(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor: u64 = match text[digits.len()..]
        .chars()
        .next()
        .map(|c| c.to_ascii_uppercase())
    {
        None => 1,
        Some('K') => 1 << 10,
        Some('M') => 1 << 20,
        Some('G') => 1 << 30,
        Some('T') => 1 << 40,
        Some(_) => return None,
    };
    let number: f64 = digits.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "bounded by the condition"
    )]
    (0.0..9e6)
        .contains(&number)
        .then_some((number * factor as f64) as u64)
}

/// A share between 0 and 1, in percent with one decimal.
pub(crate) fn percent(share: f64) -> f64 {
    (share * 1000.0).round() / 10.0
}

/// `used` of `total`, in percent with one decimal.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(crate) fn percent_of(used: u64, total: u64) -> Option<f64> {
    (total > 0).then(|| percent(used as f64 / total as f64))
}

/// Seconds since 1970 as `2026-11-20T02:00:01Z`.
pub(crate) fn time(epoch: u64) -> String {
    // Days in years that begin in March, so that a leap day comes last.
    let days = epoch / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let second = epoch % 86_400;
    format!(
        "{year}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// `3 d 4 h`, the two largest units.
pub(crate) fn duration(seconds: u64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (length, name) in units {
        if rest >= length {
            parts.push(format!("{} {name}", rest / length));
            rest %= length;
        }
    }
    parts.truncate(2);
    if parts.is_empty() {
        "0 s".to_owned()
    } else {
        parts.join(" ")
    }
}

/// Text of somebody else on one line, cut where it is long.
pub(crate) fn line(text: &str, longest: usize) -> String {
    let text = text.trim();
    let mut short: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(longest)
        .collect();
    if text.chars().nth(longest).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_and_read() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (34_359_738_368, "32 GiB"),
        ] {
            assert_eq!(human(bytes), text);
        }
        assert_eq!(bytes_of("32G"), Some(34_359_738_368));
        assert_eq!(bytes_of("1.5K"), Some(1536));
        assert_eq!(bytes_of("512"), Some(512));
        assert_eq!(
            [bytes_of("x"), bytes_of("5Z"), bytes_of("-1G"), bytes_of("")],
            [None; 4]
        );
    }

    #[test]
    fn times_are_shown() {
        assert_eq!(time(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(duration(93_784), "1 d 2 h");
        assert_eq!(duration(0), "0 s");
        assert_eq!(line(" a\nb ", 2), "a …");
    }
}
