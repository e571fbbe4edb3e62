//! How a request fails, and what the model is told about it.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::call::Broken;
use crate::error::{ToolError, Trouble};
use crate::http::Explain;

/// How much of an error answer is read.
pub(super) const ERROR_BODY: usize = 16 * 1024;
/// How much of it the model sees where the vendor's message cannot be told apart.
const EXCERPT: usize = 400;

/// Why a request has no usable answer. With `?` it becomes a failure of the tool.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The backend answered with an error status.
    #[error("{0}")]
    Status(Box<StatusError>),
    /// No answer, or only part of one: the host refused the request, or the network failed.
    #[error("{message}")]
    Transport {
        /// What kind of trouble it is.
        kind: Trouble,
        /// What happened, with the request or in the host's words.
        message: String,
    },
    /// The request could not be put together.
    #[error("{message}")]
    Build {
        /// [`Trouble::InvalidInput`] where a value given to the tool may be the reason.
        kind: Trouble,
        /// What is wrong with it.
        message: String,
    },
    /// The answer is not the JSON or the text that was expected.
    #[error("the answer to {request} is not what was expected: {reason}")]
    Decode {
        /// Method, path and backend.
        request: String,
        /// Where and how it differs.
        reason: String,
    },
    /// The call was cancelled meanwhile.
    #[error("the call was cancelled")]
    Cancelled,
}

impl HttpError {
    /// What kind of trouble it is.
    #[must_use]
    pub fn kind(&self) -> Trouble {
        match self {
            Self::Status(answer) => answer.error.kind,
            Self::Transport { kind, .. } | Self::Build { kind, .. } => *kind,
            Self::Decode { .. } => Trouble::Internal,
            Self::Cancelled => Trouble::Unavailable,
        }
    }

    /// The status, where the backend answered with an error.
    ///
    /// ```
    /// # use toolward_sdk::prelude::*;
    /// fn exists(cx: &Context, id: &str) -> Result<bool> {
    ///     match cx.http("vbr").head("/api/v1/jobs").segment(id).send() {
    ///         Ok(_) => Ok(true),
    ///         Err(error) if error.status() == Some(404) => Ok(false),
    ///         Err(error) => Err(error.into()),
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status(answer) => Some(answer.status),
            Self::Transport { .. } | Self::Build { .. } | Self::Decode { .. } | Self::Cancelled => {
                None
            }
        }
    }

    pub(super) fn from_broken(request: &str, broken: Broken) -> Self {
        match broken {
            Broken::Cancelled => Self::Cancelled,
            Broken::Told(kind, message) => Self::Transport { kind, message },
            Broken::Fault(kind, what) => Self::Transport {
                kind,
                message: format!("{request} failed: {what}"),
            },
        }
    }
}

/// An answer with an error status.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StatusError {
    /// Method, path and backend, for example `GET /api/v1/jobs at backend "vbr"`.
    pub request: String,
    /// The status code.
    pub status: u16,
    /// What the backend says when trying again may help.
    pub retry_after: Option<Duration>,
    /// The answer's body, cut where it is long.
    pub body: String,
    error: ToolError,
}

impl StatusError {
    pub(super) fn new(
        request: String,
        status: u16,
        retry_after: Option<Duration>,
        body: String,
        explain: Option<Explain>,
    ) -> Self {
        let kind = trouble_of(status);
        let mut message = format!("{request} was answered with {status}");
        if let Some(detail) = detail(&body) {
            message.push_str(": ");
            message.push_str(&detail);
        }
        let mut error = ToolError::new(kind, message);
        error.retry_after = retry_after;
        let mut answer = Self {
            request,
            status,
            retry_after,
            body,
            error,
        };
        if let Some(better) = explain.and_then(|explain| explain(&answer)) {
            answer.error = better;
        }
        answer
    }

    /// The body as JSON, if it is.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }

