//! `toolward plugin …`: a plugin's life, from an empty folder to the one that replaces it. One file per command.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Global, fail, print};
use crate::config::PluginName;
use crate::error::{Exit, report};
use crate::plugin::manifest::ManifestError;
use crate::plugin::trust::{StateError, TrustError};
use crate::plugin::{COMPONENT_BYTES, files};

mod inspect;
mod install;
mod key;
mod list;
mod pack;
mod place;
mod remove;
mod rollback;
mod sign;
mod trial;
mod verify;

/// Make, sign, check, install and look at plugins
#[derive(Debug, clap::Subcommand)]
pub(super) enum Plugin {
    /// Put a manifest into a component, which makes it a plugin
    Pack(pack::Pack),
    /// Make a key pair for signing plugins
    Keygen(key::Keygen),
    /// Sign a plugin: the signature goes beside it
    Sign(sign::Sign),
    /// Check who signed a plugin, and whether this host would take it
    Verify(verify::Verify),
    /// Show who signed a plugin, what it offers, what it asks for, and what it would get here
    Inspect(inspect::Inspect),
    /// Check a plugin and put it in its place
    Install(install::Install),
    /// List the configured plugins: version, signer, and whether each is taken
    List(list::List),
    /// Take a plugin out of its place; older versions are kept
    Remove(remove::Remove),
    /// Go back to a version that was served before
    Rollback(rollback::Rollback),
}

impl Plugin {
    pub(super) fn run(self, global: &Global) -> Exit {
        match self {
            Self::Pack(command) => end(command.json, command.run()),
            Self::Keygen(command) => end(command.json, command.run()),
            Self::Sign(command) => end(command.json, command.run()),
            Self::Verify(command) => end(command.json, command.run(global)),
            Self::Inspect(command) => end(command.json, command.run(global)),
            Self::Install(command) => end(command.json, command.run(global)),
            Self::List(command) => end(command.json, list::List::run(global)),
            Self::Remove(command) => end(command.json, command.run(global)),
            Self::Rollback(command) => end(command.json, command.run(global)),
        }
    }
}

/// What a command that did its work says: to people, to programs, and by its exit code.
struct Done {
    text: String,
    json: Value,
    exit: Exit,
}

impl Done {
    fn new(text: impl Into<String>, json: Value) -> Self {
        Self {
            text: text.into(),
            json,
            exit: Exit::Success,
        }
    }
}

/// Prints the outcome; with `--json` a failure too is one JSON object on standard output.
fn end(json: bool, done: Result<Done, PluginError>) -> Exit {
    match done {
        Ok(done) => {
            let printed = if json {
                print(&done.json.to_string())
            } else {
                print(&done.text)
            };
            if printed == Exit::Success {
                done.exit
            } else {
                printed
            }
        }
        // What is wrong with the configuration was shown.
        Err(PluginError::Told(exit)) => exit,
        Err(error) => {
            if json {
                print(&serde_json::json!({ "error": report(&error) }).to_string());
            }
            fail(error.exit(), &error)
        }
    }
}

/// Why a command about plugins did not do its work.
#[derive(Debug, thiserror::Error)]
enum PluginError {
    #[error("cannot read `{path}`")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot write `{path}`")]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("`{path}`: {problem}")]
    BadManifest { path: PathBuf, problem: String },
    #[error("`{path}` cannot be used: {source}")]
    Component {
        path: PathBuf,
        source: ManifestError,
    },
    #[error("`{path}`: {problem}")]
    Key { path: PathBuf, problem: String },
    #[error("`{file}` is not taken: {source}")]
    Trust {
        file: String,
        source: Box<TrustError>,
    },
    #[error(transparent)]
    State(#[from] StateError),
    #[error("plugin `{name}`: {problem}")]
    Plugin { name: PluginName, problem: String },
    #[error("cannot get `{url}`: {problem}")]
    Download { url: String, problem: String },
    #[error("{0}")]
    Usage(String),
    /// Printed already.
    #[error("the command failed")]
    Told(Exit),
}

impl PluginError {
    fn exit(&self) -> Exit {
        match self {
            Self::Trust { .. } | Self::Component { .. } => Exit::Plugin,
            Self::Usage(_) => Exit::Usage,
            Self::Told(exit) => *exit,
            Self::Read { .. }
            | Self::Write { .. }
            | Self::BadManifest { .. }
            | Self::Key { .. }
            | Self::State(_)
            | Self::Plugin { .. }
            | Self::Download { .. } => Exit::Failure,
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PluginError> {
    files::read(path, COMPONENT_BYTES).map_err(|source| PluginError::Read {
        path: path.to_owned(),
        source,
    })
}

fn read_text(path: &Path) -> Result<String, PluginError> {
    fs::read_to_string(path).map_err(|source| PluginError::Read {
        path: path.to_owned(),
        source,
    })
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), PluginError> {
    files::write_whole(path, bytes, mode).map_err(|source| PluginError::Write {
        path: path.to_owned(),
        source,
    })
}

/// The configuration of the commands that need one.
fn configuration(global: &Global) -> Result<crate::config::Config, PluginError> {
    super::config::load(global, &crate::config::Overrides::default()).map_err(PluginError::Told)
}

/// The configuration of the commands that can do without.
fn configuration_if_there(global: &Global) -> Result<Option<crate::config::Config>, PluginError> {
    super::config::load_if_there(global).map_err(PluginError::Told)
}

/// A step of a long command, for whoever waits.
fn step(text: &str) {
    eprintln!("{text}");
}
