//! What is measured, and the command that starts it.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;

/// How a client reaches it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Transport {
    Http,
    Stdio,
}

/// Which program it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Program {
    Bare,
    Rmcp,
    /// The host with the echo plugin, a fresh instance for every call.
    Ours,
}

/// One of the things that are measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    /// Its name in the report.
    pub(crate) name: &'static str,
    pub(crate) program: Program,
    pub(crate) transport: Transport,
}

/// The native server that a figure over this transport is divided by.
pub(crate) const fn yardstick(transport: Transport) -> &'static str {
    match transport {
        Transport::Http => "rmcp",
        Transport::Stdio => "rmcp-stdio",
    }
}

/// All whose calls are measured.
pub(crate) const SUBJECTS: [Subject; 5] = [
    Subject {
        name: "bare",
        program: Program::Bare,
        transport: Transport::Http,
    },
    Subject {
        name: yardstick(Transport::Http),
        program: Program::Rmcp,
        transport: Transport::Http,
    },
    Subject {
        name: "ours-fresh",
        program: Program::Ours,
        transport: Transport::Http,
    },
    Subject {
        name: yardstick(Transport::Stdio),
        program: Program::Rmcp,
        transport: Transport::Stdio,
    },
    Subject {
        name: "ours-fresh-stdio",
        program: Program::Ours,
        transport: Transport::Stdio,
    },
];

/// Why nothing can be measured here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SiteError {
    /// Something was not built.
    #[error("`{path}` is missing\nhint: cargo xtask bench")]
    Missing { path: PathBuf },
    /// A file or folder cannot be made.
    #[error("cannot prepare the benchmark")]
    Prepare(#[from] io::Error),
}

/// Where the programs are, and a folder for the host's configuration and cache that goes away afterwards.
#[derive(Debug)]
pub(crate) struct Site {
    this: PathBuf,
    host: PathBuf,
    plugins: PathBuf,
    target: PathBuf,
    folder: TempDir,
}

impl Site {
    /// The host that was built with this binary, in the same profile: it cannot be mistaken for another one.
    pub(crate) fn find() -> Result<Self, SiteError> {
        let this = env::current_exe()?;
        let profile = this.parent().unwrap_or(Path::new(""));
        let target = profile.parent().unwrap_or(Path::new("")).to_path_buf();
        let host = profile.join(format!("toolward{}", env::consts::EXE_SUFFIX));
        let plugins = target.join("plugins");
        let needed = ["echo", "backup-jobs", "sessions"].map(|name| component(&plugins, name));
        for path in needed.iter().chain([&host]) {
            if !path.exists() {
                return Err(SiteError::Missing { path: path.clone() });
            }
        }
        let site = Self {
            host,
            plugins,
            target,
            folder: tempfile::tempdir()?,
            this,
        };
        site.configure(site.folder.path(), "")?;
        Ok(site)
    }

    /// Where the report goes.
    pub(crate) fn output(&self) -> PathBuf {
        self.target.join("bench").join("latest.json")
    }

    /// The command. The host finds its compiled cache warm, but for the first time.
    pub(crate) fn command(&self, program: Program, transport: Transport) -> Command {
        self.command_in(self.folder.path(), program, transport)
    }

    /// The host, for another command than to serve.
    pub(crate) fn host(&self) -> Command {
        Command::new(&self.host)
    }

    /// Its configuration.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("toolward.toml")
    }

    /// Another of the plugins that were built.
    pub(crate) fn fixture(&self, name: &str) -> Result<PathBuf, SiteError> {
        let path = self.target.join("plugins").join(format!("{name}.wasm"));
        if !path.exists() {
            return Err(SiteError::Missing { path });
        }
        Ok(path)
    }

    /// A folder of its own for one start with an empty cache.
    pub(crate) fn cold(&self) -> Result<TempDir, SiteError> {
        let folder = tempfile::tempdir()?;
        self.configure(folder.path(), "")?;
        Ok(folder)
    }

    /// A folder of its own with more tables, and files that they name.
    pub(crate) fn with(&self, tables: &str, files: &[(&str, &str)]) -> Result<TempDir, SiteError> {
        let folder = tempfile::tempdir()?;
        for (name, text) in files {
            fs::write(folder.path().join(name), text)?;
        }
        self.configure(folder.path(), tables)?;
        Ok(folder)
    }

    /// A plugin's component.
    pub(crate) fn component(&self, plugin: &str) -> String {
        component(&self.plugins, plugin).display().to_string()
    }

    /// The same command with the configuration, and so the cache, in `folder`.
    pub(crate) fn command_in(
        &self,
        folder: &Path,
        program: Program,
        transport: Transport,
    ) -> Command {
        if program == Program::Ours {
            let mut command = Command::new(&self.host);
            command.args(["serve", "--config"]);
            command.arg(folder.join("toolward.toml"));
            if transport == Transport::Stdio {
                command.arg("--stdio");
            }
            return command;
        }
        let mut command = Command::new(&self.this);
        command.arg("serve").arg(match (program, transport) {
            (Program::Bare, _) => "bare",
            (_, Transport::Http) => "rmcp",
            (_, Transport::Stdio) => "rmcp-stdio",
        });
        command
    }

    fn configure(&self, folder: &Path, tables: &str) -> io::Result<()> {
        let mut config = toml_table("server", "listen", "127.0.0.1:0");
        let cache = folder.join("cache").display().to_string();
        config += &toml_table("runtime", "cache-dir", &cache);
        config += "state-dir = \"state\"\n";
        // Built here, signed with the key of this target folder.
        let key = fs::read_to_string(self.plugins.join("development.pub"))?;
        let key = key.lines().nth(1).unwrap_or_default();
        let keys = format!("[{{ key = {key:?} }}]");
        config += &[
            "[publishers.development]\nkeys = ",
            &keys,
            "\nplugins = [\"*\"]\n",
        ]
        .concat();
        config += &toml_table("plugins.echo", "component", &self.component("echo"));
        config += tables;
        fs::write(folder.join("toolward.toml"), config)
    }
}

fn component(plugins: &Path, name: &str) -> PathBuf {
    plugins.join(format!("{name}.wasm"))
}

/// A table with one string. Rust's escapes of a path are TOML's, too, but for those that no sane path needs.
pub(crate) fn toml_table(table: &str, key: &str, value: &str) -> String {
    format!("[{table}]\n{key} = {value:?}\n")
}
