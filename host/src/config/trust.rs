//! Whose plugins are taken, checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{BindingName, Grant, PluginName};

/// Whose plugins are taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Trust {
    /// Whether plugins are taken that nobody whom we know has signed.
    pub allow_unsigned: bool,
    /// What is refused whoever signed it.
    pub revoked: Vec<Revoked>,
    /// By name.
    pub publishers: BTreeMap<String, Publisher>,
    /// `toolward.lock`, beside the configuration file.
    pub lock_file: PathBuf,
}

/// One entry of the revocation list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Revoked {
    /// The public key, as it is written.
    Key(String),
    /// The SHA-256 digest of a component.
    Component([u8; 32]),
}

/// Somebody whose signature is taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Publisher {
    /// Not empty.
    pub keys: Vec<PublisherKey>,
    /// The plugins it may publish.
    pub plugins: Vec<PluginPattern>,
    /// The most that its plugins may be granted; `None`: no bound.
    pub max_grant: Option<BTreeSet<Grant>>,
    /// The only bindings for its plugins; `None`: no bound.
    pub max_bindings: Option<BTreeSet<BindingName>>,
}

/// A public key, and when it counts.
#[derive(Clone, Debug, PartialEq)]
pub struct PublisherKey {
    /// As it is written.
    pub text: String,
    /// Its name in signatures. Anybody can make a key of the same id, so it finds a key and proves nothing.
    pub id: KeyId,
    /// From when on it counts.
    pub from: Option<SystemTime>,
    /// From when on it counts no longer, with its text.
    pub until: Option<(SystemTime, String)>,
}

/// The id of a minisign key.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub struct KeyId(pub [u8; 8]);

impl KeyId {
    /// The id in a line of base64 that begins as minisign's keys and signatures do: two bytes for the algorithm, then
    /// the id.
    #[must_use]
    pub fn of_line(line: &str) -> Option<Self> {
        let bytes = STANDARD.decode(line.trim()).ok()?;
        bytes.get(2..10)?.try_into().ok().map(Self)
    }
}

/// As minisign prints it.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A plugin's name, or how several begin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PluginPattern {
    /// `backup-jobs`
    Name(PluginName),
    /// `shop-*`, `*`: what stands before the asterisk.
    Prefix(String),
}

impl PluginPattern {
    /// `None`: neither a name nor a beginning of one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('*') {
            None => text.parse().ok().map(Self::Name),
            Some("") => Some(Self::Prefix(String::new())),
            // `shop-*` may stand for `shop-a`, so what stands before is judged with one more letter.
            Some(prefix) => format!("{prefix}a")
                .parse::<PluginName>()
                .is_ok()
                .then(|| Self::Prefix(prefix.to_owned())),
        }
    }

    /// Whether it stands for this name.
    #[must_use]
    pub fn fits(&self, name: &PluginName) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Prefix(prefix) => name.as_str().starts_with(prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_names() {
        let fits = |pattern: &str, name: &str| {
            PluginPattern::parse(pattern).map(|pattern| pattern.fits(&name.parse().unwrap()))
        };
        assert_eq!(fits("shop", "shop"), Some(true));
        assert_eq!(fits("shop", "shop-a"), Some(false));
        assert_eq!(fits("shop-*", "shop-a"), Some(true));
        assert_eq!(fits("shop-*", "shop"), Some(false));
        assert_eq!(fits("*", "anything"), Some(true));
        for bad in ["", "Shop", "a*b", "**", "-*", "a--*"] {
            assert_eq!(PluginPattern::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_keys_id_is_what_minisign_prints() {
        let id = KeyId::of_line("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3");
        assert_eq!(id.unwrap().to_string(), "E7620F1842B4E81F");
        assert_eq!(KeyId::of_line("RWQ"), None);
        assert_eq!(KeyId::of_line("not base64!"), None);
    }
}
