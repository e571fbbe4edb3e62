//! A configuration file, and what it refers to, in a folder that goes away with the test.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use vbr_simulator::{Options, Simulator};

use crate::paths;

/// The options that every deployment starts with. One cache for all: a component is compiled once for all tests.
const HEAD: &str = r#"
[server]
listen = "127.0.0.1:0"

[runtime]
cache-dir = "{cache}"
"#;

/// A folder with a `toolward.toml`.
#[derive(Debug)]
pub struct Deployment {
    folder: TempDir,
}

impl Deployment {
    /// Listens on a port of the system's choice; serves the plugins, credentials and bindings of `tables`.
    #[must_use]
    pub fn new(tables: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let deployment = Self { folder };
        let cache = paths::target().join("e2e-cache");
        let head = HEAD.replace("{cache}", &cache.display().to_string());
        deployment.write("toolward.toml", &format!("{head}{tables}"));
        deployment
    }

    /// The plugin `backup-jobs`, bound to a simulator that was started with its default login.
    #[must_use]
    pub fn backup_jobs(simulator: &Simulator) -> Self {
        let login = Options::default();
        let tables = format!(
            r#"
[credentials.vbr]
kind = "oauth2"
grant = "password"
token-path = "/api/oauth2/token"
username = "file:vbr-user"
password = "file:vbr-password"
headers = {{ x-api-version = "1.2-rev1" }}

[bindings.vbr01]
kind = "vbr"
url = "{url}"
tls = {{ ca-file = "vbr01.pem" }}
credential = "vbr"
allow = ["GET /api/v1/**", "POST /api/v1/jobs/*/*"]
deny = ["* /api/oauth2/**"]

[plugins.backup-jobs]
component = "{component}"
grant = ["http"]
backends = {{ vbr = "vbr01" }}
"#,
            url = simulator.url(),
            component = paths::plugin("backup-jobs").display(),
        );
        let deployment = Self::new(&tables);
        deployment.write("vbr01.pem", simulator.ca_pem());
        deployment.write("vbr-user", &login.user);
        deployment.write("vbr-password", &login.password);
        deployment
    }

    /// Writes a file of the folder. Relative paths in the configuration are found there.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).expect("the folder can be written to");
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("toolward.toml")
    }

    /// The command that serves it over standard input and output.
    #[must_use]
    pub fn stdio_command(&self) -> Vec<String> {
        let config = self.config().display().to_string();
        let binary = paths::binary().display().to_string();
        vec![
            binary,
            "serve".into(),
            "--stdio".into(),
            "--config".into(),
            config,
        ]
    }
}
