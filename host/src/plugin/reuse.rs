//! Instances that serve more than one call, for plugins whose operator wants `isolation = "per-principal"`.
//!
//! An instance is kept after a call that ended well, for the next call of the same principal to the same component. It
//! is never handed to another principal, nor to callers without a name, who cannot be told apart. It ends after a number
//! of calls, after some time without one, when its plugin is replaced, and when its place is wanted. After a trap, a
//! limit or a cancelled call it is never kept, because nobody knows what state it is in.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use wasmtime::Store;
use wasmtime::component::Instance;

use super::call::Plugin;
use super::fair::Place;
use crate::capability::{Principal, State};
use crate::config::{Isolation, TenantName};
use crate::telemetry::{Counted, metrics};

/// A live instance. The fields are dropped in this order: the instance goes before the place that stands for it.
pub(super) struct Warm {
    pub(super) store: Store<State>,
    pub(super) instance: Instance,
    /// Calls that it has served.
    pub(super) calls: u32,
    pub(super) _lives: Counted<'static>,
    pub(super) _place: Place,
}

impl std::fmt::Debug for Warm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Warm")
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

/// Which component an instance is of, and whom it serves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Owner {
    plugin: PluginId,
    tenant: TenantName,
    subject: String,
    /// Who comes with fewer rights must not meet what was made with more.
    scopes: Arc<[String]>,
}

/// One load of one plugin, told apart from all others in this process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct PluginId(u64);

impl PluginId {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl Plugin {
    /// Whose instance may serve this principal. `None`: a fresh one only.
    pub(super) fn owner(&self, principal: &Principal) -> Option<Owner> {
        match self.isolation {
            Isolation::Fresh => None,
            Isolation::PerPrincipal { .. } => Some(Owner {
                plugin: self.id,
                tenant: principal.tenant.clone(),
                subject: principal.subject.clone()?,
                scopes: principal.scopes.clone(),
            }),
        }
    }
}

/// Instances that wait for their next call.
#[derive(Debug)]
pub(super) struct Kept {
    idle: Arc<Idle>,
    sweep: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Idle {
    /// In the order in which they were kept.
    all: Mutex<Vec<One>>,
    /// One that ends before all others came.
    sooner: Notify,
}

#[derive(Debug)]
struct One {
    owner: Owner,
    until: Instant,
    warm: Warm,
    _waits: Counted<'static>,
}

impl Idle {
    fn all(&self) -> MutexGuard<'_, Vec<One>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends those whose time is over; gives the time of the next.
    fn sweep(&self, now: Instant) -> Option<Instant> {
        let mut all = self.all();
        let over: Vec<One> = all.extract_if(.., |one| one.until <= now).collect();
        let next = all.iter().map(|one| one.until).min();
        drop(all);
        drop(over);
        next
    }
}

impl Kept {
    /// `io` is the runtime that looks at the time.
    pub(super) fn start(io: &Handle) -> Self {
        let idle = Arc::new(Idle::default());
        let watched = idle.clone();
        let sweep = io.spawn(async move {
            loop {
                let Some(next) = watched.sweep(Instant::now()) else {
                    watched.sooner.notified().await;
                    continue;
                };
                tokio::select! {
                    () = tokio::time::sleep_until(next.into()) => {}
                    () = watched.sooner.notified() => {}
                }
            }
        });
        Self { idle, sweep }
    }

    /// The instance that served this owner last.
    pub(super) fn take(&self, owner: &Owner) -> Option<Warm> {
        let mut all = self.idle.all();
        let now = Instant::now();
        let last = all
            .iter()
            .rposition(|one| one.owner == *owner && one.until > now)?;
        Some(all.remove(last).warm)
    }

    pub(super) fn keep(&self, owner: Owner, warm: Warm, idle: Duration) {
        let one = One {
            owner,
            until: Instant::now() + idle,
            warm,
            _waits: metrics().idle_instance(),
        };
        let mut all = self.idle.all();
        let is_next = all.iter().all(|other| one.until < other.until);
        all.push(one);
        drop(all);
        if is_next {
            self.idle.sooner.notify_one();
        }
    }

    /// Ends the one that has waited longest.
    pub(super) fn give_one_up(&self) {
        let mut all = self.idle.all();
        let oldest = (!all.is_empty()).then(|| all.remove(0));
        drop(all);
        drop(oldest);
    }

    /// Ends all of a plugin that is no longer there.
    pub(super) fn forget(&self, plugin: PluginId) {
        let mut all = self.idle.all();
        let gone: Vec<One> = all
            .extract_if(.., |one| one.owner.plugin == plugin)
            .collect();
        drop(all);
        drop(gone);
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.sweep.abort();
    }
}
