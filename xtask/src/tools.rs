//! `cargo xtask tools`: installs what the tests use besides Rust, into `target/tools`.
//!
//! `tests/tools` pins all of it, with hashes: `package-lock.json` the JavaScript side (Node.js itself among
//! it: the MCP inspector needs a newer one than most systems have), `requirements.txt` the Python side.
//! `target/tools/env.json` tells the tests where to find what.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::failure::Failure;
use crate::process;
use crate::project::{Project, make_folder, remove_folder, write_file};

const LIMIT: Duration = Duration::from_mins(30);

/// The oldest Node.js that all of the JavaScript tools run on (Prism's is the highest demand).
const NODE: (u32, u32) = (24, 18);

/// The oldest Python that requirements.txt was made for.
const PYTHON: (u32, u32) = (3, 11);

/// Installs the tools. Quick when nothing changed since the last time.
pub(crate) fn install(project: &Project) -> Result<(), Failure> {
    let from = project.root.join("tests").join("tools");
    let folder = project.target.join("tools");
    make_folder(&folder)?;
    let node = JavaScript::new(&from, &folder).install()?;
    let python = Python::new(&from, &folder).install()?;
    // Signatures must be good for the tool that everybody else has, both ways.
    require("minisign", "-v", "minisign")?;
    shells();
    let text = json!({
        "node": node,
        "node_modules": folder.join("npm").join("node_modules"),
        "python": python,
    });
    let file = folder.join("env.json");
    write_file(&file, &format!("{text:#}\n"))?;
    eprintln!("tools: ready ({})", file.display());
    Ok(())
}

/// Shells whose completions are tried where they are installed. Without them only that is not tried.
fn shells() {
    for shell in ["fish", "zsh"] {
        if let Err(failure) = require(shell, "--version", shell) {
            eprintln!("tools: completions for {shell} are not tried: {failure}");
        }
    }
}

/// The packages from npm.
#[derive(Debug)]
struct JavaScript {
    pins: [PathBuf; 2],
    folder: PathBuf,
    stamp: PathBuf,
    log: PathBuf,
}

impl JavaScript {
    fn new(from: &Path, tools: &Path) -> Self {
        Self {
            pins: ["package.json", "package-lock.json"].map(|name| from.join(name)),
            folder: tools.join("npm"),
            stamp: tools.join("npm.stamp"),
            log: tools.join("npm.log"),
        }
    }

    /// Gives the path of Node.js.
    fn install(&self) -> Result<PathBuf, Failure> {
        let pins = read_all(&self.pins)?;
        if let Some(node) = self.node()
            && is_current(&self.stamp, &pins)
        {
            return Ok(node);
        }
        eprintln!("tools: installing the JavaScript tools (about half a minute)");
        self.fetch()?;
        let node = self.node().ok_or_else(|| {
            Failure::new(format!("there is no Node.js {}.{} or newer", NODE.0, NODE.1)).with_hint(
                "tests/tools/package.json has none for this system: install it, and have it on the PATH",
            )
        })?;
        write_file(&self.stamp, &pins)?;
        Ok(node)
    }

    fn fetch(&self) -> Result<(), Failure> {
        require("npm", "--version", "npm")?;
        remove_stamp(&self.stamp)?;
        make_folder(&self.folder)?;
        for pin in &self.pins {
            let copy = self.folder.join(pin.file_name().unwrap_or_default());
            fs::copy(pin, &copy).map_err(|source| Failure::file("copy to", &copy, &source))?;
        }
        // Nothing that we use needs an install script, and a package is not to run code before its turn.
        let mut npm = Command::new("npm");
        npm.current_dir(&self.folder)
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .args(["--include=optional", "--loglevel=error"]);
        process::quiet(&mut npm, &self.log, LIMIT)
            .map(drop)
            .map_err(|failure| {
                failure.with_hint(format!(
                    "run `npm ci --ignore-scripts` in `{}` and see what it says",
                    self.folder.display()
                ))
            })
    }

    /// The Node.js that was installed; else the machine's own, if it is new enough.
    fn node(&self) -> Option<PathBuf> {
        let modules = self.folder.join("node_modules");
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "x64",
            "aarch64" => "arm64",
            other => other,
        };
        let package = format!("node-{}-{architecture}", std::env::consts::OS);
        let installed = modules.join(package).join("bin").join("node");
        if installed.exists() {
            return Some(installed);
        }
        let about = process::read(
            Command::new("node").args(["-p", "`${process.versions.node} ${process.execPath}`"]),
        );
        let about = about.ok()?;
        let (version, path) = about.trim().split_once(' ')?;
        (two_numbers(version)? >= NODE).then(|| PathBuf::from(path))
    }
}

/// The packages from `PyPI`, in a virtual environment.
#[derive(Debug)]
struct Python {
    requirements: PathBuf,
    folder: PathBuf,
    stamp: PathBuf,
    log: PathBuf,
}

