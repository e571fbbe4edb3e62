//! The world of a component: the host, through the plugin interface and `wasi:http`.

use std::time::Duration;

use ref_cast::RefCast;
use serde_json::Value;

use crate::call::{Backend, Broken, Incoming, LogLevel, NoticeLevel, Outgoing, Principal, World};
use crate::context::Context;
use crate::tool::Plugin;

#[allow(missing_docs, clippy::same_length_and_capacity, reason = "generated")]
pub mod bindings;
mod exchange;
mod values;

use bindings::exports::toolward::plugin::tools::{Listing, Outcome};
use bindings::toolward::plugin::{backends, call, log, settings};
use bindings::wasi::clocks::monotonic_clock;
use bindings::wasi::io::poll::{Pollable, poll};

/// The call as the host hands it over. A type of our own, since methods of the generated one share names with [`World`]'s.
#[derive(RefCast)]
#[repr(transparent)]
pub(crate) struct Call(call::Context);

/// Answers the host's question for the tools.
pub fn list_tools(plugin: &Plugin) -> Listing {
    let bound = backends::bound();
    let read_only: Vec<bool> = bound.iter().map(|backend| backend.read_only).collect();
    let offered = plugin.offered(&read_only);
    Listing {
        tools: offered.into_iter().map(values::tool).collect(),
        freshness: None,
    }
}

/// Runs one tool for the host.
pub fn call_tool(
    plugin: &Plugin,
    cx: &call::Context,
    name: &str,
    arguments: &str,
) -> Result<Outcome, bindings::toolward::plugin::values::Failure> {
    plugin
        .call(Context::of(Call::ref_cast(cx)), name, arguments)
        .map(|output| Outcome::Done(values::output(output)))
        .map_err(values::failure)
}

impl World for Call {
    type Body = exchange::Stream;

    fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        self.0.progress(done, total, message);
    }

    fn notify(&self, level: NoticeLevel, logger: Option<&str>, data: &str) {
        let level = match level {
            NoticeLevel::Debug => call::Level::Debug,
            NoticeLevel::Info => call::Level::Info,
            NoticeLevel::Notice => call::Level::Notice,
            NoticeLevel::Warning => call::Level::Warning,
            NoticeLevel::Error => call::Level::Error,
            NoticeLevel::Critical => call::Level::Critical,
            NoticeLevel::Alert => call::Level::Alert,
            NoticeLevel::Emergency => call::Level::Emergency,
        };
        self.0.notify(level, logger, data);
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
        let from_host = |backend: backends::Backend| Backend {
            name: backend.name,
            answers: backend.answers,
            kind: backend.kind,
            title: backend.title,
            read_only: backend.read_only,
            default: backend.default,
            facts: serde_json::from_str(&backend.facts).unwrap_or(Value::Null),
        };
        backends::bound().into_iter().map(from_host).collect()
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
