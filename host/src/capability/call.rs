//! `toolward:plugin/call`: what a plugin may know of the call it serves, and tell about it.
//!
//! Nothing here asks the client for anything and nothing knows MCP: progress leaves as [`Event`]s that the caller
//! above may show or drop.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use super::State;
use super::bindings::imports::call as wit;
use super::bindings::imports::values;

/// Who is calling.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Principal {
    /// The isolated group it belongs to.
    pub tenant: crate::config::TenantName,
    /// The person or program, where known.
    pub subject: Option<String>,
    /// What it may do.
    pub scopes: Vec<String>,
}

/// What the plugin tells while it works.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// How far the call is.
    Progress {
        /// Units done.
        done: f64,
        /// Units in all, when known.
        total: Option<f64>,
        /// What is being done, for people.
        message: Option<String>,
    },
}

/// One call, as it comes down from above.
#[derive(Debug)]
pub struct CallInfo {
    /// Who is calling.
    pub principal: Principal,
    /// Cancelled when the client no longer wants the answer.
    pub cancelled: CancellationToken,
    /// When the host ends the call.
    pub deadline: Instant,
    /// Where events go; full means that the newest are dropped. `None`: nobody listens.
    pub events: Option<mpsc::Sender<Event>>,
    /// Whether the caller can take a job instead of a result.
    pub jobs: bool,
    /// What came back for what the job's last step asked for, by key.
    pub answers: Vec<(String, values::Reply)>,
    /// Stable over retries of the same call.
    pub idempotency_key: String,
    /// Entries of the request's `_meta` that plugins may see: key and JSON text.
    pub meta: Vec<(String, String)>,
    /// W3C trace context of the caller.
    pub traceparent: Option<String>,
}

impl CallInfo {
    fn send(&self, event: Event) {
        if let Some(events) = &self.events {
            // A slow or absent reader must not slow the call: the newest event is dropped instead.
            let _ = events.try_send(event);
        }
    }
}

/// The resource behind `call.context`.
#[derive(Debug)]
pub struct Context(pub(super) Arc<CallInfo>);

struct Cancelled(CancellationToken);

#[wasmtime_wasi::async_trait]
impl Pollable for Cancelled {
    async fn ready(&mut self) {
        self.0.cancelled().await;
    }
}

/// Longest text of a progress message that is passed on, bytes.
const EVENT_TEXT_MAX: usize = 8 * 1024;

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(EVENT_TEXT_MAX));
    text
}

impl wit::Host for State {}

impl wit::HostContext for State {
    fn progress(
        &mut self,
        this: Resource<Context>,
        done: f64,
        total: Option<f64>,
        message: Option<String>,
    ) -> wasmtime::Result<()> {
        let finite = |value: &f64| value.is_finite();
        if finite(&done) {
            self.table.get(&this)?.0.send(Event::Progress {
                done,
                total: total.filter(finite),
                message: message.map(cut),
            });
        }
        Ok(())
    }

    fn notify(
        &mut self,
        this: Resource<Context>,
        _level: wit::Level,
        _logger: Option<String>,
        _data: String,
    ) -> wasmtime::Result<()> {
        // Lines go to clients that asked for them, and this host does not offer clients to ask.
        self.table.get(&this)?;
        Ok(())
    }

    fn cancelled(&mut self, this: Resource<Context>) -> wasmtime::Result<bool> {
        Ok(self.table.get(&this)?.0.cancelled.is_cancelled())
    }

    fn subscribe_cancelled(
        &mut self,
        this: Resource<Context>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let watch = Cancelled(self.table.get(&this)?.0.cancelled.clone());
        let watch = self.table.push(watch)?;
        subscribe(&mut self.table, watch)
    }

    fn time_left_ms(&mut self, this: Resource<Context>) -> wasmtime::Result<u32> {
        let left = self
            .table
            .get(&this)?
            .0
            .deadline
            .saturating_duration_since(Instant::now());
        Ok(u32::try_from(left.as_millis()).unwrap_or(u32::MAX))
    }

    fn principal(&mut self, this: Resource<Context>) -> wasmtime::Result<wit::Principal> {
        let principal = &self.table.get(&this)?.0.principal;
        Ok(wit::Principal {
            tenant: principal.tenant.to_string(),
            subject: principal.subject.clone(),
            scopes: principal.scopes.clone(),
            extras: Vec::new(),
        })
    }

    fn supports(
        &mut self,
        this: Resource<Context>,
        what: values::Capability,
    ) -> wasmtime::Result<bool> {
        let call = &self.table.get(&this)?.0;
        match what {
            values::Capability::Jobs => Ok(call.jobs),
            // This host asks clients for nothing in a call, and says so.
            values::Capability::Form
            | values::Capability::Visit
            | values::Capability::Sample
            | values::Capability::SampleTools
            | values::Capability::Roots => Ok(false),
        }
    }

    fn locale(&mut self, this: Resource<Context>) -> wasmtime::Result<Option<String>> {
        self.table.get(&this)?;
        Ok(None)
    }

    fn traceparent(&mut self, this: Resource<Context>) -> wasmtime::Result<Option<String>> {
        Ok(self.table.get(&this)?.0.traceparent.clone())
    }

    fn idempotency_key(&mut self, this: Resource<Context>) -> wasmtime::Result<String> {
        Ok(self.table.get(&this)?.0.idempotency_key.clone())
    }

    fn request_meta(&mut self, this: Resource<Context>) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.table.get(&this)?.0.meta.clone())
    }

    fn continuation(&mut self, this: Resource<Context>) -> wasmtime::Result<Option<Vec<u8>>> {
        self.table.get(&this)?;
        Ok(None)
    }

    fn answer(
        &mut self,
        this: Resource<Context>,
        key: String,
    ) -> wasmtime::Result<Option<values::Reply>> {
        let answers = &self.table.get(&this)?.0.answers;
        let found = answers.iter().find(|(asked, _)| *asked == key);
        Ok(found.map(|(_, reply)| reply.clone()))
    }

    fn volunteered(
        &mut self,
        this: Resource<Context>,
        _key: String,
    ) -> wasmtime::Result<Option<values::Reply>> {
        self.table.get(&this)?;
        Ok(None)
    }

    fn drop(&mut self, this: Resource<Context>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
