//! What stands beside many things: `_meta`, pictures, and how long an answer stays good.

use std::time::Duration;

use serde_json::Value;

/// Entries that travel as `_meta`: for programs that know them, never for the model.
///
/// A key is `prefix/name`, the prefix a reversed domain name of yours (`com.example/price`), or a bare name. The host
/// refuses prefixes that the protocol keeps for itself.
///
/// ```
/// use toolward_sdk::Meta;
/// use toolward_sdk::serde_json::json;
///
/// let meta = Meta::new().with("com.example/price", &json!(12));
/// assert_eq!(meta.get("com.example/price"), Some(json!(12)));
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Meta(pub(crate) Vec<(String, String)>);

impl Meta {
    /// No entries.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds an entry.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: &Value) -> Self {
        self.0.push((key.into(), value.to_string()));
        self
    }

    /// The value of an entry.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value> {
        let (_, json) = self.0.iter().find(|(known, _)| known == key)?;
        serde_json::from_str(json).ok()
    }
}

/// A picture for a list in a user interface.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Icon {
    /// A `https:` or `data:` URL.
    pub src: String,
    /// Where the URL does not tell: `image/png`, `image/svg+xml`.
    pub mime_type: Option<String>,
    /// Sizes it suits, as `48x48` or `any`; empty: any.
    pub sizes: Vec<String>,
    /// The background it is made for; none: either.
    pub theme: Option<Theme>,
}

impl Icon {
    /// A picture of any size for any background.
    pub fn new(src: impl Into<String>) -> Self {
        Self {
            src: src.into(),
            ..Self::default()
        }
    }
}

/// The background that a picture is made for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Theme {
    /// A light one.
    Light,
    /// A dark one.
    Dark,
}

/// How long an answer stays good, and who may be shown the same one.
///
/// ```
/// use std::time::Duration;
/// use toolward_sdk::{Freshness, Sharing};
///
/// let hour = Freshness::tenant(Duration::from_secs(3600));
/// assert_eq!(hour.sharing, Sharing::Tenant);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Freshness {
    /// How long from now; zero: ask anew each time.
    pub time: Duration,
    /// Who may share it meanwhile.
    pub sharing: Sharing,
}

impl Freshness {
    /// Good for the one who asked.
    #[must_use]
    pub const fn personal(time: Duration) -> Self {
        Self {
            time,
            sharing: Sharing::Personal,
        }
    }

    /// Good for everyone in that one's tenant.
    #[must_use]
    pub const fn tenant(time: Duration) -> Self {
        Self {
            time,
            sharing: Sharing::Tenant,
        }
    }

    /// Good for everyone.
    #[must_use]
    pub const fn everyone(time: Duration) -> Self {
        Self {
            time,
            sharing: Sharing::Everyone,
        }
    }
}

/// Who may be shown the same answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sharing {
    /// Only the principal who asked.
    Personal,
    /// Everyone in that principal's tenant.
    Tenant,
    /// Everyone.
    Everyone,
}
