//! The old era on HTTP: sessions, their requests, streams and end, as methods, statuses and headers. What a session is
//! and does is `mcp`'s.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};

use super::guard::{SESSION, VERSION, text};
use super::problem::{Face, Problem};
use crate::auth::Bearer;
use crate::mcp::envelope::{self, Envelope};
use crate::mcp::sessions::{
    Events, OpenSession, Opened, Received, Refusal, ResumeError, Said, Sessions,
};
use crate::plugin::Until;

const METHODS: &str = "GET, POST, DELETE";
const EVENT_STREAM: &str = "text/event-stream";
const JSON: &str = "application/json";
const LAST_EVENT_ID: &str = "last-event-id";
const MCP_METHOD: &str = "mcp-method";
/// Proxies that know it do not hold events back.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// When a client should come back that lost its stream, milliseconds.
const RETRY: u32 = 3000;
/// What a silent stream carries now and then: a comment, which clients skip.
const COMMENT: &[u8] = b":\n\n";
/// When it may be worth while to ask for a session again, seconds.
const LATER: u64 = 60;

/// Serves the old era.
#[derive(Debug)]
pub(super) struct OldEra {
    pub(super) sessions: Arc<Sessions>,
    pub(super) keep_alive: Duration,
}

/// A request, as far as it was read already.
#[derive(Debug)]
pub(super) struct Visit<'a> {
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    pub(super) bearer: &'a Bearer,
    /// Only with POST.
    pub(super) message: Option<(&'a Envelope<'a>, &'a Bytes)>,
}

impl OldEra {
    pub(super) fn serve(&self, visit: &Visit<'_>) -> Response {
        let served = match (visit.method, visit.message) {
            (&Method::POST, Some((envelope, body))) => self.post(visit, envelope, body),
            (&Method::GET, _) => self.get(visit),
            (&Method::DELETE, _) => self.delete(visit),
            _ => return not_allowed(),
        };
        served.unwrap_or_else(|problem| problem.respond(Face::Mcp))
    }

    fn session(&self, visit: &Visit<'_>) -> Result<Arc<OpenSession>, Problem> {
        let Some(id) = visit.headers.get(SESSION) else {
            let hint =
                "no session: send initialize first, and its Mcp-Session-Id with every request";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "no_session", hint));
        };
        let found = text(id).and_then(|id| self.sessions.find(id, &visit.bearer.principal));
        found.ok_or_else(|| refused(Refusal::Over))
    }

    fn post(
        &self,
        visit: &Visit<'_>,
        envelope: &Envelope<'_>,
        body: &[u8],
    ) -> Result<Response, Problem> {
        if !accepts(visit.headers, JSON) || !accepts(visit.headers, EVENT_STREAM) {
            return Err(not_acceptable(
                "Accept has to list application/json and text/event-stream",
            ));
        }
        check_headers(visit.headers, Some(envelope))?;
        if envelope.is_opening() && !visit.headers.contains_key(SESSION) {
            let version = visit.headers.get(VERSION).and_then(text);
            let opened = self.sessions.open(&visit.bearer.principal, version, body);
            return opened.map(|opened| welcome(&opened)).map_err(refused);
        }
        let session = self.session(visit)?;
        let received = session
            .receive(&visit.bearer.principal, body)
            .map_err(refused)?;
        Ok(match received {
            Received::Noted => StatusCode::ACCEPTED.into_response(),
            // The call was made in time: its answer is heard to the end.
            Received::Answered(events) => self.stream(events, Until::default()),
        })
    }

    fn get(&self, visit: &Visit<'_>) -> Result<Response, Problem> {
        if !accepts(visit.headers, EVENT_STREAM) {
            return Err(not_acceptable("Accept has to list text/event-stream"));
        }
        check_headers(visit.headers, None)?;
        let session = self.session(visit)?;
        let events = match visit.headers.get(LAST_EVENT_ID) {
            None => session.listen(),
            Some(id) => text(id)
                .ok_or(ResumeError::Foreign)
                .and_then(|id| session.resume(id))
                .map_err(|error| {
                    // Not 404: that would say that the session is gone.
                    let (status, code) = match error {
                        ResumeError::Foreign => (StatusCode::BAD_REQUEST, "unknown_event"),
                        ResumeError::Gone => (StatusCode::GONE, "event_gone"),
                    };
                    Problem::new(status, code, error.to_string())
                })?,
        };
        Ok(self.stream(events, visit.bearer.until))
    }

    fn delete(&self, visit: &Visit<'_>) -> Result<Response, Problem> {
        check_headers(visit.headers, None)?;
        let session = self.session(visit)?;
        self.sessions.end(&session);
        // The specification leaves the status open; clients take 200 and 204 for success, and some nothing else.
        Ok(StatusCode::NO_CONTENT.into_response())
    }

    fn stream(&self, events: Events, until: Until) -> Response {
        let keep_alive = self.keep_alive;
        let begun = (events, Box::pin(until.passed()));
        let frames = futures::stream::unfold(begun, move |(mut events, mut over)| async move {
            let next = tokio::select! {
                biased;
                () = &mut over => return None,
                next = tokio::time::timeout(keep_alive, events.next()) => next,
            };
            let frame = match next {
                Ok(Some(said)) => event(&said),
                Ok(None) => return None,
                Err(_) => Bytes::from_static(COMMENT),
            };
            Some((Ok::<_, Infallible>(frame), (events, over)))
        });
        let headers = [
            (header::CONTENT_TYPE, EVENT_STREAM),
            (header::CACHE_CONTROL, "no-cache"),
            (NO_BUFFERING, "no"),
        ];
        (headers, Body::from_stream(frames)).into_response()
    }
}

