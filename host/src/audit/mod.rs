//! The audit log: who did what, in lines that cannot be changed unnoticed.
//!
//! Every module may use this one, and it uses none of them. [`Audit::record`] is all that most places need:
//! `audit.record(Event::new(Kind::Reload).by("ops", Some("ann")).outcome("success"))`. A call asks first whether it can be
//! recorded at all ([`Audit::begin`]), because what cannot be recorded may be something that must not happen.
//!
//! One thread writes. Lines are on disk (`fdatasync`) before their places in the queue are free again. Several
//! processes may write to the same log, one batch at a time, behind a lock.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

mod anchor;
mod event;
mod line;
mod trail;
mod verify;
mod writer;

#[cfg(any(test, fuzzing))]
pub(crate) use verify::fuzz;

pub use anchor::Anchor;
pub use event::{Event, Kind};
pub use trail::{Confirmation, Request, Trail};
pub use verify::{Problem, Verification, VerifyError, verify};

use line::Keys;

/// Lines that may wait to be written.
const QUEUE: usize = 4096;

/// The shortest key, bytes.
pub const SHORTEST_KEY: usize = 32;

/// How a log is kept.
#[derive(Clone)]
pub struct Settings {
    /// Where its files are; made with mode 0700.
    pub folder: PathBuf,
    /// The key of the hashes.
    pub key: Vec<u8>,
    /// Where checkpoints go.
    pub anchor: Option<Anchor>,
    /// The longest time from a line to its checkpoint.
    pub anchor_interval: Duration,
    /// A file that has grown beyond this is set aside.
    pub max_file_bytes: u64,
    /// Files set aside that are kept. `None`: all.
    pub keep_files: Option<u32>,
    /// Whether calls are refused while lines cannot be written.
    pub refuse_on_failure: bool,
    /// Tool → the arguments whose values are recorded.
    pub shown: BTreeMap<String, Vec<String>>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("folder", &self.folder)
            .field("anchor", &self.anchor)
            .finish_non_exhaustive()
    }
}

/// Why the log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The key is too short to be one.
    #[error(
        "the audit log's key has {0} bytes, and needs {SHORTEST_KEY}\nhint: toolward audit key > audit.key"
    )]
    ShortKey(usize),
    /// The folder or a file in it.
    #[error("cannot open the audit log in `{folder}`")]
    Open {
        /// The folder.
        folder: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
}

/// Why something must not happen now.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "the host cannot write its audit log, and does nothing that it cannot record; its operator has to see to it"
)]
pub struct Unavailable;

/// The log. Cheap to clone; the default one is written nowhere. The last one dropped waits until all is on disk.
#[derive(Clone, Default)]
pub struct Audit(Option<Arc<Inner>>);

struct Inner {
    sender: Option<mpsc::Sender<Message>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    keys: Arc<Keys>,
    refuse_on_failure: bool,
    shown: BTreeMap<String, Vec<String>>,
}

/// What the writer tells.
#[derive(Debug)]
struct Shared {
    /// Places for lines that are not on disk yet.
    places: Arc<Semaphore>,
    failing: AtomicBool,
    /// Lines that found no place.
    lost: AtomicU64,
}

/// A line for the writer, and its place in the queue: free when the line is on disk.
struct Message {
    event: Event,
    _place: OwnedSemaphorePermit,
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Audit"
        } else {
            "Audit(off)"
        })
    }
}

