//! `[server]`.

use std::net::SocketAddr;

use ::url::Url;

use super::Cx;
use super::limits::to_usize;
use super::sessions;
use super::value::Key;
use crate::config::at::At;
use crate::config::diagnostic::{Diagnostic, Spot};
use crate::config::{MetricsReaders, Server, defaults, inline, raw};

const TABLE: &str = "server";
const MOST_REQUEST: u64 = 1 << 30;
const MOST_CONNECTIONS: u32 = 1_000_000;

/// `authenticated`: there is an `[auth]` table.
pub(super) fn resolve(cx: &mut Cx<'_>, raw: &raw::Server, authenticated: bool) -> Server {
    let key = |name| Key { table: TABLE, name };
    let listen = listen(cx, raw, authenticated);
    cx.origins.default(
        &key("max-connections").path(),
        defaults::MAX_CONNECTIONS.to_string(),
    );
    let max_connections = cx.count_or(
        key("max-connections"),
        raw.max_connections.as_ref(),
        defaults::MAX_CONNECTIONS,
        MOST_CONNECTIONS,
    );
    for name in ["allowed-origins", "allowed-hosts"] {
        cx.origins.default(&key(name).path(), "[]");
    }
    cx.origins.default(&key("fast-path").path(), "true");
    Server {
        listen,
        allowed_origins: texts(cx, raw.allowed_origins.as_deref(), check_origin),
        allowed_hosts: texts(cx, raw.allowed_hosts.as_deref(), check_host),
        public_url: raw.public_url.as_ref().and_then(|at| public_url(cx, at)),
        metrics: metrics(cx, raw.metrics.as_ref()),
        max_request_bytes: to_usize(cx.size(
            key("max-request-size"),
            raw.max_request_size.as_ref(),
            defaults::MAX_REQUEST_SIZE,
            MOST_REQUEST,
        )),
        max_connections: max_connections as usize,
        header_timeout: cx.duration(
            key("header-timeout"),
            raw.header_timeout.as_ref(),
            defaults::HEADER_TIMEOUT,
        ),
        body_timeout: cx.duration(
            key("body-timeout"),
            raw.body_timeout.as_ref(),
            defaults::BODY_TIMEOUT,
        ),
        keep_alive: cx.duration(
            key("keep-alive"),
            raw.keep_alive.as_ref(),
            defaults::KEEP_ALIVE,
        ),
        fast_path: raw.fast_path.as_ref().is_none_or(|at| at.value),
        sessions: sessions::resolve(
            cx,
            raw.sessions.as_ref().unwrap_or(&raw::Sessions::default()),
        ),
    }
}

fn listen(cx: &mut Cx<'_>, raw: &raw::Server, authenticated: bool) -> SocketAddr {
    let key = Key {
        table: TABLE,
        name: "listen",
    };
    cx.origins
        .default(&key.path(), inline::string(defaults::LISTEN));
    cx.origins.default(
        &Key {
            table: TABLE,
            name: "allow-unauthenticated",
        }
        .path(),
        "false",
    );
    let allowed = raw.allow_unauthenticated.as_ref().filter(|at| at.value);
    if let Some(at) = allowed.filter(|_| authenticated) {
        cx.findings
            .error(
                &at.span,
                "`allow-unauthenticated` and [auth] contradict each other: with [auth] every caller has to authenticate",
            )
            .hint("delete allow-unauthenticated, or the [auth] tables");
    }
    let default = defaults::LISTEN.parse().expect("a default is an address");
    let flag = cx.overrides.listen.clone();
    let outside = cx.outside(key, flag, "--listen", "TOOLWARD_LISTEN");
    let Some(text) = outside
        .as_ref()
        .map(|given| &given.text)
        .or(raw.listen.as_ref().map(|at| &at.value))
    else {
        return default;
    };
    let complain = |cx: &mut Cx<'_>, message: String, hint: &str| {
        let diagnostic: &mut Diagnostic = match (&outside, &raw.listen) {
            (Some(given), _) => cx.findings.error_of(given.spot(), message),
            (None, Some(at)) => cx.findings.error(&at.span, message),
            (None, None) => cx.findings.error_of(Spot::File, message),
        };
        diagnostic.hint(hint);
    };
    let Ok(address) = text.parse::<SocketAddr>() else {
        let message = "not an address and port: a host name is not enough, and an IPv6 address stands in brackets";
        complain(cx, message.to_owned(), "listen = \"127.0.0.1:8825\"");
        return default;
    };
    match allowed {
        Some(at) if !authenticated && !address.ip().is_loopback() => {
            cx.findings
                .warning(
                    &at.span,
                    format!("everybody who reaches {address} can call every tool"),
                )
                .hint("toolward token new NAME, and paste the table [auth.tokens.NAME] that it prints");
        }
        None if !authenticated && !address.ip().is_loopback() => {
            let message = format!(
                "listening on {address} without [auth] would let everybody on the network call the tools"
            );
            complain(
                cx,
                message,
                "toolward token new NAME, and paste the table [auth.tokens.NAME] that it prints; or listen = \"127.0.0.1:8825\"; or allow-unauthenticated = true in [server]",
            );
        }
        Some(_) | None => {}
    }
    address
}

