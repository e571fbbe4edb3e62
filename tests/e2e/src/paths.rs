//! Where things are. Nothing is built here: `cargo xtask test` builds all of it before the tests run.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The checkout.
#[must_use]
pub fn repository() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    tests
        .and_then(Path::parent)
        .expect("this package is two folders below the root")
}

/// Cargo's target folder, the one that the running test was built into.
#[must_use]
pub fn target() -> PathBuf {
    profile()
        .parent()
        .expect("the profile's folder is in the target folder")
        .to_path_buf()
}

/// The folder of the profile: a test binary is in `deps` below it.
fn profile() -> PathBuf {
    let this = env::current_exe().expect("a running test has a path");
    this.ancestors()
        .nth(2)
        .expect("a test binary is in PROFILE/deps")
        .to_path_buf()
}

/// The host's binary.
#[must_use]
pub fn binary() -> PathBuf {
    let path = profile().join(format!("toolward{}", env::consts::EXE_SUFFIX));
    there(path, "cargo build -p toolward")
}

/// A packed plugin, by the name of its folder in `plugins` or `tests/fixtures`.
#[must_use]
pub fn plugin(folder: &str) -> PathBuf {
    let path = target().join("plugins").join(format!("{folder}.wasm"));
    there(path, "cargo xtask plugins --fixtures")
}

/// The public half of the key that `cargo xtask plugins` signs with.
#[must_use]
pub fn development_key() -> String {
    let path = target().join("plugins").join("development.pub");
    let path = there(path, "cargo xtask plugins --fixtures");
    let text = fs::read_to_string(path).expect("the public key can be read");
    let line = text.lines().nth(1);
    line.expect("a public key is its second line").to_owned()
}

/// Signs a packed plugin with that key. Those of [`plugin`] are signed already.
pub fn sign(plugin: &Path) {
    let key = target().join("plugins").join("development.key");
    let signed = std::process::Command::new(binary())
        .args(["plugin", "sign"])
        .arg(plugin)
        .arg("--key")
        .arg(there(key, "cargo xtask plugins --fixtures"))
        .output()
        .expect("the binary can be started");
    let said = String::from_utf8_lossy(&signed.stderr);
    assert!(signed.status.success(), "{}: {said}", plugin.display());
}

fn there(path: PathBuf, command: &str) -> PathBuf {
    assert!(
        path.exists(),
        "`{}` is missing: run `{command}`",
        path.display()
    );
    path
}

/// The programs that tests use besides Rust.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The interpreter of Node.js.
    pub node: PathBuf,
    /// The folder `node_modules` with the packages.
    pub node_modules: PathBuf,
    /// The interpreter of Python, which finds its packages by itself.
    pub python: PathBuf,
}

impl Tools {
    /// Those that `cargo xtask tools` installed.
    #[must_use]
    pub fn installed() -> Self {
        let file = there(target().join("tools").join("env.json"), "cargo xtask tools");
        let text = fs::read_to_string(&file).expect("env.json can be read");
        let paths: serde_json::Value = serde_json::from_str(&text).expect("env.json is JSON");
        let path = |key: &str| {
            let text = paths[key].as_str();
            PathBuf::from(text.unwrap_or_else(|| panic!("env.json has no `{key}`")))
        };
        Self {
            node: path("node"),
            node_modules: path("node_modules"),
            python: path("python"),
        }
    }
}
