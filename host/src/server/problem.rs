//! Why a request is not served, and how the client is told: `/mcp` in its protocol's form, everything else as
//! `{"error": {"code", "message"}}`.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderValue};
use serde_json::{Map, Value, json};

use crate::mcp::envelope::{self, NoMessage};
use crate::policy::Missing;
use crate::telemetry::metrics;

/// A request that is not served. Boxed, because it is an error of what is mostly small.
#[derive(Debug)]
pub(super) struct Problem(Box<Told>);

#[derive(Debug)]
struct Told {
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
    /// A header that contradicts the message.
    Mismatch,
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
        Self(Box::new(Told {
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
        }))
    }

    /// What a call came to that was served. It is no refusal.
    pub(super) fn outcome(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        let mut problem = Self::new(status, code, message);
        problem.0.is_outcome = true;
        problem
    }

    /// Scopes are missing.
    pub(super) fn missing(missing: Missing) -> Self {
        let text = missing.to_string();
        let mut problem = Self::new(StatusCode::FORBIDDEN, "insufficient_scope", text);
        problem.0.missing = Some(missing);
        problem
    }

    /// A body that is no message of MCP.
    pub(super) fn no_message(what: NoMessage) -> Self {
        let text = what.to_string();
        let mut problem = Self::new(StatusCode::BAD_REQUEST, "invalid_request", text);
        problem.0.form = Form::Message(what);
        problem
    }

    /// A header that contradicts the message.
    pub(super) fn mismatch(message: &str) -> Self {
        let mut problem = Self::new(StatusCode::BAD_REQUEST, "header_mismatch", message);
        problem.0.form = Form::Mismatch;
        problem
    }

    /// About the token, with what goes into `WWW-Authenticate`.
    pub(super) fn of_token(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        challenge: Option<String>,
    ) -> Self {
        let mut problem = Self::new(status, code, message);
        problem.0.form = Form::Token;
        problem.0.challenge = challenge;
        problem
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.details.insert(name.to_owned(), value.into());
        self
    }

    /// Seconds.
    pub(super) fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// The body of the request was not read: the connection ends with the answer, and the client knows.
    pub(super) fn unread(mut self) -> Self {
        self.0.unread = true;
        self
    }

    pub(super) fn respond(self, face: Face) -> Response {
        let told = *self.0;
        if told.missing.is_none() && !told.is_outcome {
            metrics().refusal(told.code);
        }
        let body = match (face, told.form) {
            (Face::Mcp, Form::Request) => envelope::refusal_body(&told.message),
            (Face::Mcp, Form::Message(problem)) => envelope::error_body(problem),
            (Face::Mcp, Form::Mismatch) => envelope::mismatch_body(&told.message),
            (Face::Mcp, Form::Token) => {
                json!({ "error": told.code, "error_description": told.message }).to_string()
            }
            (Face::Plain, Form::Request | Form::Message(_) | Form::Mismatch | Form::Token) => {
                let mut error = Map::new();
                error.insert("code".to_owned(), told.code.into());
                error.insert("message".to_owned(), told.message.into());
                error.extend(told.details);
                json!({ "error": error }).to_string()
            }
        };
        let json = [(header::CONTENT_TYPE, "application/json")];
        let mut response = (told.status, json, body).into_response();
        if let Some(missing) = told.missing {
            response.extensions_mut().insert(missing);
        }
        let headers = response.headers_mut();
        if let Some(challenge) = told
            .challenge
            .and_then(|text| HeaderValue::try_from(text).ok())
        {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = told.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if told.unread {
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
