//! Signatures in the minisign format (<https://jedisct1.github.io/minisign/>): a detached file of four lines.
//!
//! The trusted comment, which is signed as well, says which plugin and version the signature is for: a word
//! `name:NAME` and a word `version:VERSION`. Ours also holds the digest of the manifest, which tells what was altered.

use minisign_verify::PublicKey;

use super::TrustError;
use crate::config::{KeyId, PluginName};
use crate::plugin::manifest::Manifest;

/// Largest `.minisig` file: its comments are a few lines.
pub const MAX_BYTES: u64 = 16 * 1024;

/// A signature, not yet checked.
pub(super) struct Signature {
    parsed: minisign_verify::Signature,
    /// The key that it says it was made with.
    pub(super) key: KeyId,
    pub(super) claims: Claims,
}

impl Signature {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parsed = minisign_verify::Signature::decode(text).map_err(|error| error.to_string())?;
        let key = text
            .lines()
            .nth(1)
            .and_then(KeyId::of_line)
            .ok_or("its second line is too short")?;
        let claims = Claims::of(parsed.trusted_comment());
        Ok(Self {
            parsed,
            key,
            claims,
        })
    }

    /// Whether the owner of `public_key` signed these bytes and the trusted comment. Both kinds of signature count: the
    /// legacy one signs the bytes themselves, the other their BLAKE2b-512 digest.
    pub(super) fn verifies(&self, public_key: &str, component: &[u8]) -> bool {
        PublicKey::from_base64(public_key)
            .is_ok_and(|key| key.verify(component, &self.parsed, true).is_ok())
    }
}

/// What a trusted comment says.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Claims {
    name: Option<String>,
    version: Option<String>,
    pub(super) manifest: Option<String>,
}

impl Claims {
    /// Words between white space; of a word that is there twice neither counts.
    fn of(comment: &str) -> Self {
        let one = |key: &str| {
            let mut values = comment
                .split_whitespace()
                .filter_map(|word| word.strip_prefix(key)?.strip_prefix(':'));
            let value = values.next()?.to_owned();
            values.next().is_none().then_some(value)
        };
        Self {
            name: one("name"),
            version: one("version"),
            manifest: one("manifest"),
        }
    }

    pub(super) fn fit(&self, manifest: &Manifest) -> Result<(), TrustError> {
        let (Some(name), Some(version)) = (&self.name, &self.version) else {
            return Err(TrustError::Nameless {
                name: manifest.name.clone(),
                version: manifest.version.clone(),
            });
        };
        let found = (manifest.name.to_string(), manifest.version.to_string());
        if (name, version) == (&found.0, &found.1) {
            return Ok(());
        }
        // Still a stranger's words: only what has the form of a name and a version is repeated.
        let is_named = name.parse::<PluginName>().is_ok();
        let is_version = version.parse::<semver::Version>().is_ok() && version.len() <= 64;
        let claimed = if is_named && is_version {
            format!("`{name}` {version}")
        } else {
            "something else".to_owned()
        };
        Err(TrustError::Another {
            claimed,
            found: format!("`{}` {}", found.0, found.1),
        })
    }
}

/// The trusted comment of a signature of ours.
#[must_use]
pub fn trusted_comment(manifest: &Manifest, manifest_digest: &str, seconds: u64) -> String {
    format!(
        "timestamp:{seconds} name:{} version:{} manifest:{manifest_digest}",
        manifest.name, manifest.version
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_claims_what_it_says_once() {
        let claims = |name: Option<&str>, version: Option<&str>| Claims {
            name: name.map(str::to_owned),
            version: version.map(str::to_owned),
            manifest: None,
        };
        let rows = [
            (
                "timestamp:1\tname:shop version:1.0.0",
                claims(Some("shop"), Some("1.0.0")),
            ),
            ("name:shop name:other version:1", claims(None, Some("1"))),
            ("names:shop version", claims(None, None)),
            ("", claims(None, None)),
        ];
        for (comment, expected) in rows {
            assert_eq!(Claims::of(comment), expected, "{comment}");
        }
    }

    #[test]
    fn damaged_signatures_are_no_signatures() {
        let good = "untrusted comment: x\nRWQf6LRCGA9i5/p2qsgMAfpAnw0tVOn0EPwLw1yGzIZ/9mfMrRKsKLiUNAb8TUyzNvhlDVIS5qESRmpJwDiwNAv6hpLPJNbV5AQ=\ntrusted comment: y\n";
        for text in [
            "",
            "untrusted comment: x",
            good,
            &format!("{good}AAAA"),
            &format!("{good}!!"),
            &good.replace("RWQf", "RWQ"),
        ] {
            assert!(Signature::parse(text).is_err(), "{text}");
        }
    }
}
