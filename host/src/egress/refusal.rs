//! What a guest is told when its request does not go through.

use std::fmt;

/// The kind of a failure, as the plugin interface names it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trouble {
    /// The request itself is at fault, whoever sends it.
    InvalidInput,
    /// The request is not granted.
    Denied,
    /// The backend cannot be reached or logged in to, or its answer cannot be used. Trying later may help.
    Unavailable,
    /// The backend took too long.
    TimedOut,
    /// The host is at fault.
    Internal,
}

impl Trouble {
    /// The name in the plugin interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid-input",
            Self::Denied => "denied",
            Self::Unavailable => "unavailable",
            Self::TimedOut => "timed-out",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a request did not go through, in words that the guest and the model may read: it names plugin,
/// backend and binding, never an address or a secret. What else there is to know is in the log.
///
/// It is also the error of a response's body that breaks off.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{trouble}: {message}")]
pub struct Refusal {
    /// The kind.
    pub trouble: Trouble,
    /// The words.
    pub message: String,
}

impl Refusal {
    pub(super) fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(Trouble::InvalidInput, message)
    }

    pub(super) fn denied(message: impl Into<String>) -> Self {
        Self::new(Trouble::Denied, message)
    }

    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Trouble::Unavailable, message)
    }

    pub(super) fn timed_out(message: impl Into<String>) -> Self {
        Self::new(Trouble::TimedOut, message)
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(Trouble::Internal, message)
    }

    fn new(trouble: Trouble, message: impl Into<String>) -> Self {
        Self {
            trouble,
            message: message.into(),
        }
    }
}