fn public_url(cx: &mut Cx<'_>, at: &At<String>) -> Option<Url> {
    let url = Url::parse(&at.value).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    if url.is_none() {
        cx.findings
            .error(
                &at.span,
                "not the URL of a server, or one with a user, a query or a fragment",
            )
            .hint("public-url = \"https://tools.example\"");
    }
    url
}

/// Where the rest of the host is, when clients reach `/mcp` there.
pub(super) fn before_mcp(resource: &Url) -> Option<Url> {
    let before = resource.path().strip_suffix("/mcp")?;
    let mut url = resource.clone();
    url.set_path(before);
    Some(url)
}

fn metrics(cx: &mut Cx<'_>, raw: Option<&At<raw::MetricsReaders>>) -> MetricsReaders {
    let key = Key {
        table: TABLE,
        name: "metrics",
    };
    cx.origins
        .default(&key.path(), inline::string(defaults::METRICS));
    match raw.map(|at| at.value) {
        None | Some(raw::MetricsReaders::Scoped) => MetricsReaders::Scoped,
        Some(raw::MetricsReaders::Everybody) => MetricsReaders::Everybody,
        Some(raw::MetricsReaders::Nobody) => MetricsReaders::Nobody,
    }
}

fn texts(
    cx: &mut Cx<'_>,
    raw: Option<&[At<String>]>,
    check: fn(&str) -> Result<(), &'static str>,
) -> Vec<String> {
    let mut texts = Vec::new();
    for text in raw.unwrap_or_default() {
        match check(&text.value) {
            Ok(()) => texts.push(text.value.clone()),
            Err(what) => {
                let (message, hint) = what.split_once("; ").unwrap_or((what, ""));
                cx.findings.error(&text.span, message).hint(hint);
            }
        }
    }
    texts
}

fn check_origin(text: &str) -> Result<(), &'static str> {
    let origin = ::url::Url::parse(text).ok().map(|url| url.origin());
    match origin {
        Some(origin) if origin.is_tuple() && origin.ascii_serialization() == text => Ok(()),
        _ => Err(
            "not an origin as browsers send it: scheme, host, and a port unless it is the scheme's own; \
                  write it like \"https://agents.example\"",
        ),
    }
}

fn check_host(text: &str) -> Result<(), &'static str> {
    let authority = text.parse::<http::uri::Authority>();
    match authority {
        Ok(authority) if !text.contains(['@', '*']) && !authority.host().is_empty() => Ok(()),
        _ => Err("not a host as clients send it; write it like \"toolward.example:8825\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_what_browsers_send() {
        for good in [
            "https://a.example",
            "http://localhost:3000",
            "https://[::1]:8443",
        ] {
            assert!(check_origin(good).is_ok(), "{good}");
        }
        for bad in [
            "*",
            "null",
            "a.example",
            "https://a.example/",
            "https://a.example:443",
            "https://u@a.example",
        ] {
            assert!(check_origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_host_is_where_its_mcp_is() {
        for (resource, expected) in [
            ("https://a.example/mcp", Some("https://a.example/")),
            ("https://a.example/x/mcp", Some("https://a.example/x")),
            ("https://a.example/tools", None),
        ] {
            let found = before_mcp(&Url::parse(resource).unwrap());
            assert_eq!(found.as_ref().map(Url::as_str), expected);
        }
    }

    #[test]
    fn hosts_are_what_clients_send() {
        for good in ["a.example", "a.example:8825", "[::1]:8825"] {
            assert!(check_host(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "*",
            "*.example",
            "https://a.example",
            "u@a.example",
            "a b",
        ] {
            assert!(check_host(bad).is_err(), "{bad}");
        }
    }
}
