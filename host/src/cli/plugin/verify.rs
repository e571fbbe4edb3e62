//! `toolward plugin verify`, and what every command that judges a file shares.

use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Said;
use super::{Global, PluginError, configuration, read};
use crate::config::Config;
use crate::plugin::manifest::{self, Manifest};
use crate::plugin::trust::{self, Evidence, Memory, TrustError};
use crate::plugin::{Signer, hex, read_signature};

/// Check who signed a plugin, and whether this host would take it
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  toolward plugin verify shop.wasm")]
pub(in crate::cli) struct Verify {
    /// The plugin; its signature is beside it, in FILE.minisig
    file: PathBuf,
}

impl Verify {
    pub(super) fn run(&self, global: &Global) -> Result<Said, PluginError> {
        let config = configuration(global)?;
        let candidate = Candidate::read(&self.file)?;
        let memory = Memory::open(&config.trust, &config.runtime.state_dir)?;
        let signer = candidate.signer(&config)?;
        candidate.check_version(&memory, &signer)?;
        let Candidate {
            manifest, digest, ..
        } = &candidate;
        Ok(Said::new(
            format!(
                "{} {} is {}\nsha256:{}",
                manifest.name,
                manifest.version,
                words(&signer),
                hex(digest)
            ),
            json!({
                "name": manifest.name.as_str(),
                "version": manifest.version.to_string(),
                "sha256": hex(digest),
                "signer": signer.to_json(),
            }),
        ))
    }
}

/// A plugin that may be taken: its bytes, in memory, and what stands beside them.
pub(super) struct Candidate {
    /// What messages call it.
    pub(super) label: String,
    pub(super) component: Vec<u8>,
    pub(super) manifest: Manifest,
    pub(super) digest: [u8; 32],
    pub(super) signature: Option<String>,
}

impl Candidate {
    pub(super) fn read(file: &Path) -> Result<Self, PluginError> {
        let signature = read_signature(file).map_err(|source| PluginError::Read {
            path: crate::plugin::signature_path(file),
            source,
        })?;
        Self::of(file.display().to_string(), read(file)?, signature)
    }

    pub(super) fn of(
        label: String,
        component: Vec<u8>,
        signature: Option<String>,
    ) -> Result<Self, PluginError> {
        let manifest = manifest::read(&component).map_err(|source| PluginError::Component {
            path: label.clone().into(),
            source,
        })?;
        Ok(Self {
            digest: Sha256::digest(&component).into(),
            label,
            component,
            manifest,
            signature,
        })
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence {
            component: &self.component,
            manifest: &self.manifest,
            digest: self.digest,
            signature: self.signature.as_deref(),
        }
    }

    fn refused(&self, source: TrustError) -> PluginError {
        PluginError::Trust {
            file: self.label.clone(),
            source: Box::new(source),
        }
    }

    pub(super) fn signer(&self, config: &Config) -> Result<Signer, PluginError> {
        trust::signer(&config.trust, &self.evidence()).map_err(|source| self.refused(source))
    }

    /// Whether it is no older than what was served. What the lock file says is about the file that is in place.
    pub(super) fn check_version(
        &self,
        memory: &Memory,
        signer: &Signer,
    ) -> Result<(), PluginError> {
        memory
            .check_version(signer, &self.evidence())
            .map_err(|source| self.refused(source))
    }
}

/// Who signed it, after «is».
pub(super) fn words(signer: &Signer) -> String {
    match signer {
        Signer::Publisher { name, key } => {
            format!("signed by publisher `{name}` with the key {key}")
        }
        Signer::Nobody => "NOT SIGNED by a known publisher; --allow-unsigned lets it in".to_owned(),
    }
}
