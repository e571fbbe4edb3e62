//! What every request passes before it is served: who sends it; and the reading of bodies.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::challenge::{self, Credentials};
use super::problem::Problem;
use crate::auth::Authenticator;
use crate::host::Host;
use crate::mcp::sessions::Sessions;
use crate::plugin::Principal;
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
    pub(super) async fn principal(
        &self,
        host: &Host,
        headers: &HeaderMap,
    ) -> Result<Principal, Problem> {
        let (authenticator, metadata) = match self {
            Self::Unasked(principal) => return Ok(principal.clone()),
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
                Ok(principal) => return Ok(principal),
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
    let principal = match guard
        .callers
        .principal(&guard.host, request.headers())
        .await
    {
        Ok(principal) => principal,
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
    pub(super) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
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
        let read = Limited::new(body, self.max_body).collect();
        match tokio::time::timeout(self.body_timeout, read).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(_)) => {
                let text = "the body broke off";
                Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_request", text).unread())
            }
            Err(_) => {
                let text = "the body did not come in time";
                Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "slow_body", text).unread())
            }
        }
    }
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
