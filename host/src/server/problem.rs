//! Why a request is not served, and how the client is told: `/mcp` in its protocol's form, everything else as
//! `{"error": {"code", "message"}}`.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderValue};
use serde_json::{Map, Value, json};

use crate::mcp::envelope::{self, NoMessage};
use crate::policy::Missing;
use crate::telemetry::metrics;

/// A request that is not served.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    /// For programs; one of few, and never changed.
    code: &'static str,
    /// For people; nothing that is secret or internal.
    message: String,
    /// More members of `error`.
    details: Map<String, Value>,
    challenge: Option<String>,
    retry_after: Option<u64>,
    /// The request's body was not read.
    unread: bool,
    form: Form,
    /// The guard turns these into a challenge.
    missing: Option<Missing>,
    /// The request was served, and this is what came of it.
    is_outcome: bool,
}

/// What it is told in on `/mcp`.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// A request that was refused before it was known to be a message.
    Request,
    /// A body that is no message.
    Message(NoMessage),
    /// RFC 6750: the token.
    Token,
}

/// Which form a client understands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Face {
    /// Clients of MCP.
    Mcp,
    /// All others.
    Plain,
}

impl Face {
    pub(super) fn of(path: &str) -> Self {
        match path.strip_prefix("/mcp") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => Self::Mcp,
            Some(_) | None => Self::Plain,
        }
    }
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Map::new(),
            challenge: None,
            retry_after: None,
            unread: false,
            form: Form::Request,
            missing: None,
            is_outcome: false,
        }
    }

    /// What a call came to that was served. It is no refusal.
    pub(super) fn outcome(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            is_outcome: true,
            ..Self::new(status, code, message)
        }
    }

    /// Scopes are missing.
    pub(super) fn missing(missing: Missing) -> Self {
        let text = missing.to_string();
        Self {
            missing: Some(missing),
            ..Self::new(StatusCode::FORBIDDEN, "insufficient_scope", text)
        }
    }

    /// A body that is no message of MCP.
    pub(super) fn no_message(problem: NoMessage) -> Self {
        Self {
            form: Form::Message(problem),
            ..Self::new(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                problem.to_string(),
            )
        }
    }

    /// About the token, with what goes into `WWW-Authenticate`.
    pub(super) fn of_token(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        challenge: Option<String>,
    ) -> Self {
        Self {
            challenge,
            form: Form::Token,
            ..Self::new(status, code, message)
        }
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// Seconds.
    pub(super) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The body of the request was not read: the connection ends with the answer, and the client knows.
    pub(super) fn unread(mut self) -> Self {
        self.unread = true;
        self
    }

    pub(super) fn respond(self, face: Face) -> Response {
        if self.missing.is_none() && !self.is_outcome {
            metrics().refusal(self.code);
        }
        let body = match (face, self.form) {
            (Face::Mcp, Form::Request) => envelope::refusal_body(&self.message),
            (Face::Mcp, Form::Message(problem)) => envelope::error_body(problem),
            (Face::Mcp, Form::Token) => {
                json!({ "error": self.code, "error_description": self.message }).to_string()
            }
            (Face::Plain, Form::Request | Form::Message(_) | Form::Token) => {
                let mut error = Map::new();
                error.insert("code".to_owned(), self.code.into());
                error.insert("message".to_owned(), self.message.into());
                error.extend(self.details);
                json!({ "error": error }).to_string()
            }
        };
        let json = [(header::CONTENT_TYPE, "application/json")];
        let mut response = (self.status, json, body).into_response();
        if let Some(missing) = self.missing {
            response.extensions_mut().insert(missing);
        }
        let headers = response.headers_mut();
        if let Some(challenge) = self
            .challenge
            .and_then(|text| HeaderValue::try_from(text).ok())
        {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.unread {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.respond(Face::Plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_follows_the_path() {
        for (path, expected) in [
            ("/mcp", Face::Mcp),
            ("/mcp/", Face::Mcp),
            ("/mcp-sessions", Face::Plain),
            ("/api/tools/mcp", Face::Plain),
            ("/", Face::Plain),
        ] {
            assert_eq!(Face::of(path), expected, "{path}");
        }
    }
}
