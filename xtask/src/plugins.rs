//! `cargo xtask plugins`: builds the plugins as components and packs each with its manifest.
//!
//! A plugin is a folder in `plugins/`, or in `tests/fixtures/` for those that only tests use, with a
//! `Cargo.toml` and a `plugin.toml`. The result is `target/plugins/FOLDER.wasm`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::failure::Failure;
use crate::process;
use crate::project::{Package, Project, make_folder};
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
    for plugin in &plugins {
        eprintln!("plugins: building {}", plugin.name);
        // One at a time: built together, cargo would join the features that each asks of a shared crate,
        // and a plugin's bytes would depend on what else is built.
        process::show(
            project
                .cargo()
                .args(["build", "--locked", "--quiet", "--target", TARGET])
                .args(["--profile", PROFILE, "--package", &plugin.name]),
        )?;
    }
    pack(project, &plugins)
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
        places.iter().any(|place| Some(place.as_path()) == parent)
            && package.folder.join("plugin.toml").exists()
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
        let size = fs::metadata(&output)
            .map_err(|source| Failure::file("find", &output, &source))?
            .len();
        eprintln!(
            "plugins: {} ({} KiB)",
            output.display(),
            size.div_ceil(1024)
        );
    }
    Ok(())
}

/// Where cargo puts the plugin's component.
fn component(project: &Project, plugin: &Package) -> PathBuf {
    project
        .target
        .join(TARGET)
        .join(PROFILE)
        .join(format!("{}.wasm", plugin.name.replace('-', "_")))
}
