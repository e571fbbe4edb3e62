//! Where a list of sessions goes on.
//!
//! The newest come first, so each session that begins while a list is read would shift all that follow. The cursor
//! keeps the moment of the first page, and later pages leave out what began after it.

use time::{OffsetDateTime, UtcOffset};
use toolward_sdk::prelude::*;
use vbr::{moment, window};

/// How much is behind, and when the first page was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cursor {
    pub(crate) skip: u64,
    pub(crate) before: OffsetDateTime,
}

impl Cursor {
    /// Of the argument that an earlier answer gave, or the beginning.
    pub(crate) fn read(text: Option<&str>) -> Result<Self> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(Self {
                skip: 0,
                before: moment::now(),
            });
        };
        let parts = text.split_once('@').and_then(|(skip, before)| {
            Some(Self {
                skip: skip.parse().ok()?,
                before: moment::parse(before, UtcOffset::UTC)?,
            })
        });
        parts.ok_or_else(|| {
            ToolError::invalid_input(
                "this is no cursor of an earlier answer. hint: leave `cursor` out to begin anew",
            )
            .into()
        })
    }

    /// The cursor of the page that begins there.
    pub(crate) fn at(self, skip: u64) -> String {
        format!("{skip}@{}", window::filter(self.before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_a_round_trip() {
        let cursor = Cursor::read(Some("40@2026-11-20T12:00:00Z")).unwrap();
        assert_eq!(cursor.at(60), "60@2026-11-20T12:00:00Z");
        for text in ["40", "x@y", "-1@2026-11-20T12:00:00Z"] {
            assert!(Cursor::read(Some(text)).is_err(), "{text}");
        }
        assert_eq!(Cursor::read(None).unwrap().skip, 0);
    }
}
