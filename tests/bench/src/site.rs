//! Where the programs are, and the configurations that the host is started with.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::subject::{Program, Setup, Transport};

/// Tools of the echo plugin, which every host has.
pub(crate) const ECHO_TOOLS: usize = 5;

/// Entries that the cache may have that is kept: two builds of a thousand plugins.
const KEPT: usize = 2_500;

/// Why nothing can be measured here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SiteError {
    /// Something was not built.
    #[error("`{path}` is missing\nhint: cargo xtask bench")]
    Missing { path: PathBuf },
    /// A file or folder cannot be made.
    #[error("cannot prepare the benchmark")]
    Prepare(#[from] io::Error),
    /// The host's own commands do not do what they are for.
    #[error("`toolward {command}` fails: {said}")]
    Command { command: &'static str, said: String },
}

/// Who calls, where the host asks.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// What is sent.
    pub(crate) secret: String,
    /// The table that lets its bearer in.
    pub(crate) table: String,
}

/// What a configuration has besides the echo plugin.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keys<'a> {
    /// Lines of the table `runtime`.
    pub(crate) runtime: &'a str,
    /// Lines of the table `server`.
    pub(crate) server: &'a str,
    /// Lines of the table of the echo plugin.
    pub(crate) echo: &'a str,
    /// More tables.
    pub(crate) tables: &'a str,
    /// Whether what it compiles is kept for the next run of the benchmark.
    pub(crate) keep: bool,
}

/// Where the programs are, and a folder for the host's configurations and cache that goes away afterwards.
#[derive(Debug)]
pub(crate) struct Site {
    this: PathBuf,
    host: PathBuf,
    plugins: PathBuf,
    target: PathBuf,
    folder: TempDir,
    /// More tables for the host, and files that they name, by set-up.
    setups: BTreeMap<Setup, PathBuf>,
}

impl Site {
    /// The host that was built with this binary, in the same profile: it cannot be mistaken for another one.
    pub(crate) fn find() -> Result<Self, SiteError> {
        let this = env::current_exe()?;
        let profile = this.parent().unwrap_or(Path::new(""));
        let target = profile.parent().unwrap_or(Path::new("")).to_path_buf();
        let host = profile.join(format!("toolward{}", env::consts::EXE_SUFFIX));
        let plugins = target.join("plugins");
        let needed = [
            "echo",
            "copy",
            "jobs",
            "many",
            "erratic",
            "hostile",
            "backup-jobs",
            "sessions",
        ];
        let needed = needed.map(|name| component(&plugins, name));
        for path in needed.iter().chain([&host]) {
            if !path.exists() {
                return Err(SiteError::Missing { path: path.clone() });
            }
        }
        let mut site = Self {
            host,
            plugins,
            target,
            folder: tempfile::tempdir()?,
            this,
            setups: BTreeMap::new(),
        };
        site.prepare(Setup::Plain, &Keys::default(), &[])?;
        Ok(site)
    }

    /// Where the report goes.
    pub(crate) fn output(&self) -> PathBuf {
        self.target.join("bench").join("latest.json")
    }

    /// Configures the host in one more way.
    pub(crate) fn prepare(
        &mut self,
        setup: Setup,
        keys: &Keys<'_>,
        files: &[(&str, &str)],
    ) -> Result<(), SiteError> {
        let folder = self.folder.path().join(setup.name());
        fs::create_dir_all(&folder)?;
        for (name, text) in files {
            fs::write(folder.join(name), text)?;
        }
        self.configure(&folder, &self.cache(keys), keys)?;
        self.setups.insert(setup, folder);
        Ok(())
    }

    /// The command. The host finds its compiled cache warm, but for the first time.
    pub(crate) fn command(&self, program: Program, transport: Transport) -> Command {
        let setup = match program {
            Program::Ours(setup) => setup,
            Program::Bare | Program::Rmcp | Program::RmcpHalfThreads | Program::Backend => {
                Setup::Plain
            }
        };
        let nowhere = PathBuf::new();
        let folder = self.setups.get(&setup).unwrap_or(&nowhere);
        self.command_in(folder, program, transport)
    }

    /// The host, for another command than to serve.
    pub(crate) fn host(&self) -> Command {
        Command::new(&self.host)
    }

    /// The host's library in another program, for one of its commands. The host itself compiles for it.
    pub(crate) fn inside(&self, command: &str) -> Result<Command, SiteError> {
        let path = self.profile("bench-inside");
        if !path.exists() {
            return Err(SiteError::Missing { path });
        }
        let mut inside = Command::new(path);
        inside.arg(command).arg("--compiler").arg(&self.host);
        Ok(inside)
    }

