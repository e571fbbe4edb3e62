//! One call in a fresh instance: admitted, bounded, and gone afterwards.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use wasmtime::component::{Instance, InstancePre, Resource};
use wasmtime::{Store, UpdateDeadline};

use super::cpu::{Meter, Metered};
use super::engine::Engine;
use super::load::Checked;
use super::manifest::Manifest;
use super::offers::Exports;
use super::trust::{self, Signer};
use crate::audit::{Audit, Event, Kind, Trail};
use crate::capability::{CallInfo, Context, PluginFacts, State, Stderr};
use crate::config::{self, Binding, Grant, Limits, PluginName};
use crate::telemetry::metrics;

/// A loaded plugin. Cheap to share; every call gets an instance of its own.
pub struct Plugin {
    /// What it says of itself.
    pub manifest: Manifest,
    /// SHA-256 of the component file, hexadecimal.
    pub digest: String,
    /// Who vouches for it.
    pub signer: Signer,
    /// The text of its signature file.
    pub(super) signature: Option<String>,
    /// Where it was read from.
    pub(super) component: std::path::PathBuf,
    pub(super) facts: Arc<PluginFacts>,
    pub(super) engine: Arc<Engine>,
    pub(super) pre: InstancePre<State>,
    pub(super) exports: Exports,
    /// `jobs.formats`, asked once.
    pub(super) formats: OnceCell<Vec<u32>>,
    pub(super) grants: Vec<Grant>,
    pub(super) visit_urls: Vec<url::Url>,
    /// This plugin's calls at once.
    pub(super) slots: Arc<Semaphore>,
    /// When its last calls are stopped, once it was replaced or removed.
    pub(super) end: watch::Sender<Option<End>>,
}

/// The end of a version that is no longer on offer.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    at: Instant,
    drain_time: Duration,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("manifest", &self.manifest)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

/// Why a call has no answer of the plugin's own. The text names the limit; it is safe for the model.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CallError {
    /// The client no longer wants the answer.
    #[error("the call was cancelled")]
    Cancelled,
    /// Too many calls wait already.
    #[error("the host is busy: too many calls wait for an instance; try again shortly")]
    Busy,
    /// `limits.wall-time`.
    #[error(
        "plugin `{plugin}` was stopped: the call took longer than its wall-time limit of {limit:?}"
    )]
    WallTime {
        /// The plugin.
        plugin: PluginName,
        /// The limit.
        limit: Duration,
    },
    /// `limits.cpu-time`.
    #[error(
        "plugin `{plugin}` was stopped: the call used more than its cpu-time limit of {limit:?}"
    )]
    CpuTime {
        /// The plugin.
        plugin: PluginName,
        /// The limit.
        limit: Duration,
    },
    /// `limits.memory`.
    #[error(
        "plugin `{plugin}` was stopped: the call needed more than its memory limit of {limit} bytes"
    )]
    Memory {
        /// The plugin.
        plugin: PluginName,
        /// The limit, bytes.
        limit: usize,
    },
    /// `limits.host-memory`.
    #[error(
        "plugin `{plugin}` was stopped: the call needed more than its host-memory limit of {limit} bytes"
    )]
    HostMemory {
        /// The plugin.
        plugin: PluginName,
        /// The limit, bytes.
        limit: usize,
    },
    /// `limits.result-size`.
    #[error(
        "plugin `{plugin}`: the result has more than its result-size limit of {limit} bytes; ask for less"
    )]
    ResultSize {
        /// The plugin.
        plugin: PluginName,
        /// The limit, bytes.
        limit: usize,
    },
    /// The engine's bound on nested calls.
    #[error("plugin `{plugin}` was stopped: its calls nest too deep")]
    Stack {
        /// The plugin.
        plugin: PluginName,
    },
    /// `reload.drain-time`.
    #[error(
        "plugin `{plugin}` was replaced or removed, and the call did not end within the drain-time of {limit:?}: it was stopped, and what it did until then may have taken effect"
    )]
    Drained {
        /// The plugin.
        plugin: PluginName,
        /// The limit.
        limit: Duration,
    },
    /// A trap: a bug in the plugin, ended here.
    #[error("plugin `{plugin}` failed inside its sandbox; this is a defect of the plugin")]
    Trap {
        /// The plugin.
        plugin: PluginName,
    },
}

impl CallError {
    /// Which limit or end it is, in one word for programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Busy => "busy",
            Self::WallTime { .. } => "wall_time",
            Self::CpuTime { .. } => "cpu_time",
            Self::Memory { .. } => "memory",
            Self::HostMemory { .. } => "host_memory",
            Self::ResultSize { .. } => "result_size",
            Self::Stack { .. } => "stack",
            Self::Drained { .. } => "drained",
            Self::Trap { .. } => "trap",
        }
    }
}

