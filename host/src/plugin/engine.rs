//! The engine every plugin shares: pool, epochs, guests' threads. One place builds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::admit::Tenants;
use super::cache::Cache;
use super::compile::Compiler;
use super::fair::Gate;
use super::large::Large;
use super::reuse::Kept;
use super::threads::Threads;
use crate::audit::Audit;
use crate::capability::{self, Changes, State};
use crate::config;
use crate::egress::Egress;

/// Core instances, memories and tables that one component may have. A Rust plugin has 4, 1 and 2; a Python one
/// about 40, 1 and 20.
const CORE_INSTANCES: u32 = 100;
const MEMORIES: u32 = 2;
const TABLES: u32 = 32;
const TABLE_ELEMENTS: usize = 20_000;

/// Bytes of memory and of each table that stay with a place of the pool when a call has ended: they are overwritten for
/// the next one, which costs less than giving them back and faulting them in again. Where the system tells which pages
/// were written (Linux since 6.7), only those are overwritten; elsewhere all of them, from the start.
const KEPT_MEMORY: usize = 256 * 1024;
const KEPT_BLINDLY: usize = 32 * 1024;
const KEPT_TABLE: usize = 16 * 1024;

/// Plugins that are loaded at once, for each core: some wait for the disk meanwhile, or for the compiler.
const LOADED_AT_ONCE: usize = 4;

/// How often running guests are looked at.
const EPOCH: Duration = Duration::from_millis(1);

/// Epochs that pass when nothing runs, before the thread that counts them sleeps: whoever calls one after the other would
/// have to wake it each time.
const LINGER: u32 = 20;

/// The sandbox's engine and what every plugin shares.
pub struct Engine {
    pub(super) wasmtime: wasmtime::Engine,
    pub(super) linker: Linker<State>,
    pub(super) cache: Arc<Cache>,
    pub(super) compiler: Arc<Compiler>,
    /// Plugins that may be read, checked and compiled at once.
    pub(super) loading: Arc<Semaphore>,
    /// Whose plugins are taken.
    pub(super) trust: Arc<config::Trust>,
    /// Where it is remembered what was served.
    pub(super) state_dir: std::path::PathBuf,
    pub(super) egress: Arc<Egress>,
    /// Where calls are recorded.
    pub(super) audit: Audit,
    /// Where plugins say that something changed.
    pub(super) changes: Changes,
    /// The threads that run guests.
    pub(super) threads: Arc<Threads>,
    /// The threads for large values, at lower priority.
    pub(super) large: Arc<Large>,
    /// What each tenant may take.
    pub(super) tenants: Arc<Tenants>,
    /// Free instances of the pool: an exhausted pool would be an error, so calls wait here.
    pub(super) instances: Arc<Gate>,
    /// Instances that wait for their next call. They have places of the pool.
    pub(super) kept: Arc<Kept>,
    /// Calls that may wait for an instance.
    pub(super) waiting: Arc<Semaphore>,
    pub(super) epochs: Arc<Epochs>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("instances", &self.instances)
            .finish_non_exhaustive()
    }
}

/// Why the engine could not be built.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime refused the configuration, most often for lack of address space.
    #[error("cannot set up the WebAssembly engine for {instances} instances")]
    Wasmtime {
        /// `runtime.max-instances`.
        instances: u32,
        /// wasmtime's reason.
        #[source]
        source: wasmtime::Error,
    },
    /// The cache folder.
    #[error("cannot use the cache of compiled components")]
    Cache(#[from] super::cache::CacheError),
    /// A thread.
    #[error("cannot start the threads that run plugins")]
    Threads(#[source] std::io::Error),
}

impl Engine {
    /// Builds the engine. Call it on the I/O runtime.
    pub fn new(
        runtime: &config::Runtime,
        tenants: &config::Tenants,
        trust: Arc<config::Trust>,
        egress: Arc<Egress>,
        changes: Changes,
        audit: Audit,
    ) -> Result<Arc<Self>, EngineError> {
        let failed = |source| EngineError::Wasmtime {
            instances: runtime.max_instances,
            source,
        };
        let wasmtime = wasmtime::Engine::new(&settings(runtime.max_instances)).map_err(failed)?;
        let mut linker = Linker::new(&wasmtime);
        capability::link(&mut linker).map_err(failed)?;
        let cache = Arc::new(Cache::open(&runtime.cache_dir, &wasmtime)?);
        let tenants = Arc::new(Tenants::new(tenants.clone()));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Arc::new(Self {
            linker,
            cache,
            compiler: Arc::new(Compiler::new(runtime.compile.clone(), Handle::current())),
            loading: Arc::new(Semaphore::new(LOADED_AT_ONCE * cores)),
            trust,
            state_dir: runtime.state_dir.clone(),
            egress,
            audit,
            changes,
            threads: Arc::new(
                Threads::start(runtime.guest_threads, &Handle::current())
                    .map_err(EngineError::Threads)?,
            ),
            large: Arc::new(Large::start(tenants.clone()).map_err(EngineError::Threads)?),
            tenants,
            instances: Gate::new(runtime.max_instances as usize),
            kept: Arc::new(Kept::start(&Handle::current())),
            waiting: Arc::new(Semaphore::new(runtime.max_waiting as usize)),
            epochs: Arc::new(Epochs::start(wasmtime.clone()).map_err(EngineError::Threads)?),
            wasmtime,
        }))
    }

    /// The same engine with another way out and other people to trust, for plugins that are loaded from now on. Everything
    /// else is shared.
    #[must_use]
    pub fn rebound(&self, egress: Arc<Egress>, trust: Arc<config::Trust>) -> Arc<Self> {
        Arc::new(Self {
            wasmtime: self.wasmtime.clone(),
            linker: self.linker.clone(),
            cache: self.cache.clone(),
            compiler: self.compiler.clone(),
            loading: self.loading.clone(),
            trust,
            state_dir: self.state_dir.clone(),
            egress,
            changes: self.changes.clone(),
            audit: self.audit.clone(),
            threads: self.threads.clone(),
            large: self.large.clone(),
            tenants: self.tenants.clone(),
            instances: self.instances.clone(),
            kept: self.kept.clone(),
            waiting: self.waiting.clone(),
            epochs: self.epochs.clone(),
        })
    }

    /// The way out.
    #[must_use]
    pub fn egress(&self) -> &Arc<Egress> {
        &self.egress
    }

    /// The threads for large values.
    #[must_use]
    pub fn large(&self) -> &Large {
        &self.large
    }

    /// Instances that are free: all of them while nothing is called.
    #[must_use]
    pub fn free_instances(&self) -> usize {
        self.instances.free()
    }
}

