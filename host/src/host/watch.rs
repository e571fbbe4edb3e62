//! Resources that somebody subscribed to: looked at while anybody is, once per tenant, however many are.
//!
//! Each plugin looks for each tenant in a turn of its own: one that takes its time, or whose backend does, holds up nobody
//! else's.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Host, News, list};
use crate::capability::Changed;
use crate::catalog::Catalog;
use crate::config::{PluginName, TenantName};
use crate::plugin::Plugin;
use crate::plugin::wit::values::{Cause, Failure};
use crate::plugin::wit::watch::{Sighting, Watched};

/// A plugin says when it wants to look again; these are the bounds.
const SOONEST: Duration = Duration::from_millis(200);
const LATEST: Duration = Duration::from_mins(10);
/// When a look failed.
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// Resources that may be watched at once: over all clients, and by those of one tenant.
const MAX_WATCHED: usize = 10_000;
const MAX_OF_TENANT: usize = 2_500;
/// Longest version that is remembered, bytes; `wit` promises as much.
const VERSION_MAX: usize = 1024;

/// Every watched resource.
#[derive(Debug, Default)]
pub(super) struct Watching {
    watched: Mutex<HashMap<TenantName, HashMap<String, Entry>>>,
    changed: Notify,
}

#[derive(Debug)]
struct Entry {
    subscribers: usize,
    /// Who looks. `None`: nobody reads it any more; somebody may again.
    plugin: Option<Arc<Plugin>>,
    since: Option<String>,
    /// When to look. None: it is gone, and nobody looks any more.
    due: Option<Instant>,
}

/// A subscription. Dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    tenant: TenantName,
    uri: String,
    watching: Arc<Watching>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut watched = self.watching.lock();
        let Some(own) = watched.get_mut(&self.tenant) else {
            return;
        };
        if let Some(entry) = own.get_mut(&self.uri) {
            entry.subscribers -= 1;
            if entry.subscribers == 0 {
                own.remove(&self.uri);
            }
        }
        if own.is_empty() {
            watched.remove(&self.tenant);
        }
    }
}

/// Who looks, and for whom.
type Looker = (PluginName, TenantName);

/// What is to be looked at in one turn.
struct Turn {
    plugin: Arc<Plugin>,
    tenant: TenantName,
    due: Vec<Watched>,
}

/// What a look saw of one resource.
enum Seen {
    Version { version: String, next: Duration },
    Gone,
    Failed,
}

impl Watching {
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantName, HashMap<String, Entry>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to look at a resource, or goes on. `None`: too many are watched.
    pub(super) fn subscribe(
        self: &Arc<Self>,
        tenant: &TenantName,
        uri: &str,
        plugin: &Arc<Plugin>,
    ) -> Option<Subscription> {
        let mut watched = self.lock();
        let all: usize = watched.values().map(HashMap::len).sum();
        let own = watched.get(tenant);
        let is_new = !own.is_some_and(|own| own.contains_key(uri));
        let is_full = all >= MAX_WATCHED || own.map_or(0, HashMap::len) >= MAX_OF_TENANT;
        if is_new && is_full {
            return None;
        }
        let own = watched.entry(tenant.clone()).or_default();
        let entry = own.entry(uri.to_owned()).or_insert_with(|| Entry {
            subscribers: 0,
            plugin: Some(plugin.clone()),
            since: None,
            due: Some(Instant::now()),
        });
        entry.subscribers += 1;
        // It may be there again.
        entry.due.get_or_insert_with(Instant::now);
        drop(watched);
        self.changed.notify_one();
        Some(Subscription {
            tenant: tenant.clone(),
            uri: uri.to_owned(),
            watching: self.clone(),
        })
    }

    /// The catalog is another one: whoever reads a resource now looks at it from now on, at once. What was seen stays, so
    /// that a change meanwhile is news.
    pub(super) fn moved(&self, catalog: &Catalog) {
        let mut watched = self.lock();
        for (uri, entry) in watched.values_mut().flatten() {
            let reader = catalog.reader(uri);
            let same = match (&entry.plugin, reader) {
                (Some(old), Some(new)) => Arc::ptr_eq(old, new),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if !same {
                entry.plugin = reader.cloned();
                entry.due = Some(Instant::now());
            }
        }
        drop(watched);
        self.changed.notify_one();
    }

    /// The turns that have come, but for those of who still looks; and when the next one comes.
    fn turns<'a>(&self, busy: impl Iterator<Item = &'a Looker>) -> (Vec<Turn>, Option<Instant>) {
        let busy: HashSet<_> = busy.map(|(plugin, tenant)| (plugin, tenant)).collect();
        let now = Instant::now();
        let watched = self.lock();
        let mut turns: HashMap<_, Turn> = HashMap::new();
        let mut next: Option<Instant> = None;
        for (tenant, own) in watched.iter() {
            for (uri, entry) in own {
                let watching = entry.plugin.as_ref().filter(|plugin| plugin.watches());
                let Some(plugin) = watching else {
                    continue;
                };
                let looker = (plugin.name(), tenant);
                let Some(due) = entry.due.filter(|_| !busy.contains(&looker)) else {
                    continue;
                };
                if due > now {
                    next = Some(next.map_or(due, |next| next.min(due)));
                    continue;
                }
                let turn = turns.entry(looker).or_insert_with(|| Turn {
                    plugin: plugin.clone(),
                    tenant: tenant.clone(),
                    due: Vec::new(),
                });
                turn.due.push(Watched {
                    uri: uri.clone(),
                    since: entry.since.clone(),
                });
            }
        }
        (turns.into_values().collect(), next)
    }

