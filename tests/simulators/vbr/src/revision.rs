//! The revisions of the API that the simulator speaks, and nothing of what differs between them:
//! that is said where it matters (`render`, `query`, `routes`).

use std::fmt;
use std::str::FromStr;

/// A revision of the API, as sent in `x-api-version`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Revision {
    /// `1.1-rev0`, of version 12.0.
    V1_1Rev0,
    /// `1.1-rev1`, of version 12.1.
    V1_1Rev1,
    /// `1.1-rev2`, of a later 12.1.
    V1_1Rev2,
    /// `1.2-rev0`, of version 12.2.
    V1_2Rev0,
    /// `1.2-rev1`, of version 12.3.
    V1_2Rev1,
    /// `1.3-rev0`, of version 13.0.0.
    V1_3Rev0,
    /// `1.3-rev1`, of version 13.0.1.
    V1_3Rev1,
}

impl Revision {
    /// Every revision the simulator knows, oldest first. Of `1.1-rev0`, `1.2-rev1` and the 1.3 ones is known what they
    /// have; those in between have what both their neighbours have, and malware detection and restore points from
    /// `1.1-rev1` on.
    pub const ALL: [Self; 7] = [
        Self::V1_1Rev0,
        Self::V1_1Rev1,
        Self::V1_1Rev2,
        Self::V1_2Rev0,
        Self::V1_2Rev1,
        Self::V1_3Rev0,
        Self::V1_3Rev1,
    ];

    /// The text of the `x-api-version` header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_1Rev0 => "1.1-rev0",
            Self::V1_1Rev1 => "1.1-rev1",
            Self::V1_1Rev2 => "1.1-rev2",
            Self::V1_2Rev0 => "1.2-rev0",
            Self::V1_2Rev1 => "1.2-rev1",
            Self::V1_3Rev0 => "1.3-rev0",
            Self::V1_3Rev1 => "1.3-rev1",
        }
    }

    /// Whether it is one of 1.1.
    pub(crate) fn is_1_1(self) -> bool {
        self < Self::V1_2Rev0
    }

    /// Whether it is one of 1.3.
    pub(crate) fn is_1_3(self) -> bool {
        self >= Self::V1_3Rev0
    }

    /// Whether names of states begin with a capital letter.
    pub(crate) fn capitals(self) -> bool {
        self >= Self::V1_3Rev1
    }

    /// The build of a server whose newest revision it is.
    pub(crate) const fn build(self) -> &'static str {
        match self {
            Self::V1_1Rev0 => "12.0.0.1420",
            Self::V1_1Rev1 => "12.1.0.2131",
            Self::V1_1Rev2 => "12.1.2.172",
            Self::V1_2Rev0 => "12.2.0.334",
            Self::V1_2Rev1 => "12.3.1.1139",
            Self::V1_3Rev0 => "13.0.0.4967",
            Self::V1_3Rev1 => "13.0.1.180",
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The text names no revision that the simulator knows.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a revision the simulator speaks (1.1-rev0 to 1.3-rev1)")]
pub struct UnknownRevision(String);

impl FromStr for Revision {
    type Err = UnknownRevision;

    fn from_str(text: &str) -> Result<Self, UnknownRevision> {
        Self::ALL
            .into_iter()
            .find(|revision| revision.as_str() == text)
            .ok_or_else(|| UnknownRevision(text.to_owned()))
    }
}
