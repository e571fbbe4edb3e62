//! `toolward plugin sign`.

use std::io::Cursor;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::Said;
use super::key::{self, Password};
use super::{Global, PluginError, read, write};
use crate::plugin::manifest;
use crate::plugin::signature_path;
use crate::plugin::trust::signature::trusted_comment;

/// Sign a plugin: the signature goes beside it, into FILE.minisig
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  toolward plugin sign shop.wasm --key shop.key")]
pub(in crate::cli) struct Sign {
    /// The packed plugin
    file: PathBuf,
    /// The secret key, made by `toolward plugin keygen` or `minisign -G`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    password: Password,
}

impl Sign {
    pub(super) fn run(&self, global: &Global) -> Result<Said, PluginError> {
        let component = read(&self.file)?;
        let unusable = |source| PluginError::Component {
            path: self.file.clone(),
            source,
        };
        let manifest = manifest::read(&component).map_err(unusable)?;
        let manifest_digest = manifest::section_digest(&component).map_err(unusable)?;
        let secret = key::secret(&self.key, &self.password, global.audience())?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let comment = trusted_comment(&manifest, &manifest_digest, now);
        let public = key::public(&secret);
        let signature = minisign::sign(
            public.as_ref(),
            &secret,
            Cursor::new(&component),
            Some(&comment),
            Some("signature of a toolward plugin"),
        )
        .map_err(|error| PluginError::Key {
            path: self.key.clone(),
            problem: error.to_string(),
        })?;
        let output = signature_path(&self.file);
        write(&output, signature.into_string().as_bytes(), 0o644)?;
        Ok(Said::new(
            format!(
                "{} {} is signed: {}",
                manifest.name,
                manifest.version,
                output.display()
            ),
            json!({
                "name": manifest.name.as_str(),
                "version": manifest.version.to_string(),
                "signature": output,
                "trustedComment": comment,
            }),
        ))
    }
}
