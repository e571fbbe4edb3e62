//! One call in an instance: admitted, bounded, and the instance gone afterwards, unless it may be used again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio::sync::{OnceCell, watch};
use wasmtime::component::{Instance, InstancePre, Resource};
use wasmtime::{Store, UpdateDeadline};

use super::admit::{Admitted, Door, Seat};
use super::cpu::{Meter, Metered};
use super::engine::Engine;
use super::fair::{Place, Whose};
use super::load::Checked;
use super::manifest::Manifest;
use super::offers::Exports;
use super::reuse::{Owner, PluginId, Warm};
use super::threads::Running;
use super::trust::{self, Signer};
use crate::audit::{Audit, Event, Kind, Trail};
use crate::capability::{CallInfo, Context, LogExceeded, PluginFacts, State, Stderr};
use crate::config::{self, Binding, Grant, Isolation, Limits, PluginName, TenantName};
use crate::telemetry::metrics;

/// A loaded plugin. Cheap to share; unless its operator wants it otherwise, every call gets an instance of its own.
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
    /// This plugin's calls at once, and those that wait.
    pub(super) door: Door,
    pub(super) isolation: Isolation,
    /// Tells its instances from those of another version.
    pub(super) id: PluginId,
    /// When its last calls are stopped, once it was replaced or removed.
    pub(super) end: watch::Sender<Option<End>>,
}