impl Audit {
    /// Opens the log and starts its writer.
    pub fn open(settings: Settings) -> Result<Self, AuditError> {
        if settings.key.len() < SHORTEST_KEY {
            return Err(AuditError::ShortKey(settings.key.len()));
        }
        let keys = Arc::new(Keys::of(&settings.key));
        let shared = Arc::new(Shared {
            places: Arc::new(Semaphore::new(QUEUE)),
            failing: AtomicBool::new(false),
            lost: AtomicU64::new(0),
        });
        let (sender, receiver) = mpsc::channel();
        let failed = |source| AuditError::Open {
            folder: settings.folder.clone(),
            source,
        };
        let writer =
            writer::Writer::open(&settings, keys.clone(), shared.clone()).map_err(failed)?;
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer.run(&receiver))
            .map_err(failed)?;
        Ok(Self(Some(Arc::new(Inner {
            sender: Some(sender),
            thread: Some(thread),
            shared,
            keys,
            refuse_on_failure: settings.refuse_on_failure,
            shown: settings.shown,
        }))))
    }

    /// Records something that has happened. Does not wait; when the queue is full, the line is counted as lost, and the
    /// next line tells how many were.
    pub fn record(&self, event: Event) {
        let Some(inner) = &self.0 else { return };
        match inner.shared.places.clone().try_acquire_owned() {
            Ok(place) => inner.send(event, place),
            Err(_) => {
                inner.shared.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits until all is on disk, and tells whether it is. For the last one of a log.
    pub fn close(self) -> Result<(), Unavailable> {
        let Some(inner) = self.0 else { return Ok(()) };
        let shared = inner.shared.clone();
        drop(inner);
        let lost = shared.lost.load(Ordering::Acquire) > 0;
        if lost || shared.failing.load(Ordering::Acquire) {
            return Err(Unavailable);
        }
        Ok(())
    }

    /// For something that has no line of its own: what it is denied has one, which begins with `head`.
    #[must_use]
    pub fn trail(&self, head: Event) -> Trail {
        match &self.0 {
            Some(_) => Trail::new(self.clone(), head),
            None => Trail::default(),
        }
    }

    /// Whether anything is recorded.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// What [`Self::begin`] gives where nothing is recorded.
    #[must_use]
    pub fn nothing(&self) -> Call {
        Call {
            audit: Self::default(),
            event: None,
            place: None,
            trail: Trail::default(),
            began: Instant::now(),
        }
    }

    /// Begins something whose end is to be recorded, whatever happens; `event` says who does what.
    ///
    /// Its line has a place from now on. Where the configuration wants it, nothing begins that cannot be recorded.
    pub fn begin(&self, event: Event) -> Result<Call, Unavailable> {
        let place = match &self.0 {
            None => None,
            Some(inner) => {
                let place = inner.shared.places.clone().try_acquire_owned().ok();
                let is_sure = place.is_some() && !inner.shared.failing.load(Ordering::Acquire);
                if inner.refuse_on_failure && !is_sure {
                    return Err(Unavailable);
                }
                place
            }
        };
        let trail = self.trail(event.clone());
        Ok(Call {
            audit: self.clone(),
            event: Some(event),
            place,
            trail,
            began: Instant::now(),
        })
    }
}

impl Inner {
    fn send(&self, event: Event, place: OwnedSemaphorePermit) {
        let message = Message {
            event,
            _place: place,
        };
        // The writer outlives every sender.
        if let Some(sender) = &self.sender
            && sender.send(message).is_err()
        {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(thread) = self.thread.take() {
            // The writer handles its own failures; a panic there has been printed.
            let _ = thread.join();
        }
    }
}

/// Something under way. Dropped without an end, it is recorded as abandoned.
#[derive(Debug)]
pub struct Call {
    audit: Audit,
    event: Option<Event>,
    place: Option<OwnedSemaphorePermit>,
    trail: Trail,
    began: Instant,
}

impl Call {
    /// What those below fill in.
    #[must_use]
    pub fn trail(&self) -> Trail {
        self.trail.clone()
    }

    /// Adds the digest of the arguments, and the values of those that the configuration lists.
    pub fn arguments(&mut self, tool: &str, json: &str) {
        let Some(inner) = &self.audit.0 else { return };
        let Some(event) = self.event.take() else {
            return;
        };
        let mut event = event.with("arguments", inner.keys.arguments(json));
        if let Some(shown) = inner.shown.get(tool)
            && let Ok(Value::Object(values)) = serde_json::from_str(json)
        {
            let values: serde_json::Map<_, _> = shown
                .iter()
                .filter_map(|name| Some((name.clone(), short(values.get(name)?))))
                .collect();
            event = event.with("values", values);
        }
        self.event = Some(event);
    }

    /// Adds something that is known only now.
    pub fn with(&mut self, name: &'static str, value: impl Into<Value>) {
        self.event = self.event.take().map(|event| event.with(name, value));
    }

    /// Records the end.
    pub fn end(mut self, outcome: &str) {
        self.finish(outcome);
    }

    fn finish(&mut self, outcome: &str) {
        let (Some(event), Some(inner)) = (self.event.take(), &self.audit.0) else {
            return;
        };
        let event = self
            .trail
            .finish(event.outcome(outcome).took(self.began.elapsed()));
        match self.place.take() {
            Some(place) => inner.send(event, place),
            None => self.audit.record(event),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.finish("abandoned");
    }
}

/// A listed value; one that would fill the disk is told by its length.
fn short(value: &Value) -> Value {
    let text = value.to_string();
    if text.len() <= 256 {
        value.clone()
    } else {
        Value::String(format!("({} bytes)", text.len()))
    }
}

/// A fresh key, as text for a file.
pub fn new_key() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(line::hex(&bytes))
}

#[cfg(test)]
mod tests;
