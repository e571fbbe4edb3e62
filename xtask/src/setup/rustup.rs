//! The first choice: let rustup add the target.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::TARGET;
use super::target;
use super::toolchain::Toolchain;
use crate::failure::Failure;
use crate::process;
use crate::project::{make_folder, remove_folder};

/// Long enough for 25 MB on a slow line, short enough to try another way when nothing comes at all.
const LIMIT: Duration = Duration::from_mins(5);

/// Adds the target to the toolchain in use. What is there already is broken or not wanted: it goes first,
/// since rustup leaves alone what it believes to be installed and refuses to write over what it does not know.
pub(super) fn provide(toolchain: &Toolchain, work: &Path) -> Result<(), Failure> {
    let Some(name) = name(toolchain) else {
        return Err(Failure::new(format!(
            "the toolchain in `{}` is not one of rustup's",
            toolchain.sysroot.display()
        )));
    };
    if lists_the_target(toolchain) {
        restore_missing_files(toolchain)?;
        run(work, &["target", "remove", "--toolchain", &name, TARGET])?;
    }
    remove_folder(&target::folder(toolchain))?;
    eprintln!("setup: rustup target add {TARGET}");
    run(work, &["target", "add", "--toolchain", &name, TARGET])
}

/// Rustup's name for the toolchain, if it manages it: `stable-x86_64-unknown-linux-gnu`.
fn name(toolchain: &Toolchain) -> Option<String> {
    let folder = toolchain.sysroot.parent()?.file_name()?;
    let name = toolchain.sysroot.file_name()?.to_str()?;
    (folder == "toolchains" && process::exists("rustup", "--version")).then(|| name.to_owned())
}

fn lists_the_target(toolchain: &Toolchain) -> bool {
    let components = toolchain.libraries().join("components");
    let component = format!("rust-std-{TARGET}");
    fs::read_to_string(components)
        .is_ok_and(|text| text.lines().any(|line| line.trim() == component))
}

/// Puts an empty file where one is missing: rustup does not remove a target that lacks a file, and would list
/// it, and refuse to add it, for ever.
fn restore_missing_files(toolchain: &Toolchain) -> Result<(), Failure> {
    let manifest = toolchain
        .libraries()
        .join(format!("manifest-rust-std-{TARGET}"));
    let text = fs::read_to_string(&manifest).unwrap_or_default();
    for file in text.lines().filter_map(|line| line.strip_prefix("file:")) {
        let path = toolchain.sysroot.join(file);
        if path.exists() {
            continue;
        }
        if let Some(parent) = path.parent() {
            make_folder(parent)?;
        }
        fs::write(&path, "").map_err(|source| Failure::file("write", &path, &source))?;
    }
    Ok(())
}

fn run(work: &Path, arguments: &[&str]) -> Result<(), Failure> {
    let log = work.join("rustup.log");
    let mut rustup = Command::new("rustup");
    // A backtrace would bury the reason.
    rustup.args(arguments).env("RUST_BACKTRACE", "0");
    process::quiet(&mut rustup, &log, LIMIT).map(drop)
}
