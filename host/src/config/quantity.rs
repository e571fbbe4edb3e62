//! Numbers with units, as people write them: `64 MiB`, `2 min`.

use std::time::Duration;

/// Why a text is not a quantity. The text is not repeated: the line that holds it is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum BadQuantity {
    #[error("not a number followed by a unit")]
    Form,
    #[error("the unit is missing")]
    NoUnit,
    #[error("not a known unit")]
    Unit,
    #[error("must be more than zero")]
    Zero,
    #[error("too large")]
    TooLarge,
}

const SIZES: [(&str, u64); 8] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

const DURATIONS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Longer than any call or token lives, and far from overflowing a clock.
const LONGEST_MILLISECONDS: u64 = 365 * 86_400_000;

/// Bytes, more than zero and at most `most`.
pub(super) fn size(text: &str, most: u64) -> Result<u64, BadQuantity> {
    scaled(text, &SIZES, most)
}

/// A span of time, more than zero and at most a year.
pub(super) fn duration(text: &str) -> Result<Duration, BadQuantity> {
    scaled(text, &DURATIONS, LONGEST_MILLISECONDS).map(Duration::from_millis)
}

fn scaled(text: &str, units: &[(&str, u64)], most: u64) -> Result<u64, BadQuantity> {
    let text = text.trim();
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = (&text[..split], text[split..].trim_start());
    if number.is_empty() {
        return Err(BadQuantity::Form);
    }
    if unit.is_empty() {
        return Err(BadQuantity::NoUnit);
    }
    let scale = units
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or(BadQuantity::Unit)?
        .1;
    let value = decimal(number, scale)?;
    match value {
        0 => Err(BadQuantity::Zero),
        _ if value > most => Err(BadQuantity::TooLarge),
        _ => Ok(value),
    }
}

/// `number × scale` in whole numbers, rounded down; up to nine digits after the point.
fn decimal(number: &str, scale: u64) -> Result<u64, BadQuantity> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return Err(BadQuantity::Form);
    }
    let whole: u64 = whole.parse().map_err(|_| BadQuantity::TooLarge)?;
    let numerator: u128 = fraction.parse().map_err(|_| BadQuantity::Form)?;
    let places = u32::try_from(fraction.len()).map_err(|_| BadQuantity::Form)?;
    let part = numerator * u128::from(scale) / 10_u128.pow(places);
    u64::try_from(u128::from(whole) * u128::from(scale) + part).map_err(|_| BadQuantity::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let rows = [
            ("1 B", Ok(1)),
            ("64 MiB", Ok(64 << 20)),
            ("64MiB", Ok(64 << 20)),
            ("1.5 KiB", Ok(1536)),
            ("2 kB", Ok(2000)),
            ("4 GiB", Ok(4 << 30)),
            ("4.1 GiB", Err(BadQuantity::TooLarge)),
            ("99999999999999999999 GiB", Err(BadQuantity::TooLarge)),
            ("18446744073709551615 GiB", Err(BadQuantity::TooLarge)),
            ("0 MiB", Err(BadQuantity::Zero)),
            ("0.5 B", Err(BadQuantity::Zero)),
            ("64", Err(BadQuantity::NoUnit)),
            ("64 mib", Err(BadQuantity::Unit)),
            ("64 MiB x", Err(BadQuantity::Unit)),
            ("MiB", Err(BadQuantity::Form)),
            ("-1 MiB", Err(BadQuantity::Form)),
            ("1..5 MiB", Err(BadQuantity::Form)),
            (".5 MiB", Err(BadQuantity::Form)),
            ("1. MiB", Err(BadQuantity::Form)),
            ("", Err(BadQuantity::Form)),
        ];
        for (text, expected) in rows {
            assert_eq!(size(text, 4 << 30), expected, "{text:?}");
        }
    }

    #[test]
    fn durations_have_units() {
        let rows = [
            ("5s", Ok(5_000)),
            ("2 min", Ok(120_000)),
            ("500 ms", Ok(500)),
            ("1.5 h", Ok(5_400_000)),
            ("1 d", Ok(86_400_000)),
            ("366 d", Err(BadQuantity::TooLarge)),
            ("0 s", Err(BadQuantity::Zero)),
            ("0.1 ms", Err(BadQuantity::Zero)),
            ("5", Err(BadQuantity::NoUnit)),
            ("5 m", Err(BadQuantity::Unit)),
            ("five s", Err(BadQuantity::Form)),
        ];
        for (text, expected) in rows {
            assert_eq!(
                duration(text),
                expected.map(Duration::from_millis),
                "{text:?}"
            );
        }
    }
}
