//! Who may talk to the routes beside `/mcp`, which has its own checks of the same values.
//!
//! A web page must not reach them through a browser on this machine: a foreign `Host` means that a name was resolved
//! to us by somebody else (DNS rebinding), a foreign `Origin` that a page of another site sent the request. Not every
//! such request is preflighted: `POST` without a body type is not.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::host::local_principal;
use crate::plugin::Principal;

/// Values that are ours.
#[derive(Debug)]
pub(super) struct Allowed {
    /// `Host` values, with or without a port.
    pub(super) hosts: Vec<String>,
    /// `Origin` values.
    pub(super) origins: Vec<String>,
}

/// Lets a request through whose `Host` and `Origin` are ours.
pub(super) async fn check(
    State(allowed): State<Arc<Allowed>>,
    request: Request,
    next: Next,
) -> Response {
    match refusal(&allowed, request.headers()) {
        None => next.run(request).await,
        Some(text) => (StatusCode::FORBIDDEN, text).into_response(),
    }
}

fn refusal(allowed: &Allowed, headers: &HeaderMap) -> Option<&'static str> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let host = text(header::HOST).unwrap_or("");
    if !allowed.hosts.iter().any(|known| is_host(known, host)) {
        return Some("this Host is not served\n");
    }
    match text(header::ORIGIN) {
        Some(origin) if !allowed.origins.iter().any(|known| known == origin) => {
            Some("this Origin is not allowed\n")
        }
        _ => None,
    }
}

/// A known host without a port stands for any port.
fn is_host(known: &str, given: &str) -> bool {
    let Ok(given) = given.parse::<axum::http::uri::Authority>() else {
        return false;
    };
    let bare = given.host().trim_start_matches('[').trim_end_matches(']');
    known.eq_ignore_ascii_case(given.as_str()) || known.eq_ignore_ascii_case(bare)
}

/// Who sent the request.
#[derive(Debug)]
pub(super) struct Caller(pub(super) Principal);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(principal(parts)))
    }
}

/// The one place where a request of these routes gets its principal.
fn principal(_parts: &Parts) -> Principal {
    local_principal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_hosts_and_origins_are_refused() {
        let allowed = Allowed {
            hosts: vec![
                "localhost".into(),
                "::1".into(),
                "toolward.example:8825".into(),
            ],
            origins: vec!["http://localhost:8825".into()],
        };
        let check = |host: Option<&str>, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            for (name, value) in [(header::HOST, host), (header::ORIGIN, origin)] {
                if let Some(value) = value {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            refusal(&allowed, &headers).is_none()
        };
        assert!(check(Some("localhost:8825"), None));
        assert!(check(Some("LOCALHOST"), Some("http://localhost:8825")));
        assert!(check(Some("[::1]:8825"), None));
        assert!(check(Some("toolward.example:8825"), None));
        for (host, origin) in [
            (None, None),
            (Some(""), None),
            (Some("evil.example"), None),
            (Some("evil.example:8825"), None),
            (Some("toolward.example:80"), None),
            (Some("localhost.evil.example"), None),
            (Some("a@localhost"), Some("http://evil.example")),
            (Some("localhost"), Some("http://evil.example")),
            (Some("localhost"), Some("null")),
            (Some("localhost"), Some("http://localhost:88255")),
        ] {
            assert!(!check(host, origin), "{host:?} {origin:?}");
        }
    }
}
