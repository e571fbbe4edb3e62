//! A small HTTP client for one backend.
//!
//! It knows the backend by name only. The host looks the name up in the operator's bindings, checks whether the
//! request is allowed, adds the credential and speaks TLS; what it refuses arrives here as [`HttpError::Transport`].

mod encode;
mod error;
mod request;
mod response;

pub use error::{HttpError, StatusError};
pub use request::Request;
pub use response::{Body, Response};

use std::fmt;

use crate::context::Context;
use crate::error::ToolError;

/// Makes a tool error of a vendor's error answer; `None` keeps the usual one.
pub type Explain = fn(&StatusError) -> Option<ToolError>;

/// A client for one backend, made by [`Context::http`].
///
/// ```
/// use toolward_sdk::http::Http;
/// use toolward_sdk::prelude::*;
///
/// /// What every request of this plugin has in common.
/// fn vbr(cx: &Context) -> Http<'_> {
///     cx.http("vbr").header("x-api-version", "1.3-rev1").explain(|answer| {
///         let code = answer.json()?["errorCode"].as_str()?.to_owned();
///         (code == "NotFound").then(|| ToolError::not_found("there is no such job"))
///     })
/// }
///
/// fn stop(cx: &Context, id: &str) -> Result<()> {
///     vbr(cx).post("/api/v1/jobs").segment(id).segment("stop").json(&json!({"force": false})).send()?;
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Http<'a> {
    cx: &'a Context,
    backend: String,
    headers: Vec<(String, String)>,
    explain: Option<Explain>,
}

impl fmt::Debug for Http<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("backend", &self.backend)
            .finish_non_exhaustive()
    }
}

impl<'a> Http<'a> {
    pub(crate) fn new(cx: &'a Context, backend: &str) -> Self {
        Self {
            cx,
            backend: backend.to_owned(),
            headers: Vec::new(),
            explain: None,
        }
    }

    /// A header on every request of this client.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// How to read this vendor's error answers.
    #[must_use]
    pub fn explain(mut self, explain: Explain) -> Self {
        self.explain = Some(explain);
        self
    }

    /// Starts a `GET` of a path, such as `/api/v1/jobs`.
    pub fn get(&self, path: &str) -> Request<'a> {
        self.request("GET", path)
    }

    /// Starts a `HEAD`.
    pub fn head(&self, path: &str) -> Request<'a> {
        self.request("HEAD", path)
    }

    /// Starts a `POST`.
    pub fn post(&self, path: &str) -> Request<'a> {
        self.request("POST", path)
    }

    /// Starts a `PUT`.
    pub fn put(&self, path: &str) -> Request<'a> {
        self.request("PUT", path)
    }

    /// Starts a `PATCH`.
    pub fn patch(&self, path: &str) -> Request<'a> {
        self.request("PATCH", path)
    }

    /// Starts a `DELETE`.
    pub fn delete(&self, path: &str) -> Request<'a> {
        self.request("DELETE", path)
    }

    fn request(&self, method: &'static str, path: &str) -> Request<'a> {
        Request::new(self.clone(), method, path)
    }
}