/// Whether `link` is `allowed` or below it: the same server, and the path goes on at a slash.
fn is_below(link: &url::Url, allowed: &url::Url) -> bool {
    let path = allowed.path().trim_end_matches('/');
    link.origin() == allowed.origin()
        && link.username().is_empty()
        && link.password().is_none()
        && link
            .path()
            .strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// One use of an instance: an export, called with the context that it borrows.
pub(super) type Operation<T> = Box<
    dyn for<'a> FnOnce(
            &'a mut Store<State>,
            &'a Instance,
            Resource<Context>,
        ) -> BoxFuture<'a, wasmtime::Result<T>>
        + Send,
>;

/// Raised in the epoch callback, recognized when the call has ended.
#[derive(Debug, thiserror::Error)]
#[error("CPU time is used up")]
struct CpuExceeded;

impl Plugin {
    /// The plugin's name.
    #[must_use]
    pub fn name(&self) -> &PluginName {
        &self.manifest.name
    }

    /// Who made it, as people are told: the publisher whose signature was checked, never the plugin's own word.
    #[must_use]
    pub fn vouched_by(&self) -> &str {
        self.signer.publisher().unwrap_or("nobody known")
    }

    /// The log that its calls are recorded in.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.engine.audit
    }

    /// An event that is about this plugin.
    #[must_use]
    pub fn event(&self, kind: Kind) -> Event {
        let version = self.manifest.version.to_string();
        Event::new(kind).plugin(self.name().as_str(), &version, &self.digest)
    }

    /// For calls of the host's own, which have no line: what they are denied has one.
    #[must_use]
    pub fn own_trail(&self) -> Trail {
        let event = self.event(Kind::Denial).with("by", "host");
        self.audit().trail(event)
    }

    /// Bounds on each call.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.facts.limits
    }

    /// What the plugin may ask clients and people for: what its manifest names and the operator granted.
    #[must_use]
    pub fn may_ask(&self, grant: Grant) -> bool {
        self.grants.contains(&grant) && self.manifest.asks_for(grant)
    }

    /// Whether it is what was found: the same bytes with the same signature.
    #[must_use]
    pub fn is(&self, found: &Checked) -> bool {
        self.digest == found.digest && self.signature == found.signature
    }

    /// Whether the operator revoked it, or the key that it was signed with.
    #[must_use]
    pub fn is_revoked(&self, trust: &config::Trust) -> bool {
        trust::revokes(trust, &self.signer, &self.digest)
    }

    /// It is no longer on offer: calls that have found it may go on for `drain_time`, and are stopped then.
    pub fn retire(&self, drain_time: Duration) {
        let at = Instant::now() + drain_time;
        self.end.send_replace(Some(End { at, drain_time }));
    }

    /// Waits for the end of a retired plugin; for ever with others.
    async fn drained(&self) -> CallError {
        let mut end = self.end.subscribe();
        let end = match end.wait_for(Option::is_some).await {
            Ok(end) => *end,
            Err(_) => None,
        };
        let Some(End { at, drain_time }) = end else {
            return std::future::pending().await;
        };
        tokio::time::sleep_until(at.into()).await;
        CallError::Drained {
            plugin: self.name().clone(),
            limit: drain_time,
        }
    }

    /// The binding behind one of the plugin's backends.
    #[must_use]
    pub fn binding(&self, backend: &str) -> Option<&Binding> {
        let name = backend.parse().ok()?;
        self.facts.origin.backends.get(&name).map(AsRef::as_ref)
    }

    /// Whether people may be asked to open this link.
    #[must_use]
    pub fn may_send_to(&self, link: &url::Url) -> bool {
        let wanted = self.manifest.asks.visit.as_ref();
        let is_wanted =
            wanted.is_some_and(|visit| visit.urls.iter().any(|url| is_below(link, url)));
        let is_granted = self.visit_urls.iter().any(|url| is_below(link, url));
        self.may_ask(Grant::Visit) && is_wanted && is_granted
    }

    /// Runs `operation` in a fresh instance, on the guests' threads. Whatever ends the wait (the answer, a limit,
    /// the client), the instance is gone when the permits are free again.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        info: CallInfo,
        operation: Operation<T>,
    ) -> Result<T, CallError> {
        let run = metrics().run(self.name().as_str());
        let trail = info.trail.clone();
        let ended = self.run_within(info, operation).await;
        if let Err(error) = &ended {
            trail.stopped(error.word());
        }
        run.ended(ended.as_ref().err().map_or("answered", CallError::word));
        ended
    }

    async fn run_within<T: Send + 'static>(
        &self,
        info: CallInfo,
        operation: Operation<T>,
    ) -> Result<T, CallError> {
        let info = Arc::new(info);
        let deadline = tokio::time::sleep_until(info.deadline.into());
        tokio::pin!(deadline);
        let late = || CallError::WallTime {
            plugin: self.name().clone(),
            limit: self.limits().wall_time,
        };

        let drained = self.drained();
        tokio::pin!(drained);
        let permits = tokio::select! {
            biased;
            () = info.cancelled.cancelled() => return Err(CallError::Cancelled),
            permits = self.admit() => permits?,
            () = &mut deadline => return Err(late()),
            error = &mut drained => return Err(error),
        };
        let mut call = AbortOnDrop(self.spawn(permits, &info, operation));
        tokio::select! {
            biased;
            ended = &mut call.0 => ended.unwrap_or_else(|_| Err(CallError::Trap { plugin: self.name().clone() })),
            () = info.cancelled.cancelled() => Err(CallError::Cancelled),
            () = &mut deadline => Err(late()),
            error = &mut drained => Err(error),
        }
    }

    async fn admit(&self) -> Result<[OwnedSemaphorePermit; 2], CallError> {
        const NEVER_CLOSED: &str = "these semaphores are never closed";
        let _place_in_the_queue = self
            .engine
            .waiting
            .try_acquire()
            .map_err(|_| CallError::Busy)?;
        let _one_more_waits = metrics().waiting();
        let begun = Instant::now();
        // The plugin's own slot first: one plugin's queue must not hold the pool's instances.
        let slot = self
            .slots
            .clone()
            .acquire_owned()
            .await
            .expect(NEVER_CLOSED);
        let instance = self
            .engine
            .instances
            .clone()
            .acquire_owned()
            .await
            .expect(NEVER_CLOSED);
        metrics().waited(self.name().as_str(), begun.elapsed());
        Ok([slot, instance])
    }

    fn spawn<T: Send + 'static>(
        &self,
        permits: [OwnedSemaphorePermit; 2],
        info: &Arc<CallInfo>,
        operation: Operation<T>,
    ) -> JoinHandle<Result<T, CallError>> {
        let cpu = Arc::new(Meter::default());
        let mut store = self.store(info, &cpu);
        let pre = self.pre.clone();
        let facts = self.facts.clone();
        let epochs = self.engine.epochs.run();
        let call = async move {
            // Dropped in reverse order: the instance goes before the permits that stand for it.
            let _permits = permits;
            let _epochs = epochs;
            let _one_more_lives = metrics().instance();
            let ended = async {
                let instance = pre.instantiate_async(&mut store).await?;
                let context = store.data_mut().context()?;
                let borrowed = Resource::new_borrow(context.rep());
                operation(&mut store, &instance, borrowed).await
            }
            .await;
            let ended = ended.map_err(|error| explain(&error, &facts, store.data()));
            drop(store);
            ended
        };
        self.engine.guests.handle().spawn(Metered::new(call, cpu))
    }

    fn store(&self, info: &Arc<CallInfo>, cpu: &Arc<Meter>) -> Store<State> {
        let limits = &self.facts.limits;
        let state = State::new(
            self.facts.clone(),
            info.clone(),
            self.engine.egress.clone(),
            self.engine.changes.clone(),
            self.engine.io.clone(),
        );
        let mut store = Store::new(&self.engine.wasmtime, state);
        store.limiter(|state| &mut state.meter);
        // What one crossing of the boundary may make the host allocate.
        store.set_hostcall_fuel(limits.host_memory);
        store.set_max_component_handles(crate::capability::HANDLES);
        store.set_epoch_deadline(1);
        let (cpu, limit) = (cpu.clone(), limits.cpu_time);
        store.epoch_deadline_callback(move |_| {
            if cpu.used() > limit {
                return Err(CpuExceeded.into());
            }
            Ok(UpdateDeadline::YieldCustom(
                1,
                Box::pin(tokio::task::yield_now()),
            ))
        });
        store
    }
}

