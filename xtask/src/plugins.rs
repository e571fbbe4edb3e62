//! `cargo xtask plugins`: builds the plugins as components and packs each with its manifest.
//!
//! A plugin is a folder in `plugins/`, or in `tests/fixtures/` for those that only tests use, with a
//! `Cargo.toml` and a `plugin.toml`. The result is `target/plugins/FOLDER.wasm`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::process;
use crate::project::{Package, Project, environment, make_folder};
use crate::setup::TARGET;

/// The cargo profile of plugins, in the root `Cargo.toml`.
const PROFILE: &str = "plugin";

/// Which plugins to build.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Which {
    /// Those in `plugins/`.
    Shipped,
    /// Those in `tests/fixtures/` as well.
    WithFixtures,
}

/// Builds and packs them. The target must be there.
pub(crate) fn build(project: &Project, which: Which) -> Result<(), Failure> {
    let plugins = find(project, which)?;
    let flags = compiler_flags(project);
    for plugin in &plugins {
        eprintln!("plugins: building {}", plugin.name);
        // One at a time: built together, cargo would join the features that each asks of a shared crate,
        // and a plugin's bytes would depend on what else is built.
        process::show(
            project
                .cargo()
                .env("CARGO_ENCODED_RUSTFLAGS", &flags)
                .args(["rustc", "--locked", "--quiet", "--target", TARGET])
                .args(["--profile", PROFILE, "--package", &plugin.name])
                // A library beside the component, which tests use, would keep it from being optimised as a whole.
                .args(["--crate-type", "cdylib"]),
        )?;
    }
    pack(project, &plugins)
}

/// Takes the folders of this machine out of what panics say: a plugin is shipped to strangers, and is to have
/// the same bytes wherever it is built. And has the linker write addresses in as few bytes as they need, which is a tenth
/// of the code; it does that only where nothing describes the code for a debugger.
fn compiler_flags(project: &Project) -> OsString {
    let mut folders = vec![(project.root.clone(), "/toolward")];
    let cargo_home = environment("CARGO_HOME").map(PathBuf::from);
    let home = || env::home_dir().map(|home| home.join(".cargo"));
    if let Some(cargo_home) = cargo_home.or_else(home) {
        // Of several that fit, the compiler takes the last.
        let crates = fs::read_dir(cargo_home.join("registry").join("src"));
        let crates = crates.into_iter().flatten().flatten();
        let crates: Vec<_> = crates.map(|folder| (folder.path(), "/crates")).collect();
        folders.push((cargo_home, "/cargo"));
        folders.extend(crates);
    }
    let mut flags = OsString::from("-Clink-arg=--compress-relocations");
    for (folder, name) in folders {
        // What separates flags in this variable.
        flags.push("\u{1f}--remap-path-prefix=");
        flags.push(folder);
        flags.push("=");
        flags.push(name);
    }
    flags
}

/// The packages that are plugins, those that ship first.
pub(crate) fn find(project: &Project, which: Which) -> Result<Vec<Package>, Failure> {
    let mut places = vec![project.root.join("plugins")];
    if which == Which::WithFixtures {
        places.push(project.root.join("tests").join("fixtures"));
    }
    let mut packages = project.packages()?;
    packages.retain(|package| {
        let parent = package.folder.parent();
        if !places.iter().any(|place| Some(place.as_path()) == parent) {
            return false;
        }
        let has_manifest = package.folder.join("plugin.toml").exists();
        if !has_manifest {
            eprintln!("plugins: {} has no plugin.toml: left out", package.name);
        }
        has_manifest
    });
    Ok(packages)
}

/// Puts each component and its manifest together, with the host's own command.
fn pack(project: &Project, plugins: &[Package]) -> Result<(), Failure> {
    let folder = project.target.join("plugins");
    make_folder(&folder)?;
    eprintln!("plugins: building the host, which packs them");
    process::show(
        project
            .cargo()
            .args(["build", "--locked", "--quiet", "--package", "toolward"]),
    )?;
    let host = project
        .target
        .join("debug")
        .join(format!("toolward{}", std::env::consts::EXE_SUFFIX));
    let key = development_key(&host, &folder)?;
    for plugin in plugins {
        let component = component(project, plugin);
        let name = plugin.folder.file_name().unwrap_or_default();
        let output = folder.join(name).with_extension("wasm");
        process::show(
            Command::new(&host)
                .args(["plugin", "pack"])
                .arg(&component)
                .arg("--manifest")
                .arg(plugin.folder.join("plugin.toml"))
                .arg("--output")
                .arg(&output),
        )?;
        process::show(
            Command::new(&host)
                .args(["plugin", "sign"])
                .arg(&output)
                .arg("--key")
                .arg(&key),
        )?;
    }
    eprintln!(
        "plugins: signed with the key of this target folder; a configuration that trusts it has:\n{}",
        development_publisher(project)?
    );
    Ok(())
}

/// A key that is made here, for this target folder, and means nothing anywhere else. What is run from this checkout (the
/// demo, the tests, the benchmark) names its owner as the publisher `development`.
fn development_key(host: &Path, folder: &Path) -> Result<PathBuf, Failure> {
    let name = folder.join("development");
    let key = name.with_extension("key");
    if !key.exists() {
        process::show(
            Command::new(host)
                .args(["plugin", "keygen", "--unencrypted"])
                .arg(&name),
        )?;
    }
    Ok(key)
}

/// The table that trusts what was built here.
pub(crate) fn development_publisher(project: &Project) -> Result<String, Failure> {
    let path = project.target.join("plugins").join("development.pub");
    let text = fs::read_to_string(&path).map_err(|source| Failure::file("read", &path, &source))?;
    let key = text.lines().nth(1).unwrap_or_default();
    Ok(format!(
        "[publishers.development]\nkeys = [{{ key = \"{key}\" }}]\nplugins = [\"*\"]\n"
    ))
}

/// Where cargo puts the plugin's component.
fn component(project: &Project, plugin: &Package) -> PathBuf {
    project
        .target
        .join(TARGET)
        .join(PROFILE)
        .join(format!("{}.wasm", plugin.name.replace('-', "_")))
}
