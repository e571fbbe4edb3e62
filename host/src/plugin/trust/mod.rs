//! Whose plugin is this, and may it be loaded? Everything is decided on the bytes in memory that are compiled
//! afterwards: nobody can replace the file between the check and the load.
//!
//! The order: the lock file (these very bytes?), the signature (whose?), the publisher (may it publish this, and may it
//! be granted that much?), the version (no older than the newest that was served?).

use std::path::Path;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::hex;
use super::manifest::Manifest;
use crate::config::{self, PluginName, Publisher, PublisherKey, Revoked};

mod error;
mod lock;
mod seen;
pub mod signature;

pub use error::TrustError;
pub use lock::{Lock, Locked};
pub use seen::{Seen, StateError};

use signature::{Claims, Signature};

/// Who vouches for a plugin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Signer {
    /// A publisher of the configuration, by the key with this id.
    Publisher {
        /// The publisher's name.
        name: String,
        /// The key's id, as minisign prints it.
        key: String,
    },
    /// Nobody whom we know; `trust.allow-unsigned` let it in.
    Nobody,
}

impl Signer {
    /// The publisher, if there is one.
    #[must_use]
    pub fn publisher(&self) -> Option<&str> {
        match self {
            Self::Publisher { name, .. } => Some(name),
            Self::Nobody => None,
        }
    }

    /// For listings.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Publisher { name, key } => json!({ "publisher": name, "key": key }),
            Self::Nobody => Value::Null,
        }
    }
}

/// What is judged.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The component file's bytes.
    pub component: &'a [u8],
    /// The manifest in them.
    pub manifest: &'a Manifest,
    /// The SHA-256 digest of `component`.
    pub digest: [u8; 32],
    /// The text of the `.minisig` file; `None`: there is none.
    pub signature: Option<&'a str>,
}

/// Who signed it, if that is somebody whom the configuration knows and who may publish a plugin of this name.
pub fn signer(trust: &config::Trust, evidence: &Evidence<'_>) -> Result<Signer, TrustError> {
    if trust.revoked.contains(&Revoked::Component(evidence.digest)) {
        return Err(TrustError::RevokedComponent {
            digest: hex(&evidence.digest),
        });
    }
    let Some(text) = evidence.signature else {
        return unsigned(trust, TrustError::Unsigned);
    };
    let signature = Signature::parse(text).map_err(TrustError::Signature)?;
    let revoked = |key: &str| {
        trust
            .revoked
            .iter()
            .any(|one| matches!(one, Revoked::Key(text) if text == key))
    };
    let known = trust
        .publishers
        .iter()
        .flat_map(|(name, publisher)| publisher.keys.iter().map(move |key| (name, publisher, key)));
    let mut candidates: Vec<_> = known
        .filter(|(_, _, key)| key.id == signature.key)
        .collect();
    // Two keys may have the same id: the one that verifies is meant.
    if let Some(at) = candidates
        .iter()
        .position(|(_, _, key)| signature.verifies(&key.text, evidence.component))
    {
        candidates.swap(0, at);
        let (name, publisher, key) = candidates[0];
        if revoked(&key.text) {
            return Err(TrustError::RevokedKey {
                key: key.id.to_string(),
            });
        }
        in_time(name, key)?;
        signature.claims.fit(evidence.manifest)?;
        publishes(name, publisher, &evidence.manifest.name)?;
        return Ok(Signer::Publisher {
            name: name.clone(),
            key: key.id.to_string(),
        });
    }
    let is_revoked_key = trust.revoked.iter().any(|one| match one {
        Revoked::Key(text) => config::KeyId::of_line(text) == Some(signature.key),
        Revoked::Component(_) => false,
    });
    if is_revoked_key {
        return Err(TrustError::RevokedKey {
            key: signature.key.to_string(),
        });
    }
    if candidates.is_empty() {
        return unsigned(
            trust,
            TrustError::UnknownKey {
                key: signature.key.to_string(),
            },
        );
    }
    Err(altered(&signature.claims, evidence))
}

fn unsigned(trust: &config::Trust, otherwise: TrustError) -> Result<Signer, TrustError> {
    if trust.allow_unsigned {
        Ok(Signer::Nobody)
    } else {
        Err(otherwise)
    }
}

