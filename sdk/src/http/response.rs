//! An answer: head at once, body whole or piece by piece.

use std::fmt;
use std::io::{self, Read};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::error::{ERROR_BODY, HttpError};
use crate::call::{Incoming, Source, World};
use crate::context::Call;
use crate::misfit::from_json;

/// How much is asked for at once when the whole body is read.
const PIECE: usize = 64 * 1024;

/// An answer whose body has not been read yet.
pub struct Response {
    request: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("request", &self.request)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Response {
    pub(super) fn new(request: String, incoming: Incoming<<Call as World>::Body>) -> Self {
        let body = Body {
            request: request.clone(),
            source: incoming.body,
            rest: Vec::new(),
            at: 0,
        };
        Self {
            request,
            status: incoming.status,
            headers: incoming.headers,
            body,
        }
    }

    pub(super) fn request(&self) -> &str {
        &self.request
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first header of this name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// `retry-after` in seconds. Its form as a date is left alone: the sandbox's clock may differ from the backend's.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?
            .trim()
            .parse()
            .ok()
            .map(Duration::from_secs)
    }

    /// Reads the body as JSON. The error names the field that does not fit.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, HttpError> {
        let request = self.request.clone();
        let text = self.text()?;
        from_json(&text).map_err(|misfit| {
            let path = match misfit.path.as_str() {
                "" => ".",
                path => path,
            };
            HttpError::Decode {
                request,
                reason: format!("{path}: {}", misfit.reason),
            }
        })
    }

    /// Reads the body as text in UTF-8.
    pub fn text(self) -> Result<String, HttpError> {
        let request = self.request.clone();
        String::from_utf8(self.bytes()?).map_err(|_| HttpError::Decode {
            request,
            reason: "it is not text in UTF-8".to_owned(),
        })
    }

    /// Reads the whole body.
    pub fn bytes(mut self) -> Result<Vec<u8>, HttpError> {
        let mut all = Vec::new();
        while let Some(piece) = self.body.next(PIECE)? {
            if all.is_empty() {
                all = piece;
            } else {
                all.extend_from_slice(&piece);
            }
        }
        Ok(all)
    }

    /// The body, to read piece by piece: for what is too large to hold at once.
    ///
    /// ```
    /// # use toolward_sdk::prelude::*;
    /// use std::io::{BufRead, BufReader};
    ///
    /// fn errors(cx: &Context) -> Result<usize> {
    ///     let body = cx.http("vbr").get("/api/v1/logs").header("accept", "text/plain").send()?.into_body();
    ///     let mut errors = 0;
    ///     for line in BufReader::new(body).lines() {
    ///         errors += usize::from(line?.contains("ERROR"));
    ///     }
    ///     Ok(errors)
    /// }
    /// ```
    #[must_use]
    pub fn into_body(self) -> Body {
        self.body
    }

    /// The beginning of an error's body; what breaks while reading it matters less than the status.
    pub(super) fn excerpt(mut self) -> String {
        let mut start = Vec::new();
        while start.len() < ERROR_BODY {
            let Ok(Some(piece)) = self.body.next(ERROR_BODY - start.len()) else {
                break;
            };
            start.extend_from_slice(&piece);
        }
        String::from_utf8_lossy(&start).into_owned()
    }
}

/// The body of an answer, read piece by piece. Its [`io::Error`]s hold an [`HttpError`].
pub struct Body {
    request: String,
    source: <Call as World>::Body,
    rest: Vec<u8>,
    at: usize,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl Body {
    fn next(&mut self, at_most: usize) -> Result<Option<Vec<u8>>, HttpError> {
        self.source
            .next(at_most)
            .map_err(|broken| HttpError::from_broken(&self.request, broken))
    }
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        if self.at == self.rest.len() {
            match self.next(into.len()).map_err(io::Error::other)? {
                Some(piece) => (self.rest, self.at) = (piece, 0),
                None => return Ok(0),
            }
        }
        let rest = &self.rest[self.at..];
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}
