//! How a call fails: in the tool (the model reads it), in the request, or because it was cancelled.

use std::fmt;
use std::io;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::call::Capability;
use crate::http::HttpError;
use crate::meta::Meta;
use crate::output::Content;
use crate::suspend::Suspended;

/// What a tool returns: a value, or a [`Failure`] made from any error of this crate with `?`.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// What kind of trouble a tool ran into; it tells the model and the host what may help.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Trouble {
    /// The arguments, or what they ask for, make no sense: ask differently.
    InvalidInput,
    /// What was asked for does not exist.
    NotFound,
    /// Not allowed for this caller, plugin or credential.
    Denied,
    /// The state of the thing forbids it at present: it runs already, it was changed meanwhile.
    Conflict,
    /// The backend's version or edition cannot do it.
    Unsupported,
    /// A limit was met (rate, size, quota): ask for less, or later.
    Limited,
    /// The backend is out of reach at present: the same call may work later.
    Unavailable,
    /// It took too long. Whether it took effect is not known.
    TimedOut,
    /// A fault in the plugin, the backend or the host.
    Internal,
}

impl Trouble {
    const ALL: [Self; 9] = [
        Self::InvalidInput,
        Self::NotFound,
        Self::Denied,
        Self::Conflict,
        Self::Unsupported,
        Self::Limited,
        Self::Unavailable,
        Self::TimedOut,
        Self::Internal,
    ];

    /// The name used in the plugin interface, for example `not-found`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid-input",
            Self::NotFound => "not-found",
            Self::Denied => "denied",
            Self::Conflict => "conflict",
            Self::Unsupported => "unsupported",
            Self::Limited => "limited",
            Self::Unavailable => "unavailable",
            Self::TimedOut => "timed-out",
            Self::Internal => "internal",
        }
    }

    /// Splits the `<trouble>: <message>` that the host sends when it refuses or fails a request.
    pub(crate) fn split(text: &str) -> Option<(Self, &str)> {
        let (kind, message) = text.split_once(": ")?;
        let kind = Self::ALL.into_iter().find(|known| known.as_str() == kind)?;
        Some((kind, message))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The tool ran and failed. The model reads the message, so it says what to do differently.
///
/// ```
/// use std::time::Duration;
/// use toolward_sdk::{ToolError, Trouble};
///
/// let error = ToolError::unavailable("the server is busy").retry_after(Duration::from_secs(5));
/// assert_eq!(error.kind, Trouble::Unavailable);
/// assert_eq!(error.to_string(), "the server is busy");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ToolError {
    /// What kind of trouble it is.
    pub kind: Trouble,
    /// What went wrong and what to do, for the model.
    pub message: String,
    /// More to show beside the message.
    pub content: Vec<Content>,
    /// When trying again may help.
    pub retry_after: Option<Duration>,
    pub(crate) structured: Option<String>,
    pub(crate) meta: Meta,
}

impl ToolError {
    /// A failure of the given kind; the functions named after a kind are shorter.
    pub fn new(kind: Trouble, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            content: Vec::new(),
            retry_after: None,
            structured: None,
            meta: Meta::new(),
        }
    }

    /// A failure of kind [`Trouble::InvalidInput`].
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(Trouble::InvalidInput, message)
    }

    /// A failure of kind [`Trouble::NotFound`].
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Trouble::NotFound, message)
    }

    /// A failure of kind [`Trouble::Denied`].
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(Trouble::Denied, message)
    }

    /// A failure of kind [`Trouble::Conflict`].
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(Trouble::Conflict, message)
    }

    /// A failure of kind [`Trouble::Unsupported`].
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(Trouble::Unsupported, message)
    }

    /// A failure of kind [`Trouble::Limited`].
    pub fn limited(message: impl Into<String>) -> Self {
        Self::new(Trouble::Limited, message)
    }

    /// A failure of kind [`Trouble::Unavailable`].
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Trouble::Unavailable, message)
    }

    /// A failure of kind [`Trouble::TimedOut`].
    pub fn timed_out(message: impl Into<String>) -> Self {
        Self::new(Trouble::TimedOut, message)
    }

    /// A failure of kind [`Trouble::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Trouble::Internal, message)
    }

    /// Says when trying again may help.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Shows more beside the message.
    #[must_use]
    pub fn with_content(mut self, content: Content) -> Self {
        self.content.push(content);
        self
    }

    /// Adds an entry to the result's `_meta`.
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: &Value) -> Self {
        self.meta = self.meta.with(key, value);
        self
    }

    /// Adds data for programs. Fails when the value cannot be written as JSON.
    pub fn with_structured(mut self, value: &impl Serialize) -> Result<Self> {
        self.structured = Some(serde_json::to_string(value)?);
        Ok(self)
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ToolError {}

/// Why a request cannot be served at all.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cause {
    /// The request's parameters are malformed.
    InvalidParams,
    /// There is no such tool, prompt, resource or cursor.
    NotFound,
    /// It cannot be done without asking, and the client cannot be asked for these.
    Missing(Vec<Capability>),
    /// The plugin cannot serve requests at present.
    Unavailable,
    /// A fault in the plugin.
    Internal,
}

