//! The Rust toolchain in use: its version, its place, and the linker for components that it may lack.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::failure::Failure;
use crate::process;
use crate::project::{Project, environment};

const LINKER: &str = "wasm-component-ld";

/// The toolchain that cargo uses here.
#[derive(Debug)]
pub(super) struct Toolchain {
    /// `rustc 1.95.0 (59807616e 2026-04-14)`.
    pub(super) version: String,
    /// `1.95.0`.
    pub(super) release: String,
    /// `x86_64-unknown-linux-gnu`.
    pub(super) host: String,
    /// The folder that holds `bin` and `lib`.
    pub(super) sysroot: PathBuf,
}

impl Toolchain {
    pub(super) fn in_use() -> Result<Self, Failure> {
        let hint = "install Rust as https://rustup.rs describes";
        let about = process::read(rustc().arg("-vV")).map_err(|failure| failure.with_hint(hint))?;
        let sysroot = process::read(rustc().args(["--print", "sysroot"]))?;
        Self::from_texts(&about, &sysroot).ok_or_else(|| {
            Failure::new("cannot read what rustc says of itself").with_details(about)
        })
    }

    fn from_texts(about: &str, sysroot: &str) -> Option<Self> {
        let field = |name: &str| about.lines().find_map(|line| line.strip_prefix(name));
        Some(Self {
            version: about.lines().next()?.to_owned(),
            release: field("release: ")?.to_owned(),
            host: field("host: ")?.to_owned(),
            sysroot: PathBuf::from(sysroot.trim_end()),
        })
    }

    /// The folder with a folder of libraries for each target.
    pub(super) fn libraries(&self) -> PathBuf {
        self.sysroot.join("lib").join("rustlib")
    }

    /// Where the toolchain keeps the programs that only it runs.
    fn programs(&self) -> PathBuf {
        self.libraries().join(&self.host).join("bin")
    }
}

/// The compiler that cargo uses.
pub(super) fn rustc() -> Command {
    Command::new(environment("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// Makes sure that there is a linker for components. Rust's own toolchains bring it; some that
/// distributions package do not.
pub(super) fn provide_linker(
    project: &Project,
    toolchain: &Toolchain,
    work: &Path,
) -> Result<(), Failure> {
    let file = format!("{LINKER}{}", std::env::consts::EXE_SUFFIX);
    let place = toolchain.programs().join(&file);
    if place.exists() || process::exists(LINKER, "--version") {
        return Ok(());
    }
    eprintln!("setup: the toolchain has no {LINKER}: building it");
    let root = work.join("linker");
    let built = process::quiet(
        project
            .cargo()
            .args(["install", "--locked", LINKER, "--root"])
            .arg(&root),
        &work.join("linker.log"),
        Duration::from_mins(20),
    );
    let hint = format!("run `cargo install {LINKER}`, have it on the PATH, and run this again");
    built.map_err(|failure| failure.with_hint(&hint))?;

    // Copied beside its place and renamed: a linker that is cut short must not be found by the next run.
    let draft = place.with_extension("draft");
    fs::create_dir_all(toolchain.programs())
        .and_then(|()| fs::copy(root.join("bin").join(&file), &draft))
        .and_then(|_| fs::rename(&draft, &place))
        .map_err(|source| Failure::file("install the linker as", &place, &source).with_hint(hint))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Toolchain;

    #[test]
    fn rustc_is_understood() {
        let about = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\n\
            host: x86_64-unknown-linux-gnu\nrelease: 1.95.0\nLLVM version: 22.1.2\n";
        let toolchain = Toolchain::from_texts(about, "/opt/rust\n").unwrap();
        assert_eq!(toolchain.release, "1.95.0");
        assert_eq!(toolchain.host, "x86_64-unknown-linux-gnu");
        assert_eq!(toolchain.sysroot, Path::new("/opt/rust"));
        assert!(Toolchain::from_texts("not rustc", "/").is_none());
    }
}
