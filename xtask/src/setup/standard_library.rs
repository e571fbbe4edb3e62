//! Builds Rust's standard library for the target from its sources and puts it into the toolchain.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::TARGET;
use super::target;
use super::toolchain::Toolchain;
use crate::failure::Failure;
use crate::process;
use crate::project::{make_folder, remove_folder};

/// The file in the target's folder that says that we made it, and of what.
pub(super) const ORIGIN: &str = "toolward-setup.txt";

/// The empty crate whose build makes cargo build the standard library.
const CRATE: &str = "toolward-empty";

/// Builds the library with the sources where cargo looks for them (see `linked_sources`) and installs it with
/// the C objects in `c_objects`. `origin` says what it is made of.
pub(super) fn install(
    toolchain: &Toolchain,
    work: &Path,
    c_objects: &Path,
    origin: &str,
) -> Result<(), Failure> {
    eprintln!("setup: building Rust's standard library for {TARGET} (about a minute)");
    let libraries = build(toolchain, work)?;

    let staging = toolchain.libraries().join(format!(".{TARGET}.new"));
    remove_folder(&staging)?;
    let fill = || -> Result<(), Failure> {
        let lib = staging.join("lib");
        let objects = lib.join("self-contained");
        make_folder(&objects)?;
        copy_all(&libraries, &lib, |name| {
            has_extension(name, "rlib") && !name.starts_with(&own_library())
        })?;
        copy_all(c_objects, &objects, |name| {
            has_extension(name, "a") || has_extension(name, "o")
        })?;
        let note = staging.join(ORIGIN);
        fs::write(&note, format!("from {origin}\n"))
            .map_err(|source| Failure::file("write", &note, &source))
    };
    fill().and_then(|()| swap(&staging, &target::folder(toolchain)))
}

/// Builds the empty crate; gives the folder with the libraries.
fn build(toolchain: &Toolchain, work: &Path) -> Result<PathBuf, Failure> {
    let place = work.join("standard-library");
    remove_folder(&place)?;
    let source = place.join("src");
    make_folder(&source)?;
    let manifest = format!(
        "[package]\nname = \"{CRATE}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n"
    );
    for (path, text) in [
        (place.join("Cargo.toml"), manifest.as_str()),
        (source.join("lib.rs"), "#![no_std]\n"),
    ] {
        fs::write(&path, text).map_err(|source| Failure::file("write", &path, &source))?;
    }
    // `build-std` is an option for nightly compilers: RUSTC_BOOTSTRAP lets the stable one take it. Without
    // bitcode in the libraries, link-time optimisation of plugins fails.
    // Panics in the library are to name its files, not the folders of this machine.
    let mut flags = OsString::from("-Cembed-bitcode=yes");
    let sources = sources_place(toolchain);
    for folder in [sources.canonicalize().ok(), Some(sources)]
        .into_iter()
        .flatten()
    {
        flags.push("\u{1f}--remap-path-prefix=");
        flags.push(folder);
        flags.push("=/rustc/library");
    }
    let outcome = process::quiet(
        process::cargo()
            .current_dir(&place)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_ENCODED_RUSTFLAGS", flags)
            .env("CARGO_TARGET_DIR", place.join("target"))
            .args(["build", "-Zbuild-std=std,panic_abort", "--release"])
            .args(["--target", TARGET]),
        &work.join("standard-library.log"),
        Duration::from_mins(30),
    );
    outcome.map(|_| {
        place
            .join("target")
            .join(TARGET)
            .join("release")
            .join("deps")
    })
}

/// Puts the finished folder in its place. The old one goes aside first, so that an interruption leaves one
/// that is whole, or none: never a mixture.
fn swap(staging: &Path, place: &Path) -> Result<(), Failure> {
    let aside = place.with_file_name(format!(".{TARGET}.old"));
    remove_folder(&aside)?;
    if place.exists() {
        fs::rename(place, &aside).map_err(|source| Failure::file("replace", place, &source))?;
    }
    fs::rename(staging, place).map_err(|source| Failure::file("install", place, &source))?;
    remove_folder(&aside)
}

fn copy_all(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool) -> Result<(), Failure> {
    let copy = || -> io::Result<usize> {
        let mut copied = 0;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            if name.to_str().is_some_and(&wanted) {
                fs::copy(from.join(&name), to.join(&name))?;
                copied += 1;
            }
        }
        Ok(copied)
    };
    match copy() {
        Ok(0) => Err(Failure::new(format!(
            "nothing to install in `{}`",
            from.display()
        ))),
        Ok(_) => Ok(()),
        Err(source) => Err(Failure::file("copy to the toolchain from", from, &source)),
    }
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|found| found == extension)
}

fn own_library() -> String {
    format!("lib{}-", CRATE.replace('-', "_"))
}

/// The library sources in the place where cargo looks for them; gone again when this is dropped.
///
/// The link does not stay: it points into a build folder that may be removed, and `rustup component add
/// rust-src` refuses to write over something that it did not put there.
#[derive(Debug)]
pub(super) struct LinkedSources {
    link: Option<PathBuf>,
}

/// Where cargo looks for the sources of the standard library.
fn sources_place(toolchain: &Toolchain) -> PathBuf {
    toolchain
        .libraries()
        .join("src")
        .join("rust")
        .join("library")
}

/// Does the toolchain have the sources of its standard library? (The component `rust-src`. A link is one of
/// ours that an interrupted run left.)
pub(super) fn has_sources(toolchain: &Toolchain) -> bool {
    let place = sources_place(toolchain);
    !place.is_symlink() && place.join("std").join("Cargo.toml").exists()
}

/// Links the sources where they are looked for, if there are none.
pub(super) fn link_sources(
    toolchain: &Toolchain,
    sources: &Path,
) -> Result<LinkedSources, Failure> {
    if has_sources(toolchain) {
        return Ok(LinkedSources { link: None });
    }
    let link = sources_place(toolchain);
    let make = || -> io::Result<()> {
        if link.is_symlink() {
            fs::remove_file(&link)?;
        }
        if let Some(parent) = link.parent() {
            fs::create_dir_all(parent)?;
        }
        symlink(sources, &link)
    };
    make().map_err(|source| Failure::file("link the library sources to", &link, &source))?;
    Ok(LinkedSources { link: Some(link) })
}

#[cfg(unix)]
fn symlink(sources: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(sources, link)
}

/// Only Debian needs the link.
#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Drop for LinkedSources {
    fn drop(&mut self) {
        let Some(link) = &self.link else { return };
        // What stays behind does no harm: the next set-up knows a link for its own.
        let _ = fs::remove_file(link);
        for folder in link.ancestors().skip(1).take(2) {
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::swap;

    #[test]
    fn a_finished_folder_takes_the_place_of_the_old_one() {
        let here = std::env::temp_dir().join(format!("xtask-swap-{}", std::process::id()));
        let (staging, place) = (here.join("new"), here.join("place"));
        for folder in [&staging, &place, &here.join(".wasm32-wasip2.old")] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(staging.join("new"), "").unwrap();
        fs::write(place.join("old"), "").unwrap();
        swap(&staging, &place).unwrap();
        assert!(place.join("new").exists());
        assert!(!place.join("old").exists());
        assert!(!here.join(".wasm32-wasip2.old").exists());
        fs::remove_dir_all(here).unwrap();
    }
}
