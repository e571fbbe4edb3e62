//! What a session said: every event on one stream, kept for a while, so that a client that lost a stream and comes back
//! with the id of the last event it saw (`Last-Event-ID`) misses nothing.
//!
//! A stream carries the answer to one request, and what goes before it; one more, the standalone stream, carries what no
//! request asked for. Events wait here until somebody reads them, so a slow reader holds nothing up; what is kept is
//! bounded, and what is dropped first is what was read already. No I/O and no waiting here: `session` does both.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::event_id::EventId;

/// Numbers the streams of a session.
pub(super) type StreamId = u64;
/// The stream of what no request asked for.
pub(super) const STANDALONE: StreamId = 0;
/// How long events are kept at most. A client that lost its stream is back within seconds, or was away for long.
const RETAINED: Duration = Duration::from_mins(5);
/// Connections that may wait for the same stream; the newest is served. Who loses a connection without noticing opens
/// another, and the old one is not ended, because its client would then come back and so on.
const MAX_READERS: usize = 4;

/// How much is kept.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    pub(super) events: usize,
    pub(super) bytes: usize,
    /// Over all sessions.
    pub(super) bytes_in_all: usize,
    /// What all sessions hold.
    pub(super) held_in_all: Arc<AtomicUsize>,
}

/// What kind of event it is, which says what may become of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// The last one of its stream. Never dropped while somebody may read it.
    Answer,
    /// A request to the client. The same.
    Question,
    /// Something changed: not said again before it was read. Missed ones can be made up for.
    Change,
    /// Progress, a log line: dropped where there is no room.
    Note,
}

/// Why a stream is not taken up again.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ResumeError {
    /// No event of this session has the id.
    #[error("no event of this session has this Last-Event-ID; open a stream without it")]
    Foreign,
    /// What followed is no longer kept.
    #[error("what followed this Last-Event-ID is no longer kept; send the request again")]
    Gone,
}

/// Somebody who reads a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Reader {
    pub(super) stream: StreamId,
    number: u64,
}

/// What a reader gets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Next {
    Event {
        /// None: nobody can come back to it.
        id: Option<String>,
        text: Arc<str>,
    },
    /// Nothing yet.
    Wait,
    /// Changes were missed: anything may have changed.
    Missed,
    /// Nothing any more.
    End,
}

#[derive(Debug)]
struct Event {
    stream: StreamId,
    number: u64,
    kind: Kind,
    text: Arc<str>,
    said: Instant,
}

#[derive(Debug, Default)]
struct Stream {
    /// The last event that was read.
    read: u64,
    /// The last event that was dropped.
    dropped: u64,
    /// Who reads, the newest last.
    readers: Vec<u64>,
    ended: Option<Instant>,
    /// Goes with its reader.
    is_brief: bool,
}

/// Everything said and kept.
#[derive(Debug)]
pub(super) struct Journal {
    tag: u32,
    bounds: Bounds,
    events: VecDeque<Event>,
    bytes: usize,
    /// The next number of an event, a stream or a reader: none is given twice.
    next: u64,
    standalone: Stream,
    /// By the streams' numbers.
    requests: HashMap<StreamId, Stream>,
    closed: bool,
}

