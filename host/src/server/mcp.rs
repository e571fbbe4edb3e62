//! `/mcp`: every request of MCP over HTTP, from the door to the answer.
//!
//! It stands beside the router and its layers, which cost a few boxes for each: this is what is asked most.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt as _, Collected, Full, Limited};
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;

use super::door::{self, Door};
use super::guard::{Guard, Read, SESSION, VERSION, text};
use super::http::method_label;
use super::problem::{Face, Problem};
use super::sessions::{OldEra, Visit};
use crate::auth::Bearer;
use crate::mcp::envelope::{self, Envelope, Era};
use crate::mcp::fast_path::{self, Fast};
use crate::mcp::{self, Growing, Handler, Load};
use crate::plugin::Room;
use crate::telemetry::metrics;

/// Where it is.
pub(super) const PATH: &str = "/mcp";

/// Bytes of a refusal of rmcp's that are passed on.
const LONGEST_REFUSAL: usize = 64 * 1024;

/// Both eras.
pub(super) struct Mcp {
    pub(super) door: Arc<Door>,
    pub(super) guard: Arc<Guard>,
    pub(super) old_era: OldEra,
    pub(super) new_era: Arc<StreamableHttpService<Handler, NeverSessionManager>>,
    /// For what does not need rmcp.
    pub(super) fast: Option<Arc<Handler>>,
}

impl Mcp {
    /// Answers, and counts and measures it.
    pub(super) async fn answer(self: &Arc<Self>, request: Request) -> Response {
        let begun = Instant::now();
        let method = method_label(request.method());
        let response = self.come_in(request).await;
        let status = response.status();
        metrics().http_request(PATH, method, status.as_str(), begun.elapsed());
        response
    }

    /// `Host`, `Origin`, and what browsers ask beforehand.
    async fn come_in(self: &Arc<Self>, request: Request) -> Response {
        let origin = match self.door.check(request.headers()) {
            Ok(origin) => origin,
            Err(refused) => return refused.respond(Face::Mcp),
        };
        let mut response = if door::is_preflight(request.method(), request.headers()) {
            door::preflight(request.headers())
        } else {
            let served = self.serve(request).await;
            served.unwrap_or_else(|refused| refused.respond(Face::Mcp))
        };
        door::share(&mut response, origin);
        response
    }

    /// Who sends it?
    async fn serve(self: &Arc<Self>, request: Request) -> Result<Response, Problem> {
        let (mut parts, body) = request.into_parts();
        let guard = &self.guard;
        let bearer = guard.callers.bearer(&guard.host, &parts.headers).await;
        let bearer = bearer.map_err(Problem::unread)?;
        // Nobody further in needs the token: rmcp hands the headers to handlers, and somebody would log them.
        parts.headers.remove(header::AUTHORIZATION);
        if parts.method != Method::POST {
            let version = parts.headers.get(VERSION).and_then(text);
            return Ok(match envelope::era(version) {
                Era::New => self.new_era(parts, bearer, body, None).await,
                Era::Old => self.old_era(&parts, &bearer, None),
            });
        }
        let Read { bytes, room } = guard.read(&bearer.principal, &parts.headers, body).await?;
        if room.is_none() {
            return self.take_in(parts, bearer, bytes, None).await;
        }
        let (mcp, whose) = (self.clone(), bearer.principal.clone());
        let taken_in = async move { mcp.take_in(parts, bearer, bytes, room).await };
        Box::pin(guard.host.large().serve(&whose, taken_in)).await
    }

    /// Is it a message; may they send it? With a large body this runs on the threads for such.
    async fn take_in(
        &self,
        parts: Parts,
        bearer: Bearer,
        body: Bytes,
        room: Option<Room>,
    ) -> Result<Response, Problem> {
        let guard = &self.guard;
        let message = envelope::look(&body).map_err(Problem::no_message)?;
        envelope::may_send(&guard.host.catalog(), &bearer.principal, &message)
            .map_err(|missing| guard.callers.insufficient(&missing))?;
        match message.era(parts.headers.get(VERSION).and_then(text)) {
            Era::Old => Ok(self.old_era(&parts, &bearer, Some((&message, &body)))),
            Era::New => {
                if let Some(handler) = &self.fast
                    && let Some(fast) = Fast::of(&guard.host.catalog(), &parts.headers, &message)
                {
                    // What was in it is in the request.
                    drop(body);
                    let sender = &bearer.principal;
                    let (status, body) = fast_path::answer(handler, sender, fast, room).await;
                    return Ok(json(status, body));
                }
                let body = Body::new(Full::new(body));
                Ok(self.new_era(parts, bearer, body, room).await)
            }
        }
    }

    fn old_era(
        &self,
        parts: &Parts,
        bearer: &Bearer,
        message: Option<(&Envelope<'_>, &Bytes)>,
    ) -> Response {
        self.old_era.serve(&Visit {
            method: &parts.method,
            headers: &parts.headers,
            bearer,
            message,
        })
    }

    /// By rmcp.
    async fn new_era(
        &self,
        mut parts: Parts,
        Bearer { principal, until }: Bearer,
        body: Body,
        room: Option<Room>,
    ) -> Response {
        // It means nothing there, and so that nobody finds a meaning it goes no further.
        parts.headers.remove(SESSION);
        parts.extensions.insert(principal.clone());
        // For those who listen.
        parts.extensions.insert(until);
        let load = Load::new(room);
        parts.extensions.insert(load.clone());
        let request = Request::from_parts(parts, body);
        let (rmcp, host) = (self.new_era.clone(), &self.guard.host);
        let response = Box::pin(async move { rmcp.handle(request).await });
        let response = mcp::answered(host, &principal, &load, response).await;
        let response = if is_stream(response.headers()) {
            response.map(|body| Body::new(Growing::new(host.clone(), principal, load, body)))
        } else {
            response.map(Body::new)
        };
        if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            // rmcp says that of every body it cannot read; the media type was checked above.
            let text = "the body is no message of MCP";
            return Problem::new(StatusCode::BAD_REQUEST, "invalid_request", text)
                .respond(Face::Mcp);
        }
        if is_bare_refusal(&response) {
            return in_form(response).await;
        }
        response
    }
}

/// Whether an answer is written while it is sent.
fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(text);
    kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
}

/// Some of rmcp's refusals are a text that does not say what it is.
fn is_bare_refusal(response: &Response) -> bool {
    let status = response.status();
    (status.is_client_error() || status.is_server_error())
        && !response.headers().contains_key(header::CONTENT_TYPE)
}

/// The same as an error of the protocol.
async fn in_form(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let text = Limited::new(body, LONGEST_REFUSAL).collect().await;
    let text = text.map(Collected::to_bytes).unwrap_or_default();
    let body = envelope::refusal_body(&String::from_utf8_lossy(&text));
    parts.headers.remove(header::CONTENT_LENGTH);
    let json = HeaderValue::from_static("application/json");
    parts.headers.insert(header::CONTENT_TYPE, json);
    Response::from_parts(parts, Body::from(body))
}

fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