impl Drop for Plugin {
    fn drop(&mut self) {
        self.engine.kept.forget(self.id);
    }
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
    /// `runtime.max-waiting`.
    #[error(
        "the host is busy: as many calls as its limit max-waiting allows wait already; try again shortly"
    )]
    Busy,
    /// `limits.queue`.
    #[error(
        "plugin `{plugin}` is busy: as many calls as its queue limit of {limit} allows wait already; try again shortly"
    )]
    Queue {
        /// The plugin.
        plugin: PluginName,
        /// The limit.
        limit: u32,
    },
    /// `tenant-limits.queue`.
    #[error(
        "tenant `{tenant}` is busy: as many of its calls as its queue limit of {limit} allows wait already; try again shortly"
    )]
    TenantQueue {
        /// The tenant.
        tenant: TenantName,
        /// The limit.
        limit: u32,
    },
    /// `limits.calls-per-second`.
    #[error(
        "plugin `{plugin}` is called more often than its limit of {limit} calls-per-second; try again shortly"
    )]
    Rate {
        /// The plugin.
        plugin: PluginName,
        /// The limit.
        limit: u32,
    },
    /// `tenant-limits.calls-per-second`.
    #[error(
        "tenant `{tenant}` calls more often than its limit of {limit} calls-per-second; try again shortly"
    )]
    TenantRate {
        /// The tenant.
        tenant: TenantName,
        /// The limit.
        limit: u32,
    },
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
    /// `limits.continuation-size`.
    #[error(
        "plugin `{plugin}`: what it wants to be told again has more than its continuation-size limit of {limit} bytes"
    )]
    ContinuationSize {
        /// The plugin.
        plugin: PluginName,
        /// The limit, bytes.
        limit: usize,
    },
    /// `limits.log-size`.
    #[error(
        "plugin `{plugin}` was stopped: the call wrote more to the log than its log-size limit of {limit} bytes"
    )]
    LogSize {
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
            Self::Queue { .. } => "queue",
            Self::TenantQueue { .. } => "tenant_queue",
            Self::Rate { .. } => "rate",
            Self::TenantRate { .. } => "tenant_rate",
            Self::WallTime { .. } => "wall_time",
            Self::CpuTime { .. } => "cpu_time",
            Self::Memory { .. } => "memory",
            Self::HostMemory { .. } => "host_memory",
            Self::ResultSize { .. } => "result_size",
            Self::ContinuationSize { .. } => "continuation_size",
            Self::LogSize { .. } => "log_size",
            Self::Stack { .. } => "stack",
            Self::Drained { .. } => "drained",
            Self::Trap { .. } => "trap",
        }
    }

    /// The words of those with which a call did not begin, and may another time.
    pub const NOT_NOW: [&str; 5] = ["busy", "queue", "tenant_queue", "rate", "tenant_rate"];

    /// Whether the call did not begin, and may another time.
    #[must_use]
    pub fn is_not_now(&self) -> bool {
        Self::NOT_NOW.contains(&self.word())
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

    /// Runs `operation` in an instance, on the guests' threads. Whatever ends the wait (the answer, a limit,
    /// the client), the instance is gone when the permits are free again.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        info: CallInfo,
        operation: Operation<T>,
    ) -> Result<T, CallError> {
        let tenant = info.principal.tenant.clone();
        let run = metrics().run(self.name().as_str(), tenant.as_str());
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

        let whose = Arc::new((info.principal.tenant.clone(), self.name().clone()));
        let owner = self.owner(&info.principal);
        let drained = self.drained();
        tokio::pin!(drained);
        let admitted = tokio::select! {
            biased;
            () = info.cancelled.cancelled() => return Err(CallError::Cancelled),
            admitted = self.admit(&info.principal, &whose, owner.as_ref()) => admitted?,
            () = &mut deadline => return Err(late()),
            error = &mut drained => return Err(error),
        };
        let mut call = self.spawn(admitted, &info, whose, owner, operation);
        tokio::select! {
            biased;
            // First: what waits for the same moment in the guest, a request that has no more time, must not be told as the end.
            () = &mut deadline => Err(late()),
            ended = &mut call => ended.unwrap_or_else(|| Err(CallError::Trap { plugin: self.name().clone() })),
            () = info.cancelled.cancelled() => Err(CallError::Cancelled),
            error = &mut drained => Err(error),
        }
    }

    fn spawn<T: Send + 'static>(
        &self,
        admitted: Admitted,
        info: &Arc<CallInfo>,
        whose: Whose,
        owner: Option<Owner>,
        operation: Operation<T>,
    ) -> Running<Result<T, CallError>> {
        let cpu = Arc::new(Meter::default());
        let Admitted { seat, places } = admitted;
        let mut prepared = self.prepare(seat, info);
        self.bound(prepared.store(), &cpu);
        let pre = self.pre.clone();
        let facts = self.facts.clone();
        let engine = self.engine.clone();
        let isolation = self.isolation;
        let call = async move {
            // Dropped in reverse order: the instance goes before the places that stand for it.
            let _places = places;
            let _epochs = engine.epochs.run();
            let mut warm = prepared.instantiate(&pre, &facts).await?;
            let ended = async {
                let context = warm.store.data_mut().context()?;
                let borrowed = Resource::new_borrow(context.rep());
                let answer = operation(&mut warm.store, &warm.instance, borrowed).await?;
                warm.store.data_mut().end(context)?;
                Ok(answer)
            }
            .await;
            let ended = ended.map_err(|error| explain(&error, &facts, warm.store.data()));
            let peak = warm.store.data().meter.peak();
            metrics().memory(facts.origin.plugin.as_str(), peak);
            let answer = ended?;
            warm.calls += 1;
            match (owner, isolation) {
                (Some(owner), Isolation::PerPrincipal { calls, idle })
                    if warm.calls < calls && !engine.instances.is_wanted() =>
                {
                    engine.kept.keep(owner, warm, idle);
                }
                _ => drop(warm),
            }
            Ok(answer)
        };
        self.engine.threads.run(whose, Metered::new(call, cpu))
    }

    fn prepare(&self, seat: Seat, info: &Arc<CallInfo>) -> Prepared {
        match seat {
            Seat::Warm(mut warm) => {
                warm.store.data_mut().serve(info.clone());
                Prepared::Warm(warm)
            }
            Seat::Fresh(place) => {
                let state = State::new(
                    self.facts.clone(),
                    info.clone(),
                    self.engine.egress.clone(),
                    self.engine.changes.clone(),
                );
                Prepared::Fresh(Box::new(Store::new(&self.engine.wasmtime, state)), place)
            }
        }
    }

    /// Bounds what the store may do in this call.
    fn bound(&self, store: &mut Store<State>, cpu: &Arc<Meter>) {
        let limits = &self.facts.limits;
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
            Ok(UpdateDeadline::Yield(1))
        });
    }
}

/// What a call runs in, before it runs.
enum Prepared {
    Fresh(Box<Store<State>>, Place),
    Warm(Box<Warm>),
}

impl Prepared {
    fn store(&mut self) -> &mut Store<State> {
        match self {
            Self::Fresh(store, _) => store,
            Self::Warm(warm) => &mut warm.store,
        }
    }

    async fn instantiate(
        self,
        pre: &InstancePre<State>,
        facts: &PluginFacts,
    ) -> Result<Warm, CallError> {
        match self {
            Self::Warm(warm) => Ok(*warm),
            Self::Fresh(mut store, place) => {
                let lives = metrics().instance();
                let instance = match pre.instantiate_async(&mut *store).await {
                    Ok(instance) => instance,
                    Err(error) => return Err(explain(&error, facts, store.data())),
                };
                Ok(Warm {
                    store: *store,
                    instance,
                    calls: 0,
                    _lives: lives,
                    _place: place,
                })
            }
        }
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
    } else if error.is::<LogExceeded>() {
        CallError::LogSize {
            plugin,
            limit: limits.log_bytes,
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
