//! A backend's answer on its way to the guest: bounded in size and time, and without secrets.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body::{Body as HttpBody, Frame};
use tokio::time::{Instant, Sleep};
use url::Url;

use super::gate::Place;
use super::refusal::Refusal;
use super::{Body, BodyError, failure, headers};
use crate::config::Binding;
use crate::credential::{Patterns, Scrubber, chain};

/// What an answer answers, and what it must keep to.
pub(super) struct Asked<'a> {
    pub(super) backend: &'a str,
    pub(super) binding: &'a Arc<Binding>,
    pub(super) method: &'a Method,
    /// As the guest wrote it.
    pub(super) scheme: &'a str,
    /// Where the request went.
    pub(super) url: &'a Url,
    pub(super) patterns: &'a Arc<Patterns>,
    /// The end of the whole answer.
    pub(super) until: Instant,
    /// Between two pieces of the body.
    pub(super) between: Option<Duration>,
}

/// The answer as the guest gets it.
///
/// The place at the backend is free when the answer has been read or given up.
pub(super) fn deliver(
    response: reqwest::Response,
    place: Place,
    asked: &Asked<'_>,
) -> Result<http::Response<Body>, Refusal> {
    let backend = asked.backend;
    let (mut parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
    if parts.status.is_informational() {
        return Err(Refusal::unavailable(format!(
            "backend \"{backend}\" wants to change the protocol ({})",
            parts.status.as_u16()
        )));
    }
    check_encoding(&parts.headers, backend)?;
    let has_body = *asked.method != Method::HEAD && parts.status != StatusCode::NOT_MODIFIED;
    if has_body && content_length(&parts.headers) > asked.binding.max_response_bytes {
        return Err(too_large(backend, asked.binding));
    }

    let location = parts
        .headers
        .remove(LOCATION)
        .and_then(|location| as_guests_see_it(&location, asked));
    parts
        .headers
        .extend(location.map(|value| (LOCATION, value)));
    tell_reason(&mut parts);
    headers::clean(&mut parts.headers, asked.patterns, backend)?;

    let body = AnswerBody {
        inner: Some((body, place)),
        scrubber: Scrubber::new(Arc::clone(asked.patterns)),
        backend: backend.to_owned(),
        binding: Arc::clone(asked.binding),
        seen: 0,
        until: Box::pin(tokio::time::sleep_until(asked.until)),
        between: asked
            .between
            .map(|limit| (limit, Box::pin(tokio::time::sleep(limit)))),
    };
    // What the connection knows (version, extensions) is the host's.
    let mut answer = http::Response::new(Body::new(body));
    *answer.status_mut() = parts.status;
    *answer.headers_mut() = parts.headers;
    Ok(answer)
}

/// Where an error's own reason phrase is told. The interface for guests has no place for one, and some backends say
/// there, and nowhere else, what went wrong.
const REASON: HeaderName = HeaderName::from_static("x-reason-phrase");

fn tell_reason(parts: &mut http::response::Parts) {
    parts.headers.remove(REASON);
    let phrase = parts.extensions.get::<hyper::ext::ReasonPhrase>();
    let text = phrase.and_then(|phrase| HeaderValue::from_bytes(phrase.as_bytes()).ok());
    if let (Some(text), 400..) = (text, parts.status.as_u16()) {
        parts.headers.insert(REASON, text);
    }
}

fn check_encoding(headers: &HeaderMap, backend: &str) -> Result<(), Refusal> {
    let is_plain = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if is_plain {
        return Ok(());
    }
    Err(Refusal::unavailable(format!(
        "backend \"{backend}\" compressed its answer though it was asked not to"
    )))
}

fn content_length(headers: &HeaderMap) -> u64 {
    let length = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok());
    length.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn too_large(backend: &str, binding: &Binding) -> Refusal {
    Refusal::unavailable(format!(
        "the answer of backend \"{backend}\" is larger than {} bytes\nhint: ask for less, or raise bindings.{}.max-response-size",
        binding.max_response_bytes, binding.name
    ))
}

/// A redirection within the backend, under the backend's name. Any other is not told: nobody follows it, and it
/// holds an address.
fn as_guests_see_it(location: &HeaderValue, asked: &Asked<'_>) -> Option<HeaderValue> {
    // Parsing could give the token a form that is not looked for.
    if asked.patterns.scrub(location.as_bytes()).is_some() {
        return None;
    }
    let base = &asked.binding.url;
    let target = asked.url.join(location.to_str().ok()?).ok()?;
    let has_user = !target.username().is_empty() || target.password().is_some();
    if target.origin() != base.origin() || has_user {
        return None;
    }
    let path = target
        .path()
        .strip_prefix(base.path().trim_end_matches('/'))?;
    if !path.starts_with('/') {
        return None;
    }
    let query = target.query().map(|query| format!("?{query}"));
    let text = format!(
        "{}://{}{path}{}",
        asked.scheme,
        asked.backend,
        query.unwrap_or_default()
    );
    HeaderValue::from_str(&text).ok()
}

/// The body of an answer.
struct AnswerBody {
    /// Absent after the end. Dropping it closes a connection that still sends.
    inner: Option<(reqwest::Body, Place)>,
    scrubber: Scrubber,
    backend: String,
    binding: Arc<Binding>,
    seen: u64,
    until: Pin<Box<Sleep>>,
    between: Option<(Duration, Pin<Box<Sleep>>)>,
}

impl AnswerBody {
    /// The time that has run out, if one has.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Refusal> {
        if self.until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(self.late());
        }
        if let Some((limit, sleep)) = &mut self.between
            && sleep.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Refusal::timed_out(format!(
                "backend \"{}\" paused in its answer for more than {} s",
                self.backend,
                limit.as_secs_f64()
            )));
        }
        Poll::Pending
    }

    fn late(&self) -> Refusal {
        Refusal::timed_out(format!(
            "backend \"{}\" did not end its answer within {} s",
            self.backend,
            self.binding.timeout.as_secs_f64()
        ))
    }

    fn broken(&self, error: &reqwest::Error) -> Refusal {
        let cause = failure::cause(error, &self.binding);
        Refusal::unavailable(format!(
            "the answer broke off: backend \"{}\" {}",
            self.backend, cause.what
        ))
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        loop {
            let Some((inner, _)) = &mut this.inner else {
                return Poll::Ready(None);
            };
            let mut detail = None;
            let refusal = match Pin::new(inner).poll_frame(cx) {
                Poll::Pending => match this.poll_late(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(refusal) => refusal,
                },
                Poll::Ready(None) => {
                    this.inner = None;
                    let rest = this.scrubber.finish();
                    let rest = (!rest.is_empty()).then(|| Ok(Frame::data(rest)));
                    return Poll::Ready(rest);
                }
                Poll::Ready(Some(Err(error))) => {
                    let error = error.without_url();
                    detail = Some(chain(&error));
                    this.broken(&error)
                }
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers are dropped: they come after everything that was checked.
                    let Ok(piece) = frame.into_data() else {
                        continue;
                    };
                    this.seen += piece.len() as u64;
                    if let Some((limit, sleep)) = &mut this.between {
                        sleep.as_mut().reset(Instant::now() + *limit);
                    }
                    if this.seen > this.binding.max_response_bytes {
                        too_large(&this.backend, &this.binding)
                    } else if this.until.deadline() <= Instant::now() {
                        // A trickle without a pause would never come to the timer.
                        this.late()
                    } else {
                        let clean = this.scrubber.push(piece);
                        if clean.is_empty() {
                            continue;
                        }
                        return Poll::Ready(Some(Ok(Frame::data(clean))));
                    }
                }
            };
            this.inner = None;
            tracing::warn!(
                backend = this.backend,
                binding = %this.binding.name,
                trouble = %refusal.trouble,
                reason = refusal.message,
                error = detail,
                "answer broke off"
            );
            return Poll::Ready(Some(Err(refusal.into())));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_none()
    }
}
