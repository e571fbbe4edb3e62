//! `toolward:plugin/changes`: a plugin says that what it offers is no longer what it was.
//!
//! What is said leaves as a [`Change`] at once; the receiver coalesces and rate-limits. A full queue drops what is said:
//! whoever floods it has said the same often enough.

use tokio::sync::mpsc;

use super::State;
use super::bindings::imports::changes as wit;
use crate::config::PluginName;

/// Longest URI that is taken, bytes.
const URI_MAX: usize = 2 * 1024;

/// What changed, by whose word.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// Who says so.
    pub plugin: PluginName,
    /// What.
    pub what: Changed,
}

/// What changed.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Changed {
    /// The list of tools.
    Tools,
    /// The list of prompts.
    Prompts,
    /// The list of resources or of templates.
    Resources,
    /// One resource.
    Resource(String),
}

/// Where a plugin's changes go.
pub type Changes = mpsc::Sender<Change>;

impl State {
    fn changed(&self, what: Changed) {
        let plugin = self.plugin.origin.plugin.clone();
        // Full: see above.
        let _ = self.changes.try_send(Change { plugin, what });
    }
}

impl wit::Host for State {
    fn tools_changed(&mut self) -> wasmtime::Result<()> {
        self.changed(Changed::Tools);
        Ok(())
    }

    fn prompts_changed(&mut self) -> wasmtime::Result<()> {
        self.changed(Changed::Prompts);
        Ok(())
    }

    fn resources_changed(&mut self) -> wasmtime::Result<()> {
        self.changed(Changed::Resources);
        Ok(())
    }

    fn resource_updated(&mut self, uri: String) -> wasmtime::Result<()> {
        if uri.len() <= URI_MAX {
            self.changed(Changed::Resource(uri));
        }
        Ok(())
    }
}
