//! Faults to inject while the server runs: what a network, a proxy or a busy server does to a client.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Method;
use tokio::sync::watch;

use crate::auth::Tokens;

/// What happens to a request.
#[derive(Clone, Debug)]
enum Effect {
    Status { code: u16, retry_after: Option<u32> },
    Proxy(u16),
    Slow(Duration),
    Truncated,
    Huge(u64),
    Dropped,
    Held(Gate),
}

/// What is left to do once the request has been answered as usual.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Damage {
    Truncated,
    Huge(u64),
}

/// What to do instead of answering.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Instead {
    Status { code: u16, retry_after: Option<u32> },
    Proxy(u16),
    Drop,
}

/// One fault: what happens, to which requests, and how often.
#[derive(Clone, Debug)]
pub struct Fault {
    effect: Effect,
    method: Option<Method>,
    path: String,
    skip: u32,
    times: Option<u32>,
}

impl Fault {
    fn new(effect: Effect) -> Self {
        Self {
            effect,
            method: None,
            path: "*".to_owned(),
            skip: 0,
            times: Some(1),
        }
    }

    /// Answered with this status and the API's error body. 401 is an expired token.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::new(Effect::Status {
            code,
            retry_after: None,
        })
    }

    /// 429 with `Retry-After` in seconds.
    #[must_use]
    pub fn too_many_requests(retry_after: u32) -> Self {
        Self::new(Effect::Status {
            code: 429,
            retry_after: Some(retry_after),
        })
    }

    /// Answered with this status and a page of HTML, as a proxy in front of the server does it.
    #[must_use]
    pub fn proxy_error(code: u16) -> Self {
        Self::new(Effect::Proxy(code))
    }

    /// Answered as usual, but only after this time.
    #[must_use]
    pub fn slow(time: Duration) -> Self {
        Self::new(Effect::Slow(time))
    }

    /// Half of the body is sent, then the connection is closed.
    #[must_use]
    pub fn truncated() -> Self {
        Self::new(Effect::Truncated)
    }

    /// 200 with a body of about this many bytes, in chunks, without saying its length beforehand.
    #[must_use]
    pub fn huge(bytes: u64) -> Self {
        Self::new(Effect::Huge(bytes))
    }

    /// The connection is closed without an answer.
    #[must_use]
    pub fn dropped() -> Self {
        Self::new(Effect::Dropped)
    }

    /// Answered as usual, but only once the gate is opened.
    #[must_use]
    pub fn held(gate: &Gate) -> Self {
        Self::new(Effect::Held(gate.clone()))
    }

    /// Only requests with this method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Only requests to this path; an asterisk at its end stands for anything.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Lets this many matching requests through first.
    #[must_use]
    pub fn after(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    /// To this many requests; once, when not said.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// To every matching request until [`Faults::clear`].
    #[must_use]
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    fn concerns(&self, method: &Method, path: &str) -> bool {
        let right_path = match self.path.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None => path == self.path,
        };
        right_path && self.method.as_ref().is_none_or(|own| own == method)
    }
}

/// Holds requests until it is opened, and tells how many it holds: a test waits for a fact, not a time.
#[derive(Clone)]
pub struct Gate(Arc<GateState>);

struct GateState {
    open: watch::Sender<bool>,
    waiting: watch::Sender<usize>,
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(GateState {
            open: watch::Sender::new(false),
            waiting: watch::Sender::new(0),
        }))
    }

    /// Lets everybody through, from now on.
    pub fn open(&self) {
        self.0.open.send_replace(true);
    }

    /// Returns once this many requests, at least, have come to the gate.
    pub async fn reached_by(&self, requests: usize) {
        let mut waiting = self.0.waiting.subscribe();
        // The sender lives as long as `self`.
        let _never_closed = waiting.wait_for(|count| *count >= requests).await;
    }

    async fn pass(&self) {
        let mut open = self.0.open.subscribe();
        self.0.waiting.send_modify(|count| *count += 1);
        let _never_closed = open.wait_for(|open| *open).await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Gate")
            .field("open", &*self.0.open.borrow())
            .field("waiting", &*self.0.waiting.borrow())
            .finish()
    }
}

