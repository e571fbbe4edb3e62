//! Sizes: exact for programs, short for people.

use toolward_sdk::prelude::*;

const UNITS: [&str; 6] = ["B", "KB", "MB", "GB", "TB", "PB"];

/// How large something is.
#[answer]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Size {
    /// In bytes.
    pub bytes: u64,
    /// For people, such as `4.2 GB`, where 1 GB is 1024 MB as in the vendor's console.
    pub text: String,
}

impl Size {
    /// So many bytes.
    #[must_use]
    pub fn bytes(bytes: u64) -> Self {
        Self {
            bytes,
            text: human(bytes),
        }
    }

    /// So many gigabytes, as repositories count. `None` for what the API writes where it does not know.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be positive, and what is too large is cut"
    )]
    pub fn gigabytes(gigabytes: Option<f64>) -> Option<Self> {
        let gigabytes = gigabytes.filter(|size| size.is_finite() && *size >= 0.0)?;
        Some(Self::bytes((gigabytes * f64::from(1 << 30)) as u64))
    }

    /// A number of bytes of the API.
    #[must_use]
    pub fn read(value: &Value, name: &str) -> Option<Self> {
        value[name].as_u64().map(Self::bytes)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "one digit after the point is shown"
)]
fn human(bytes: u64) -> String {
    let mut size = bytes as f64;
    let mut unit = 0;
    // What would be shown as 1024.0 belongs to the next unit.
    while size >= 1023.95 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else {
        format!("{size:.1} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_largest_unit_that_fits() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KB"),
            (4_509_715_661, "4.2 GB"),
            (1_099_511_627_775, "1.0 TB"),
            (u64::MAX, "16384.0 PB"),
        ] {
            assert_eq!(Size::bytes(bytes).text, text);
        }
        assert_eq!(Size::gigabytes(Some(1.5)), Some(Size::bytes(1_610_612_736)));
        assert_eq!(Size::gigabytes(Some(-1.0)), None);
        assert_eq!(Size::gigabytes(None), None);
    }
}
