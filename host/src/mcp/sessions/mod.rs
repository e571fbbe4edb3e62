//! Sessions of the old era over HTTP: who opened which, how many there may be, and when they end.
//!
//! A session is no task and no connection: between requests it is an entry in a table. Each of its requests is served by
//! a handler of its own, as in the new era, and what it says goes to the request's stream (`journal`). `server` brings
//! the requests here and carries the events to the client.
//!
//! To everybody but the principal that opened it, a session does not exist.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, InitializeRequestParams, RequestId, ServerJsonRpcMessage,
    ServerResult,
};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use super::{Handler, Server, ask, session};
use crate::config;
use crate::plugin::{Principal, random_id};
use journal::Bounds;
use open::Beginning;
use owner::Owner;

mod event_id;
mod exchange;
mod journal;
mod open;
mod owner;

pub use exchange::Received;
pub use journal::ResumeError;
pub use open::{Events, OpenSession, Said};

/// A session that was used less long ago is not ended for another one of the same caller.
const SPARED: Duration = Duration::from_mins(1);
/// Characters of what a client calls itself.
const LONGEST_NAME: usize = 80;
/// How often sessions are looked at; more often where they end sooner.
const SWEEP: Duration = Duration::from_secs(10);
const SOONEST_SWEEP: Duration = Duration::from_millis(20);

/// Why a message is not taken. `Display` is for the client.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Not a message of MCP.
    #[error("the body is no message of MCP")]
    NoMessage,
    /// A request that a session begins with, in one that has begun; or the other way round.
    #[error(
        "the session was opened already; send initialize without Mcp-Session-Id to open another"
    )]
    OpenAlready,
    /// The id of a request that is not answered yet.
    #[error("a request with this id is under way in this session")]
    SameId,
    /// Another revision in the header than in the body.
    #[error("the revision in the header is not the one that the request asks for")]
    Version,
    /// It ended while the message was on its way.
    #[error("there is no such session")]
    Over,
    /// Too much for one session.
    #[error(
        "the session has {} requests under way; wait for an answer before sending more",
        exchange::MAX_UNDER_WAY
    )]
    Busy,
    /// Too many sessions of this caller.
    #[error(
        "{0} sessions of this caller are open, as many as may be; end some (DELETE), or wait until one was idle for a minute"
    )]
    TooManyOfYours(usize),
    /// Too many sessions.
    #[error("too many sessions are open; try again later")]
    TooMany,
}

/// All sessions.
#[derive(Debug)]
pub struct Sessions {
    server: Arc<Server>,
    settings: config::Sessions,
    held_in_all: Arc<AtomicUsize>,
    table: Mutex<Table>,
    /// When the operator was last told that somebody was refused.
    complained: Mutex<Option<Instant>>,
    /// Passes on news and ends what is idle.
    _background: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Table {
    by_id: HashMap<Arc<str>, Arc<OpenSession>>,
    by_owner: HashMap<Owner, HashSet<Arc<str>>>,
}

/// A session that was opened just now.
#[derive(Debug)]
pub struct Opened {
    /// Its id, unguessable.
    pub id: Arc<str>,
    /// The answer to the request that opened it, JSON.
    pub answer: Arc<str>,
}

/// A session as an operator sees it. Its id is not shown: on a host that does not ask who is calling, whoever knows it
/// could use the session.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// Tells sessions apart, in the log too; useless for anything else.
    pub fingerprint: String,
    /// Whose it is.
    pub tenant: String,
    /// Whose it is, where known.
    pub subject: Option<String>,
    /// What the client calls itself.
    pub client: String,
    /// The revision that was agreed on.
    pub protocol: String,
    /// Since it was opened.
    pub age_seconds: u64,
    /// Since it was last used; 0 while it is in use.
    pub idle_seconds: u64,
    /// Requests that are not answered yet.
    pub requests_under_way: usize,
    /// Connections over which the client waits for events.
    pub readers: usize,
    /// Resources it subscribed to.
    pub subscriptions: usize,
    /// Events kept for replay.
    pub events: usize,
    /// Their size.
    pub event_bytes: usize,
}