    /// A program that was built with this one.
    pub(crate) fn profile(&self, name: &str) -> PathBuf {
        let folder = self.this.parent().unwrap_or(Path::new(""));
        folder.join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// Another of the plugins that were built.
    pub(crate) fn fixture(&self, name: &str) -> Result<PathBuf, SiteError> {
        let path = component(&self.plugins, name);
        if !path.exists() {
            return Err(SiteError::Missing { path });
        }
        Ok(path)
    }

    /// The key that signs what was built here, and means nothing anywhere else.
    pub(crate) fn key(&self) -> PathBuf {
        self.plugins.join("development.key")
    }

    /// The same in a folder that is there.
    pub(crate) fn configure_in(
        &self,
        folder: &Path,
        keys: &Keys<'_>,
    ) -> Result<PathBuf, SiteError> {
        self.configure(folder, &self.cache(keys), keys)?;
        Ok(folder.join("toolward.toml"))
    }

    /// What was compiled for one is compiled for all, and for the next run where there is much of it.
    fn cache(&self, keys: &Keys<'_>) -> PathBuf {
        if keys.keep {
            self.target.join("bench").join("cache")
        } else {
            self.folder.path().join("cache")
        }
    }

    /// Empties the cache that is kept when most of it is of components that are built no more.
    pub(crate) fn tidy(&self) -> io::Result<()> {
        let cache = self.target.join("bench").join("cache");
        let entries = fs::read_dir(&cache).map_or(0, Iterator::count);
        if entries > KEPT {
            fs::remove_dir_all(&cache)?;
        }
        Ok(())
    }

    /// A folder of its own for one start with an empty cache.
    pub(crate) fn cold(&self) -> Result<TempDir, SiteError> {
        let folder = tempfile::tempdir()?;
        let cache = folder.path().join("cache");
        self.configure(folder.path(), &cache, &Keys::default())?;
        Ok(folder)
    }

    /// A folder of its own with more tables, and files that they name.
    pub(crate) fn with(&self, tables: &str, files: &[(&str, &str)]) -> Result<TempDir, SiteError> {
        let folder = self.with_keys(&Keys {
            tables,
            ..Keys::default()
        })?;
        for (name, text) in files {
            fs::write(folder.path().join(name), text)?;
        }
        Ok(folder)
    }

    /// The same with more keys of some tables.
    pub(crate) fn with_keys(&self, keys: &Keys<'_>) -> Result<TempDir, SiteError> {
        let folder = tempfile::tempdir()?;
        self.configure(folder.path(), &self.cache(keys), keys)?;
        Ok(folder)
    }

    /// A plugin's component.
    pub(crate) fn component(&self, plugin: &str) -> String {
        component(&self.plugins, plugin).display().to_string()
    }

    /// The same command with the configuration in `folder`.
    pub(crate) fn command_in(
        &self,
        folder: &Path,
        program: Program,
        transport: Transport,
    ) -> Command {
        if let Program::Ours(_) = program {
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
            (Program::Backend, _) => "backend",
            (Program::RmcpHalfThreads, _) => "rmcp-half-threads",
            (_, Transport::Http) => "rmcp",
            (_, Transport::Stdio) => "rmcp-stdio",
        });
        if program == Program::Backend {
            command.arg("--folder").arg(self.folder.path());
        }
        command
    }

    /// The certificate that the backend has written down when it says where it listens.
    pub(crate) fn certificate(&self) -> io::Result<String> {
        fs::read_to_string(self.folder.path().join(crate::baseline::CERTIFICATE))
    }

    /// A token, made by the host's own command.
    pub(crate) async fn token(&self, name: &str, tenant: &str) -> Result<Token, SiteError> {
        let made = self
            .host()
            .args(["token", "new", name, "--json", "--tenant", tenant])
            .args(["--scope", "tools:call", "--scope", "jobs:read"])
            .output()
            .await?;
        let said: Value = serde_json::from_slice(&made.stdout).unwrap_or_default();
        match (said["token"].as_str(), said["toml"].as_str()) {
            (Some(secret), Some(table)) => Ok(Token {
                secret: secret.to_owned(),
                table: format!("{table}\n"),
            }),
            _ => Err(SiteError::Command {
                command: "token new",
                said: String::from_utf8_lossy(&made.stderr).into_owned(),
            }),
        }
    }

    fn configure(&self, folder: &Path, cache: &Path, keys: &Keys<'_>) -> io::Result<()> {
        let Keys {
            runtime,
            server,
            echo,
            tables,
            keep: _,
        } = keys;
        // Built here, signed with the key of this target folder.
        let key = fs::read_to_string(self.plugins.join("development.pub"))?;
        let key = key.lines().nth(1).unwrap_or_default();
        let config = [
            &toml_table("runtime", "cache-dir", &cache.display().to_string()),
            "state-dir = \"state\"\n",
            runtime,
            "[publishers.development]\n",
            &format!("keys = [{{ key = {key:?} }}]\nplugins = [\"*\"]\n"),
            &toml_table("server", "listen", "127.0.0.1:0"),
            server,
            &toml_table("plugins.echo", "component", &self.component("echo")),
            echo,
            tables,
        ];
        fs::write(folder.join("toolward.toml"), config.concat())
    }
}

fn component(plugins: &Path, name: &str) -> PathBuf {
    plugins.join(format!("{name}.wasm"))
}

/// A table with one string. Rust's escapes of a path are TOML's, too, but for those that no sane path needs.
pub(crate) fn toml_table(table: &str, key: &str, value: &str) -> String {
    format!("[{table}]\n{key} = {value:?}\n")
}