/// Which limit a trap stands for. The plugin's own words go to the operator's log only.
fn explain(error: &wasmtime::Error, facts: &PluginFacts, state: &State) -> CallError {
    let plugin = facts.origin.plugin.clone();
    let limits = &facts.limits;
    let ended = if error.is::<CpuExceeded>() {
        CallError::CpuTime {
            plugin,
            limit: limits.cpu_time,
        }
    } else if error.downcast_ref::<wasmtime::Trap>() == Some(&wasmtime::Trap::StackOverflow) {
        CallError::Stack { plugin }
    } else if state.meter.refused() {
        CallError::Memory {
            plugin,
            limit: limits.memory,
        }
    } else if is_host_memory(error) {
        CallError::HostMemory {
            plugin,
            limit: limits.host_memory,
        }
    } else {
        CallError::Trap { plugin }
    };
    log_trap(error, &ended, &state.stderr);
    ended
}

/// wasmtime has no error types of their own for these, so its words are looked at. A changed wording would only
/// make the message less exact; a test shows it.
fn is_host_memory(error: &wasmtime::Error) -> bool {
    let text = format!("{error:#}");
    [
        "fuel allocated for hostcalls has been exhausted",
        "store handle limit exceeded",
        "resource table has no free keys",
    ]
    .iter()
    .any(|words| text.contains(words))
}

fn log_trap(error: &wasmtime::Error, ended: &CallError, stderr: &Stderr) {
    tracing::warn!(error = format!("{error:#}"), stderr = ?stderr.text(), "{ended}");
}

/// A task that does not outlive the one who waits for it.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
