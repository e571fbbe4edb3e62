//! What every request passes before it is served: who sends it; and the reading of bodies.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::Value;

use super::challenge::{self, Credentials};
use super::problem::Problem;
use crate::auth::{Authenticator, Bearer};
use crate::host::Host;
use crate::mcp::{self, sessions::Sessions};
use crate::plugin::{LARGE, Principal, Room, Until};
use crate::policy::Missing;

pub(super) const SESSION: &str = "mcp-session-id";
pub(super) const VERSION: &str = "mcp-protocol-version";

/// Who is asked, and what is checked.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) host: Arc<Host>,
    pub(super) callers: Callers,
    pub(super) sessions: Arc<Sessions>,
    pub(super) max_body: usize,
    pub(super) body_timeout: Duration,
}

/// How callers are known.
#[derive(Debug)]
pub(super) enum Callers {
    /// Nobody is asked; all are this one.
    Unasked(Principal),
    /// By their tokens.
    Asked {
        authenticator: Box<Authenticator>,
        /// Where the metadata is, for challenges.
        metadata: Option<String>,
    },
}

impl Callers {
    pub(super) async fn bearer(&self, host: &Host, headers: &HeaderMap) -> Result<Bearer, Problem> {
        let (authenticator, metadata) = match self {
            Self::Unasked(principal) => {
                return Ok(Bearer {
                    principal: principal.clone(),
                    until: Until::default(),
                });
            }
            Self::Asked {
                authenticator,
                metadata,
            } => (authenticator, metadata.as_deref()),
        };
        if let Some(auth) = host.auth() {
            // With each request: a token that was removed lets nobody in.
            authenticator.follow(&auth);
        }
        let refusal = match challenge::credentials(headers) {
            Credentials::Absent => return Err(challenge::missing(metadata)),
            Credentials::Malformed => {
                crate::auth::Refusal::Invalid("Authorization holds no single bearer token")
            }
            Credentials::Bearer(token) => match authenticator.bearer(token).await {
                Ok(bearer) => return Ok(bearer),
                Err(refusal) => refusal,
            },
        };
        tracing::debug!(%refusal, "a caller was not let in");
        Err(challenge::refused(metadata, &refusal))
    }

    pub(super) fn insufficient(&self, missing: &Missing) -> Problem {
        challenge::insufficient(self.metadata(), missing)
    }

    fn metadata(&self) -> Option<&str> {
        match self {
            Self::Unasked(_) => None,
            Self::Asked { metadata, .. } => metadata.as_deref(),
        }
    }
}

/// The middleware of routes beside `/mcp`: who sends it. A refusal for want of scopes becomes a challenge.
pub(super) async fn know(
    State(guard): State<Arc<Guard>>,
    mut request: Request,
    next: Next,
) -> Response {
    let bearer = guard.callers.bearer(&guard.host, request.headers()).await;
    let principal = match bearer {
        Ok(bearer) => bearer.principal,
        Err(refused) => return refused.unread().into_response(),
    };
    request.headers_mut().remove(header::AUTHORIZATION);
    request.extensions_mut().insert(principal);
    let response = next.run(request).await;
    match response.extensions().get::<Missing>() {
        Some(missing) => {
            let problem = guard.callers.insufficient(missing);
            let is_unread = response.headers().contains_key(header::CONNECTION);
            let problem = if is_unread { problem.unread() } else { problem };
            problem.into_response()
        }
        None => response,
    }
}

