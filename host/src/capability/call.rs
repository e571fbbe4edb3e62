//! `toolward:plugin/call`: what a plugin may know of the call it serves, and tell about it.
//!
//! Nothing here asks the client for anything and nothing knows MCP: progress and lines leave as [`Event`]s that the
//! caller above may show or drop, and what was asked and answered came down with the call.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use super::State;
use super::bindings::imports::call as wit;
use super::bindings::imports::values;
use crate::audit::Trail;

/// Who is calling.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Principal {
    /// The isolated group it belongs to.
    pub tenant: crate::config::TenantName,
    /// The person or program, where known.
    pub subject: Option<String>,
    /// What it may do. Shared: a principal is copied with each of its calls.
    pub scopes: Arc<[String]>,
}

impl Principal {
    /// Whether it is the host itself that calls, to list or to look, and not somebody who came to it.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.subject.is_none() && self.scopes.is_empty()
    }
}

/// How important a line for the client is, as in syslog (RFC 5424), least first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// For finding mistakes.
    Debug,
    /// What happens.
    Info,
    /// Normal, but worth knowing.
    Notice,
    /// Something may be wrong.
    Warning,
    /// Something failed.
    Error,
    /// A part of the system is in danger.
    Critical,
    /// Act at once.
    Alert,
    /// Unusable.
    Emergency,
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
    /// A line for the client.
    Notice {
        /// How important it is.
        level: Level,
        /// The part of the plugin that speaks.
        logger: Option<String>,
        /// What it says.
        data: serde_json::Value,
    },
}

/// What somebody who was asked has answered.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Yes, with this, JSON text.
    Accepted(String),
    /// No.
    Declined,
    /// Neither: put aside.
    Cancelled,
}

/// What came of the questions that an earlier round of the same call asked.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// What the plugin wanted to be told again, if this is a later round.
    pub continuation: Option<Vec<u8>>,
    /// Replies to what was asked, by key, each judged against what was asked.
    pub answers: BTreeMap<String, Reply>,
    /// Replies that nobody is known to have asked for.
    pub volunteered: BTreeMap<String, Reply>,
}

/// What a plugin may ask for: what the operator granted it and the client can do.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "six independent abilities, each asked for by name"
)]
pub struct Abilities {
    /// Forms for a person to fill in.
    pub form: bool,
    /// Links for a person to visit.
    pub visit: bool,
    /// The client's model.
    pub sample: bool,
    /// The client's model, with tools.
    pub sample_tools: bool,
    /// The client's roots.
    pub roots: bool,
    /// Work that outlives the call.
    pub jobs: bool,
}

/// What tells a call and its retries from all other calls.
#[derive(Debug, Default)]
pub struct IdempotencyKey(OnceLock<String>);

impl IdempotencyKey {
    /// One that is made when somebody asks for it, which few plugins do: randomness costs a system call.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn get(&self) -> &str {
        self.0.get_or_init(random_id)
    }
}

impl From<String> for IdempotencyKey {
    fn from(key: String) -> Self {
        Self(OnceLock::from(key))
    }
}

/// 128 unguessable bits, hexadecimal.
#[must_use]
pub fn random_id() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    format!("{:032x}", u128::from_be_bytes(bytes))
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
    /// Stable over retries of the same call.
    pub idempotency_key: IdempotencyKey,
    /// Entries of the request's `_meta` that plugins may see: key and JSON text.
    pub meta: Vec<(String, String)>,
    /// W3C trace context of the caller.
    pub traceparent: Option<String>,
    /// What may be asked for.
    pub abilities: Abilities,
    /// What was asked before.
    pub asked: Asked,
    /// Where it is recorded what the call does.
    pub trail: Trail,
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
        level: wit::Level,
        logger: Option<String>,
        data: String,
    ) -> wasmtime::Result<()> {
        let call = &self.table.get(&this)?.0;
        // Not JSON: the plugin's defect, and no reason to end its call.
        if data.len() <= EVENT_TEXT_MAX
            && let Ok(data) = serde_json::from_str(&data)
        {
            call.send(Event::Notice {
                level: level.into(),
                logger: logger.map(cut),
                data,
            });
        }
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
            scopes: principal.scopes.to_vec(),
            extras: Vec::new(),
        })
    }

    fn supports(
        &mut self,
        this: Resource<Context>,
        what: values::Capability,
    ) -> wasmtime::Result<bool> {
        let abilities = self.table.get(&this)?.0.abilities;
        Ok(match what {
            values::Capability::Form => abilities.form,
            values::Capability::Visit => abilities.visit,
            values::Capability::Sample => abilities.sample,
            values::Capability::SampleTools => abilities.sample_tools,
            values::Capability::Roots => abilities.roots,
            values::Capability::Jobs => abilities.jobs,
        })
    }

    fn locale(&mut self, this: Resource<Context>) -> wasmtime::Result<Option<String>> {
        self.table.get(&this)?;
        Ok(None)
    }

    fn traceparent(&mut self, this: Resource<Context>) -> wasmtime::Result<Option<String>> {
        Ok(self.table.get(&this)?.0.traceparent.clone())
    }

    fn idempotency_key(&mut self, this: Resource<Context>) -> wasmtime::Result<String> {
        Ok(self.table.get(&this)?.0.idempotency_key.get().to_owned())
    }

    fn request_meta(&mut self, this: Resource<Context>) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.table.get(&this)?.0.meta.clone())
    }

    fn continuation(&mut self, this: Resource<Context>) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.table.get(&this)?.0.asked.continuation.clone())
    }

    fn answer(
        &mut self,
        this: Resource<Context>,
        key: String,
    ) -> wasmtime::Result<Option<values::Reply>> {
        let answers = &self.table.get(&this)?.0.asked.answers;
        Ok(answers.get(&key).cloned().map(Into::into))
    }

    fn volunteered(
        &mut self,
        this: Resource<Context>,
        key: String,
    ) -> wasmtime::Result<Option<values::Reply>> {
        let volunteered = &self.table.get(&this)?.0.asked.volunteered;
        Ok(volunteered.get(&key).cloned().map(Into::into))
    }

    fn drop(&mut self, this: Resource<Context>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl From<Reply> for values::Reply {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Accepted(json) => Self::Accepted(json),
            Reply::Declined => Self::Declined,
            Reply::Cancelled => Self::Cancelled,
        }
    }
}

impl From<wit::Level> for Level {
    fn from(level: wit::Level) -> Self {
        match level {
            wit::Level::Debug => Self::Debug,
            wit::Level::Info => Self::Info,
            wit::Level::Notice => Self::Notice,
            wit::Level::Warning => Self::Warning,
            wit::Level::Error => Self::Error,
            wit::Level::Critical => Self::Critical,
            wit::Level::Alert => Self::Alert,
            wit::Level::Emergency => Self::Emergency,
        }
    }
}