/// The engine's settings. Compiled components are only valid for the same settings, and wasmtime checks that.
fn settings(max_instances: u32) -> Config {
    let kept = if PoolingAllocationConfig::is_pagemap_scan_available() {
        KEPT_MEMORY
    } else {
        KEPT_BLINDLY
    };
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(max_instances)
        .total_core_instances(max_instances.saturating_mul(CORE_INSTANCES))
        .total_memories(max_instances.saturating_mul(MEMORIES))
        .total_tables(max_instances.saturating_mul(TABLES))
        .total_stacks(max_instances)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .table_elements(TABLE_ELEMENTS)
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(kept)
        .table_keep_resident(KEPT_TABLE);
    let mut settings = code_settings();
    settings.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    settings
}

/// Those settings that the code depends on. A process that only compiles has no others: the pool takes more address
/// space than it may have.
pub(super) fn code_settings() -> Config {
    let mut settings = Config::new();
    settings
        .wasm_component_model(true)
        .concurrency_support(false)
        .epoch_interruption(true)
        .memory_init_cow(true);
    settings
}

/// The thread that advances the engine's epoch while a call runs, and sleeps while none does.
#[derive(Debug)]
pub(super) struct Epochs {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    running: AtomicUsize,
    /// Whether a call that begins has to wake the thread.
    asleep: AtomicBool,
    stop: AtomicBool,
}

impl Shared {
    /// Sleeps until a call begins. Whoever begins one counts it first and then looks whether the thread sleeps, which says so
    /// first and then looks whether one has begun: one of both sees the other.
    fn wait(&self) {
        self.asleep.store(true, Ordering::SeqCst);
        while self.running.load(Ordering::SeqCst) == 0 && !self.stop.load(Ordering::Acquire) {
            std::thread::park();
        }
        self.asleep.store(false, Ordering::SeqCst);
    }
}

impl Epochs {
    fn start(engine: wasmtime::Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            running: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let thread = std::thread::Builder::new()
            .name("epochs".to_owned())
            .spawn({
                let shared = shared.clone();
                move || {
                    let mut idle = 0;
                    while !shared.stop.load(Ordering::Acquire) {
                        if idle < LINGER {
                            std::thread::sleep(EPOCH);
                            engine.increment_epoch();
                            let is_idle = shared.running.load(Ordering::Relaxed) == 0;
                            idle = if is_idle { idle + 1 } else { 0 };
                        } else {
                            shared.wait();
                            idle = 0;
                        }
                    }
                }
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Epochs pass as long as the guard lives.
    pub(super) fn run(&self) -> Running {
        if self.shared.running.fetch_add(1, Ordering::SeqCst) == 0
            && self.shared.asleep.load(Ordering::SeqCst)
            && let Some(thread) = &self.thread
        {
            thread.thread().unpark();
        }
        Running(self.shared.clone())
    }
}

impl Drop for Epochs {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // The thread only sleeps and increments; it cannot panic.
            let _ = thread.join();
        }
    }
}

/// See [`Epochs::run`].
#[derive(Debug)]
pub(super) struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}