fn in_time(publisher: &str, key: &PublisherKey) -> Result<(), TrustError> {
    let now = SystemTime::now();
    if key.from.is_some_and(|from| now < from) {
        return Err(TrustError::NotYet {
            publisher: publisher.to_owned(),
            key: key.id.to_string(),
        });
    }
    match &key.until {
        Some((until, text)) if now >= *until => Err(TrustError::Expired {
            publisher: publisher.to_owned(),
            key: key.id.to_string(),
            until: text.clone(),
        }),
        _ => Ok(()),
    }
}

fn publishes(name: &str, publisher: &Publisher, plugin: &PluginName) -> Result<(), TrustError> {
    if publisher.plugins.iter().any(|pattern| pattern.fits(plugin)) {
        return Ok(());
    }
    Err(TrustError::NotTheirs {
        publisher: name.to_owned(),
        plugin: plugin.clone(),
    })
}

/// Whether something that is served is on the revocation list, by itself or by the key that it was signed with.
pub(super) fn revokes(trust: &config::Trust, signer: &Signer, digest: &str) -> bool {
    trust.revoked.iter().any(|one| match (one, signer) {
        (Revoked::Component(revoked), _) => hex(revoked) == digest,
        (Revoked::Key(text), Signer::Publisher { key, .. }) => {
            config::KeyId::of_line(text).is_some_and(|revoked| revoked.to_string() == *key)
        }
        (Revoked::Key(_), Signer::Nobody) => false,
    })
}

/// Why the signature does not fit the bytes. What it claims is nobody's word now, but tells where to look.
fn altered(claims: &Claims, evidence: &Evidence<'_>) -> TrustError {
    if let Err(error) = claims.fit(evidence.manifest)
        && matches!(error, TrustError::Another { .. })
    {
        return error;
    }
    let manifest = super::manifest::section_digest(evidence.component).ok();
    match &claims.manifest {
        Some(claimed) if manifest.as_ref() != Some(claimed) => TrustError::AlteredManifest,
        Some(_) => TrustError::AlteredComponent,
        None => TrustError::Altered,
    }
}

/// Whether the publisher lets its plugins be granted what the configuration grants this one.
pub(super) fn within_bounds(
    trust: &config::Trust,
    signer: &Signer,
    plugin: &config::Plugin,
) -> Result<(), TrustError> {
    let Some((name, publisher)) = signer
        .publisher()
        .and_then(|name| trust.publishers.get_key_value(name))
    else {
        return Ok(());
    };
    if let Some(most) = &publisher.max_grant
        && let Some(over) = plugin.grants.iter().find(|grant| !most.contains(grant))
    {
        return Err(TrustError::OverGranted {
            publisher: name.clone(),
            grant: over.as_str(),
        });
    }
    if let Some(most) = &publisher.max_bindings
        && let Some(over) = plugin
            .backends
            .values()
            .find(|binding| !most.contains(&binding.name))
    {
        return Err(TrustError::OverBound {
            publisher: name.clone(),
            binding: over.name.clone(),
        });
    }
    Ok(())
}

/// What is remembered between checks: the lock file and the versions that were served.
#[derive(Debug)]
pub struct Memory {
    /// `toolward.lock`.
    pub lock: Lock,
    /// The newest versions.
    pub seen: Seen,
}

impl Memory {
    /// Reads both. Neither need be there.
    pub fn open(trust: &config::Trust, state_dir: &Path) -> Result<Self, StateError> {
        Ok(Self {
            lock: Lock::read(&trust.lock_file)?,
            seen: Seen::open(state_dir)?,
        })
    }

    /// Whether these bytes may be served now, as far as what was served before counts.
    pub fn check(&self, signer: &Signer, evidence: &Evidence<'_>) -> Result<(), TrustError> {
        let name = &evidence.manifest.name;
        let digest = hex(&evidence.digest);
        if let Some(locked) = self.lock.get(name)
            && locked.sha256 != digest
        {
            return Err(TrustError::NotLocked {
                plugin: name.clone(),
                locked: locked.version.clone(),
            });
        }
        self.check_version(signer, evidence)
    }

    /// Whether a newer version was served already.
    pub fn check_version(
        &self,
        signer: &Signer,
        evidence: &Evidence<'_>,
    ) -> Result<(), TrustError> {
        let (name, version) = (&evidence.manifest.name, &evidence.manifest.version);
        // An unsigned version is anybody's claim: it neither counts nor is it judged by.
        if *signer != Signer::Nobody
            && let Some(highest) = self.seen.newer_than(name, version, &hex(&evidence.digest))
        {
            return Err(TrustError::Downgrade {
                plugin: name.clone(),
                version: version.clone(),
                highest,
            });
        }
        Ok(())
    }
}