impl Journal {
    /// An empty one. The tag should be random.
    pub(super) fn new(tag: u32, bounds: Bounds) -> Self {
        Self {
            tag,
            bounds,
            events: VecDeque::new(),
            bytes: 0,
            next: STANDALONE + 1,
            standalone: Stream::default(),
            requests: HashMap::new(),
            closed: false,
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    fn stream(&mut self, stream: StreamId) -> Option<&mut Stream> {
        match stream {
            STANDALONE => Some(&mut self.standalone),
            _ => self.requests.get_mut(&stream),
        }
    }

    /// Begins a stream for a request, read from its beginning.
    pub(super) fn open(&mut self) -> Reader {
        self.begin(Stream::default())
    }

    /// The same for a request that is answered at once and can be sent again: nothing of it is kept for who lost it.
    pub(super) fn open_brief(&mut self) -> Reader {
        self.begin(Stream {
            is_brief: true,
            ..Stream::default()
        })
    }

    fn begin(&mut self, stream: Stream) -> Reader {
        let number = self.number();
        let read = number;
        self.requests.insert(number, Stream { read, ..stream });
        self.join(number)
    }

    /// Reads the standalone stream, from where the last reader left it.
    pub(super) fn listen(&mut self) -> Reader {
        self.join(STANDALONE)
    }

    /// Reads a stream again, after this event.
    pub(super) fn resume(&mut self, last_event_id: &str) -> Result<Reader, ResumeError> {
        let id: EventId = last_event_id.parse().map_err(|()| ResumeError::Foreign)?;
        if id.tag != self.tag || id.number >= self.next || id.stream > id.number {
            return Err(ResumeError::Foreign);
        }
        let stream = self.stream(id.stream).ok_or(ResumeError::Gone)?;
        stream.read = id.number;
        Ok(self.join(id.stream))
    }

    fn join(&mut self, stream: StreamId) -> Reader {
        let number = self.number();
        if let Some(known) = self.stream(stream) {
            if known.readers.len() >= MAX_READERS {
                known.readers.remove(0);
            }
            known.readers.push(number);
        }
        Reader { stream, number }
    }

    /// The id of an event without content, with which a reader that has read nothing yet can come back.
    pub(super) fn bookmark(&mut self, reader: Reader) -> Option<String> {
        let stream = self.stream(reader.stream)?;
        if stream.is_brief {
            return None;
        }
        let number = stream.read;
        let id = EventId {
            reader: Some(reader.number),
            ..self.id(reader.stream, number)
        };
        Some(id.to_string())
    }

    fn id(&self, stream: StreamId, number: u64) -> EventId {
        EventId {
            tag: self.tag,
            stream,
            number,
            reader: None,
        }
    }

    /// Says something. On a stream that has ended, or that nobody remembers, nothing is said.
    pub(super) fn say(&mut self, stream: StreamId, kind: Kind, text: Arc<str>) {
        let closed = self.closed;
        let Some(known) = self
            .stream(stream)
            .filter(|known| known.ended.is_none() && !closed)
        else {
            return;
        };
        let read = known.read;
        if kind == Kind::Change
            && self
                .unread(stream, read)
                .any(|event| event.kind == kind && event.text == text)
        {
            return;
        }
        let said = Instant::now();
        if kind == Kind::Answer
            && let Some(known) = self.stream(stream)
        {
            known.ended = Some(said);
        }
        self.hold(text.len());
        let number = self.number();
        self.events.push_back(Event {
            stream,
            number,
            kind,
            text,
            said,
        });
        self.trim();
    }

    /// Ends a stream without an answer.
    pub(super) fn end(&mut self, stream: StreamId) {
        if let Some(known) = self.stream(stream) {
            known.ended.get_or_insert_with(Instant::now);
            self.forget_if_empty(stream);
        }
    }

    /// Ends everything.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.requests.clear();
        self.events.clear();
        self.release(self.bytes);
    }

    /// What comes next for a reader.
    pub(super) fn next(&mut self, reader: Reader) -> Next {
        let closed = self.closed;
        let Some(stream) = self.stream(reader.stream).filter(|_| !closed) else {
            return Next::End;
        };
        match stream.readers.last() {
            Some(newest) if *newest == reader.number => {}
            // Somebody else reads; if that one leaves, this one goes on.
            Some(_) if stream.readers.contains(&reader.number) => return Next::Wait,
            _ => return Next::End,
        }
        if reader.stream == STANDALONE && stream.dropped > stream.read {
            stream.read = stream.dropped;
            return Next::Missed;
        }
        let (read, ended, is_brief) = (stream.read, stream.ended.is_some(), stream.is_brief);
        let found = self.unread(reader.stream, read).next();
        let found = found.map(|event| (event.number, event.text.clone()));
        let Some((number, text)) = found else {
            return if ended { Next::End } else { Next::Wait };
        };
        if let Some(stream) = self.stream(reader.stream) {
            stream.read = number;
        }
        let id = self.id(reader.stream, number);
        Next::Event {
            id: (!is_brief).then(|| id.to_string()),
            text,
        }
    }

    fn unread(&self, stream: StreamId, read: u64) -> impl Iterator<Item = &Event> {
        let from = self.events.partition_point(|event| event.number <= read);
        let after = self.events.range(from..);
        after.filter(move |event| event.stream == stream)
    }

    /// A reader goes away.
    pub(super) fn leave(&mut self, reader: Reader) {
        let Some(stream) = self.stream(reader.stream) else {
            return;
        };
        stream.readers.retain(|number| *number != reader.number);
        if stream.is_brief {
            self.forget(reader.stream);
        } else {
            self.forget_if_empty(reader.stream);
        }
    }

    /// A request's stream that ended without an answer holds nothing to come back for.
    fn forget_if_empty(&mut self, stream: StreamId) {
        let over = self
            .requests
            .get(&stream)
            .is_some_and(|known| known.ended.is_some() && known.readers.is_empty());
        if over && !self.events.iter().any(|event| event.stream == stream) {
            self.requests.remove(&stream);
        }
    }

    /// Connections that wait for something to be said.
    pub(super) fn readers(&self) -> usize {
        let all = self.requests.values().chain([&self.standalone]);
        all.map(|stream| stream.readers.len()).sum()
    }

    /// Events kept, and their bytes.
    pub(super) fn kept(&self) -> (usize, usize) {
        (self.events.len(), self.bytes)
    }

    /// Drops what is old.
    pub(super) fn age(&mut self, now: Instant) {
        let is_old = |since: Instant| now.saturating_duration_since(since) > RETAINED;
        while let Some(index) = self
            .events
            .iter()
            .position(|event| is_old(event.said) && self.may_go(event))
        {
            self.drop_event(index);
        }
        self.requests.retain(|_, stream| {
            !stream.readers.is_empty() || stream.ended.is_none_or(|ended| !is_old(ended))
        });
        if self.events.is_empty() {
            self.events.shrink_to_fit();
            self.requests.shrink_to_fit();
        }
    }

    /// Whether it was read, or nobody is there to read it.
    fn may_go(&self, event: &Event) -> bool {
        let stream = match event.stream {
            STANDALONE => Some(&self.standalone),
            request => self.requests.get(&request),
        };
        stream.is_none_or(|stream| event.number <= stream.read || stream.readers.is_empty())
    }

    /// Drops what there is no room for: what was read already, then what can be done without, then what nobody reads.
    fn trim(&mut self) {
        while self.is_over() {
            let was_read = |event: &Event| self.was_read(event);
            let index = self
                .events
                .iter()
                .position(was_read)
                .or_else(|| {
                    let idle = |event: &Event| matches!(event.kind, Kind::Change | Kind::Note);
                    self.events.iter().position(idle)
                })
                .or_else(|| self.events.iter().position(|event| self.may_go(event)));
            match index {
                Some(index) => self.drop_event(index),
                None => return,
            }
        }
    }

    fn was_read(&self, event: &Event) -> bool {
        let stream = match event.stream {
            STANDALONE => Some(&self.standalone),
            request => self.requests.get(&request),
        };
        stream.is_none_or(|stream| event.number <= stream.read)
    }

    fn is_over(&self) -> bool {
        let Bounds {
            events,
            bytes,
            bytes_in_all,
            held_in_all,
        } = &self.bounds;
        self.events.len() > *events
            || self.bytes > *bytes
            || held_in_all.load(Ordering::Relaxed) > *bytes_in_all
    }

    fn drop_event(&mut self, index: usize) {
        let Some(event) = self.events.remove(index) else {
            return;
        };
        self.release(event.text.len());
        if let Some(stream) = self.stream(event.stream) {
            stream.dropped = stream.dropped.max(event.number);
        }
        if matches!(event.kind, Kind::Answer | Kind::Question) {
            let unread = !self.was_read(&event);
            if event.kind == Kind::Answer || unread {
                self.forget(event.stream);
            }
        }
    }

    /// Without its answer, or a question that nobody saw, a stream is of no use to who comes back.
    fn forget(&mut self, stream: StreamId) {
        self.requests.remove(&stream);
        let mut freed = 0;
        self.events.retain(|event| {
            let stays = event.stream != stream;
            if !stays {
                freed += event.text.len();
            }
            stays
        });
        self.release(freed);
    }

    fn hold(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.bounds.held_in_all.fetch_add(bytes, Ordering::Relaxed);
    }

    fn release(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.bounds.held_in_all.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.release(self.bytes);
    }
}

#[cfg(test)]
mod tests;
