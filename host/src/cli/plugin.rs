//! `toolward plugin …`.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{fail, print};
use crate::error::Exit;
use crate::plugin::hex;
use crate::plugin::manifest::{self, Manifest, ManifestError};

/// Look at and make plugins
#[derive(Debug, clap::Subcommand)]
pub(super) enum Plugin {
    /// Put a manifest into a component, which makes it a plugin
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
    Inspect {
        /// The plugin
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
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
    pub(super) fn run(self) -> Exit {
        let done = match self {
            Self::Pack {
                component,
                manifest,
                output,
            } => pack(&component, &manifest, &output),
            Self::Inspect { file, json } => inspect(&file, json),
        };
        match done {
            Ok(text) => print(&text),
            Err(error) => fail(Exit::Failure, &error),
        }
    }
}

fn pack(component: &Path, manifest: &Path, output: &Path) -> Result<String, PluginError> {
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
    Ok(format!(
        "{} {} → {} ({} bytes)",
        parsed.name,
        parsed.version,
        output.display(),
        packed.len()
    ))
}

fn inspect(file: &Path, as_json: bool) -> Result<String, PluginError> {
    let bytes = read(file)?;
    let manifest = manifest::read(&bytes).map_err(|source| PluginError::Component {
        path: file.to_owned(),
        source,
    })?;
    let digest = hex(&Sha256::digest(&bytes));
    if as_json {
        return Ok(
            json!({ "manifest": manifest, "sha256": digest, "bytes": bytes.len() }).to_string(),
        );
    }
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
    let _ = writeln!(
        text,
        "{:10} {digest}\n{:10} {}",
        "sha256",
        "bytes",
        bytes.len()
    );
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
    Ok(text)
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
