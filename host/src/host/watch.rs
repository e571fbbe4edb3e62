//! Resources that somebody subscribed to: looked at while anybody is, once for all who are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Host, list};
use crate::capability::Changed;
use crate::catalog::Catalog;
use crate::plugin::Plugin;
use crate::plugin::wit::watch::Watched;

/// A plugin says when it wants to look again; these are the bounds.
const SOONEST: Duration = Duration::from_millis(200);
const LATEST: Duration = Duration::from_mins(10);
/// When a look failed.
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// Resources that may be watched at once, over all clients.
const MAX_WATCHED: usize = 10_000;

/// Every watched resource, by URI.
#[derive(Debug, Default)]
pub(super) struct Watching {
    watched: Mutex<HashMap<String, Entry>>,
    changed: Notify,
}

#[derive(Debug)]
struct Entry {
    subscribers: usize,
    /// Who looks. `None`: nobody reads it any more; somebody may again.
    plugin: Option<Arc<Plugin>>,
    since: Option<String>,
    due: Instant,
}

/// A subscription. Dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    uri: String,
    watching: Arc<Watching>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut watched = self.watching.lock();
        if let Some(entry) = watched.get_mut(&self.uri) {
            entry.subscribers -= 1;
            if entry.subscribers == 0 {
                watched.remove(&self.uri);
            }
        }
    }
}

impl Watching {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Entry>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to look at a resource, or goes on. `None`: too many are watched.
    pub(super) fn subscribe(
        self: &Arc<Self>,
        uri: &str,
        plugin: &Arc<Plugin>,
    ) -> Option<Subscription> {
        let mut watched = self.lock();
        if watched.len() >= MAX_WATCHED && !watched.contains_key(uri) {
            return None;
        }
        watched
            .entry(uri.to_owned())
            .or_insert_with(|| Entry {
                subscribers: 0,
                plugin: Some(plugin.clone()),
                since: None,
                due: Instant::now(),
            })
            .subscribers += 1;
        drop(watched);
        self.changed.notify_one();
        Some(Subscription {
            uri: uri.to_owned(),
            watching: self.clone(),
        })
    }

    /// The catalog is another one: whoever reads a resource now looks at it from now on, at once. What was seen stays, so
    /// that a change meanwhile is news.
    pub(super) fn moved(&self, catalog: &Catalog) {
        let mut watched = self.lock();
        for (uri, entry) in watched.iter_mut() {
            let reader = catalog.reader(uri);
            let same = match (&entry.plugin, reader) {
                (Some(old), Some(new)) => Arc::ptr_eq(old, new),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if !same {
                entry.plugin = reader.cloned();
                entry.due = Instant::now();
            }
        }
        drop(watched);
        self.changed.notify_one();
    }

    /// One plugin whose turn it is, with its due resources; or when the next turn is.
    fn due(&self) -> Result<(Arc<Plugin>, Vec<Watched>), Option<Instant>> {
        let watched = self.lock();
        let watchable = || {
            watched.iter().filter_map(|(uri, entry)| {
                let plugin = entry.plugin.as_ref().filter(|plugin| plugin.watches())?;
                Some((uri, entry, plugin))
            })
        };
        let now = Instant::now();
        let Some((_, _, plugin)) = watchable().find(|(_, entry, _)| entry.due <= now) else {
            return Err(watchable().map(|(_, entry, _)| entry.due).min());
        };
        let plugin = plugin.clone();
        let due = watchable()
            .filter(|(_, entry, owner)| entry.due <= now && Arc::ptr_eq(owner, &plugin))
            .map(|(uri, entry, _)| Watched {
                uri: uri.clone(),
                since: entry.since.clone(),
            });
        let due = due.collect();
        Ok((plugin, due))
    }

    /// Notes what was seen; tells whether it is news.
    fn note(&self, uri: &str, seen: Option<(String, Duration)>) -> bool {
        let mut watched = self.lock();
        let Some(entry) = watched.get_mut(uri) else {
            return false;
        };
        let Some((version, next)) = seen else {
            entry.due = Instant::now() + AFTER_FAILURE;
            return false;
        };
        entry.due = Instant::now() + next.clamp(SOONEST, LATEST);
        let before = entry.since.replace(version);
        before.is_some() && before != entry.since
    }
}

/// Looks until the host is gone.
pub(super) async fn look(host: Weak<Host>, watching: Arc<Watching>) {
    loop {
        match watching.due() {
            Ok((plugin, due)) => {
                let Some(host) = host.upgrade() else { return };
                look_at(&host, &watching, &plugin, due).await;
            }
            Err(Some(next)) => {
                tokio::select! {
                    () = tokio::time::sleep_until(next) => {}
                    () = watching.changed.notified() => {}
                }
            }
            Err(None) => watching.changed.notified().await,
        }
    }
}

async fn look_at(host: &Host, watching: &Watching, plugin: &Arc<Plugin>, due: Vec<Watched>) {
    let uris: Vec<String> = due.iter().map(|watched| watched.uri.clone()).collect();
    let seen = match plugin.look(list::info(plugin), due).await {
        Ok(Ok(seen)) if seen.len() == uris.len() => seen,
        Ok(Ok(seen)) => {
            tracing::warn!(plugin = %plugin.name(), asked = uris.len(), answered = seen.len(), "a plugin did not look at all it was asked to");
            Vec::new()
        }
        Ok(Err(failure)) => {
            tracing::warn!(plugin = %plugin.name(), ?failure, "a plugin could not look at its resources");
            Vec::new()
        }
        Err(error) => {
            tracing::warn!(%error, "a plugin could not look at its resources");
            Vec::new()
        }
    };
    let mut seen = seen.into_iter();
    for uri in uris {
        let sighting = seen.next().and_then(Result::ok);
        let sighting =
            sighting.map(|one| (one.version, Duration::from_millis(u64::from(one.next_ms))));
        if watching.note(&uri, sighting) {
            host.tell(Changed::Resource(uri));
        }
    }
}
