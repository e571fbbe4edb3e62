//! The world of a test: what the call finds, and what it leaves behind.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Write as _};
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use super::call::{Logged, Notice, Progress};
use super::script::{Exchange, Sent};
use crate::ask::Ask;
use crate::call::{
    Backend, Broken, Capability, Change, Incoming, LogLevel, NoticeLevel, Outgoing, Principal,
    RawReply, Source, World,
};

/// What a test's host knows, shared by all its calls.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Value,
    pub(super) principal: Principal,
    pub(super) backends: Vec<Backend>,
    pub(super) script: RefCell<Vec<Exchange>>,
    pub(super) servers: Vec<Server>,
    pub(super) in_order: bool,
    pub(super) cancelled: Cell<bool>,
    pub(super) time_left: Cell<Duration>,
    pub(super) idempotency_key: String,
    pub(super) unsupported: Vec<Capability>,
    pub(super) locale: Option<String>,
    pub(super) traceparent: Option<String>,
    pub(super) request_meta: Vec<(String, String)>,
    pub(super) replies: Vec<(String, RawReply)>,
    pub(super) volunteered: Vec<(String, RawReply)>,
}

/// Answers in place of a script.
pub(super) struct Server {
    pub(super) backend: String,
    pub(super) answer: Box<dyn Fn(&Sent) -> super::Answer>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("backend", &self.backend)
            .finish_non_exhaustive()
    }
}

/// What the host brings back to a call that asked in the round before.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) continuation: Option<Vec<u8>>,
    pub(super) answers: Vec<(String, RawReply)>,
}

impl Shared {
    /// The scripted replies to these questions; none if one of them has no reply.
    pub(super) fn replies(&self, requests: &[(String, Ask)]) -> Option<Vec<(String, RawReply)>> {
        let reply = |key: &str| self.replies.iter().find(|(known, _)| known == key).cloned();
        requests.iter().map(|(key, _)| reply(key)).collect()
    }
}

/// What one call left behind.
#[derive(Debug, Default)]
pub(super) struct Traces {
    pub(super) progress: Vec<Progress>,
    pub(super) notices: Vec<Notice>,
    pub(super) logs: Vec<Logged>,
    pub(super) requests: Vec<Sent>,
    pub(super) changes: Vec<Change>,
}

/// A call of a test.
#[derive(Debug)]
pub(crate) struct Call {
    pub(super) shared: Rc<Shared>,
    pub(super) traces: RefCell<Traces>,
    pub(super) round: Round,
}

impl Call {
    pub(super) fn new(shared: Rc<Shared>) -> Self {
        Self {
            shared,
            traces: RefCell::default(),
            round: Round::default(),
        }
    }

    pub(super) fn with(shared: Rc<Shared>, traces: Traces, round: Round) -> Self {
        Self {
            shared,
            traces: RefCell::new(traces),
            round,
        }
    }
}

impl World for Call {
    type Body = Piecewise;

    fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        self.traces.borrow_mut().progress.push(Progress {
            done,
            total,
            message: message.map(str::to_owned),
        });
    }

    fn notify(&self, level: NoticeLevel, logger: Option<&str>, data: &str) {
        let data = serde_json::from_str(data).unwrap_or(Value::Null);
        let logger = logger.map(str::to_owned);
        self.traces.borrow_mut().notices.push(Notice {
            level,
            logger,
            data,
        });
    }

    fn log(&self, level: LogLevel, message: &str, fields: &[(String, String)]) {
        self.traces.borrow_mut().logs.push(Logged {
            level,
            message: message.to_owned(),
            fields: fields.to_owned(),
        });
    }

    fn cancelled(&self) -> bool {
        self.shared.cancelled.get()
    }

    fn time_left(&self) -> Duration {
        self.shared.time_left.get()
    }

    fn principal(&self) -> Principal {
        self.shared.principal.clone()
    }

    fn idempotency_key(&self) -> String {
        self.shared.idempotency_key.clone()
    }

    fn settings(&self) -> String {
        self.shared.settings.to_string()
    }

    fn backends(&self) -> Vec<Backend> {
        self.shared.backends.clone()
    }

    fn read_only(&self) -> bool {
        let backends = &self.shared.backends;
        !backends.is_empty() && backends.iter().all(|backend| backend.read_only)
    }

    fn supports(&self, what: Capability) -> bool {
        !self.shared.unsupported.contains(&what)
    }

    fn locale(&self) -> Option<String> {
        self.shared.locale.clone()
    }

    fn traceparent(&self) -> Option<String> {
        self.shared.traceparent.clone()
    }

    fn request_meta(&self) -> Vec<(String, String)> {
        self.shared.request_meta.clone()
    }

    fn continuation(&self) -> Option<Vec<u8>> {
        self.round.continuation.clone()
    }

    fn answer(&self, key: &str) -> Option<RawReply> {
        find(&self.round.answers, key)
    }

    fn volunteered(&self, key: &str) -> Option<RawReply> {
        find(&self.shared.volunteered, key)
    }

    fn changed(&self, what: Change) {
        self.traces.borrow_mut().changes.push(what);
    }

    fn sleep(&self, time: Duration) -> bool {
        self.shared
            .time_left
            .set(self.shared.time_left.get().saturating_sub(time));
        !self.shared.cancelled.get()
    }

    fn exchange(&self, request: &Outgoing) -> Result<Incoming<Self::Body>, Broken> {
        if self.cancelled() {
            return Err(Broken::Cancelled);
        }
        let sent = Sent::new(request);
        let answer = self.shared.answer(&sent);
        self.traces.borrow_mut().requests.push(sent);
        answer.deliver()
    }
}

fn find(replies: &[(String, RawReply)], key: &str) -> Option<RawReply> {
    let (_, reply) = replies.iter().find(|(known, _)| known == key)?;
    Some(reply.clone())
}

impl Shared {
    /// Fails the test when nothing of the script fits.
    fn answer(&self, sent: &Sent) -> super::Answer {
        let mut script = self.script.borrow_mut();
        let candidates = if self.in_order {
            script.len().min(1)
        } else {
            script.len()
        };
        let Some(at) = script[..candidates]
            .iter()
            .position(|exchange| exchange.matches(sent))
        else {
            let server = self.servers.iter().find(|one| one.backend == sent.backend);
            if let Some(server) = server {
                return (server.answer)(sent);
            }
            let message = unexpected(sent, &script, self.in_order);
            // A panic with the script borrowed would be followed by another one when the host is dropped.
            drop(script);
            panic!("{message}");
        };
        if script[at].always {
            script[at].answer.clone()
        } else {
            script.remove(at).answer
        }
    }
}

fn unexpected(sent: &Sent, script: &[Exchange], in_order: bool) -> String {
    let mut message = format!("nobody expected this request:\n  {sent}\n");
    for (name, value) in &sent.headers {
        let _ = writeln!(message, "    {name}: {value}");
    }
    if !sent.body.is_empty() {
        let _ = writeln!(message, "    {}", String::from_utf8_lossy(&sent.body));
    }
    message.push_str(if in_order {
        "expected next, in this order:\n"
    } else {
        "still expected:\n"
    });
    if script.is_empty() {
        message.push_str("  no request\n");
    }
    for exchange in script {
        let _ = writeln!(message, "  {exchange}");
    }
    message
}

/// A body that comes in small pieces, as one from a network does.
#[derive(Debug)]
pub(crate) struct Piecewise {
    rest: Vec<u8>,
    broken: Option<Broken>,
}

impl Piecewise {
    const PIECE: usize = 1000;

    pub(super) fn new(body: Vec<u8>, broken: Option<Broken>) -> Self {
        Self { rest: body, broken }
    }
}

impl Source for Piecewise {
    fn next(&mut self, at_most: usize) -> Result<Option<Vec<u8>>, Broken> {
        if self.rest.is_empty() {
            return self.broken.clone().map_or(Ok(None), Err);
        }
        let piece = self.rest.len().min(at_most).min(Self::PIECE);
        let later = self.rest.split_off(piece);
        Ok(Some(std::mem::replace(&mut self.rest, later)))
    }
}
