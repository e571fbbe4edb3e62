//! What one call did on its way: carried down with the call, filled in below, written where the call ends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Audit, Event, Kind};

/// Requests that are listed one by one, denials that get a line of their own, and lines of the operator's log about
/// requests; more are counted.
const LISTED: usize = 32;

/// The trail of one call. Cheap to clone; the default one is written nowhere.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    inner: Option<Arc<Inner>>,
    /// What was told to the operator's log.
    told: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Inner {
    audit: Audit,
    /// Who calls, and which call it is: repeated on each line about it.
    head: Event,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    requests: Vec<Value>,
    sent: u64,
    denied: u64,
    stopped: Option<&'static str>,
}

/// One request to a backend, as it is recorded. The query is left out: it may hold what nobody wants on disk.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The plugin's name for the backend.
    pub backend: &'a str,
    /// The binding behind it.
    pub binding: &'a str,
    /// The method.
    pub method: &'a str,
    /// The path below the binding's URL.
    pub path: &'a str,
    /// The status of the answer, or the kind of failure.
    pub outcome: &'a str,
    /// Until then.
    pub took: Duration,
}

/// A confirmation, as it is recorded. What was shown and why somebody said yes are on disk on purpose: the plugin's own
/// sentence may name what it changes.
#[derive(Clone, Copy, Debug)]
pub struct Confirmation<'a> {
    /// `person`: somebody was asked. `caller`: its own word was enough.
    pub by: &'static str,
    /// What will happen, to what.
    pub shown: &'a str,
    /// Why, where somebody said so.
    pub reason: Option<&'a str>,
}

impl Confirmation<'_> {
    /// The event, with what is known.
    #[must_use]
    pub fn told(self, event: Event) -> Event {
        event
            .with("by", self.by)
            .with("shown", self.shown)
            .with("reason", self.reason)
    }
}

impl Trail {
    pub(super) fn new(audit: Audit, head: Event) -> Self {
        Self {
            inner: Some(Arc::new(Inner {
                audit,
                head,
                state: Mutex::default(),
            })),
            told: Arc::default(),
        }
    }

    /// A request that was sent to a backend.
    pub fn request(&self, request: Request<'_>) {
        let Some(mut state) = self.state() else {
            return;
        };
        state.sent += 1;
        if state.requests.len() < LISTED {
            let path: String = request.path.chars().take(200).collect();
            state.requests.push(json!({
                "backend": request.backend,
                "binding": request.binding,
                "request": format!("{} {path}", request.method),
                "outcome": request.outcome,
                "ms": u64::try_from(request.took.as_millis()).unwrap_or(u64::MAX),
            }));
        }
    }

    /// Somebody confirmed what is about to be done. It gets a line of its own, before it is done.
    pub fn confirmation(&self, confirmation: Confirmation<'_>) {
        if let Some(inner) = &self.inner {
            let mut event = inner.head.clone();
            event.kind = Kind::Confirmation;
            event.at = std::time::SystemTime::now();
            inner.audit.record(confirmation.told(event));
        }
    }

    /// Whether there is room in the operator's log for one more line about a request of this call. There is an end to it:
    /// a call may send as many requests as it likes, and a log that is written full hides what others did.
    #[must_use]
    pub fn has_line(&self) -> bool {
        self.told.fetch_add(1, Ordering::Relaxed) < LISTED
    }

    /// Something that the call was not allowed. It gets a line of its own.
    pub fn denial(&self, what: &str) {
        let Some(inner) = &self.inner else { return };
        let denied = {
            let mut state = lock(&inner.state);
            state.denied += 1;
            state.denied
        };
        if denied <= LISTED as u64 {
            let mut event = inner.head.clone();
            event.kind = Kind::Denial;
            event.at = std::time::SystemTime::now();
            inner.audit.record(event.with("denied", what));
        }
    }

    /// The limit that ended the call.
    pub fn stopped(&self, limit: &'static str) {
        if let Some(mut state) = self.state() {
            state.stopped = Some(limit);
        }
    }

    pub(super) fn finish(&self, mut event: Event) -> Event {
        let Some(state) = self.state() else {
            return event;
        };
        if state.sent > 0 {
            event = event
                .with("requests", state.requests.clone())
                .with("sent", state.sent);
        }
        if state.denied > 0 {
            event = event.with("denials", state.denied);
        }
        event.with("stopped", state.stopped)
    }

    fn state(&self) -> Option<MutexGuard<'_, State>> {
        self.inner.as_ref().map(|inner| lock(&inner.state))
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
