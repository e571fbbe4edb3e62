//! What every request passes before it is served: who sends it; and on `/mcp` besides: is it a message, may they.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::challenge::{self, Credentials};
use super::sessions::Owners;
use crate::auth::Authenticator;
use crate::host::Host;
use crate::mcp::envelope;
use crate::plugin::Principal;
use crate::policy::Missing;

const SESSION: &str = "mcp-session-id";
const VERSION: &str = "mcp-protocol-version";
/// The first revision without sessions; revisions are dates, so text compares them.
const WITHOUT_SESSIONS: &str = "2026-07-28";

/// Who is asked, and what is checked.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) host: Arc<Host>,
    pub(super) callers: Callers,
    pub(super) owners: Owners,
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
    async fn principal(&self, headers: &HeaderMap) -> Result<Principal, Response> {
        let (authenticator, metadata) = match self {
            Self::Unasked(principal) => return Ok(principal.clone()),
            Self::Asked {
                authenticator,
                metadata,
            } => (authenticator, metadata.as_deref()),
        };
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

    fn metadata(&self) -> Option<&str> {
        match self {
            Self::Unasked(_) => None,
            Self::Asked { metadata, .. } => metadata.as_deref(),
        }
    }
}

/// The middleware.
pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    mut request: Request,
    next: Next,
) -> Response {
    let principal = match guard.callers.principal(request.headers()).await {
        Ok(principal) => principal,
        Err(refused) => return unread(refused),
    };
    // Nobody further in needs the token: rmcp hands the headers to handlers, and somebody would log them.
    request.headers_mut().remove(header::AUTHORIZATION);
    if let Err(refused) = guard.check_session(request.headers_mut(), &principal) {
        return unread(refused);
    }
    if request.method() == Method::POST {
        request = match guard.check_message(request, &principal).await {
            Ok(request) => request,
            Err(refused) => return refused,
        };
    }
    request.extensions_mut().insert(principal.clone());
    let response = next.run(request).await;
    if let Some(id) = response.headers().get(SESSION).and_then(text) {
        guard.owners.opened_by(id, &principal);
    }
    if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        // rmcp says that of every body it cannot read; the media type was checked above.
        return refuse(StatusCode::BAD_REQUEST, "the body is no message of MCP");
    }
    response
}

/// The middleware of routes beside `/mcp`: who sends it. A refusal for want of scopes becomes a challenge.
pub(super) async fn know(
    State(guard): State<Arc<Guard>>,
    mut request: Request,
    next: Next,
) -> Response {
    let principal = match guard.callers.principal(request.headers()).await {
        Ok(principal) => principal,
        Err(refused) => return unread(refused),
    };
    request.headers_mut().remove(header::AUTHORIZATION);
    request.extensions_mut().insert(principal);
    let response = next.run(request).await;
    match response.extensions().get::<Missing>() {
        Some(missing) => challenge::insufficient(guard.callers.metadata(), missing),
        None => response,
    }
}

impl Guard {
    #[expect(
        clippy::result_large_err,
        reason = "passed on once, at the end of a request"
    )]
    fn check_session(
        &self,
        headers: &mut HeaderMap,
        principal: &Principal,
    ) -> Result<(), Response> {
        let Some(id) = headers.get(SESSION) else {
            return Ok(());
        };
        let version = headers.get(VERSION).and_then(text);
        if version.is_some_and(|version| version >= WITHOUT_SESSIONS) {
            // It means nothing there, and so that nobody finds a meaning it goes no further.
            headers.remove(SESSION);
            return Ok(());
        }
        if text(id).is_some_and(|id| self.owners.is_of(id, principal)) {
            Ok(())
        } else {
            Err(refuse(StatusCode::NOT_FOUND, "there is no such session"))
        }
    }

    /// Reads the message and looks at it; the request goes on with its body in memory.
    async fn check_message(
        &self,
        request: Request,
        principal: &Principal,
    ) -> Result<Request, Response> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            return Err(unread(refuse(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Content-Type has to be application/json",
            )));
        }
        let body = self.read(&parts.headers, body).await?;
        let envelope = envelope::look(&body)
            .map_err(|problem| json(StatusCode::BAD_REQUEST, envelope::error_body(problem)))?;
        envelope::may_send(&self.host.catalog(), principal, &envelope)
            .map_err(|missing| challenge::insufficient(self.callers.metadata(), &missing))?;
        Ok(Request::from_parts(parts, Body::from(body)))
    }

    async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, Response> {
        let too_large = || {
            let text = format!("the body is larger than {} bytes", self.max_body);
            unread(refuse(StatusCode::PAYLOAD_TOO_LARGE, &text))
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
            Ok(Err(_)) => Err(refuse(StatusCode::BAD_REQUEST, "the body broke off")),
            Err(_) => Err(unread(refuse(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not come in time",
            ))),
        }
    }
}

async fn discard(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// For an answer without the request's body having been read: the connection ends with it, and the client knows.
pub(super) fn unread(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn text(value: &HeaderValue) -> Option<&str> {
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

/// A refusal in the protocol's form.
pub(super) fn refuse(status: StatusCode, message: &str) -> Response {
    json(status, envelope::refusal_body(message))
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