/// The request cannot be served: the client gets a protocol error, the model never sees a result.
/// Nearly every failure of a tool is a [`ToolError`] instead.
///
/// ```
/// use toolward_sdk::{Cause, Failure, RequestError};
///
/// let failure: Failure = RequestError::new(Cause::Unavailable, "the plugin is being set up").into();
/// assert_eq!(failure.to_string(), "the plugin is being set up");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestError {
    /// What stands in the way.
    pub cause: Cause,
    /// What went wrong, for the client's log.
    pub message: String,
    pub(crate) data: Option<String>,
}

impl RequestError {
    /// A request error with a message for the client's log.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self {
            cause,
            message: message.into(),
            data: None,
        }
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Cause::NotFound, message)
    }

    /// The client would have to be asked for these, and cannot be.
    ///
    /// ```
    /// use toolward_sdk::prelude::*;
    /// use toolward_sdk::{Capability, RequestError};
    ///
    /// /// Has the client's model write a summary.
    /// #[tool(read_only)]
    /// fn summary(cx: &Context) -> Result<String> {
    ///     if !cx.supports(Capability::Sample) {
    ///         return Err(RequestError::missing([Capability::Sample]).into());
    ///     }
    ///     // …
    /// #   Ok(String::new())
    /// }
    /// ```
    pub fn missing(capabilities: impl IntoIterator<Item = Capability>) -> Self {
        Self::new(
            Cause::Missing(capabilities.into_iter().collect()),
            "the client cannot be asked for what this needs",
        )
    }

    /// Adds data for programs.
    #[must_use]
    pub fn with_data(mut self, data: &Value) -> Self {
        self.data = Some(data.to_string());
        self
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RequestError {}

/// How a call can end without a result.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The tool ran and failed; the model reads why.
    Tool(ToolError),
    /// The request cannot be served; the client gets a protocol error.
    Request(RequestError),
    /// The caller no longer waits for an answer.
    Cancelled,
    /// The call ends here, and goes on later: with the answers to its questions, or as a job. Not a failure: pass it
    /// on with `?`, as everything that is not the tool's own.
    Suspended(Suspended),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tool(error) => error.fmt(f),
            Self::Request(error) => error.fmt(f),
            Self::Cancelled => f.write_str("the call was cancelled"),
            Self::Suspended(suspended) => suspended.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl From<ToolError> for Failure {
    fn from(error: ToolError) -> Self {
        Self::Tool(error)
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Cancelled => Self::Cancelled,
            HttpError::Status(answer) => Self::Tool(answer.into_tool_error()),
            HttpError::Transport { .. } | HttpError::Build { .. } | HttpError::Decode { .. } => {
                Self::Tool(ToolError::new(error.kind(), error.to_string()))
            }
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Tool(ToolError::internal(format!(
            "a value does not fit its JSON: {error}"
        )))
    }
}

impl From<io::Error> for Failure {
    /// Reading a [`Body`](crate::http::Body) fails with an [`HttpError`] inside; that one counts.
    fn from(error: io::Error) -> Self {
        match error.downcast::<HttpError>() {
            Ok(inner) => inner.into(),
            Err(other) => Self::Tool(ToolError::internal(other.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_text_is_split_only_where_it_starts_with_a_trouble() {
        for kind in Trouble::ALL {
            assert_eq!(
                Trouble::split(&format!("{kind}: a: b")),
                Some((kind, "a: b"))
            );
        }
        assert_eq!(Trouble::split("connection reset: by peer"), None);
        assert_eq!(Trouble::split("denied"), None);
    }

    #[test]
    fn an_io_error_gives_back_the_http_error_inside() {
        assert_eq!(
            Failure::from(io::Error::other(HttpError::Cancelled)),
            Failure::Cancelled
        );
        let Failure::Tool(error) = Failure::from(io::Error::other("boom")) else {
            panic!("not a tool error")
        };
        assert_eq!(
            (error.kind, error.message.as_str()),
            (Trouble::Internal, "boom")
        );
    }

    #[test]
    fn structured_data_of_an_error_is_json() {
        let error = ToolError::conflict("it runs")
            .with_structured(&[1, 2])
            .unwrap();
        assert_eq!(error.structured.as_deref(), Some("[1,2]"));
    }
}
