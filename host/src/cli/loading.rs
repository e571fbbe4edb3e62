//! Starting a host for one command: somebody who waits at a terminal is told what takes so long, and may change their mind.
//!
//! `serve` has no use for this: its log tells the same.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::{Layer, Registry};

use super::failure::Failure;
use super::output::Audience;
use super::signals;
use super::status::Status;
use crate::config::Config;
use crate::error::Exit;
use crate::host::Host;

/// What takes less is not worth a line.
const PATIENCE: Duration = Duration::from_millis(300);
const TICK: Duration = Duration::from_millis(100);

/// Where compiling is told of.
const TARGET: &str = "toolward::plugin::cache";

/// What is being compiled, since when.
#[derive(Clone, Debug, Default)]
pub(super) struct Loading(Arc<Mutex<BTreeMap<String, Instant>>>);

impl Loading {
    /// For people at a terminal, and nobody else.
    pub(super) fn shown_to(audience: Audience) -> Option<Self> {
        (audience == Audience::People && std::io::stderr().is_terminal()).then(Self::default)
    }

    /// Learns from the events of the log.
    pub(super) fn watch(&self) -> impl Layer<Registry> + Send + Sync + use<> {
        Watch(self.clone()).with_filter(filter_fn(|metadata| metadata.target() == TARGET))
    }

    fn begun(&self, plugin: String) {
        let mut compiling = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        compiling.insert(plugin, Instant::now());
    }

    fn ended(&self, plugin: &str) {
        let mut compiling = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        compiling.remove(plugin);
    }

    /// The line, when there is something to tell.
    fn line(&self, now: Instant) -> Option<String> {
        let compiling = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = now.saturating_duration_since(*compiling.values().min()?);
        let names: Vec<&str> = compiling.keys().map(String::as_str).collect();
        let seconds = since.as_secs();
        (since >= PATIENCE).then(|| format!("compiling {}, once: {seconds} s", names.join(", ")))
    }

    /// Shows the line while it is polled, and leaves nothing behind.
    async fn show(&self) {
        let _status = Status;
        loop {
            tokio::time::sleep(TICK).await;
            match self.line(Instant::now()) {
                Some(line) => Status::show(&line),
                None => Status::clear(),
            }
        }
    }
}

struct Watch(Loading);

impl<S: Subscriber> Layer<S> for Watch {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut told = Told::default();
        event.record(&mut told);
        match told {
            Told {
                plugin: Some(plugin),
                ended: false,
            } => self.0.begun(plugin),
            Told {
                plugin: Some(plugin),
                ended: true,
            } => self.0.ended(&plugin),
            Told { plugin: None, .. } => {}
        }
    }
}

/// The fields of an event that matter.
#[derive(Default)]
struct Told {
    plugin: Option<String>,
    ended: bool,
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "plugin" => self.plugin = Some(format!("{value:?}")),
            "elapsed" => self.ended = true,
            _ => {}
        }
    }
}

/// Starts a host, unless a signal comes first.
pub(super) async fn start(config: &Config, loading: Option<Loading>) -> Result<Arc<Host>, Failure> {
    let show = async {
        match &loading {
            Some(loading) => loading.show().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        started = Host::start(config) => started.map_err(|error| Failure::of(Exit::Failure, &error)),
        signal = signals::first() => Err(signal.failure("nothing was called")),
        () = show => unreachable!("it is shown until the host has started"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt as _;

    #[test]
    fn compiling_is_told_from_its_first_event_to_its_last() {
        let loading = Loading::default();
        let watched = tracing_subscriber::registry().with(loading.watch());
        tracing::subscriber::with_default(watched, || {
            let plugin = "echo";
            tracing::info!(target: TARGET, %plugin, "compiling");
            tracing::info!(target: "elsewhere", plugin = "other", "compiling");
            let now = Instant::now();
            assert_eq!(loading.line(now), None, "it has just begun");
            let line = loading.line(now + PATIENCE);
            assert_eq!(line.as_deref(), Some("compiling echo, once: 0 s"));
            tracing::info!(target: TARGET, %plugin, elapsed = "1 s", "compiled");
            assert_eq!(loading.line(now + PATIENCE), None);
        });
    }
}