    /// Notes what was seen by a plugin; tells whether it is news. What another version saw than the one that looks now is
    /// none, and leaves the new one's turn as it is.
    fn note(&self, plugin: &Arc<Plugin>, tenant: &TenantName, uri: &str, seen: Seen) -> bool {
        let mut watched = self.lock();
        let entry = watched.get_mut(tenant).and_then(|own| own.get_mut(uri));
        let looks = |entry: &&mut Entry| {
            let now = entry.plugin.as_ref();
            now.is_some_and(|now| Arc::ptr_eq(now, plugin))
        };
        let Some(entry) = entry.filter(looks) else {
            return false;
        };
        match seen {
            Seen::Version { version, next } => {
                entry.due = Some(Instant::now() + next.clamp(SOONEST, LATEST));
                let before = entry.since.replace(version);
                before.is_some() && before != entry.since
            }
            // Whoever saw it should see that it is gone.
            Seen::Gone => {
                entry.due = None;
                entry.since.take().is_some()
            }
            Seen::Failed => {
                entry.due = Some(Instant::now() + AFTER_FAILURE);
                false
            }
        }
    }
}

/// Looks until the host, which owns this task, is gone.
pub(super) async fn look(host: Weak<Host>, watching: Arc<Watching>) {
    let mut looks = JoinSet::new();
    // Who looks in each of them.
    let mut busy: HashMap<_, Looker> = HashMap::new();
    loop {
        let (turns, next) = watching.turns(busy.values());
        for turn in turns {
            let looker = (turn.plugin.name().clone(), turn.tenant.clone());
            let look = looks.spawn(take_turn(host.clone(), watching.clone(), turn));
            busy.insert(look.id(), looker);
        }
        let next_turn = async {
            match next {
                Some(next) => tokio::time::sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = next_turn => {}
            () = watching.changed.notified() => {}
            Some(ended) = looks.join_next_with_id() => {
                let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                busy.remove(&id);
            }
        }
    }
}

async fn take_turn(host: Weak<Host>, watching: Arc<Watching>, turn: Turn) {
    let Turn {
        plugin,
        tenant,
        due,
    } = turn;
    let uris: Vec<String> = due.iter().map(|watched| watched.uri.clone()).collect();
    let seen = look_at(&plugin, &tenant, due).await;
    let Some(host) = host.upgrade() else { return };
    for (uri, seen) in uris.into_iter().zip(seen) {
        if watching.note(&plugin, &tenant, &uri, seen) {
            host.tell(News {
                what: Changed::Resource(uri),
                tenant: Some(tenant.clone()),
            });
        }
    }
}

/// One answer for each that was asked for.
async fn look_at(plugin: &Plugin, tenant: &TenantName, due: Vec<Watched>) -> Vec<Seen> {
    let asked = due.len();
    let name = plugin.name();
    let failed = |gone: bool| {
        let seen = move || if gone { Seen::Gone } else { Seen::Failed };
        std::iter::repeat_with(seen).take(asked).collect()
    };
    match plugin
        .look(list::info_for(plugin, tenant.clone()), due)
        .await
    {
        Ok(Ok(seen)) if seen.len() == asked => {
            seen.into_iter().map(|one| seen_one(name, one)).collect()
        }
        Ok(Ok(seen)) => {
            tracing::warn!(plugin = %name, asked, answered = seen.len(), "a plugin did not look at all it was asked to");
            failed(false)
        }
        Ok(Err(failure)) if is_gone(&failure) => failed(true),
        Ok(Err(failure)) => {
            tracing::warn!(plugin = %name, ?failure, "a plugin could not look at its resources");
            failed(false)
        }
        Err(error) => {
            tracing::warn!(%error, "a plugin could not look at its resources");
            failed(false)
        }
    }
}

fn seen_one(plugin: &PluginName, seen: Result<Sighting, Failure>) -> Seen {
    match seen {
        Ok(sighting) if sighting.version.len() > VERSION_MAX => {
            tracing::warn!(%plugin, "a plugin saw a version with more than {VERSION_MAX} bytes");
            Seen::Failed
        }
        Ok(sighting) => Seen::Version {
            version: sighting.version,
            next: Duration::from_millis(u64::from(sighting.next_ms)),
        },
        Err(failure) if is_gone(&failure) => Seen::Gone,
        Err(_) => Seen::Failed,
    }
}

fn is_gone(failure: &Failure) -> bool {
    matches!(failure, Failure::Request(error) if matches!(error.cause, Cause::NotFound))
}
