//! A request being put together.

use std::fmt::{self, Display};

use serde::Serialize;

use super::Http;
use super::encode::{check_header, check_path, push_pair, push_segment};
use super::error::{HttpError, StatusError};
use super::response::Response;
use crate::call::{Outgoing, World};
use crate::error::Trouble;

/// A request being put together; [`send`](Self::send) sends it. A mistake on the way comes out there.
#[must_use = "a request does nothing until it is sent"]
pub struct Request<'a> {
    http: Http<'a>,
    method: &'static str,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    any_status: bool,
    mistake: Option<(Trouble, String)>,
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither query nor body: they may hold what nobody should find in a log.
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl<'a> Request<'a> {
    pub(super) fn new(http: Http<'a>, method: &'static str, path: &str) -> Self {
        let mistake = check_path(path).err().map(|why| (Trouble::Internal, why));
        Self {
            headers: http.headers.clone(),
            http,
            method,
            path: path.to_owned(),
            query: String::new(),
            body: Vec::new(),
            any_status: false,
            mistake,
        }
    }

    /// Appends one segment to the path, escaped: whatever it holds, it stays one segment.
    /// Empty ones, `.` and `..` are refused.
    pub fn segment(mut self, segment: impl AsRef<str>) -> Self {
        let pushed = push_segment(&mut self.path, segment.as_ref());
        self.note(Trouble::InvalidInput, pushed)
    }

    /// Appends `name=value` to the query, escaped.
    pub fn query(mut self, name: &str, value: impl Display) -> Self {
        push_pair(&mut self.query, name, &value);
        self
    }

    /// Appends `name=value` to the query where there is a value.
    pub fn query_opt(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Sets a header, in place of one that the client sets on every request.
    pub fn header(mut self, name: &str, value: impl Display) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// Sends a value as JSON.
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.bytes("application/json", body),
            Err(error) => {
                self.mistake
                    .get_or_insert((Trouble::Internal, format!("the request's body: {error}")));
                self
            }
        }
    }

    /// Sends pairs as a form.
    pub fn form<N: AsRef<str>, V: Display>(self, pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut body = String::new();
        for (name, value) in pairs {
            push_pair(&mut body, name.as_ref(), &value);
        }
        self.bytes("application/x-www-form-urlencoded", body.into_bytes())
    }

    /// Sends bytes of a type such as `text/csv`.
    pub fn bytes(mut self, content_type: &str, body: Vec<u8>) -> Self {
        self.body = body;
        self.header("content-type", content_type)
    }

    /// Takes an error status as an answer like any other.
    pub fn any_status(mut self) -> Self {
        self.any_status = true;
        self
    }

    /// Sends it and waits for the head of the answer. A status outside 200–299 is an error, unless
    /// [`any_status`](Self::any_status) says otherwise.
    pub fn send(mut self) -> Result<Response, HttpError> {
        for (name, value) in &self.headers {
            let checked = check_header(name, value);
            if let Err(why) = checked {
                self.mistake.get_or_insert((Trouble::Internal, why));
            }
        }
        if let Some((kind, why)) = self.mistake {
            return Err(HttpError::Build {
                kind,
                message: format!("cannot ask backend {:?}: {why}", self.http.backend),
            });
        }
        if !self
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("accept"))
        {
            self.headers
                .push(("accept".to_owned(), "application/json".to_owned()));
        }
        let label = format!(
            "{} {} at backend {:?}",
            self.method, self.path, self.http.backend
        );
        let mut path_and_query = self.path;
        if !self.query.is_empty() {
            path_and_query.push('?');
            path_and_query.push_str(&self.query);
        }
        let outgoing = Outgoing {
            method: self.method,
            backend: self.http.backend,
            path_and_query,
            headers: self.headers,
            body: self.body,
        };
        let incoming = self
            .http
            .cx
            .call
            .exchange(&outgoing)
            .map_err(|broken| HttpError::from_broken(&label, broken))?;
        let response = Response::new(label, incoming);
        if self.any_status || (200..300).contains(&response.status()) {
            return Ok(response);
        }
        let (request, status, retry_after) = (
            response.request().to_owned(),
            response.status(),
            response.retry_after(),
        );
        let body = response.excerpt();
        Err(HttpError::Status(Box::new(StatusError::new(
            request,
            status,
            retry_after,
            body,
            self.http.explain,
        ))))
    }

    fn note(mut self, kind: Trouble, outcome: Result<(), String>) -> Self {
        if let Err(why) = outcome {
            self.mistake.get_or_insert((kind, why));
        }
        self
    }
}
