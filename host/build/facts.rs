//! What goes into the host besides its own code: what `toolward --version` tells of a build, and the SDK, the interface and
//! the templates for `toolward plugin new`, so that a project that it makes builds without this repository.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What projects are made of, below the repository.
const PARTS: [&str; 6] = [
    "sdk/Cargo.toml",
    "sdk/macros/Cargo.toml",
    "sdk/macros/src",
    "sdk/src",
    "sdk/templates",
    "wit",
];

/// Tells the compiler, and gathers the files.
pub(crate) fn tell() -> io::Result<()> {
    println!("cargo::rerun-if-changed=../Cargo.lock");
    println!("cargo::rerun-if-changed=../wit");
    println!("cargo::rerun-if-env-changed=TOOLWARD_COMMIT");
    let manifest = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let root = Path::new(&manifest).join("..");
    let facts = [
        ("TARGET", variable("TARGET")),
        ("PROFILE", variable("PROFILE")),
        ("RUSTC", compiler()),
        ("COMMIT", commit(&root)),
        ("WASMTIME", locked(&root, "wasmtime")),
        ("INTERFACE", interface(&root)),
    ];
    for (name, value) in facts {
        let value = value.unwrap_or_else(|| "unknown".to_owned());
        println!("cargo::rustc-env=TOOLWARD_BUILD_{name}={value}");
    }
    embed(&root)
}

/// Writes the list of files that `cli/plugin/new.rs` includes.
fn embed(root: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    for part in PARTS {
        println!("cargo::rerun-if-changed=../{part}");
        collect(&root.join(part), &mut files)?;
    }
    files.sort();
    let mut code = String::from("[\n");
    for file in files {
        let below = file.strip_prefix(root).map_err(io::Error::other)?;
        let absolute = fs::canonicalize(&file)?;
        // As Rust's own texts: quoted.
        let (below, absolute) = (below.to_string_lossy(), absolute.to_string_lossy());
        writeln!(code, "({below:?}, include_str!({absolute:?})),").map_err(io::Error::other)?;
    }
    code.push(']');
    let out = variable("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    fs::write(Path::new(&out).join("embedded.rs"), code)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        // What tools leave behind.
        let left = path
            .file_name()
            .is_some_and(|name| name == "__pycache__" || name == "node_modules");
        if !left {
            collect(&path, files)?;
        }
    }
    Ok(())
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}

/// `rustc 1.95.0`, without its hash and date.
fn compiler() -> Option<String> {
    let text = output(Command::new(variable("RUSTC")?).arg("--version"))?;
    let words: Vec<&str> = text.split(' ').take(2).collect();
    Some(words.join(" "))
}

/// The commit that a release is built from. A development build does not look: it would be built again after each commit.
fn commit(root: &Path) -> Option<String> {
    if let Some(given) = variable("TOOLWARD_COMMIT") {
        return Some(given);
    }
    if variable("PROFILE")? != "release" {
        return None;
    }
    let git = |arguments: &[&str]| output(Command::new("git").current_dir(root).args(arguments));
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo::rerun-if-changed={}", root.join(log).display());
    let commit = git(&["show", "--no-patch", "--format=%h of %cs", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some();
    let changed = if changed { ", with changes" } else { "" };
    Some(format!("{commit}{changed}"))
}

/// The version of a package in the lock file.
fn locked(root: &Path, package: &str) -> Option<String> {
    let lock = fs::read_to_string(root.join("Cargo.lock")).ok()?;
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1)?.strip_prefix("version = \"")?;
    Some(version.trim_end_matches('"').to_owned())
}

/// `toolward:plugin@0.1.0`, as `wit/` says.
fn interface(root: &Path) -> Option<String> {
    let text = fs::read_to_string(root.join("wit").join("package.wit")).ok()?;
    let package = text
        .lines()
        .find_map(|line| line.strip_prefix("package "))?;
    Some(package.trim_end_matches(';').to_owned())
}