impl Guard {
    /// Reads a body of JSON, within the limits of size and time.
    pub(super) async fn read(
        &self,
        principal: &Principal,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Read, Problem> {
        if !is_json(headers) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "Content-Type has to be application/json",
            )
            .unread());
        }
        let too_large = || {
            let text = format!("the body is larger than {} bytes", self.max_body);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", text).unread()
        };
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(text)
            .and_then(|length| length.parse::<u64>().ok());
        let most = self.max_body as u64;
        if let Some(length) = announced.filter(|length| *length > most) {
            // Most clients send all of it before they read; one that is a little too large is heard out for them.
            if length <= most.saturating_mul(2) {
                let _heard = tokio::time::timeout(self.body_timeout, discard(body)).await;
            }
            return Err(too_large());
        }
        if announced.is_some_and(|length| length <= LARGE as u64) {
            let read = Limited::new(body, LARGE.min(self.max_body)).collect();
            return match tokio::time::timeout(self.body_timeout, read).await {
                Ok(Ok(body)) => Ok(Read {
                    bytes: body.to_bytes(),
                    room: None,
                }),
                Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
                Ok(Err(_)) => Err(broke_off()),
                Err(_) => Err(too_slow()),
            };
        }
        match Box::pin(self.read_large(principal, announced, body)).await? {
            Some(read) => Ok(read),
            None => Err(too_large()),
        }
    }

    /// Reads a body that is large, or that does not say how large it is. `None`: it is too large.
    async fn read_large(
        &self,
        principal: &Principal,
        announced: Option<u64>,
        mut body: Body,
    ) -> Result<Option<Read>, Problem> {
        let mut read = BytesMut::new();
        if announced.is_none() {
            let most = LARGE.min(self.max_body);
            if self.in_time(fill(&mut read, &mut body, most)).await? {
                let bytes = read.freeze();
                return Ok(Some(Read { bytes, room: None }));
            }
        }
        if read.len() > self.max_body {
            return Ok(None);
        }
        // A client that has to wait for room has not had its time yet.
        let room = self.host.large().room(principal);
        let Ok(room) = tokio::time::timeout(self.body_timeout, room).await else {
            let text = "as many large bodies as there may be at once are being read already; try again shortly";
            let busy = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", text);
            return Err(busy.retry_after(1).unread());
        };
        let announced = announced.and_then(|length| usize::try_from(length).ok());
        read.reserve(announced.unwrap_or_default());
        let whole = self
            .in_time(fill(&mut read, &mut body, self.max_body))
            .await?;
        Ok(whole.then(|| Read {
            bytes: read.freeze(),
            room: Some(room),
        }))
    }

    async fn in_time(
        &self,
        filled: impl Future<Output = Result<bool, axum::Error>>,
    ) -> Result<bool, Problem> {
        let filled = tokio::time::timeout(self.body_timeout, filled).await;
        filled.map_err(|_| too_slow())?.map_err(|_| broke_off())
    }

    /// An answer of JSON. A large one is written where it holds up nobody.
    pub(super) async fn json(&self, principal: &Principal, value: Value) -> Response {
        if !mcp::is_large(&value) {
            return Json(value).into_response();
        }
        let written = move || Json(value).into_response();
        self.host.large().run(principal, written).await
    }
}

fn broke_off() -> Problem {
    let text = "the body broke off";
    Problem::new(StatusCode::BAD_REQUEST, "invalid_request", text).unread()
}

fn too_slow() -> Problem {
    let text = "the body did not come in time";
    Problem::new(StatusCode::REQUEST_TIMEOUT, "slow_body", text).unread()
}

/// A body that was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) bytes: Bytes,
    /// A large one's. It is held until the body has become what is asked for, and whoever holds it does so on the
    /// threads for large values.
    pub(super) room: Option<Room>,
}

/// Takes what comes until there are more than `most` bytes. Whether that was all.
async fn fill(read: &mut BytesMut, body: &mut Body, most: usize) -> Result<bool, axum::Error> {
    while read.len() <= most {
        let Some(frame) = body.frame().await else {
            return Ok(true);
        };
        if let Ok(data) = frame?.into_data() {
            read.extend_from_slice(&data);
        }
    }
    Ok(false)
}

async fn discard(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}

pub(super) fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next().and_then(text), types.next()) else {
        return false;
    };
    let essence = only.split(';').next().unwrap_or(only).trim();
    essence.eq_ignore_ascii_case("application/json")
}
