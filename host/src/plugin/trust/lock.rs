//! `toolward.lock`: which bytes were installed. Written by `toolward plugin install`, `remove` and `rollback`, made to be
//! committed beside the configuration; a plugin that is named in it is served from these bytes only.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::StateError;
use crate::config::PluginName;
use crate::plugin::files;

/// Far more than any lock file has.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
const HEAD: &str =
    "# Written by `toolward plugin install`, `remove` and `rollback`. Do not edit.\n\n";

/// The lock file's content.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    #[serde(default)]
    plugins: BTreeMap<String, Locked>,
}

/// An installed plugin.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// Its version.
    pub version: semver::Version,
    /// The digest of the component file, hexadecimal.
    pub sha256: String,
    /// Who signed it; none: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
}

impl Lock {
    /// Reads the file; no file locks nothing.
    pub fn read(path: &Path) -> Result<Self, StateError> {
        let Some(bytes) =
            files::read_if_there(path, MAX_BYTES).map_err(|source| StateError::Read {
                path: path.to_owned(),
                source,
            })?
        else {
            return Ok(Self::default());
        };
        let damaged = |reason: String| StateError::Damaged {
            path: path.to_owned(),
            reason,
        };
        let text = String::from_utf8(bytes).map_err(|error| damaged(error.to_string()))?;
        toml::from_str(&text).map_err(|error| damaged(error.message().to_owned()))
    }

    /// The installed plugin of that name.
    #[must_use]
    pub fn get(&self, plugin: &PluginName) -> Option<&Locked> {
        self.plugins.get(plugin.as_str())
    }

    /// Notes what was installed; `None`: it was removed.
    pub fn set(&mut self, plugin: &PluginName, locked: Option<Locked>) {
        match locked {
            Some(locked) => self.plugins.insert(plugin.to_string(), locked),
            None => self.plugins.remove(plugin.as_str()),
        };
    }

    /// Writes the file whole.
    pub fn write(&self, path: &Path) -> Result<(), StateError> {
        let failed = |source| StateError::Write {
            path: path.to_owned(),
            source,
        };
        let text = toml::to_string(self).map_err(|error| failed(std::io::Error::other(error)))?;
        files::write_whole(path, format!("{HEAD}{text}").as_bytes(), 0o644).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_is_read_back_and_a_damaged_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("toolward.lock");
        assert_eq!(Lock::read(&path).unwrap(), Lock::default());
        let mut lock = Lock::default();
        let locked = Locked {
            version: "1.2.3".parse().unwrap(),
            sha256: "00".repeat(32),
            publisher: Some("shop".to_owned()),
        };
        lock.set(&"shop".parse().unwrap(), Some(locked));
        lock.write(&path).unwrap();
        assert_eq!(Lock::read(&path).unwrap(), lock);
        for text in [
            "plugins = 1",
            "[plugins.shop]\nversion = \"1.2.3\"",
            "x = 1",
            "\u{0}",
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(
                matches!(Lock::read(&path), Err(StateError::Damaged { .. })),
                "{text}"
            );
        }
    }
}
