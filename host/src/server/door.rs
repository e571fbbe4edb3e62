//! Where a request comes from: `Host`, `Origin`, and what pages of other origins may do (CORS).
//!
//! A browser on the operator's machine or network reaches this host for every page it shows. `Host` tells a page
//! whose name was pointed at this machine (DNS rebinding), `Origin` one that sends requests across. The origins that
//! may send requests are those that may read the answers: a list for each would only be a way to get one wrong.

use std::net::SocketAddr;

use axum::response::{IntoResponse as _, Response};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::problem::Problem;
use crate::config;

/// Headers that MCP clients in browsers send.
const REQUEST_HEADERS: [&str; 9] = [
    "accept",
    "authorization",
    "content-type",
    "last-event-id",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
    "traceparent",
];
/// Parameters of tools that a schema asks for as headers.
const PARAMETER: &str = "mcp-param-";
const METHODS: &str = "GET, POST, DELETE";
const EXPOSED: &str = "mcp-session-id, www-authenticate";
const PREFLIGHT_SECONDS: &str = "600";

/// Who may come in.
#[derive(Debug)]
pub(super) struct Door {
    /// Names without a port go with every port.
    hosts: Vec<(String, Option<u16>)>,
    origins: Vec<String>,
}

impl Door {
    pub(super) fn new(
        settings: &config::Server,
        auth: Option<&config::Auth>,
        address: SocketAddr,
    ) -> Self {
        let resource = auth
            .and_then(|auth| auth.oauth.as_ref())
            .and_then(|oauth| oauth.resource.host_str().map(str::to_owned));
        let public = settings.public_url.as_ref();
        let own = [
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
            "[::1]".to_owned(),
            match address {
                SocketAddr::V4(address) => address.ip().to_string(),
                SocketAddr::V6(address) => format!("[{}]", address.ip()),
            },
        ];
        let hosts = own
            .into_iter()
            .chain(settings.allowed_hosts.iter().cloned())
            .chain(resource)
            .chain(public.and_then(url::Url::host_str).map(str::to_owned))
            .filter_map(|host| split(&host))
            .collect();
        let own_origins = [
            format!("http://localhost:{}", address.port()),
            format!("http://{address}"),
        ];
        let origins = own_origins
            .into_iter()
            .chain(settings.allowed_origins.iter().cloned())
            // The pages of `/docs`, under the name that browsers have for them.
            .chain(public.map(|url| url.origin().ascii_serialization()))
            .collect();
        Self { hosts, origins }
    }

    /// The origin that the request names, when it may come in; otherwise the refusal.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<Option<HeaderValue>, Problem> {
        self.origin(headers)
            .map_err(|(code, reason)| Problem::new(StatusCode::FORBIDDEN, code, reason).unread())
    }

    fn origin(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<HeaderValue>, (&'static str, &'static str)> {
        let bad_host = |reason| ("foreign_host", reason);
        let host =
            one(headers, &header::HOST).ok_or(bad_host("the request has no Host, or several"))?;
        let host = host.to_str().ok().and_then(split);
        let known = host.is_some_and(|(name, port)| {
            let fits = |allowed: &(String, Option<u16>)| {
                allowed.0 == name && allowed.1.is_none_or(|only| port == Some(only))
            };
            self.hosts.iter().any(fits)
        });
        if !known {
            return Err(bad_host("the Host of the request is none of this server's"));
        }
        if !headers.contains_key(header::ORIGIN) {
            return Ok(None);
        }
        one(headers, &header::ORIGIN)
            .filter(|origin| {
                self.origins
                    .iter()
                    .any(|allowed| allowed.as_bytes() == origin.as_bytes())
            })
            .cloned()
            .map(Some)
            .ok_or(("foreign_origin", "requests of this Origin are not taken"))
    }
}

/// The value of a header that is there once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

fn split(host: &str) -> Option<(String, Option<u16>)> {
    let authority: http::uri::Authority = host.parse().ok()?;
    let clean = !host.contains('@');
    clean.then(|| (authority.host().to_ascii_lowercase(), authority.port_u16()))
}

/// Whether a browser asks what a page may send.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to that, for an origin that may come in.
pub(super) fn preflight(asked: &HeaderMap) -> Response {
    let asked = asked
        .get_all(header::ACCESS_CONTROL_REQUEST_HEADERS)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase());
    let allowed: Vec<_> = asked
        .filter(|name| REQUEST_HEADERS.contains(&name.as_str()) || name.starts_with(PARAMETER))
        .collect();
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(METHODS),
    );
    if let Ok(allowed) = HeaderValue::try_from(allowed.join(", ")) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static(PREFLIGHT_SECONDS),
    );
    response
}

/// Lets pages of the origin read the answer. No credentials of the browser's own: tokens are sent by hand.
pub(super) fn share(response: &mut Response, origin: Option<HeaderValue>) {
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(EXPOSED),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn door() -> Door {
        let settings = config::Server {
            listen: "127.0.0.1:8825".parse().unwrap(),
            allowed_origins: vec!["https://agents.example".to_owned()],
            allowed_hosts: vec!["a.example:8443".to_owned(), "B.example".to_owned()],
            public_url: Some("https://tools.example/x".parse().unwrap()),
            metrics: config::MetricsReaders::Scoped,
            max_request_bytes: 1,
            max_connections: 1,
            header_timeout: Duration::from_secs(1),
            body_timeout: Duration::from_secs(1),
            keep_alive: Duration::from_secs(1),
            fast_path: true,
            sessions: config::Sessions {
                idle_timeout: Duration::from_secs(1),
                max: 1,
                max_per_principal: 1,
                max_events: 1,
                max_event_bytes: 1,
                max_event_bytes_in_all: 1,
            },
        };
        Door::new(&settings, None, settings.listen)
    }

    #[test]
    fn hosts_are_known_by_name_and_port() {
        for (host, expected) in [
            ("localhost", true),
            ("LOCALHOST:1", true),
            ("127.0.0.1:8825", true),
            ("[::1]:8825", true),
            ("a.example:8443", true),
            ("a.example", false),
            ("a.example:8444", false),
            ("b.example:1", true),
            ("tools.example", true),
            ("evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("u@localhost", false),
            ("", false),
            ("localhost, evil.example", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            assert_eq!(door().check(&headers).is_ok(), expected, "{host}");
        }
        let mut twice = HeaderMap::new();
        twice.append(header::HOST, HeaderValue::from_static("localhost"));
        twice.append(header::HOST, HeaderValue::from_static("localhost"));
        assert!(door().check(&twice).is_err());
        assert!(door().check(&HeaderMap::new()).is_err());
    }

    #[test]
    fn origins_are_known_letter_by_letter() {
        for (origin, expected) in [
            ("https://agents.example", true),
            ("http://localhost:8825", true),
            ("http://127.0.0.1:8825", true),
            ("https://tools.example", true),
            ("http://tools.example", false),
            ("http://localhost:8826", false),
            ("https://agents.example:444", false),
            ("http://agents.example", false),
            ("https://agents.example.evil.example", false),
            ("null", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("localhost"));
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            assert_eq!(door().check(&headers).is_ok(), expected, "{origin}");
        }
    }
}
