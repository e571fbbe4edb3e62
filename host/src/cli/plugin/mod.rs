//! `toolward plugin …`: a plugin's life, from an empty folder to the one that replaces it. One file per command.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::Global;
use super::failure::Failure;
use super::output::{Audience, Said, json_line, say};
use crate::audit::Unavailable;
use crate::config::PluginName;
use crate::error::Exit;
use crate::host::AuditStartError;
use crate::plugin::manifest::ManifestError;
use crate::plugin::trust::{StateError, TrustError};
use crate::plugin::{COMPONENT_BYTES, files};

mod inspect;
mod install;
mod key;
mod list;
mod new;
mod pack;
mod place;
mod record;
mod remove;
mod rollback;
mod sign;
mod test;
mod trial;
mod verify;

/// Make, sign, check, install and look at plugins
#[derive(Debug, clap::Subcommand)]
pub(super) enum Plugin {
    New(new::New),
    Pack(pack::Pack),
    Test(test::Test),
    Keygen(key::Keygen),
    Sign(sign::Sign),
    Verify(verify::Verify),
    Inspect(inspect::Inspect),
    Install(install::Install),
    /// List the configured plugins: version, signer, and whether each is taken
    ///
    /// Reads every component and checks its signature; compiles and runs nothing.
    #[command(after_long_help = "\
Examples:
  toolward plugin list
  toolward plugin list --json | jq -r '.plugins[] | select(.taken | not) | .name'")]
    List,
    Remove(remove::Remove),
    Rollback(rollback::Rollback),
}

impl Plugin {
    pub(super) fn run(self, global: &Global) -> Result<Said, Failure> {
        let done = match self {
            Self::New(command) => command.run(),
            Self::Pack(command) => command.run(),
            Self::Test(command) => command.run(global),
            Self::Keygen(command) => command.run(global),
            Self::Sign(command) => command.run(global),
            Self::Verify(command) => command.run(global),
            Self::Inspect(command) => command.run(global),
            Self::Install(command) => command.run(global),
            Self::List => list::run(global),
            Self::Remove(command) => command.run(global),
            Self::Rollback(command) => command.run(global),
        };
        done.map_err(|error| match error {
            PluginError::Failed(failure) => *failure,
            error => Failure::of(error.exit(), &error),
        })
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
    #[error(transparent)]
    Audit(#[from] AuditStartError),
    #[error("nothing was done")]
    Unavailable(#[from] Unavailable),
    #[error("it is done, but the audit log does not have it: its disk took no line")]
    Unrecorded,
    #[error("{0}")]
    Usage(String),
    /// In words already.
    #[error("the command failed")]
    Failed(Box<Failure>),
}

impl PluginError {
    fn exit(&self) -> Exit {
        match self {
            Self::Trust { .. } | Self::Component { .. } => Exit::Plugin,
            Self::Usage(_) => Exit::Usage,
            Self::Read { .. }
            | Self::Write { .. }
            | Self::BadManifest { .. }
            | Self::Key { .. }
            | Self::State(_)
            | Self::Plugin { .. }
            | Self::Download { .. }
            | Self::Audit(_)
            | Self::Unavailable(_)
            | Self::Unrecorded
            | Self::Failed(_) => Exit::Failure,
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
    super::config::load(global, &crate::config::Overrides::default())
        .map_err(|failure| PluginError::Failed(Box::new(failure)))
}

/// The configuration of the commands that can do without.
fn configuration_if_there(global: &Global) -> Result<Option<crate::config::Config>, PluginError> {
    super::config::load_if_there(global).map_err(|failure| PluginError::Failed(Box::new(failure)))
}

/// The threads of the commands that wait for others.
fn runtime() -> Result<tokio::runtime::Runtime, PluginError> {
    super::runtime().map_err(|failure| PluginError::Failed(Box::new(failure)))
}

/// A step of a long command, for whoever waits.
fn step(audience: Audience, text: &str) {
    match audience {
        Audience::People => say(text),
        Audience::Programs => say(&json_line(&json!({ "progress": { "message": text } }))),
    }
}