impl Python {
    fn new(from: &Path, tools: &Path) -> Self {
        Self {
            requirements: from.join("requirements.txt"),
            folder: tools.join("venv"),
            stamp: tools.join("venv.stamp"),
            log: tools.join("venv.log"),
        }
    }

    /// Gives the path of the environment's Python.
    fn install(&self) -> Result<PathBuf, Failure> {
        let inner = if cfg!(windows) {
            "Scripts/python.exe"
        } else {
            "bin/python"
        };
        let python = self.folder.join(inner);
        let pins = read_all(std::slice::from_ref(&self.requirements))?;
        // The link to the interpreter dangles when the system's Python was replaced.
        if python.exists() && is_current(&self.stamp, &pins) {
            return Ok(python);
        }
        eprintln!("tools: installing the Python tools");
        remove_stamp(&self.stamp)?;
        self.create()?;
        let mut pip = Command::new(&python);
        pip.args([
            "-m",
            "pip",
            "install",
            "--require-hashes",
            "--only-binary=:all:",
        ])
        .args(["--disable-pip-version-check", "--quiet", "--requirement"])
        .arg(&self.requirements);
        process::quiet(&mut pip, &self.log, LIMIT).map_err(|failure| {
            failure.with_hint(format!(
                "run `{} -m pip install -r {}` and see what it says",
                python.display(),
                self.requirements.display()
            ))
        })?;
        write_file(&self.stamp, &pins)?;
        Ok(python)
    }

    fn create(&self) -> Result<(), Failure> {
        let create = |python: &str| {
            remove_folder(&self.folder)?;
            let mut venv = Command::new(python);
            process::quiet(
                venv.args(["-m", "venv"]).arg(&self.folder),
                &self.log,
                LIMIT,
            )
            .map(drop)
        };
        let found = newest_python();
        if let Some(python) = found
            && create(python).is_ok()
        {
            return Ok(());
        }
        // Debian splits the module off.
        let hint = format!(
            "install Python {}.{} or newer with its `venv` module (Debian: `apt-get install python3-venv`)",
            PYTHON.0, PYTHON.1
        );
        install_package("python3-venv").map_err(|failure| failure.with_hint(&hint))?;
        let python = newest_python().ok_or_else(|| {
            Failure::new("there is no Python that is new enough").with_hint(&hint)
        })?;
        create(python).map_err(|failure| failure.with_hint(&hint))
    }
}

/// The first Python that is new enough.
fn newest_python() -> Option<&'static str> {
    let candidates = [
        "python3",
        "python3.14",
        "python3.13",
        "python3.12",
        "python3.11",
    ];
    candidates.into_iter().find(|python| {
        let script = "import sys; print('%d.%d' % sys.version_info[:2])";
        let version = process::read(Command::new(python).args(["-c", script]));
        version.is_ok_and(|text| two_numbers(&text).is_some_and(|version| version >= PYTHON))
    })
}

/// Makes sure that a program is there, from the system's package if it must and can be.
pub(crate) fn require(program: &str, argument: &str, package: &str) -> Result<(), Failure> {
    if process::exists(program, argument) {
        return Ok(());
    }
    let hint = format!("install `{program}` and have it on the PATH");
    install_package(package).map_err(|failure| failure.with_hint(hint))
}

/// Installs a Debian package, when we may.
fn install_package(package: &str) -> Result<(), Failure> {
    let is_root = process::read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root || !process::exists("apt-get", "--version") {
        return Err(Failure::new(format!(
            "`{package}` is missing, and only root on a Debian system could install it here"
        )));
    }
    eprintln!("tools: apt-get install {package}");
    let log = std::env::temp_dir().join(format!("toolward-apt-{}.log", std::process::id()));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(arguments);
        process::quiet(&mut command, &log, LIMIT)
    };
    let outcome = apt(&["update"])
        .and_then(|_| apt(&["install", "--yes", "--no-install-recommends", package]));
    let _ = fs::remove_file(&log);
    outcome.map(drop)
}

/// The texts of the files, one after the other.
fn read_all(paths: &[PathBuf]) -> Result<String, Failure> {
    paths
        .iter()
        .map(|path| fs::read_to_string(path).map_err(|source| Failure::file("read", path, &source)))
        .collect()
}

/// A stamp holds what was installed: the pins themselves.
fn is_current(stamp: &Path, pins: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|text| text == pins)
}

fn remove_stamp(stamp: &Path) -> Result<(), Failure> {
    match fs::remove_file(stamp) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::file("remove", stamp, &source))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Major and minor of a version.
fn two_numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim().split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::two_numbers;

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(two_numbers("24.9.1\n"), Some((24, 9)));
        assert!(two_numbers("3.9") < two_numbers("3.11"));
        assert_eq!(two_numbers("v1"), None);
    }
}
