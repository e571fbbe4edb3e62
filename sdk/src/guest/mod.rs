//! The world of a component: the host, through the plugin interface and `wasi:http`.

use std::time::Duration;

use ref_cast::RefCast;
use serde_json::Value;

use crate::call::{
    Backend, Broken, Capability, Change, Incoming, LogLevel, NoticeLevel, Outgoing, Principal,
    RawReply, World,
};
use crate::context::Context;
use crate::plugin::Plugin;

#[allow(missing_docs, clippy::same_length_and_capacity, reason = "generated")]
pub mod bindings;
mod completions;
mod exchange;
mod jobs;
mod layout;
pub(crate) mod lower;
mod prompts;
mod resources;
#[allow(missing_docs, reason = "what only `plugin!` uses")]
pub mod tools;
mod values;
mod watch;

use bindings::toolward::plugin::{backends, call, changes, log, settings};
use bindings::wasi::clocks::monotonic_clock;
use bindings::wasi::io::poll::{Pollable, poll};

pub use crate::__export_all_tools as export_tools;
pub use bindings::completions::export as export_completions;
pub use bindings::jobs::export as export_jobs;
pub use bindings::prompts::export as export_prompts;
pub use bindings::resources::export as export_resources;
pub use bindings::watch::export as export_watch;

/// The type that carries a plugin's exports: every ability is written for all such types, and `plugin!` exports those
/// that the plugin has.
pub trait Offers {
    /// What the plugin offers.
    fn plugin() -> &'static Plugin;
}

/// The call as the host hands it over. A type of our own, since methods of the generated one share names with [`World`]'s.
#[derive(RefCast)]
#[repr(transparent)]
pub(crate) struct Call(call::Context);

fn context(cx: &call::Context) -> &Context {
    Context::of(Call::ref_cast(cx))
}

impl World for Call {
    type Body = exchange::Stream;

    fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        self.0.progress(done, total, message);
    }

    fn notify(&self, level: NoticeLevel, logger: Option<&str>, data: &str) {
        self.0.notify(values::level(level), logger, data);
    }

    fn log(&self, level: LogLevel, message: &str, fields: &[(String, String)]) {
        let level = match level {
            LogLevel::Trace => log::Level::Trace,
            LogLevel::Debug => log::Level::Debug,
            LogLevel::Info => log::Level::Info,
            LogLevel::Warn => log::Level::Warn,
            LogLevel::Error => log::Level::Error,
        };
        log::write(level, message, fields);
    }

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }

    fn time_left(&self) -> Duration {
        Duration::from_millis(self.0.time_left_ms().into())
    }

    fn principal(&self) -> Principal {
        let call::Principal {
            tenant,
            subject,
            scopes,
            ..
        } = self.0.principal();
        Principal {
            tenant,
            subject,
            scopes,
        }
    }

    fn idempotency_key(&self) -> String {
        self.0.idempotency_key()
    }

    fn settings(&self) -> String {
        settings::all()
    }

    fn backends(&self) -> Vec<Backend> {
        backends::bound().into_iter().map(backend).collect()
    }

    fn read_only(&self) -> bool {
        let bound = backends::bound();
        !bound.is_empty() && bound.iter().all(|backend| backend.read_only)
    }

    fn supports(&self, what: Capability) -> bool {
        self.0.supports(values::capability(what))
    }

    fn locale(&self) -> Option<String> {
        self.0.locale()
    }

    fn traceparent(&self) -> Option<String> {
        self.0.traceparent()
    }

    fn request_meta(&self) -> Vec<(String, String)> {
        self.0.request_meta()
    }

    fn continuation(&self) -> Option<Vec<u8>> {
        self.0.continuation()
    }

    fn answer(&self, key: &str) -> Option<RawReply> {
        self.0.answer(key).map(values::reply)
    }

    fn volunteered(&self, key: &str) -> Option<RawReply> {
        self.0.volunteered(key).map(values::reply)
    }

    fn changed(&self, what: Change) {
        match what {
            Change::Tools => changes::tools_changed(),
            Change::Prompts => changes::prompts_changed(),
            Change::Resources => changes::resources_changed(),
            Change::Resource(uri) => changes::resource_updated(&uri),
        }
    }

    fn sleep(&self, time: Duration) -> bool {
        let over =
            monotonic_clock::subscribe_duration(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        wait(&over, &self.0.subscribe_cancelled())
    }

    fn exchange(&self, request: &Outgoing) -> Result<Incoming<Self::Body>, Broken> {
        exchange::exchange(self.0.subscribe_cancelled(), request)
    }
}

/// Waits for the one or the other. Whether it was the first; being cancelled counts for more.
fn wait(ready: &Pollable, cancelled: &Pollable) -> bool {
    poll(&[cancelled, ready]).first() != Some(&0)
}

/// A backend as the host tells of it.
fn backend(backend: backends::Backend) -> Backend {
    let mut extras = backend.extras.iter();
    let learned = extras.find(|(key, _)| key == "learned");
    Backend {
        name: backend.name,
        answers: backend.answers,
        kind: backend.kind,
        title: backend.title,
        read_only: backend.read_only,
        default: backend.default,
        facts: serde_json::from_str(&backend.facts).unwrap_or(Value::Null),
        learned: learned
            .and_then(|(_, text)| serde_json::from_str(text).ok())
            .unwrap_or(Value::Null),
    }
}
