//! Plugins under any name and version, keys, and hosts that trust some of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::Deployment;
use serde_json::Value;
use wasmparser::{Parser, Payload};

const SECTION: &str = "toolward:manifest";

/// The component of a packed plugin as the compiler made it, without the manifest that was appended.
pub(crate) fn raw(plugin: &str) -> Vec<u8> {
    let mut component = fs::read(e2e::plugin(plugin)).unwrap();
    let mut found = None;
    for payload in Parser::new(0).parse_all(&component) {
        if let Payload::CustomSection(section) = payload.unwrap()
            && section.name() == SECTION
        {
            found = Some(1 + SECTION.len() + section.data().len());
        }
    }
    let payload = found.expect("a packed plugin has a manifest");
    let mut head = 1;
    let mut rest = payload;
    while rest > 0 {
        head += 1;
        rest >>= 7;
    }
    component.truncate(component.len() - payload - head);
    component
}

/// A plugin's manifest, as small as can be.
pub(crate) fn manifest(name: &str, version: &str) -> String {
    format!("name = \"{name}\"\nversion = \"{version}\"\ndescription = \"Says it back\"\n")
}

/// What a run of the binary came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A folder to make plugins in.
pub(crate) struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the binary in this folder, without a configuration.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(e2e::binary());
        command
            .current_dir(self.folder.path())
            .args(arguments)
            .env_remove("TOOLWARD_CONFIG")
            .env("HOME", self.folder.path())
            .env_remove("XDG_CONFIG_HOME");
        command.output().unwrap().into()
    }

    /// Makes the key pair `NAME.key`, `NAME.pub`; gives the line for the configuration.
    pub(crate) fn key(&self, name: &str) -> String {
        let made = self.run(&["plugin", "keygen", name, "--unencrypted", "--json"]);
        made.succeeded().json()["key"].as_str().unwrap().to_owned()
    }

    /// Packs the echo plugin with this manifest into `FILE`.
    pub(crate) fn pack(&self, file: &str, manifest: &str) -> PathBuf {
        self.pack_component(file, manifest, &raw("echo"))
    }

    pub(crate) fn pack_component(&self, file: &str, manifest: &str, component: &[u8]) -> PathBuf {
        fs::write(self.path("raw.wasm"), component).unwrap();
        fs::write(self.path("plugin.toml"), manifest).unwrap();
        self.run(&["plugin", "pack", "raw.wasm", "--output", file])
            .succeeded();
        self.path(file)
    }

    pub(crate) fn sign(&self, file: &str, key: &str) {
        let key = format!("{key}.key");
        self.run(&["plugin", "sign", file, "--key", &key])
            .succeeded();
    }

    /// A signed plugin.
    pub(crate) fn signed(&self, file: &str, name: &str, version: &str, key: &str) -> PathBuf {
        let plugin = self.pack(file, &manifest(name, version));
        self.sign(file, key);
        plugin
    }
}

/// A deployment with the plugin `shop` at `shop.wasm`, and these tables.
pub(crate) fn shop(tables: &str) -> Deployment {
    Deployment::new(&format!(
        "{tables}\n[plugins.shop]\ncomponent = \"shop.wasm\"\n"
    ))
}

/// The table of a publisher of one plugin with one key.
pub(crate) fn publisher(key: &str, plugin: &str) -> String {
    format!("[publishers.ours]\nkeys = [{{ key = \"{key}\" }}]\nplugins = [\"{plugin}\"]\n")
}

/// Puts a plugin, and its signature if it has one, in the place of `shop`.
pub(crate) fn place(deployment: &Deployment, plugin: &Path) {
    let target = deployment.folder().join("shop.wasm");
    fs::copy(plugin, &target).unwrap();
    let signature = signature(&target);
    let _ = fs::remove_file(&signature);
    if self::signature(plugin).exists() {
        fs::copy(self::signature(plugin), signature).unwrap();
    }
}

pub(crate) fn signature(component: &Path) -> PathBuf {
    let mut path = component.as_os_str().to_owned();
    path.push(".minisig");
    path.into()
}

/// Runs a command with the deployment's configuration.
pub(crate) fn run(deployment: &Deployment, arguments: &[&str]) -> Ran {
    let mut command = Command::new(e2e::binary());
    let command = command
        .current_dir(deployment.folder())
        .args(arguments)
        .arg("--config")
        .arg(deployment.config());
    command.output().unwrap().into()
}

/// Loads everything, and expects that all is served.
#[track_caller]
pub(crate) fn served(deployment: &Deployment) {
    let tools = run(deployment, &["tools", "--json"]);
    assert_eq!(tools.code, 0, "{tools:?}");
    assert!(!tools.json()["tools"].as_array().unwrap().is_empty());
}

/// Loads everything, and expects that `shop` is refused with these words, by the host and by `plugin list`.
#[track_caller]
pub(crate) fn refused(deployment: &Deployment, words: &str) {
    for arguments in [["tools", "--json"], ["plugin", "list"]] {
        let ran = run(deployment, &arguments);
        assert_eq!(ran.code, 4, "{words}: {ran:?}");
        let told = ran.stdout + &ran.stderr;
        assert!(
            told.contains(words),
            "{arguments:?} lack {words:?}:\n{told}"
        );
    }
}
