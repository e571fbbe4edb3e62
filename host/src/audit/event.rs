//! What is recorded: one [`Event`] becomes one line.

use std::time::{Duration, SystemTime};

use serde_json::Value;

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The host began to serve.
    Start,
    /// The host ended.
    Stop,
    /// A tool was called, a prompt filled, a resource read.
    Call,
    /// A step of a job ran.
    Step,
    /// Somebody confirmed what a plugin was about to change.
    Confirmation,
    /// Somebody or something was not allowed what it asked for.
    Denial,
    /// The host logged in to a backend, or a caller to the host.
    Login,
    /// Plugins or configuration were loaded anew.
    Reload,
    /// A plugin was installed, removed or rolled back.
    Install,
    /// Any other act of who looks after the host.
    Admin,
    /// The log itself: old files were removed as configured.
    Pruned,
    /// The log itself: a line was torn when the host or the machine died.
    Torn,
    /// The log itself: it is not what this host wrote.
    Tampered,
}

impl Kind {
    /// The word in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Call => "call",
            Self::Step => "step",
            Self::Confirmation => "confirmation",
            Self::Denial => "denial",
            Self::Login => "login",
            Self::Reload => "reload",
            Self::Install => "install",
            Self::Admin => "admin",
            Self::Pruned => "pruned",
            Self::Torn => "torn",
            Self::Tampered => "tampered",
        }
    }
}

/// Longest text of a field, bytes. What is longer was chosen by somebody who wants the disk to be full.
const LONGEST: usize = 1024;

/// One thing that happened, with what is known about it.
///
/// Everything that is put in ends up on disk: no secret, no token, no value of an argument goes in here. Arguments go
/// through [`Call::arguments`](super::Call::arguments), and what people are shown before they confirm through
/// [`Confirmation`](super::Confirmation).
#[derive(Clone, Debug)]
pub struct Event {
    pub(super) kind: Kind,
    pub(super) at: SystemTime,
    pub(super) fields: Vec<(&'static str, Value)>,
}

impl Event {
    /// Something that happens now.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            at: SystemTime::now(),
            fields: Vec::new(),
        }
    }

    /// Who did it, or for whom it was done.
    #[must_use]
    pub fn by(self, tenant: &str, subject: Option<&str>) -> Self {
        self.with("tenant", tenant).with("principal", subject)
    }

    /// With which plugin: name, version, and SHA-256 of the component.
    #[must_use]
    pub fn plugin(self, name: &str, version: &str, digest: &str) -> Self {
        self.with("plugin", name)
            .with("version", version)
            .with("digest", digest)
    }

    /// How it ended: `ok`, or a word that says why not.
    #[must_use]
    pub fn outcome(self, outcome: &str) -> Self {
        self.with("outcome", outcome)
    }

    /// How long it took.
    #[must_use]
    pub fn took(self, time: Duration) -> Self {
        self.with("ms", u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    /// Anything else. A long text is cut; `null` is left out.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        let value = match value.into() {
            Value::Null => return self,
            Value::String(text) => Value::String(cut(text)),
            value => value,
        };
        self.fields.push((name, value));
        self
    }
}

fn cut(mut text: String) -> String {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
    }
    text
}
