//! `toolward plugin pack`.

use std::path::PathBuf;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Said;
use super::{PluginError, read, read_text, write};
use crate::plugin::hex;
use crate::plugin::manifest::{self, Manifest};

/// Put a manifest into a component, which makes it a plugin
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  cargo build --release --target wasm32-wasip2
  toolward plugin pack target/wasm32-wasip2/release/hello.wasm -o hello.wasm")]
pub(in crate::cli) struct Pack {
    /// The component, built for wasm32-wasip2
    component: PathBuf,
    /// The manifest
    #[arg(long, value_name = "FILE", default_value = "plugin.toml")]
    manifest: PathBuf,
    /// Where the plugin goes
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

impl Pack {
    pub(super) fn run(&self) -> Result<Said, PluginError> {
        let text = read_text(&self.manifest)?;
        let parsed: Manifest = text.parse().map_err(|problem| PluginError::BadManifest {
            path: self.manifest.clone(),
            problem,
        })?;
        let packed = manifest::pack(&read(&self.component)?, &parsed).map_err(|source| {
            PluginError::Component {
                path: self.component.clone(),
                source,
            }
        })?;
        write(&self.output, &packed, 0o644)?;
        Ok(Said::new(
            format!(
                "{} {} → {} ({} bytes)",
                parsed.name,
                parsed.version,
                self.output.display(),
                packed.len()
            ),
            json!({
                "name": parsed.name.as_str(),
                "version": parsed.version.to_string(),
                "file": self.output,
                "bytes": packed.len(),
                "sha256": hex(&Sha256::digest(&packed)),
            }),
        ))
    }
}
