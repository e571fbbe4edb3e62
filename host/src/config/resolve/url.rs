//! URLs of backends and paths below them.

use std::ops::Range;

use url::{Host, Url};

use super::Cx;
use crate::config::RequestPattern;
use crate::config::at::At;

/// Why a text is not the URL of a backend. The text is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
enum BadUrl {
    #[error("not a URL: {0}")]
    Parse(url::ParseError),
    #[error("not a URL: the scheme is missing")]
    NoScheme,
    #[error("a backend is reached by `https:`")]
    Scheme,
    #[error("the URL has white space, a backslash or a control character in it")]
    Characters,
    #[error("a URL with a user or a password would show them to everybody")]
    UserInfo,
    #[error("the URL has a query")]
    Query,
    #[error("the URL has a fragment")]
    Fragment,
    #[error("the URL has a `.` or `..` segment, or an empty one")]
    Segments,
    #[error("port 0 is no port")]
    Port,
    #[error("an address has one spelling: four decimal numbers with dots between")]
    Spelling,
}

impl BadUrl {
    fn hint(self) -> &'static str {
        match self {
            Self::UserInfo => {
                "delete what stands before `@`, and name a [credentials] table in `credential`"
            }
            Self::Query | Self::Fragment => "end the URL before `?` and `#`",
            Self::Parse(_)
            | Self::NoScheme
            | Self::Scheme
            | Self::Characters
            | Self::Segments
            | Self::Spelling
            | Self::Port => "url = \"https://vbr01.example:9419\"",
        }
    }
}

/// The URL of a binding.
pub(super) fn resolve(cx: &mut Cx<'_>, at: &At<String>) -> Option<Url> {
    match parse(&at.value) {
        Ok(url) => {
            if url.scheme() == "http" && !is_loopback(&url) {
                cx.findings
                    .warning(
                        &at.span,
                        "everything on this connection can be read on the way, the login included",
                    )
                    .hint("write https:// if the server speaks TLS");
            }
            Some(url)
        }
        Err(bad) => {
            cx.findings
                .error(&at.span, bad.to_string())
                .hint(bad.hint());
            None
        }
    }
}

fn parse(text: &str) -> Result<Url, BadUrl> {
    // The URL standard forgives these; whoever wrote them meant something that it does not.
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err(BadUrl::Characters);
    }
    let (_, rest) = text.split_once("://").ok_or(BadUrl::NoScheme)?;
    let url = Url::parse(text).map_err(BadUrl::Parse)?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(BadUrl::Scheme);
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(BadUrl::UserInfo);
    }
    if url.query().is_some() {
        return Err(BadUrl::Query);
    }
    if url.fragment().is_some() {
        return Err(BadUrl::Fragment);
    }
    if url.port() == Some(0) {
        return Err(BadUrl::Port);
    }
    // `127.1`, `0x7f.0.0.1`, `2130706433`: the URL standard knows them all, and whoever reads the file may not.
    if let Some(Host::Ipv4(address)) = url.host() {
        let host = authority.split(':').next().unwrap_or_default();
        if host != address.to_string() {
            return Err(BadUrl::Spelling);
        }
    }
    let path = rest.find('/').map_or("", |slash| &rest[slash..]);
    let prefix = path.trim_end_matches('/');
    let tidy =
        path.len() <= prefix.len() + 1 && (prefix.is_empty() || literal_path(prefix).is_some());
    if tidy { Ok(url) } else { Err(BadUrl::Segments) }
}

/// `127.0.0.0/8`, `::1` and `localhost`: what is said there does not leave the machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl Cx<'_> {
    /// A path below a binding's URL, and the pattern that keeps plugins away from it.
    pub(super) fn login_path(&mut self, at: &At<String>) -> Option<String> {
        if literal_path(&at.value).is_some() {
            return Some(at.value.clone());
        }
        self.findings
            .error(
                &at.span,
                "not a path: `/`, then segments without `*`, `?`, `#`, braces, `.` or `..`",
            )
            .hint("\"/api/oauth2/token\"");
        None
    }

    /// A request pattern of a list.
    pub(super) fn pattern(&mut self, text: &str, span: &Range<usize>) -> Option<RequestPattern> {
        match text.parse() {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let message = format!("not a request pattern: {error}");
                self.findings
                    .error(span, message)
                    .hint("\"GET /api/v1/**\" or \"POST /api/v1/jobs/*/start\"");
                None
            }
        }
    }
}

/// The pattern of exactly this path, with any method. `None`: not such a path.
pub(super) fn literal_path(path: &str) -> Option<RequestPattern> {
    if path.contains(['*', '{', '}']) {
        return None;
    }
    format!("* {path}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_a_server_and_perhaps_a_prefix() {
        for good in [
            "https://vbr01.example:9419",
            "https://vbr01.example/",
            "https://vbr01.example/prefix/api/",
            "HTTPS://[::1]:9419",
            "http://127.0.0.1:80",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        let rows = [
            ("", BadUrl::NoScheme),
            ("vbr01.example", BadUrl::NoScheme),
            ("https:vbr01", BadUrl::NoScheme),
            ("https://", BadUrl::Parse(url::ParseError::EmptyHost)),
            (
                "https://a:99999",
                BadUrl::Parse(url::ParseError::InvalidPort),
            ),
            ("ftp://a", BadUrl::Scheme),
            ("file:///etc/passwd", BadUrl::Scheme),
            ("https://a\\b", BadUrl::Characters),
            ("https://a b", BadUrl::Characters),
            ("https://a/\tb", BadUrl::Characters),
            ("https://u:p@a", BadUrl::UserInfo),
            ("https://@a", BadUrl::UserInfo),
            ("https://a/?x", BadUrl::Query),
            ("https://a?", BadUrl::Query),
            ("https://a#", BadUrl::Fragment),
            ("https://a:0", BadUrl::Port),
            ("https://127.1", BadUrl::Spelling),
            ("https://127.0.0.1.", BadUrl::Spelling),
            ("https://0x7f.0.0.1:9419", BadUrl::Spelling),
            ("https://0177.0.0.1/a", BadUrl::Spelling),
            ("https://2130706433", BadUrl::Spelling),
            ("https://%31%32%37.0.0.1", BadUrl::Spelling),
            ("https://a/b/../c", BadUrl::Segments),
            ("https://a/%2e%2e/c", BadUrl::Segments),
            ("https://a//b", BadUrl::Segments),
            ("https://a//", BadUrl::Segments),
        ];
        for (text, why) in rows {
            assert_eq!(parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn loopback_is_this_machine_only() {
        for (text, expected) in [
            ("http://127.1.2.3", true),
            ("http://[::1]", true),
            ("http://localhost", true),
            ("http://a.localhost", true),
            ("http://localhost.example", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(&text.parse().unwrap()), expected, "{text}");
        }
    }
}
