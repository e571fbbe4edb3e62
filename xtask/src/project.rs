//! Where things are: the repository, its target folder, its packages.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::Failure;
use crate::process;

/// The checkout that the commands work on.
#[derive(Debug)]
pub(crate) struct Project {
    /// The repository's root.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
}

/// One package of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
}

impl Project {
    pub(crate) fn find() -> Self {
        // Set by `cargo run`; the value from our own compilation is for a binary that is started directly.
        let xtask = environment("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = xtask.parent().unwrap_or(&xtask).to_path_buf();
        let target = match environment("CARGO_TARGET_DIR") {
            Some(folder) => root.join(folder),
            None => root.join("target"),
        };
        Self { root, target }
    }

    /// Cargo, started at the root.
    pub(crate) fn cargo(&self) -> std::process::Command {
        let mut command = process::cargo();
        command.current_dir(&self.root);
        command
    }

    /// The packages of the workspace, by name.
    pub(crate) fn packages(&self) -> Result<Vec<Package>, Failure> {
        let metadata = self.metadata(&["--no-deps"])?;
        let mut packages: Vec<Package> = list(&metadata, "packages")
            .iter()
            .filter_map(|package| {
                let manifest = Path::new(package["manifest_path"].as_str()?);
                Some(Package {
                    name: package["name"].as_str()?.to_owned(),
                    folder: manifest.parent()?.to_path_buf(),
                })
            })
            .collect();
        packages.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(packages)
    }

    /// What `cargo metadata` says.
    pub(crate) fn metadata(&self, arguments: &[&str]) -> Result<Value, Failure> {
        let text = process::read(
            self.cargo()
                .args(["metadata", "--format-version", "1", "--locked"])
                .args(arguments),
        )?;
        serde_json::from_str(&text)
            .map_err(|source| Failure::new("cannot read what cargo metadata says").because(&source))
    }
}

/// The list at `key`; empty if it is none.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// The only place of xtask that reads a variable by name.
#[expect(
    clippy::disallowed_methods,
    reason = "the rule is the host's: xtask is told by cargo, through the environment, where it is"
)]
pub(crate) fn environment(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// Removes a folder and all in it. Nothing there is fine.
pub(crate) fn remove_folder(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(Failure::file("remove", folder, &source))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|source| Failure::file("make the folder", folder, &source))
}

/// Writes a file whole or not at all: an interruption leaves the old one.
pub(crate) fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    let draft = path.with_extension("draft");
    fs::write(&draft, text)
        .and_then(|()| fs::rename(&draft, path))
        .map_err(|source| Failure::file("write", path, &source))
}