/// The handle on a running server's faults.
#[derive(Clone)]
pub struct Faults {
    rules: Arc<Mutex<Vec<Fault>>>,
    tokens: Arc<Mutex<Tokens>>,
}

impl Faults {
    pub(crate) fn new(tokens: Arc<Mutex<Tokens>>) -> Self {
        Self {
            rules: Arc::default(),
            tokens,
        }
    }

    /// From now on. Of several faults that concern a request, the first injected one happens.
    pub fn inject(&self, fault: Fault) {
        self.rules().push(fault);
    }

    /// No more faults.
    pub fn clear(&self) {
        self.rules().clear();
    }

    /// Every access token given out so far has expired; refresh tokens still serve.
    pub fn expire_tokens(&self) {
        self.tokens().expire_access(Instant::now());
    }

    /// Every refresh token given out so far is void.
    pub fn revoke_refresh_tokens(&self) {
        self.tokens().revoke_refresh();
    }

    /// The next login with the old password fails.
    pub fn change_password(&self, user: &str, password: &str) {
        self.tokens().change_password(user, password);
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tokens(&self) -> std::sync::MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the fault that is due for this request, and uses it up.
    fn take(&self, method: &Method, path: &str) -> Option<Effect> {
        let mut rules = self.rules();
        let mut due = None;
        for rule in rules.iter_mut().filter(|rule| rule.concerns(method, path)) {
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if let Some(times) = &mut rule.times {
                *times = times.saturating_sub(1);
            }
            due = Some(rule.effect.clone());
            break;
        }
        rules.retain(|rule| rule.times != Some(0));
        due
    }

    /// Waits where the fault says so, and returns what else is to be done.
    pub(crate) async fn meet(&self, method: &Method, path: &str) -> Met {
        match self.take(method, path) {
            None => Met::Nothing,
            Some(Effect::Slow(time)) => {
                tokio::time::sleep(time).await;
                Met::Nothing
            }
            Some(Effect::Held(gate)) => {
                gate.pass().await;
                Met::Nothing
            }
            Some(Effect::Truncated) => Met::Damage(Damage::Truncated),
            Some(Effect::Huge(bytes)) => Met::Damage(Damage::Huge(bytes)),
            Some(Effect::Status { code, retry_after }) => {
                Met::Instead(Instead::Status { code, retry_after })
            }
            Some(Effect::Proxy(code)) => Met::Instead(Instead::Proxy(code)),
            Some(Effect::Dropped) => Met::Instead(Instead::Drop),
        }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Faults")
            .field(&*self.rules())
            .finish()
    }
}

/// What a request met on its way in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Met {
    Nothing,
    Damage(Damage),
    Instead(Instead),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults() -> Faults {
        let tokens = Tokens::new(Vec::new(), Duration::ZERO, Duration::ZERO);
        Faults::new(Arc::new(Mutex::new(tokens)))
    }

    #[tokio::test]
    async fn a_fault_happens_to_what_it_concerns_and_as_often_as_it_says() {
        let faults = faults();
        faults.inject(
            Fault::dropped()
                .method(Method::GET)
                .path("/a*")
                .after(1)
                .times(2),
        );
        let mut met = Vec::new();
        for (method, path) in [
            (Method::GET, "/b"),
            (Method::POST, "/a"),
            (Method::GET, "/a/1"),
            (Method::GET, "/a/2"),
            (Method::GET, "/a/3"),
            (Method::GET, "/a/4"),
        ] {
            met.push(faults.meet(&method, path).await != Met::Nothing);
        }
        assert_eq!(met, [false, false, false, true, true, false]);
    }

    #[tokio::test]
    async fn a_gate_holds_until_it_is_opened() {
        let (faults, gate) = (faults(), Gate::new());
        faults.inject(Fault::held(&gate).times(2));
        let held = faults.clone();
        let task = tokio::spawn(async move { held.meet(&Method::GET, "/").await });
        gate.reached_by(1).await;
        assert!(!task.is_finished());
        gate.open();
        assert_eq!(task.await.unwrap(), Met::Nothing);
    }
}
