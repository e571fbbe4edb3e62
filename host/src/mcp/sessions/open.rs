//! One session: what it said and says, whether it is in use, what is told of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rmcp::model::{ProtocolVersion, ServerJsonRpcMessage};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

use super::exchange::UnderWay;
use super::journal::{Bounds, Journal, Kind, Next, Reader, ResumeError, STANDALONE};
use super::owner::Owner;
use super::{Server, Shown, session};
use crate::host::Leave;
use crate::plugin::{self, Abilities, Changed};

/// A session. Between requests nothing of it runs.
#[derive(Debug)]
pub struct OpenSession {
    pub(super) id: Arc<str>,
    pub(super) owner: Owner,
    /// What the caller came in with.
    pub(super) leave: Leave,
    pub(super) server: Arc<Server>,
    pub(super) version: ProtocolVersion,
    /// What the client calls itself, cut short.
    client: Box<str>,
    /// What the client said that it can do.
    pub(super) abilities: Abilities,
    pub(super) state: Arc<session::State>,
    pub(super) under_way: Mutex<UnderWay>,
    journal: Mutex<Journal>,
    /// Somebody said something, or everything ended.
    said: Notify,
    /// The client said that it is: before that it is told of no changes.
    is_ready: AtomicBool,
    opened: Instant,
    /// Milliseconds after `opened`.
    used: AtomicU64,
}

/// What a session begins with.
pub(super) struct Beginning {
    pub(super) id: Arc<str>,
    pub(super) owner: Owner,
    pub(super) leave: Leave,
    pub(super) version: ProtocolVersion,
    pub(super) client: Box<str>,
    pub(super) abilities: Abilities,
    pub(super) bounds: Bounds,
}

/// One event of a stream.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its id, for `Last-Event-ID`. None: nobody can come back to it.
    pub id: Option<String>,
    /// A message, JSON. None: the stream begins here, and the client can come back to this place.
    pub text: Option<Arc<str>>,
}

/// What somebody reads of a session's stream. The session goes on when this is dropped.
#[derive(Debug)]
pub struct Events {
    session: Arc<OpenSession>,
    reader: Reader,
    bookmark: Option<String>,
}

