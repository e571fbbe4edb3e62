//! The revisions of the API that the simulator speaks, and nothing of what differs between them:
//! that is said where it matters (`render`, `query`, `routes`).

use std::fmt;
use std::str::FromStr;

/// A revision of the API, as sent in `x-api-version`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Revision {
    /// `1.2-rev1`, of version 12.3.
    V1_2Rev1,
    /// `1.3-rev1`, of version 13.0.1.
    V1_3Rev1,
}

impl Revision {
    /// Every revision the simulator knows, oldest first.
    pub const ALL: [Self; 2] = [Self::V1_2Rev1, Self::V1_3Rev1];

    /// The text of the `x-api-version` header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_2Rev1 => "1.2-rev1",
            Self::V1_3Rev1 => "1.3-rev1",
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
#[error("`{0}` is not a revision the simulator speaks (1.2-rev1, 1.3-rev1)")]
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
