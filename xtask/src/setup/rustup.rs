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
use crate::project::remove_folder;

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

fn run(work: &Path, arguments: &[&str]) -> Result<(), Failure> {
    let log = work.join("rustup.log");
    process::quiet(Command::new("rustup").args(arguments), &log, LIMIT).map(drop)
}
