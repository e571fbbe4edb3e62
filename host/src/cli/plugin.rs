//! `toolward plugin …`.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::failure::Failure;
use super::output::Said;
use crate::error::Exit;
use crate::plugin::hex;
use crate::plugin::manifest::{self, Manifest, ManifestError};

/// Look at and make plugins
#[derive(Debug, clap::Subcommand)]
pub(super) enum Plugin {
    /// Put a manifest into a component, which makes it a plugin
    #[command(after_long_help = "\
Examples:
  cargo build --release --target wasm32-wasip2
  toolward plugin pack target/wasm32-wasip2/release/hello.wasm -o hello.wasm")]
    Pack {
        /// The component, built for wasm32-wasip2
        component: PathBuf,
        /// The manifest
        #[arg(long, value_name = "FILE", default_value = "plugin.toml")]
        manifest: PathBuf,
        /// Where the plugin goes
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Show what a plugin says of itself
    #[command(after_long_help = "\
Examples:
  toolward plugin inspect backup-jobs.wasm
  toolward plugin inspect backup-jobs.wasm --json | jq -r .sha256")]
    Inspect {
        /// The plugin
        file: PathBuf,
    },
}

#[derive(Debug, thiserror::Error)]
enum PluginError {
    #[error("cannot read `{path}`")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot write `{path}`")]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("`{path}`: {problem}")]
    BadManifest { path: PathBuf, problem: String },
    #[error("`{path}` cannot be used: {source}")]
    Component {
        path: PathBuf,
        source: ManifestError,
    },
}

impl Plugin {
    pub(super) fn run(self) -> Result<Said, Failure> {
        let done = match self {
            Self::Pack {
                component,
                manifest,
                output,
            } => pack(&component, &manifest, &output),
            Self::Inspect { file } => inspect(&file),
        };
        done.map_err(|error| Failure::of(Exit::Failure, &error))
    }
}

fn pack(component: &Path, manifest: &Path, output: &Path) -> Result<Said, PluginError> {
    let text = fs::read_to_string(manifest).map_err(|source| PluginError::Read {
        path: manifest.to_owned(),
        source,
    })?;
    let parsed: Manifest = text.parse().map_err(|problem| PluginError::BadManifest {
        path: manifest.to_owned(),
        problem,
    })?;
    let packed =
        manifest::pack(&read(component)?, &parsed).map_err(|source| PluginError::Component {
            path: component.to_owned(),
            source,
        })?;
    write_whole(output, &packed).map_err(|source| PluginError::Write {
        path: output.to_owned(),
        source,
    })?;
    let text = format!(
        "{} {} → {} ({} bytes)",
        parsed.name,
        parsed.version,
        output.display(),
        packed.len()
    );
    let json = json!({
        "name": parsed.name.as_str(),
        "version": parsed.version.to_string(),
        "file": output.display().to_string(),
        "bytes": packed.len(),
        "sha256": hex(&Sha256::digest(&packed)),
    });
    Ok(Said::new(text, json))
}

fn inspect(file: &Path) -> Result<Said, PluginError> {
    let bytes = read(file)?;
    let manifest = manifest::read(&bytes).map_err(|source| PluginError::Component {
        path: file.to_owned(),
        source,
    })?;
    let digest = hex(&Sha256::digest(&bytes));
    let json = json!({ "manifest": manifest, "sha256": digest, "bytes": bytes.len() });
    let text = about(&manifest, &digest, bytes.len());
    Ok(Said::new(text, json))
}

fn about(manifest: &Manifest, digest: &str, bytes: usize) -> String {
    let mut text = format!(
        "{} {}\n{}\n\n",
        manifest.name, manifest.version, manifest.description
    );
    for (label, value) in [
        ("publisher", &manifest.publisher),
        ("licence", &manifest.licence),
        ("homepage", &manifest.homepage),
    ] {
        if let Some(value) = value {
            let _ = writeln!(text, "{label:10} {value}");
        }
    }
    let _ = writeln!(text, "{:10} {digest}\n{:10} {bytes}", "sha256", "bytes");
    for backend in &manifest.backends {
        let _ = writeln!(
            text,
            "\nasks for the backend `{}`: {}",
            backend.name, backend.purpose
        );
        for request in &backend.requests {
            let _ = writeln!(text, "  {request}");
        }
    }
    text
}

fn read(path: &Path) -> Result<Vec<u8>, PluginError> {
    fs::read(path).map_err(|source| PluginError::Read {
        path: path.to_owned(),
        source,
    })
}

/// Writes beside the target and renames: whoever reads it sees the old file or the whole new one.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .permissions(permissions())
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn permissions() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}
