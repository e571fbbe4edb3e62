//! The newest version of each plugin that was served, durably: an older one is refused, because going back to a version
//! with a known hole is an attack that a good signature does not stop. The operator may go back: `rollback`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::PluginName;
use crate::plugin::files;

const FOLDER: &str = "plugins";
const FILE: &str = "versions.json";
const GUARD: &str = "versions.guard";
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Why what is remembered cannot be used. Without it an older version could pass, so nothing is loaded.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be read.
    #[error("cannot read `{path}`, which says what was installed and served")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write `{path}`, which says what was installed and served")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// It is not what we wrote.
    #[error(
        "`{path}` is damaged: {reason}\nhint: restore it from a backup; to begin anew, delete it"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Somebody else can write there.
    #[error("`{path}` {problem}; old versions could be let in there\nhint: chmod 700 '{path}'")]
    Exposed {
        /// The folder.
        path: PathBuf,
        /// Whose it is, or its mode.
        problem: String,
    },
}

/// The versions that were served.
#[derive(Clone, Debug)]
pub struct Seen {
    folder: PathBuf,
    plugins: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    highest: semver::Version,
    /// The older component that the operator went back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rolled_back_to: Option<String>,
}

impl Seen {
    /// Opens the folder `plugins` of the state folder, made with mode 0700 when it is not there.
    pub fn open(state_dir: &Path) -> Result<Self, StateError> {
        let folder = state_dir.join(FOLDER);
        let failed = |source| StateError::Write {
            path: folder.clone(),
            source,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(failed)?;
        let metadata = fs::symlink_metadata(&folder).map_err(failed)?;
        if let Some(problem) = files::exposed(&metadata) {
            return Err(StateError::Exposed {
                path: folder,
                problem,
            });
        }
        let plugins = read(&folder)?;
        Ok(Self { folder, plugins })
    }

    /// The folder where older versions are kept.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The newest version that was served, if this one is older and not the one that the operator went back to.
    #[must_use]
    pub fn newer_than(
        &self,
        plugin: &PluginName,
        version: &semver::Version,
        digest: &str,
    ) -> Option<semver::Version> {
        let entry = self.plugins.get(plugin.as_str())?;
        let is_older = version.cmp_precedence(&entry.highest).is_lt();
        let is_rollback = entry.rolled_back_to.as_deref() == Some(digest);
        (is_older && !is_rollback).then(|| entry.highest.clone())
    }

    /// Remembers that a version was served. On disk when this returns.
    pub fn note(
        &mut self,
        plugin: &PluginName,
        version: &semver::Version,
    ) -> Result<(), StateError> {
        let known = self.plugins.get(plugin.as_str());
        if known.is_some_and(|entry| {
            let order = version.cmp_precedence(&entry.highest);
            order.is_lt() || (order.is_eq() && entry.rolled_back_to.is_none())
        }) {
            return Ok(());
        }
        self.change(|plugins| {
            let entry = plugins.entry(plugin.to_string()).or_insert_with(|| Entry {
                highest: version.clone(),
                rolled_back_to: None,
            });
            // Another host may have served a newer one meanwhile.
            if version.cmp_precedence(&entry.highest).is_ge() {
                entry.highest = version.clone();
                entry.rolled_back_to = None;
            }
        })
    }

    /// Lets one older component in.
    pub fn roll_back(&mut self, plugin: &PluginName, digest: &str) -> Result<(), StateError> {
        self.change(|plugins| {
            if let Some(entry) = plugins.get_mut(plugin.as_str()) {
                entry.rolled_back_to = Some(digest.to_owned());
            }
        })
    }

    /// One at a time, over all processes.
    fn change(
        &mut self,
        change: impl FnOnce(&mut BTreeMap<String, Entry>),
    ) -> Result<(), StateError> {
        let path = self.folder.join(FILE);
        let failed = |source| StateError::Write {
            path: path.clone(),
            source,
        };
        let guard = fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(self.folder.join(GUARD))
            .map_err(failed)?;
        guard.lock().map_err(failed)?;
        let mut plugins = read(&self.folder)?;
        change(&mut plugins);
        let json = serde_json::to_vec_pretty(&plugins).map_err(|error| failed(error.into()))?;
        files::write_whole(&path, &json, 0o600).map_err(failed)?;
        self.plugins = plugins;
        Ok(())
    }
}

fn read(folder: &Path) -> Result<BTreeMap<String, Entry>, StateError> {
    let path = folder.join(FILE);
    let bytes = files::read_if_there(&path, MAX_BYTES).map_err(|source| StateError::Read {
        path: path.clone(),
        source,
    })?;
    let Some(bytes) = bytes else {
        return Ok(BTreeMap::new());
    };
    serde_json::from_slice(&bytes).map_err(|error| StateError::Damaged {
        path,
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> semver::Version {
        text.parse().unwrap()
    }

    #[test]
    fn older_versions_are_refused_until_the_operator_goes_back() {
        let state = tempfile::tempdir().unwrap();
        let shop: PluginName = "shop".parse().unwrap();
        let mut seen = Seen::open(state.path()).unwrap();
        assert_eq!(seen.newer_than(&shop, &version("0.1.0"), "a"), None);
        seen.note(&shop, &version("1.1.0")).unwrap();

        // As after a restart.
        let mut seen = Seen::open(state.path()).unwrap();
        let older = |seen: &Seen, text: &str, digest: &str| {
            seen.newer_than(&shop, &version(text), digest)
                .map(|highest| highest.to_string())
        };
        assert_eq!(older(&seen, "1.0.0", "a"), Some("1.1.0".to_owned()));
        assert_eq!(older(&seen, "1.1.0-rc.1", "a"), Some("1.1.0".to_owned()));
        assert_eq!(older(&seen, "1.1.0+other", "a"), None);
        assert_eq!(older(&seen, "1.2.0", "a"), None);

        seen.roll_back(&shop, "a").unwrap();
        seen.note(&shop, &version("1.0.0")).unwrap();
        assert_eq!(older(&seen, "1.0.0", "a"), None);
        assert_eq!(older(&seen, "1.0.0", "b"), Some("1.1.0".to_owned()));
        // Forward again: the way back is closed.
        seen.note(&shop, &version("1.1.0")).unwrap();
        assert_eq!(older(&seen, "1.0.0", "a"), Some("1.1.0".to_owned()));
    }

    #[test]
    fn what_cannot_be_relied_on_is_an_error() {
        let state = tempfile::tempdir().unwrap();
        Seen::open(state.path()).unwrap();
        let folder = state.path().join(FOLDER);
        fs::write(folder.join(FILE), "{").unwrap();
        assert!(matches!(
            Seen::open(state.path()),
            Err(StateError::Damaged { .. })
        ));
        fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        assert!(matches!(
            Seen::open(state.path()),
            Err(StateError::Exposed { .. })
        ));
    }
}
