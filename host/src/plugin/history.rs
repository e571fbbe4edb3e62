//! The last versions of each plugin, kept in the state folder for `toolward plugin rollback`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::trust::Seen;
use super::{COMPONENT_BYTES, Plugin, files, manifest, signature_path};
use crate::config::PluginName;

/// How many versions of a plugin are kept.
pub const KEPT: usize = 5;

/// A kept version.
#[derive(Clone, Debug)]
pub struct Version {
    /// The component file; its signature is beside it.
    pub component: PathBuf,
    /// Its version.
    pub version: semver::Version,
    /// The digest of the component, hexadecimal.
    pub digest: String,
    /// When it was kept.
    pub kept: SystemTime,
}

fn folder(seen: &Seen, plugin: &PluginName) -> PathBuf {
    seen.folder().join("history").join(plugin.as_str())
}

/// Keeps what is served. Without it only a rollback is lost, so a failure is told and no more.
pub(super) fn keep(seen: &Seen, plugin: &Plugin) {
    let stored = files::read(&plugin.component, COMPONENT_BYTES).and_then(|component| {
        // It may have been replaced since; then its successor will be kept.
        if super::hex(&Sha256::digest(&component)) == plugin.digest {
            store(seen, plugin.name(), &component, plugin.signature.as_deref())?;
        }
        Ok(())
    });
    if let Err(error) = stored {
        tracing::warn!(%error, plugin = %plugin.name(), "cannot keep this version for a rollback");
    }
}

/// Keeps a component and its signature, and drops the oldest beyond [`KEPT`].
pub fn store(
    seen: &Seen,
    plugin: &PluginName,
    component: &[u8],
    signature: Option<&str>,
) -> io::Result<()> {
    let folder = folder(seen, plugin);
    let path = folder.join(format!("{}.wasm", super::hex(&Sha256::digest(component))));
    if !path.exists() {
        fs::create_dir_all(&folder)?;
        if let Some(signature) = signature {
            files::write_whole(&signature_path(&path), signature.as_bytes(), 0o600)?;
        }
        files::write_whole(&path, component, 0o600)?;
    }
    for old in versions(seen, plugin).iter().skip(KEPT) {
        fs::remove_file(&old.component)?;
        remove_if_there(&signature_path(&old.component))?;
    }
    Ok(())
}

/// The kept versions, the last kept first. What is not one is left out.
#[must_use]
pub fn versions(seen: &Seen, plugin: &PluginName) -> Vec<Version> {
    let entries = fs::read_dir(folder(seen, plugin)).into_iter().flatten();
    let mut versions: Vec<Version> = entries
        .filter_map(|entry| version(&entry.ok()?.path()))
        .collect();
    versions.sort_by_key(|version| std::cmp::Reverse(version.kept));
    versions
}

fn version(path: &Path) -> Option<Version> {
    if path.extension()? != "wasm" {
        return None;
    }
    let component = files::read(path, COMPONENT_BYTES).ok()?;
    let manifest = manifest::read(&component).ok()?;
    Some(Version {
        component: path.to_owned(),
        version: manifest.version,
        digest: super::hex(&Sha256::digest(&component)),
        kept: fs::metadata(path).ok()?.modified().ok()?,
    })
}

/// Removes a file that need not be there.
pub fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
