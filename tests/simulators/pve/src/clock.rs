//! Seconds since 1970 as dates, the way the API writes them.

/// Year, month, day, hour, minute, second.
fn parts(epoch: u64) -> (u64, u64, u64, u64, u64, u64) {
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
    (
        year,
        month,
        day,
        second / 3600,
        second / 60 % 60,
        second % 60,
    )
}

/// `2026_11_20-02_00_01`.
pub(crate) fn stamp(epoch: u64) -> String {
    let (year, month, day, hour, minute, second) = parts(epoch);
    format!("{year}_{month:02}_{day:02}-{hour:02}_{minute:02}_{second:02}")
}

/// `2026-11-20T02:00:01Z`.
pub(crate) fn iso(epoch: u64) -> String {
    let (year, month, day, hour, minute, second) = parts(epoch);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right() {
        assert_eq!(iso(0), "1970-01-01T00:00:00Z");
        assert_eq!(iso(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(stamp(1_795_139_999), "2026_11_20-01_59_59");
    }
}
