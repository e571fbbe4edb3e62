//! What plugins say has changed: gathered for a moment, looked at once, told to everybody.
//!
//! A plugin may say so a thousand times a second; its lists are asked for at most ten times a second, and each client
//! hears of each list once. Each plugin has its own turn: one that takes its time holds up nobody's changes but its own.

use std::collections::HashMap;
use std::sync::Weak;
use std::time::Duration;

use tokio::task::JoinSet;

use super::Host;
use crate::capability::Changes;
use crate::config::PluginName;

/// How long changes are gathered.
const GATHER: Duration = Duration::from_millis(100);

/// Gathers until the host, which owns this task, is gone.
pub(super) async fn gather(host: Weak<Host>, changes: Changes) {
    let mut turns = JoinSet::new();
    // Whose turn each of them is.
    let mut busy = HashMap::new();
    loop {
        for plugin in changes.speakers() {
            if !busy.values().any(|other| *other == plugin) {
                let turn = turns.spawn(take_turn(host.clone(), changes.clone(), plugin.clone()));
                busy.insert(turn.id(), plugin);
            }
        }
        tokio::select! {
            () = changes.heard() => {}
            Some(ended) = turns.join_next_with_id() => {
                let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                busy.remove(&id);
            }
        }
    }
}

async fn take_turn(host: Weak<Host>, changes: Changes, plugin: PluginName) {
    tokio::time::sleep(GATHER).await;
    let what = changes.take(&plugin);
    if let Some(host) = host.upgrade() {
        host.look_again(&plugin, what).await;
    }
}