impl Sessions {
    /// None yet. When the server is to stop, the streams that no request waits for end.
    #[must_use]
    pub fn new(server: Arc<Server>, settings: config::Sessions) -> Arc<Self> {
        Arc::new_cyclic(|sessions: &Weak<Self>| {
            let mut background = JoinSet::new();
            background.spawn(pass_on_news(sessions.clone(), server.clone()));
            let pause = (settings.idle_timeout / 4).clamp(SOONEST_SWEEP, SWEEP);
            background.spawn(look_after(sessions.clone(), pause, server.clone()));
            Self {
                server,
                settings,
                held_in_all: Arc::default(),
                table: Mutex::default(),
                complained: Mutex::default(),
                _background: background,
            }
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> Vec<Arc<OpenSession>> {
        self.table().by_id.values().cloned().collect()
    }

    /// The session of this id, if the principal opened it.
    #[must_use]
    pub fn find(&self, id: &str, principal: &Principal) -> Option<Arc<OpenSession>> {
        let table = self.table();
        let session = table.by_id.get(id)?;
        (session.owner == principal.into()).then(|| session.clone())
    }

    /// Opens a session with the request that asks for it. `version` is the revision that the transport names.
    pub fn open(
        &self,
        principal: &Principal,
        version: Option<&str>,
        body: &[u8],
    ) -> Result<Opened, Refusal> {
        let (request, params) = opening(body).ok_or(Refusal::NoMessage)?;
        if version.is_some_and(|version| version != params.protocol_version.as_str()) {
            return Err(Refusal::Version);
        }
        let handler = Handler::new(self.server.clone(), principal.clone());
        let result = handler
            .welcome(&params, principal)
            .map_err(|_| Refusal::Version)?;
        let session = OpenSession::new(
            self.server.clone(),
            Beginning {
                id: random_id().into(),
                owner: principal.into(),
                leave: self
                    .server
                    .host
                    .leave(&principal.tenant, principal.subject.as_deref()),
                version: result.protocol_version.clone(),
                client: name_of(&params),
                abilities: ask::client_abilities(&params.capabilities),
                bounds: Bounds {
                    events: self.settings.max_events,
                    bytes: self.settings.max_event_bytes,
                    bytes_in_all: self.settings.max_event_bytes_in_all,
                    held_in_all: self.held_in_all.clone(),
                },
            },
        );
        let answer =
            ServerJsonRpcMessage::response(ServerResult::InitializeResult(result), request);
        let opened = Opened {
            id: session.id.clone(),
            answer: open::json(&answer),
        };
        tracing::debug!(session = %session.fingerprint(), tenant = %principal.tenant, "a session was opened");
        self.admit(Arc::new(session))?;
        Ok(opened)
    }

    /// Makes room, if need be, at the cost of the same caller only.
    fn admit(&self, session: Arc<OpenSession>) -> Result<(), Refusal> {
        let (max, max_of_one) = (self.settings.max, self.settings.max_per_principal);
        let mut table = self.table();
        let own = table.by_owner.get(&session.owner);
        let refusal = match own.map_or(0, HashSet::len) {
            own if own >= max_of_one => Some(Refusal::TooManyOfYours(max_of_one)),
            _ if table.by_id.len() >= max => Some(Refusal::TooMany),
            _ => None,
        };
        let ended = match refusal.map(|refusal| table.longest_idle(&session.owner).ok_or(refusal)) {
            Some(Err(refusal)) => {
                drop(table);
                self.complain(&session.owner, refusal);
                return Err(refusal);
            }
            Some(Ok(id)) => table.remove(&id),
            None => None,
        };
        table.insert(session);
        drop(table);
        if let Some(ended) = ended {
            ended.close();
        }
        Ok(())
    }

    /// Tells the operator, but not as often as somebody may knock.
    fn complain(&self, owner: &Owner, refusal: Refusal) {
        let now = Instant::now();
        let mut last = self
            .complained
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| now.duration_since(last) < SPARED) {
            return;
        }
        *last = Some(now);
        let (key, limit) = match refusal {
            Refusal::TooManyOfYours(limit) => ("max-per-principal", limit),
            _ => ("max", self.settings.max),
        };
        let (tenant, subject) = (&owner.tenant, owner.subject.as_deref().unwrap_or_default());
        tracing::warn!(%tenant, subject, limit, "a session was refused: too many are open; hint: raise {key} in [server.sessions], or have clients end theirs");
    }

    /// Ends a session.
    pub fn end(&self, session: &OpenSession) {
        let ended = self.table().remove(&session.id);
        if let Some(ended) = ended {
            ended.close();
        }
    }

    /// Ends what is idle, or whose token no longer counts, and drops what nobody comes back for.
    fn sweep(&self) {
        let now = Instant::now();
        for session in self.all() {
            let is_idle = session.idle(now) > self.settings.idle_timeout;
            if is_idle || !self.server.host.may_stay(&session.leave) {
                self.end(&session);
            } else {
                session.age(now);
            }
        }
    }

    /// All sessions, as an operator sees them, in an order that stays.
    #[must_use]
    pub fn list(&self) -> Vec<Shown> {
        let now = Instant::now();
        let mut shown: Vec<_> = self.all().iter().map(|one| one.shown(now)).collect();
        shown.sort_by_cached_key(|one| {
            let (tenant, subject) = (one.tenant.clone(), one.subject.clone());
            let oldest_first = Reverse(one.age_seconds);
            (tenant, subject, oldest_first, one.fingerprint.clone())
        });
        shown
    }

    /// How many there may be.
    #[must_use]
    pub fn limits(&self) -> &config::Sessions {
        &self.settings
    }

    /// How many are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.table().by_id.len()
    }
}

impl Table {
    fn insert(&mut self, session: Arc<OpenSession>) {
        let own = self.by_owner.entry(session.owner.clone()).or_default();
        own.insert(session.id.clone());
        self.by_id.insert(session.id.clone(), session);
    }

