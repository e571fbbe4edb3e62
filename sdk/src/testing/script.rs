//! What a backend is asked and what it answers.

use std::fmt;

use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::Value;

use crate::call::{Broken, Incoming, Outgoing};
use crate::error::Trouble;
use crate::testing::world::Piecewise;

/// A request that a tool sent.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Sent {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The backend's name.
    pub backend: String,
    /// The path as it goes over the wire: escaped, without the query.
    pub path: String,
    /// The query's names and values, unescaped, in order.
    pub query: Vec<(String, String)>,
    /// The headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Sent {
    pub(super) fn new(outgoing: &Outgoing) -> Self {
        let (path, query) = outgoing
            .path_and_query
            .split_once('?')
            .unwrap_or((&outgoing.path_and_query, ""));
        Self {
            method: outgoing.method.to_owned(),
            backend: outgoing.backend.clone(),
            path: path.to_owned(),
            query: pairs(query),
            headers: outgoing.headers.clone(),
            body: outgoing.body.clone(),
        }
    }

    /// The first header of this name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The first value of this name in the query.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// When it is not JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("the body of {self} is not JSON: {error}"),
        }
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} http://{}{}", self.method, self.backend, self.path)?;
        for (at, (name, value)) in self.query.iter().enumerate() {
            write!(f, "{}{name}={value}", if at == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// A request that is expected, and its answer.
///
/// It matches a request of its method, backend and path that has at least its query, headers and body. It is
/// expected once; see [`always`](Self::always).
#[derive(Clone, Debug)]
#[must_use = "give it to `Host::expect`"]
pub struct Exchange {
    method: &'static str,
    backend: String,
    path: String,
    query: Vec<(String, String)>,
    absent: Vec<String>,
    headers: Vec<(String, String)>,
    json: Option<Value>,
    body: Option<Vec<u8>>,
    pub(super) always: bool,
    pub(super) answer: Answer,
}

impl Exchange {
    /// Expects a `GET` of a path, written as it goes over the wire (`/jobs/a%20b`). The answer is an empty 200
    /// until [`answer`](Self::answer) says otherwise.
    pub fn get(backend: &str, path: &str) -> Self {
        Self::new("GET", backend, path)
    }

    /// Expects a `HEAD`.
    pub fn head(backend: &str, path: &str) -> Self {
        Self::new("HEAD", backend, path)
    }

    /// Expects a `POST`.
    pub fn post(backend: &str, path: &str) -> Self {
        Self::new("POST", backend, path)
    }

    /// Expects a `PUT`.
    pub fn put(backend: &str, path: &str) -> Self {
        Self::new("PUT", backend, path)
    }

    /// Expects a `PATCH`.
    pub fn patch(backend: &str, path: &str) -> Self {
        Self::new("PATCH", backend, path)
    }

    /// Expects a `DELETE`.
    pub fn delete(backend: &str, path: &str) -> Self {
        Self::new("DELETE", backend, path)
    }

    fn new(method: &'static str, backend: &str, path: &str) -> Self {
        Self {
            method,
            backend: backend.to_owned(),
            path: path.to_owned(),
            query: Vec::new(),
            absent: Vec::new(),
            headers: Vec::new(),
            json: None,
            body: None,
            always: false,
            answer: Answer::status(200),
        }
    }

    /// Expects this name and value in the query, unescaped.
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// Expects no value of this name in the query.
    pub fn no_query(mut self, name: &str) -> Self {
        self.absent.push(name.to_owned());
        self
    }

    /// Expects this header.
    pub fn header(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// Expects this JSON as the body.
    ///
    /// # Panics
    ///
    /// When the value cannot be written as JSON.
    #[track_caller]
    pub fn json(mut self, value: &impl Serialize) -> Self {
        self.json = Some(to_value(value));
        self
    }

    /// Expects these bytes as the body, such as a form.
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(body.as_ref().to_owned());
        self
    }

    /// What comes back.
    pub fn answer(mut self, answer: Answer) -> Self {
        self.answer = answer;
        self
    }

    /// Any number of times, or never.
    pub fn always(mut self) -> Self {
        self.always = true;
        self
    }

    pub(super) fn backend(&self) -> &str {
        &self.backend
    }

    pub(super) fn matches(&self, sent: &Sent) -> bool {
        self.method == sent.method
            && self.backend == sent.backend
            && self.path == sent.path
            && self.query.iter().all(|pair| sent.query.contains(pair))
            && self.absent.iter().all(|name| sent.query(name).is_none())
            && self
                .headers
                .iter()
                .all(|(name, value)| sent.header(name) == Some(value))
            && self.json.as_ref().is_none_or(|json| {
                serde_json::from_slice::<Value>(&sent.body).is_ok_and(|sent| sent == *json)
            })
            && self.body.as_ref().is_none_or(|body| *body == sent.body)
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} http://{}{}", self.method, self.backend, self.path)?;
        for (at, (name, value)) in self.query.iter().enumerate() {
            write!(f, "{}{name}={value}", if at == 0 { '?' } else { '&' })?;
        }
        for name in &self.absent {
            write!(f, ", no query `{name}`")?;
        }
        for (name, value) in &self.headers {
            write!(f, ", {name}: {value}")?;
        }
        if let Some(json) = &self.json {
            write!(f, ", {json}")?;
        }
        if let Some(body) = &self.body {
            write!(f, ", {:?}", String::from_utf8_lossy(body))?;
        }
        Ok(())
    }
}

/// What a backend answers, or how it fails to.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    end: End,
}

#[derive(Clone, Debug)]
enum End {
    Whole,
    BreaksOff,
    Refused(String),
}

impl Answer {
    /// An answer without a body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            end: End::Whole,
        }
    }

    /// A 200 with JSON.
    ///
    /// # Panics
    ///
    /// When the value cannot be written as JSON.
    #[must_use]
    #[track_caller]
    pub fn json(value: &impl Serialize) -> Self {
        Self::status(200)
            .header("content-type", "application/json")
            .body(to_value(value).to_string())
    }

    /// No answer: the host refuses the request or cannot reach the backend, as its message says.
    ///
    /// ```
    /// use toolward_sdk::prelude::*;
    /// use toolward_sdk::testing::Answer;
    ///
    /// let unreachable = Answer::refused(Trouble::Unavailable, r#"backend "vbr" does not answer"#);
    /// ```
    #[must_use]
    pub fn refused(kind: Trouble, message: &str) -> Self {
        Self {
            end: End::Refused(format!("{kind}: {message}")),
            ..Self::status(0)
        }
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// The connection breaks after the body so far.
    #[must_use]
    pub fn breaks_off(mut self) -> Self {
        self.end = End::BreaksOff;
        self
    }

    pub(super) fn deliver(self) -> Result<Incoming<Piecewise>, Broken> {
        let broken = match self.end {
            End::Whole => None,
            End::BreaksOff => Some(Broken::Fault(Trouble::Unavailable, "the answer breaks off")),
            End::Refused(text) => return Err(Broken::told(Some(&text))),
        };
        Ok(Incoming {
            status: self.status,
            headers: self.headers,
            body: Piecewise::new(self.body, broken),
        })
    }
}

#[track_caller]
fn to_value(value: &impl Serialize) -> Value {
    match serde_json::to_value(value) {
        Ok(value) => value,
        Err(error) => panic!("this cannot be written as JSON: {error}"),
    }
}