/// An event on the wire. The line of data must be there even if it is empty: without it, some clients take no note of the
/// id. JSON has no line breaks of its own, which would be more than one line of data.
fn event(said: &Said) -> Bytes {
    let id = said.id.as_ref().map(|id| format!("id: {id}\n"));
    let id = id.unwrap_or_default();
    match &said.text {
        Some(text) => format!("{id}data: {text}\n\n").into(),
        None => format!("{id}retry: {RETRY}\ndata:\n\n").into(),
    }
}

fn welcome(opened: &Opened) -> Response {
    let mut response = json(&opened.answer);
    if let Ok(id) = HeaderValue::try_from(&*opened.id) {
        response.headers_mut().insert(SESSION, id);
    }
    response
}

fn json(text: &str) -> Response {
    ([(header::CONTENT_TYPE, JSON)], text.to_owned()).into_response()
}

fn refused(refusal: Refusal) -> Problem {
    let (status, code, later) = match refusal {
        Refusal::NoMessage | Refusal::Version | Refusal::OpenAlready | Refusal::SameId => {
            (StatusCode::BAD_REQUEST, "invalid_request", false)
        }
        Refusal::Over => (StatusCode::NOT_FOUND, "no_session", false),
        Refusal::Busy => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests", false),
        Refusal::TooManyOfYours(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_sessions", true),
        Refusal::TooMany => (StatusCode::SERVICE_UNAVAILABLE, "too_many_sessions", true),
    };
    let problem = Problem::new(status, code, refusal.to_string());
    if later {
        problem.retry_after(LATER)
    } else {
        problem
    }
}

fn not_acceptable(what: &str) -> Problem {
    Problem::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", what)
}

fn not_allowed() -> Response {
    let what = "only GET, POST and DELETE mean something here";
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", what);
    let mut response = problem.respond(Face::Mcp);
    let methods = HeaderValue::from_static(METHODS);
    response.headers_mut().insert(header::ALLOW, methods);
    response
}

/// The revision, where a request names one; the method for proxies, which old clients do not send, and which must not
/// contradict the message.
fn check_headers(headers: &HeaderMap, envelope: Option<&Envelope<'_>>) -> Result<(), Problem> {
    if let Some(version) = headers.get(VERSION)
        && !text(version).is_some_and(envelope::is_known)
    {
        let what = "this MCP-Protocol-Version is not supported";
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            what,
        ));
    }
    let contradicts = |envelope: &Envelope<'_>| {
        let mut methods = headers.get_all(MCP_METHOD).iter();
        !methods.all(|method| text(method).is_some_and(|method| envelope.is_method(method)))
    };
    if envelope.is_some_and(contradicts) {
        let what = "the Mcp-Method header is not the method of the message";
        return Err(Problem::mismatch(what));
    }
    Ok(())
}

/// Whether the client says that it takes answers of this type. Weights are not looked at: nothing is chosen by them.
fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(text);
    let kinds = values.flat_map(|value| value.split(','));
    let family = wanted.split('/').next().unwrap_or(wanted);
    kinds
        .map(|kind| kind.split(';').next().unwrap_or(kind).trim())
        .any(|kind| {
            kind.eq_ignore_ascii_case(wanted)
                || kind == "*/*"
                || kind
                    .strip_suffix("/*")
                    .is_some_and(|kind| kind.eq_ignore_ascii_case(family))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_accepted_by_name_and_by_family() {
        let rows: [(&[&str], bool, bool); 8] = [
            (&["application/json, text/event-stream"], true, true),
            (
                &["application/json", "TEXT/Event-Stream; q=0.5"],
                true,
                true,
            ),
            (&["*/*"], true, true),
            (&["text/*"], false, true),
            (&["application/json"], true, false),
            (&["application/jsonp, text/event-streams"], false, false),
            (&[""], false, false),
            (&[], false, false),
        ];
        for (values, json, events) in rows {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::ACCEPT, HeaderValue::from_static(value));
            }
            assert_eq!(accepts(&headers, JSON), json, "{values:?}");
            assert_eq!(accepts(&headers, EVENT_STREAM), events, "{values:?}");
        }
    }
}