    fn remove(&mut self, id: &str) -> Option<Arc<OpenSession>> {
        let session = self.by_id.remove(id)?;
        if let Some(own) = self.by_owner.get_mut(&session.owner) {
            own.remove(id);
            if own.is_empty() {
                self.by_owner.remove(&session.owner);
            }
        }
        Some(session)
    }

    /// The session of this owner that can best be done without.
    fn longest_idle(&self, owner: &Owner) -> Option<Arc<str>> {
        let now = Instant::now();
        let own = self.by_owner.get(owner)?.iter();
        own.filter_map(|id| self.by_id.get(id))
            .map(|session| (session.idle(now), session))
            .filter(|(idle, _)| *idle >= SPARED)
            .max_by_key(|(idle, _)| *idle)
            .map(|(_, session)| session.id.clone())
    }
}

/// The request that opens a session: its id, and what it says.
fn opening(body: &[u8]) -> Option<(RequestId, InitializeRequestParams)> {
    let ClientJsonRpcMessage::Request(request) = serde_json::from_slice(body).ok()? else {
        return None;
    };
    match request.request {
        ClientRequest::InitializeRequest(initialize) => Some((request.id, initialize.params)),
        _ => None,
    }
}

/// What the client calls itself: for people, so that it may be cut.
fn name_of(params: &InitializeRequestParams) -> Box<str> {
    let client = &params.client_info;
    let whole = format!("{} {}", client.name, client.version);
    whole.chars().take(LONGEST_NAME).collect()
}

async fn pass_on_news(sessions: Weak<Sessions>, server: Arc<Server>) {
    let mut news = server.host.news();
    drop(server);
    loop {
        let heard = news.recv().await;
        if matches!(heard, Err(RecvError::Closed)) {
            return;
        }
        // They own this task; before they are there, none is open.
        let Some(sessions) = sessions.upgrade() else {
            continue;
        };
        match heard {
            Ok(news) => {
                let text = open::text_of(&news.what);
                let concerned = |one: &Arc<OpenSession>| news.concerns(&one.owner.tenant);
                for session in sessions.all().into_iter().filter(concerned) {
                    session.tell(&news.what, &text);
                }
            }
            // Some were missed: anything may have changed.
            Err(_) => {
                for session in sessions.all() {
                    session.tell_everything();
                }
            }
        }
    }
}

async fn look_after(sessions: Weak<Sessions>, pause: Duration, server: Arc<Server>) {
    let (stop, mut callers) = (server.stop.clone(), server.host.callers());
    drop(server);
    let until_stop = async {
        loop {
            // At once where a token was taken away.
            let _ = tokio::time::timeout(pause, callers.changed()).await;
            if let Some(sessions) = sessions.upgrade() {
                sessions.sweep();
            }
        }
    };
    tokio::select! {
        () = until_stop => {}
        () = stop.cancelled() => {}
    }
    let all = sessions.upgrade().map(|sessions| sessions.all());
    for session in all.into_iter().flatten() {
        session.end_listening();
    }
}
