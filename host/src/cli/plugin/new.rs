//! `toolward plugin new`: a project that builds, passes its tests and runs at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::json;

use super::Said;
use super::{PluginError, write};
use crate::config::PluginName;

/// Everything that projects are made of: templates, SDK, interface. `build/facts.rs` gathers it.
const EMBEDDED: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Where the SDK's dependencies are pinned.
const WORKSPACE: &str = include_str!("../../../../Cargo.toml");

/// Make a project for a new plugin
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  toolward plugin new shop
  toolward plugin new shop --language python")]
pub(in crate::cli) struct New {
    /// The plugin's name; its folder gets the same
    name: PluginName,
    /// What to write it in
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    language: Language,
    /// The folder to make [default: NAME]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Language {
    Rust,
    Python,
    Javascript,
}

impl Language {
    fn template(self) -> &'static str {
        match self {
            Self::Rust => "sdk/templates/rust/",
            Self::Python => "sdk/templates/python/",
            Self::Javascript => "sdk/templates/javascript/",
        }
    }
}

impl New {
    pub(super) fn run(&self) -> Result<Said, PluginError> {
        let folder = self
            .folder
            .clone()
            .unwrap_or_else(|| PathBuf::from(self.name.as_str()));
        if folder.exists() {
            return Err(PluginError::Plugin {
                name: self.name.clone(),
                problem: format!("`{}` is there already", folder.display()),
            });
        }
        let files = files(self.language, self.name.as_str());
        for (name, text) in &files {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(|source| PluginError::Write {
                    path: parent.to_owned(),
                    source,
                })?;
            }
            write(&path, text.as_bytes(), 0o644)?;
        }
        Ok(Said::new(
            format!(
                "{} is made: {}\nhint: README.md in it says how to build, test and run it",
                self.name,
                folder.display()
            ),
            json!({
                "name": self.name.as_str(),
                "folder": folder,
                "files": files.keys().collect::<Vec<_>>(),
            }),
        ))
    }
}

/// The files of a project, by path.
fn files(language: Language, name: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for (path, text) in EMBEDDED {
        if let Some(below) = path.strip_prefix(language.template()) {
            files.insert(own_name(below), filled(text, name));
        } else if path.starts_with("sdk/templates/") {
        } else if language == Language::Rust {
            files.insert(format!("vendor/{path}"), (*text).to_owned());
        } else if path.starts_with("wit/") {
            files.insert((*path).to_owned(), (*text).to_owned());
        }
    }
    if let Some(manifest) = files.get_mut("Cargo.toml") {
        manifest.push_str(&workspace());
    }
    files
}

/// Templates whose own names would mean something in the repository end with `.in`.
fn own_name(template: &str) -> String {
    match template.strip_suffix(".in") {
        Some("gitignore") => ".gitignore".to_owned(),
        Some("cargo-config.toml") => ".cargo/config.toml".to_owned(),
        Some(name) => name.to_owned(),
        None => template.to_owned(),
    }
}

fn filled(text: &str, name: &str) -> String {
    let underscored = name.replace('-', "_");
    text.replace("{{name}}", name)
        .replace("{{tool}}", &underscored)
        .replace("{{file}}", &underscored)
}

/// The tables that the SDK's packages inherit from: those of the repository, without what they do not use.
fn workspace() -> String {
    let manifest = |path: &str| {
        let text = EMBEDDED
            .iter()
            .find(|(name, _)| Path::new(name) == Path::new(path));
        text.and_then(|(_, text)| text.parse::<toml::Table>().ok())
            .unwrap_or_default()
    };
    let sdk = [
        manifest("sdk/Cargo.toml"),
        manifest("sdk/macros/Cargo.toml"),
    ];
    let mut root: toml::Table = WORKSPACE.parse().unwrap_or_default();
    let mut workspace = match root.remove("workspace") {
        Some(toml::Value::Table(workspace)) => workspace,
        _ => toml::Table::new(),
    };
    workspace.retain(|key, _| matches!(key, "package" | "dependencies" | "lints"));
    if let Some(toml::Value::Table(dependencies)) = workspace.get_mut("dependencies") {
        dependencies.retain(|name, _| sdk.iter().any(|package| inherits(package, name)));
        for (name, path) in [
            ("toolward-sdk", "vendor/sdk"),
            ("toolward-sdk-macros", "vendor/sdk/macros"),
        ] {
            let mut table = toml::Table::new();
            table.insert("path".to_owned(), path.into());
            dependencies.insert(name.to_owned(), table.into());
        }
    }
    let mut root = toml::Table::new();
    root.insert("workspace".to_owned(), workspace.into());
    root.to_string()
}

/// Whether a package takes this dependency from the workspace, at whatever place.
fn inherits(package: &toml::Table, name: &str) -> bool {
    package.iter().any(|(key, value)| {
        let Some(table) = value.as_table() else {
            return false;
        };
        if key.ends_with("dependencies") && table.contains_key(name) {
            return true;
        }
        inherits(table, name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_a_whole_project() {
        for (language, expected) in [
            (
                Language::Rust,
                [".cargo/config.toml", "src/lib.rs", "vendor/wit/worlds.wit"],
            ),
            (
                Language::Python,
                ["build.py", "plugin.py", "wit/worlds.wit"],
            ),
            (
                Language::Javascript,
                ["build.js", "package.json", "wit/deps/io.wit"],
            ),
        ] {
            let files = files(language, "my-shop");
            for name in expected
                .into_iter()
                .chain([".gitignore", "plugin.toml", "README.md"])
            {
                assert!(files.contains_key(name), "{language:?} lacks {name}");
            }
            for (name, text) in &files {
                assert!(
                    !text.contains("{{name}}") && !text.contains("{{tool}}"),
                    "{name}"
                );
            }
            let manifest: crate::plugin::manifest::Manifest = files["plugin.toml"].parse().unwrap();
            assert_eq!(manifest.name.as_str(), "my-shop");
        }
    }

    #[test]
    fn the_vendored_sdk_has_all_it_inherits() {
        let table: toml::Table = files(Language::Rust, "a")["Cargo.toml"].parse().unwrap();
        let workspace = table["workspace"].as_table().unwrap();
        let dependencies = workspace["dependencies"].as_table().unwrap();
        for name in ["serde", "wit-bindgen", "syn", "toolward-sdk-macros"] {
            assert!(dependencies.contains_key(name), "{name}");
        }
        assert!(!dependencies.contains_key("wasmtime"));
        assert!(workspace["package"]["edition"].is_str());
        assert!(workspace["members"].is_array());
    }
}