    pub(crate) fn into_tool_error(self) -> ToolError {
        self.error
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for StatusError {}

fn trouble_of(status: u16) -> Trouble {
    match status {
        401 | 403 => Trouble::Denied,
        404 | 410 => Trouble::NotFound,
        409 | 412 | 423 => Trouble::Conflict,
        408 | 504 => Trouble::TimedOut,
        413 | 429 => Trouble::Limited,
        502 | 503 => Trouble::Unavailable,
        400..=499 => Trouble::InvalidInput,
        // A redirection is never followed: most often the binding's address is not the API's.
        _ => Trouble::Internal,
    }
}

/// What the vendor says: the usual field of a JSON answer, or the beginning of a plain one.
fn detail(body: &str) -> Option<String> {
    let body = body.trim();
    let json: Option<Value> = serde_json::from_str(body).ok();
    let text = match &json {
        Some(json) => [
            "/message",
            "/error_description",
            "/error/message",
            "/detail",
            "/title",
            "/error",
        ]
        .iter()
        .find_map(|pointer| json.pointer(pointer)?.as_str())
        .unwrap_or(body),
        // A page made for a browser says nothing in its first lines.
        None if body.starts_with('<') => return None,
        None => body,
    };
    let text = text.trim();
    (!text.is_empty()).then(|| excerpt(text))
}

/// Cut, and on one line.
fn excerpt(text: &str) -> String {
    let mut short: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(EXCERPT)
        .collect();
    if text.chars().nth(EXCERPT).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_kind_of_trouble() {
        for (status, kind) in [
            (302, Trouble::Internal),
            (400, Trouble::InvalidInput),
            (401, Trouble::Denied),
            (403, Trouble::Denied),
            (404, Trouble::NotFound),
            (408, Trouble::TimedOut),
            (409, Trouble::Conflict),
            (422, Trouble::InvalidInput),
            (413, Trouble::Limited),
            (429, Trouble::Limited),
            (500, Trouble::Internal),
            (502, Trouble::Unavailable),
            (503, Trouble::Unavailable),
            (504, Trouble::TimedOut),
        ] {
            assert_eq!(trouble_of(status), kind, "{status}");
        }
    }

    #[test]
    fn the_vendors_message_is_found() {
        for (body, expected) in [
            (
                r#"{"errorCode":"NotFound","message":"No job."}"#,
                Some("No job."),
            ),
            (
                r#"{"error":"invalid_grant","error_description":"Wrong."}"#,
                Some("Wrong."),
            ),
            (r#"{"error":{"message":"Deep."}}"#, Some("Deep.")),
            (
                r#"{"title":"Bad Request","status":400}"#,
                Some("Bad Request"),
            ),
            (r#"{"data":null}"#, Some(r#"{"data":null}"#)),
            ("plain\r\ntext", Some("plain  text")),
            ("<!DOCTYPE html><p>no", None),
            (" ", None),
        ] {
            assert_eq!(detail(body).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn a_long_body_is_cut() {
        let cut = excerpt(&"ä".repeat(EXCERPT + 1));
        assert_eq!(cut.chars().count(), EXCERPT + 1);
        assert!(cut.ends_with("ä…"));
        assert_eq!(excerpt(&"ä".repeat(EXCERPT)).chars().count(), EXCERPT);
    }

    #[test]
    fn an_explanation_replaces_the_message() {
        let explain: Explain = |answer| {
            (answer.json()?["errorCode"] == "JobRunning")
                .then(|| ToolError::conflict("the job runs already"))
        };
        let error = |body: &str| {
            StatusError::new("POST /x".into(), 400, None, body.into(), Some(explain))
                .into_tool_error()
        };
        assert_eq!(
            error(r#"{"errorCode":"JobRunning"}"#),
            ToolError::conflict("the job runs already")
        );
        assert_eq!(
            error("else"),
            ToolError::invalid_input("POST /x was answered with 400: else")
        );
    }
}
