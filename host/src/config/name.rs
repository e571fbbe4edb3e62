//! The names that the configuration gives: each checked once, where it is parsed.

use std::fmt;
use std::str::FromStr;

/// Why a text is not a name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{text}` is not a {what} name: use lowercase letters, digits and single hyphens, a letter first, at most 48 bytes"
)]
pub struct BadName {
    what: &'static str,
    text: String,
}

pub(super) fn check(what: &'static str, text: &str) -> Result<Box<str>, BadName> {
    let fits = text.len() <= 48
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits {
        Ok(text.into())
    } else {
        Err(BadName {
            what,
            text: text.chars().take(64).collect(),
        })
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(std::sync::Arc<str>);

        impl FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                check($what, text).map(|name| Self(name.into()))
            }
        }

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A plugin's name: lowercase words joined by hyphens, at most 48 bytes.
    PluginName,
    "plugin"
);
name!(
    /// The name by which a plugin asks for a backend, and the authority of its requests.
    BackendName,
    "backend"
);
name!(
    /// A binding's name.
    BindingName,
    "binding"
);
name!(
    /// A credential's name.
    CredentialName,
    "credential"
);
name!(
    /// A tenant's name.
    TenantName,
    "tenant"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lowercase_words_joined_by_hyphens() {
        for good in ["a", "backup-jobs", "vbr01", "x-1"] {
            assert_eq!(
                good.parse::<PluginName>().map(|n| n.to_string()),
                Ok(good.to_owned())
            );
        }
        for bad in [
            "",
            "A",
            "1a",
            "a--b",
            "a-",
            "-a",
            "a_b",
            "a.b",
            "ä",
            &"a".repeat(49),
        ] {
            assert!(bad.parse::<PluginName>().is_err(), "{bad:?} was taken");
        }
    }
}
