//! Putting a plugin in its place: signature, lock file, component, in this order and all or nothing.
//!
//! The component comes last: a host that reads it then finds the signature and the digest that go with it. If the
//! machine stops in between, the old component is refused with a reason until the command is run again.

use std::fs;
use std::path::{Path, PathBuf};

use super::verify::Candidate;
use super::{PluginError, write};
use crate::config::{Config, PluginName};
use crate::plugin::history::{self, remove_if_there};
use crate::plugin::trust::{Lock, Locked, Memory};
use crate::plugin::{Signer, files, hex, signature_path};

/// Where the plugin of that name is: where the configuration says, else in `plugins` beside it.
pub(super) fn target(config: &Config, name: &PluginName) -> PathBuf {
    let folder = config.trust.lock_file.parent().unwrap_or(Path::new("."));
    config.plugins.get(name).map_or_else(
        || folder.join("plugins").join(format!("{name}.wasm")),
        |plugin| plugin.component.clone(),
    )
}

/// Writes all of it; on a failure what was there before is there again.
pub(super) fn put(
    config: &Config,
    memory: &Memory,
    candidate: &Candidate,
    signer: &Signer,
) -> Result<PathBuf, PluginError> {
    let name = &candidate.manifest.name;
    let component = target(config, name);
    if let Some(folder) = component.parent() {
        fs::create_dir_all(folder).map_err(|source| PluginError::Write {
            path: folder.to_owned(),
            source,
        })?;
    }
    history::store(
        &memory.seen,
        name,
        &candidate.component,
        candidate.signature.as_deref(),
    )
    .map_err(|source| PluginError::Write {
        path: memory.seen.folder().to_owned(),
        source,
    })?;
    let signature = signature_path(&component);
    let before = files::read_if_there(&signature, crate::plugin::trust::signature::MAX_BYTES)
        .map_err(|source| PluginError::Read {
            path: signature.clone(),
            source,
        })?;
    let undo = |error: PluginError| {
        let restored = match &before {
            Some(bytes) => files::write_whole(&signature, bytes, 0o644),
            None => remove_if_there(&signature),
        };
        if let Err(problem) = restored {
            tracing::error!(%problem, "cannot restore the signature that was there before");
        }
        if let Err(problem) = memory.lock.write(&config.trust.lock_file) {
            tracing::error!(%problem, "cannot restore the lock file");
        }
        error
    };
    match &candidate.signature {
        Some(text) => write(&signature, text.as_bytes(), 0o644)?,
        None => remove_if_there(&signature).map_err(|source| PluginError::Write {
            path: signature.clone(),
            source,
        })?,
    }
    let mut lock: Lock = memory.lock.clone();
    lock.set(
        name,
        Some(Locked {
            version: candidate.manifest.version.clone(),
            sha256: hex(&candidate.digest),
            publisher: signer.publisher().map(str::to_owned),
        }),
    );
    lock.write(&config.trust.lock_file)
        .map_err(|error| undo(error.into()))?;
    write(&component, &candidate.component, 0o644).map_err(undo)?;
    Ok(component)
}
