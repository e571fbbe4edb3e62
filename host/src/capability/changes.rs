//! `toolward:plugin/changes`: a plugin says that what it offers is no longer what it was.
//!
//! What is said waits until the host takes it, each plugin's apart: one that says the same a thousand times says it once,
//! and whoever says more than there is room for loses what it says itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::State;
use super::bindings::imports::changes as wit;
use crate::config::PluginName;

/// Longest URI that is taken, bytes.
const URI_MAX: usize = 2 * 1024;
/// What one plugin may have said before it is taken.
const MOST: usize = 256;

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

/// What plugins said and the host has not taken.
#[derive(Clone, Debug, Default)]
pub struct Changes(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    said: Mutex<BTreeMap<PluginName, BTreeSet<Changed>>>,
    heard: Notify,
}

impl Changes {
    fn said(&self) -> MutexGuard<'_, BTreeMap<PluginName, BTreeSet<Changed>>> {
        self.0.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, plugin: &PluginName, what: Changed) {
        let mut said = self.said();
        let own = said.entry(plugin.clone()).or_default();
        if own.len() < MOST {
            own.insert(what);
        }
        drop(said);
        self.0.heard.notify_one();
    }

    /// Waits until a plugin says something. For one listener.
    pub async fn heard(&self) {
        self.0.heard.notified().await;
    }

    /// The plugins that said something.
    #[must_use]
    pub fn speakers(&self) -> Vec<PluginName> {
        self.said().keys().cloned().collect()
    }

    /// Takes what a plugin said.
    #[must_use]
    pub fn take(&self, plugin: &PluginName) -> BTreeSet<Changed> {
        self.said().remove(plugin).unwrap_or_default()
    }
}

impl State {
    fn changed(&self, what: Changed) {
        self.changes.say(&self.plugin.origin.plugin, what);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_plugin_leaves_room_for_the_others_and_says_each_thing_once() {
        let changes = Changes::default();
        let (flooder, neighbour): (PluginName, PluginName) =
            ("flooder".parse().unwrap(), "neighbour".parse().unwrap());
        for round in 0..10_000 {
            changes.say(&flooder, Changed::Tools);
            changes.say(&flooder, Changed::Resource(format!("flood://{round}")));
        }
        changes.say(&neighbour, Changed::Tools);
        assert_eq!(changes.speakers(), [flooder.clone(), neighbour.clone()]);
        assert_eq!(changes.take(&neighbour), [Changed::Tools].into());
        let flood = changes.take(&flooder);
        assert_eq!(flood.len(), MOST);
        assert!(flood.contains(&Changed::Tools));
        assert!(changes.speakers().is_empty());
    }
}