impl OpenSession {
    pub(super) fn new(server: Arc<Server>, beginning: Beginning) -> Self {
        let Beginning {
            id,
            owner,
            leave,
            version,
            client,
            abilities,
            bounds,
        } = beginning;
        let tag = u32::from_le_bytes(*digest(&id).first_chunk().unwrap_or(&[0; 4]));
        Self {
            id,
            owner,
            leave,
            server,
            version,
            client,
            abilities,
            state: Arc::default(),
            under_way: Mutex::default(),
            journal: Mutex::new(Journal::new(tag, bounds)),
            said: Notify::new(),
            is_ready: AtomicBool::new(false),
            opened: Instant::now(),
            used: AtomicU64::new(0),
        }
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what no request asked for.
    #[must_use]
    pub fn listen(self: &Arc<Self>) -> Events {
        self.touch();
        self.read(&mut self.journal(), Journal::listen)
    }

    /// Goes on reading a stream after this event.
    pub fn resume(self: &Arc<Self>, last_event_id: &str) -> Result<Events, ResumeError> {
        self.touch();
        let mut journal = self.journal();
        let reader = journal.resume(last_event_id)?;
        Ok(self.read(&mut journal, |_| reader))
    }

    /// Begins a stream for a request.
    pub(super) fn begin_stream(self: &Arc<Self>) -> Events {
        self.read(&mut self.journal(), Journal::open)
    }

    /// The same for a request that is answered at once, and that a client would rather send again than come back to.
    pub(super) fn begin_brief_stream(self: &Arc<Self>) -> Events {
        self.read(&mut self.journal(), Journal::open_brief)
    }

    fn read(
        self: &Arc<Self>,
        journal: &mut Journal,
        join: impl FnOnce(&mut Journal) -> Reader,
    ) -> Events {
        let reader = join(journal);
        // Clients of older revisions take an event without content for a message, and fail.
        let can_come_back = self.version >= ProtocolVersion::V_2025_11_25;
        // An older reader may have to end.
        self.said.notify_waiters();
        Events {
            session: self.clone(),
            reader,
            bookmark: journal.bookmark(reader).filter(|_| can_come_back),
        }
    }

    pub(super) fn say(&self, stream: u64, kind: Kind, text: Arc<str>) {
        self.journal().say(stream, kind, text);
        self.said.notify_waiters();
    }

    /// Ends a stream without an answer.
    pub(super) fn end_stream(&self, stream: u64) {
        self.journal().end(stream);
        self.said.notify_waiters();
    }

    /// Nothing more is said that no request asked for.
    pub(super) fn end_listening(&self) {
        self.end_stream(STANDALONE);
    }

    /// Ends everything: calls, streams, subscriptions.
    pub(super) fn close(&self) {
        self.cancel_all();
        self.state.end();
        self.journal().close();
        self.said.notify_waiters();
        tracing::debug!(session = %self.fingerprint(), "a session ended");
    }

    pub(super) fn set_ready(&self) {
        self.is_ready.store(true, Ordering::Relaxed);
    }

    /// Tells the client of a change that concerns it. `text` is the notification, made once for all sessions.
    pub(super) fn tell(&self, changed: &Changed, text: &Arc<str>) {
        let concerned = match changed {
            Changed::Tools | Changed::Prompts | Changed::Resources => true,
            Changed::Resource(uri) => self.state.is_subscribed(uri),
        };
        if concerned && self.is_ready.load(Ordering::Relaxed) {
            self.say(STANDALONE, Kind::Change, text.clone());
        }
    }

    /// The client missed what changed: anything may have.
    pub(super) fn tell_everything(&self) {
        for changed in self.state.everything() {
            self.tell(&changed, &text_of(&changed));
        }
    }

    pub(super) fn touch(&self) {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.used.fetch_max(now, Ordering::Relaxed);
    }

    /// How long nobody used it; nothing while somebody does.
    pub(super) fn idle(&self, now: Instant) -> Duration {
        if self.is_serving() || self.journal().readers() > 0 {
            return Duration::ZERO;
        }
        let used = self.opened + Duration::from_millis(self.used.load(Ordering::Relaxed));
        now.saturating_duration_since(used)
    }

    /// Drops events that nobody comes back for any more.
    pub(super) fn age(&self, now: Instant) {
        self.journal().age(now);
    }

    /// Names the session in the log and in lists, and opens nothing.
    pub(super) fn fingerprint(&self) -> String {
        plugin::hex(digest(&self.id).first_chunk::<6>().unwrap_or(&[0; 6]))
    }

    /// As an operator sees it.
    pub(super) fn shown(&self, now: Instant) -> Shown {
        let (events, event_bytes) = self.journal().kept();
        Shown {
            fingerprint: self.fingerprint(),
            tenant: self.owner.tenant.to_string(),
            subject: self.owner.subject.clone(),
            client: self.client.to_string(),
            protocol: self.version.to_string(),
            age_seconds: now.saturating_duration_since(self.opened).as_secs(),
            idle_seconds: self.idle(now).as_secs(),
            requests_under_way: self.requests_under_way(),
            readers: self.journal().readers(),
            subscriptions: self.state.subscribed(),
            events,
            event_bytes,
        }
    }
}

fn digest(id: &str) -> [u8; 32] {
    Sha256::digest(id).into()
}

/// The notification of a change, JSON.
pub(super) fn text_of(changed: &Changed) -> Arc<str> {
    let message = ServerJsonRpcMessage::notification(session::notification(changed.clone()));
    json(&message)
}

/// A message of ours as JSON.
pub(super) fn json(message: &ServerJsonRpcMessage) -> Arc<str> {
    serde_json::to_string(message)
        .expect("messages are maps with text keys")
        .into()
}

impl Events {
    /// The next event; nothing when the stream is over.
    pub async fn next(&mut self) -> Option<Said> {
        if let Some(id) = self.bookmark.take() {
            let id = Some(id);
            return Some(Said { id, text: None });
        }
        loop {
            let said = self.session.said.notified();
            tokio::pin!(said);
            // Before looking, or what is said in between would be missed.
            said.as_mut().enable();
            let next = self.session.journal().next(self.reader);
            match next {
                Next::Event { id, text } => {
                    let text = Some(text);
                    return Some(Said { id, text });
                }
                Next::Missed => self.session.tell_everything(),
                Next::Wait => said.await,
                Next::End => return None,
            }
        }
    }

    pub(super) fn stream(&self) -> u64 {
        self.reader.stream
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.session.journal().leave(self.reader);
        self.session.touch();
        // An older reader may go on.
        self.session.said.notify_waiters();
    }
}
