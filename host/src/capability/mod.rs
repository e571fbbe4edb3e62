//! What a plugin can reach: one file per import, and one function, [`link`], that links them all.
//!
//! The harmless imports (`call`, `log`, `settings`, `backends`) are always there. WASI's command-line, clock,
//! random, file-system and socket interfaces are a fixed baseline, linked empty or denying: no environment, no
//! arguments, no files, no addresses. `wasi:http` leads to `egress` alone. Whether a plugin may *import* what needs
//! a grant is decided at load time, by `plugin`; nothing here knows MCP.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::component::{Linker, Resource, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::config::{BackendName, Choice, Limits};
use crate::egress::{Egress, Origin};

mod backends;
pub(crate) mod bindings;
mod call;
mod changes;
mod http;
mod learned;
mod log;
mod memory;
mod settings;
mod stderr;
mod until;

pub use call::{
    Abilities, Asked, CallInfo, Context, Event, IdempotencyKey, Level, Principal, Reply, random_id,
};
pub use changes::{Changed, Changes};
pub use learned::{Learned, Lesson};
pub(crate) use log::LogExceeded;
pub(crate) use memory::Meter;
pub(crate) use stderr::Stderr;
pub use until::Until;

/// What the host knows of a plugin whatever call it serves.
#[derive(Debug)]
pub struct PluginFacts {
    /// Its name, tenant and backends, as egress wants them.
    pub origin: Origin,
    /// Which of the backends answer one that several answer.
    pub choices: BTreeMap<BackendName, Choice>,
    /// What those have said of themselves.
    pub learned: Arc<Learned>,
    /// Its settings, JSON text.
    pub settings: String,
    /// Bounds on each call.
    pub limits: Limits,
}

/// The data of one instance's store: everything its imports can reach.
pub struct State {
    table: ResourceTable,
    /// Made when the guest first asks for something of it: few do.
    wasi: Option<Box<WasiCtx>>,
    http: WasiHttpCtx,
    hooks: http::Hooks,
    log: log::Budget,
    changes: Changes,
    call: Arc<CallInfo>,
    plugin: Arc<PluginFacts>,
    pub(crate) meter: Meter,
    pub(crate) stderr: Stderr,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("plugin", &self.plugin.origin.plugin)
            .finish_non_exhaustive()
    }
}

/// Handles that the host keeps for one guest (fields, bodies, streams, pollables).
pub(crate) const HANDLES: usize = 1024;

impl State {
    /// The state for one instance.
    #[must_use]
    pub fn new(
        plugin: Arc<PluginFacts>,
        call: Arc<CallInfo>,
        egress: Arc<Egress>,
        changes: Changes,
    ) -> Self {
        let stderr = Stderr::default();
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        let mut http = WasiHttpCtx::new();
        // A guest that hoards header fields holds host memory: all its handles together stay within the limit.
        http.set_field_size_limit((plugin.limits.host_memory / HANDLES).max(1024));
        // Logins are kept apart per tenant, and the caller's counts, not the one the plugin was loaded for.
        let origin = Origin {
            tenant: call.principal.tenant.clone(),
            trail: call.trail.clone(),
            ..plugin.origin.clone()
        };
        Self {
            table,
            wasi: None,
            http,
            hooks: http::Hooks::new(egress, origin, plugin.clone(), call.deadline),
            log: log::Budget::new(plugin.limits.log_bytes),
            changes,
            call,
            meter: Meter::new(plugin.limits.memory),
            plugin,
            stderr,
        }
    }

    /// The instance serves another call: nothing that belongs to the one before is left on the host's side.
    pub(crate) fn serve(&mut self, call: Arc<CallInfo>) {
        let origin = Origin {
            tenant: call.principal.tenant.clone(),
            trail: call.trail.clone(),
            ..self.plugin.origin.clone()
        };
        self.hooks.serve(origin, call.deadline);
        self.log = log::Budget::new(self.plugin.limits.log_bytes);
        self.meter.forget_refusal();
        self.stderr.clear();
        self.call = call;
    }

    /// The `call.context` that an export is given to borrow.
    pub(crate) fn context(&mut self) -> wasmtime::Result<Resource<Context>> {
        Ok(self.table.push(Context(self.call.clone()))?)
    }

    /// Takes the context away when the call has ended.
    pub(crate) fn end(&mut self, context: Resource<Context>) -> wasmtime::Result<()> {
        self.table.delete(context)?;
        Ok(())
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let stderr = &self.stderr;
        WasiCtxView {
            ctx: self.wasi.get_or_insert_with(|| Box::new(wasi(stderr))),
            table: &mut self.table,
        }
    }
}

/// No arguments, no environment, no files, no addresses; standard error is kept.
fn wasi(stderr: &Stderr) -> WasiCtx {
    WasiCtx::builder()
        .stderr(stderr.clone())
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

impl bindings::imports::values::Host for State {}

/// Links every import that this host has.
pub fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    use bindings::imports;
    type Own = wasmtime::component::HasSelf<State>;

    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    imports::values::add_to_linker::<_, Own>(linker, |state| state)?;
    imports::call::add_to_linker::<_, Own>(linker, |state| state)?;
    imports::log::add_to_linker::<_, Own>(linker, |state| state)?;
    imports::settings::add_to_linker::<_, Own>(linker, |state| state)?;
    imports::changes::add_to_linker::<_, Own>(linker, |state| state)?;
    imports::backends::add_to_linker::<_, Own>(linker, |state| state)?;
    Ok(())
}
