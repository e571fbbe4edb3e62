//! What plugins say has changed: gathered for a moment, looked at once, told to everybody.
//!
//! A plugin may say so a thousand times a second; its lists are asked for at most ten times a second, and each client
//! hears of each list once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Weak;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Host;
use crate::capability::{Change, Changed};
use crate::config::PluginName;

/// How long changes are gathered.
const GATHER: Duration = Duration::from_millis(100);
/// Changes that may wait; more are dropped, and say nothing new.
pub(super) const QUEUE: usize = 256;

/// Gathers until the host is gone.
pub(super) async fn gather(host: Weak<Host>, mut heard: mpsc::Receiver<Change>) {
    while let Some(first) = heard.recv().await {
        tokio::time::sleep(GATHER).await;
        let mut changed: BTreeMap<PluginName, BTreeSet<Changed>> = BTreeMap::new();
        let mut next = Some(first);
        while let Some(Change { plugin, what }) = next {
            changed.entry(plugin).or_default().insert(what);
            next = heard.try_recv().ok();
        }
        let Some(host) = host.upgrade() else { return };
        for (plugin, what) in changed {
            host.look_again(&plugin, what).await;
        }
    }
}
