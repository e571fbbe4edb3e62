//! A configuration file, and what it refers to, in a folder that goes away with the test.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use vbr_simulator::{Options, Revision, Simulator};

use crate::paths;

/// The options that every deployment starts with. One cache for all: a component is compiled once for all tests.
const HEAD: &str = r#"
[server]
listen = "127.0.0.1:0"

[runtime]
cache-dir = "{cache}"
state-dir = "state"

[publishers.development]
keys = [{ key = "{key}" }]
plugins = ["*"]
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
        let head = head.replace("{key}", &paths::development_key());
        deployment.write("toolward.toml", &format!("{head}{tables}"));
        deployment
    }

    /// The plugin `backup-jobs`, bound to a simulator that was started with its default login.
    #[must_use]
    pub fn backup_jobs(simulator: &Simulator) -> Self {
        let binding = Binding {
            url: simulator.url(),
            allow: r#"["GET /api/v1/**", "POST /api/v1/jobs/*/*"]"#,
            ..Binding::default()
        };
        binding.deploy(simulator.ca_pem(), &binding.plugin("backup-jobs"))
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

/// The binding `vbr01`, with the login of a simulator's default options. Fill in what matters.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Where it leads.
    pub url: String,
    /// The value of `tls`; empty: none, so the system's roots are asked.
    pub tls: String,
    /// The value of `allow`.
    pub allow: &'static str,
    /// The revision that the login asks for.
    pub revision: Revision,
    /// More lines of the binding.
    pub more: String,
}

impl Default for Binding {
    /// Trusts the certificate that is given to [`Binding::deploy`], and lets everything be read.
    fn default() -> Self {
        Self {
            url: String::new(),
            tls: r#"{ ca-file = "vbr01.pem" }"#.to_owned(),
            allow: r#"["GET /**"]"#,
            revision: Revision::V1_2Rev1,
            more: String::new(),
        }
    }
}

impl Binding {
    /// A plugin's table, with this binding as its backend `vbr`.
    #[must_use]
    pub fn plugin(&self, name: &str) -> String {
        let component = paths::plugin(name);
        format!(
            r#"
[plugins.{name}]
component = "{}"
grant = ["http"]
backends = {{ vbr = "vbr01" }}
"#,
            component.display()
        )
    }

    /// A deployment of the binding and of `tables` beside it.
    #[must_use]
    pub fn deploy(&self, certificate: &str, tables: &str) -> Deployment {
        let tls = match self.tls.as_str() {
            "" => String::new(),
            tls => format!("tls = {tls}"),
        };
        let Self {
            url,
            allow,
            revision,
            more,
            ..
        } = self;
        let deployment = Deployment::new(&format!(
            r#"
[credentials.vbr]
kind = "oauth2"
grant = "password"
token-path = "/api/oauth2/token"
username = "file:vbr-user"
password = "file:vbr-password"
headers = {{ x-api-version = "{revision}" }}

[bindings.vbr01]
kind = "vbr"
url = "{url}"
{tls}
credential = "vbr"
allow = {allow}
{more}
{tables}"#
        ));
        let login = Options::default();
        deployment.write("vbr01.pem", certificate);
        deployment.write("vbr-user", &login.user);
        deployment.write("vbr-password", &login.password);
        deployment
    }
}
