//! The installed target: is it there, does it work, is it the one that was looked at last.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::TARGET;
use super::toolchain::{Toolchain, rustc};
use crate::failure::Failure;
use crate::process;
use crate::project::{Project, remove_folder, write_file};

/// The first bytes of every component: `\0asm`, version 13, layer 1.
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

const PROBE: &str = "fn main() { println!(\"{:?}\", std::env::args().collect::<Vec<_>>()); }\n";

/// Where the toolchain looks for the target.
pub(super) fn folder(toolchain: &Toolchain) -> PathBuf {
    toolchain.libraries().join(TARGET)
}

/// Is anything there? Whether it works, `probe` tells.
pub(super) fn is_installed(toolchain: &Toolchain) -> bool {
    folder(toolchain).exists()
}

/// Builds a program as plugins are built, link-time optimisation included, and looks at what comes out.
/// A missing or damaged library, C object or linker shows here.
pub(super) fn probe(toolchain: &Toolchain, work: &Path) -> Result<(), Failure> {
    let place = work.join(format!("probe-{}", std::process::id()));
    let outcome = probe_in(&place);
    remove_folder(&place)?;
    outcome.map_err(|failure| {
        failure.with_details(format!(
            "for the target in `{}`",
            folder(toolchain).display()
        ))
    })
}

fn probe_in(place: &Path) -> Result<(), Failure> {
    let source = place.join("probe.rs");
    let component = place.join("probe.wasm");
    fs::create_dir_all(place)
        .and_then(|()| fs::write(&source, PROBE))
        .map_err(|error| Failure::file("write", &source, &error))?;
    process::quiet(
        rustc()
            .arg(&source)
            .args(["--edition", "2024", "--target", TARGET])
            .args(["-Copt-level=1", "-Clto=fat", "-Cpanic=abort", "-o"])
            .arg(&component),
        &place.join("log"),
        Duration::from_mins(5),
    )?;
    let bytes = fs::read(&component).map_err(|error| Failure::file("read", &component, &error))?;
    if bytes.starts_with(&COMPONENT) {
        Ok(())
    } else {
        Err(Failure::new("the linker did not make a component"))
    }
}

/// What this checkout knows of the target: the compiler, where the target came from, and size and time of each
/// of its files. A list rather than a hash of the contents: it is compared at every run, so it must be quick,
/// and it can be read.
#[derive(Debug)]
pub(super) struct Stamp {
    path: PathBuf,
}

impl Stamp {
    pub(super) fn of(project: &Project) -> Self {
        let name = format!("{TARGET}.stamp");
        Self {
            path: project.target.join("setup").join(name),
        }
    }

    /// Is the installed target the one that was accepted?
    pub(super) fn fits(&self, toolchain: &Toolchain) -> bool {
        let (Ok(then), Ok(now)) = (fs::read_to_string(&self.path), describe(toolchain)) else {
            return false;
        };
        then == now
    }

    pub(super) fn remove(&self) -> Result<(), Failure> {
        match fs::remove_file(&self.path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(Failure::file("remove", &self.path, &source))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    pub(super) fn write(&self, toolchain: &Toolchain) -> Result<(), Failure> {
        let text = describe(toolchain)
            .map_err(|source| Failure::file("list", &folder(toolchain), &source))?;
        write_file(&self.path, &text)
    }
}

/// The text of the stamp for what is installed now.
fn describe(toolchain: &Toolchain) -> io::Result<String> {
    let libraries = folder(toolchain).join("lib");
    let mut text = format!("{}\n", toolchain.version);
    let _ = writeln!(text, "{}", libraries.display());
    let origin = folder(toolchain).join(super::standard_library::ORIGIN);
    match fs::read_to_string(origin) {
        Ok(origin) => text.push_str(&origin),
        Err(_) => text.push_str("from Rust's own distribution\n"),
    }
    for place in [libraries.join("self-contained"), libraries] {
        let mut files = Vec::new();
        for entry in fs::read_dir(&place)? {
            let entry = entry?;
            let about = entry.metadata()?;
            if about.is_file() {
                let time = about
                    .modified()?
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                let name = entry.file_name();
                let name = name.to_string_lossy();
                files.push(format!("{} {} {name}\n", about.len(), time.as_nanos()));
            }
        }
        files.sort();
        text.extend(files);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::super::toolchain::Toolchain;
    use super::{Stamp, folder};
    use crate::project::Project;

    /// A toolchain with a target of two files, and a checkout, in a folder of their own.
    fn scene(name: &str) -> (PathBuf, Toolchain, Project) {
        let place = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        let toolchain = Toolchain {
            version: "rustc 1.95.0".into(),
            release: "1.95.0".into(),
            host: "host".into(),
            sysroot: place.join("sysroot"),
        };
        let libraries = folder(&toolchain).join("lib");
        fs::create_dir_all(libraries.join("self-contained")).unwrap();
        fs::create_dir_all(place.join("target/setup")).unwrap();
        fs::write(libraries.join("libstd-1.rlib"), "std").unwrap();
        fs::write(libraries.join("self-contained/libc.a"), "c").unwrap();
        let project = Project {
            root: place.clone(),
            target: place.join("target"),
        };
        (place, toolchain, project)
    }

    #[test]
    fn a_stamp_fits_until_something_changes() {
        let (place, mut toolchain, project) = scene("stamp");
        let stamp = Stamp::of(&project);
        assert!(!stamp.fits(&toolchain), "there is none yet");
        stamp.write(&toolchain).unwrap();
        assert!(stamp.fits(&toolchain));

        toolchain.version = "rustc 1.96.0".into();
        assert!(!stamp.fits(&toolchain), "another compiler");
        toolchain.version = "rustc 1.95.0".into();
        assert!(stamp.fits(&toolchain));

        let library = folder(&toolchain).join("lib/libstd-1.rlib");
        fs::write(&library, "another").unwrap();
        assert!(!stamp.fits(&toolchain), "another library");
        stamp.write(&toolchain).unwrap();
        fs::remove_file(&library).unwrap();
        assert!(!stamp.fits(&toolchain), "a missing library");
        fs::remove_dir_all(place).unwrap();
    }
}
