//! `cargo xtask setup`: provides the `wasm32-wasip2` target that plugins are built for.
//!
//! First choice is `rustup target add`. Where that cannot fetch, on a Debian system, the standard library
//! is built from Debian's source packages (`debian`, `standard_library`).
//!
//! Two things keep interruptions harmless. What we install ourselves appears in the toolchain with one
//! rename; and the stamp in `target/` is written last, after a probe was compiled, linked and found to be a
//! component. Without a stamp that fits, nothing is believed and everything is looked at again.

mod debian;
mod rustup;
mod standard_library;
mod target;
mod toolchain;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::project::{Project, make_folder, remove_folder};
use target::Stamp;
use toolchain::Toolchain;

/// The one target of plugins.
pub(crate) const TARGET: &str = "wasm32-wasip2";

const BY_HAND: &str = "run `rustup target add wasm32-wasip2` where Rust's download server can be reached, or \
    copy the folder lib/rustlib/wasm32-wasip2 from a toolchain of the same version; then run \
    `cargo xtask setup` again";

/// Makes sure that the target is there and works. Quick when it is.
pub(crate) fn ensure(project: &Project) -> Result<(), Failure> {
    let toolchain = Toolchain::in_use()?;
    let stamp = Stamp::of(project);
    if stamp.fits(&toolchain) {
        return Ok(());
    }
    let work = work_folder(project)?;
    if target::is_installed(&toolchain) {
        match target::probe(&toolchain, &work) {
            Ok(()) => {
                eprintln!("setup: {TARGET} is there and works");
                return accept(project, &toolchain, &stamp);
            }
            Err(failure) => eprintln!("setup: {TARGET} is broken: {}", failure.summary()),
        }
    }
    let _lock = lock(&toolchain)?;
    // Whoever held the lock before us may have done the work, here or for another checkout.
    if stamp.fits(&toolchain) {
        return Ok(());
    }
    if target::is_installed(&toolchain) && target::probe(&toolchain, &work).is_ok() {
        return accept(project, &toolchain, &stamp);
    }
    install(project, &toolchain, &stamp)
}

/// Installs the target again, whatever is there.
pub(crate) fn reinstall(project: &Project) -> Result<(), Failure> {
    let toolchain = Toolchain::in_use()?;
    let stamp = Stamp::of(project);
    let _lock = lock(&toolchain)?;
    install(project, &toolchain, &stamp)
}

fn install(project: &Project, toolchain: &Toolchain, stamp: &Stamp) -> Result<(), Failure> {
    stamp.remove()?;
    let work = work_folder(project)?;
    toolchain::provide_linker(project, toolchain, &work)?;

    let mut reasons = Vec::new();
    for (name, provide) in [
        ("rustup", rustup::provide as Provide),
        ("Debian's packages", debian::provide as Provide),
    ] {
        let outcome = provide(toolchain, &work).and_then(|()| target::probe(toolchain, &work));
        match outcome {
            Ok(()) => return accept(project, toolchain, stamp),
            Err(failure) => {
                eprintln!("setup: {name}: {}", failure.summary());
                reasons.push(failure.to_string());
            }
        }
    }
    Err(Failure::new(format!(
        "cannot provide the target {TARGET} for {}",
        toolchain.version
    ))
    .with_details(reasons.join("\n"))
    .with_hint(BY_HAND))
}

/// One way to put the target into the toolchain; the folder is for its work.
type Provide = fn(&Toolchain, &Path) -> Result<(), Failure>;

/// Takes the installed target as good. What was built against another one is removed first: cargo does not
/// notice that the standard library changed, and would link the old half of a program with the new one.
fn accept(project: &Project, toolchain: &Toolchain, stamp: &Stamp) -> Result<(), Failure> {
    let built = project.target.join(TARGET);
    if built.exists() {
        eprintln!("setup: removing what was built against another standard library");
        remove_folder(&built)?;
    }
    stamp.write(toolchain)?;
    eprintln!("setup: {TARGET} is ready for {}", toolchain.version);
    Ok(())
}

fn work_folder(project: &Project) -> Result<PathBuf, Failure> {
    let folder = project.target.join("setup");
    make_folder(&folder)?;
    Ok(folder)
}

/// Keeps a second set-up of the same toolchain waiting, whichever checkout it comes from. The system lets
/// go of the lock when we end, however that happens.
fn lock(toolchain: &Toolchain) -> Result<File, Failure> {
    let path = toolchain.libraries().join(".toolward-setup.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|source| {
            Failure::new(format!(
                "cannot write to the Rust toolchain in `{}`",
                toolchain.sysroot.display()
            ))
            .because(&source)
            .with_hint(format!(
                "run `cargo xtask setup` as the user who owns the toolchain; or {BY_HAND}"
            ))
        })?;
    let locked = match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            eprintln!("setup: another set-up is at work: waiting for it");
            file.lock()
        }
        Err(TryLockError::Error(source)) => Err(source),
    };
    locked.map_err(|source| Failure::file("lock", &path, &source))?;
    Ok(file)
}
