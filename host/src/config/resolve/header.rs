//! Headers that the operator sets.

use http::{HeaderName, HeaderValue};

use super::Cx;
use crate::config::at::At;
use crate::config::mask;
use crate::config::raw::Texts;

/// Headers that belong to one connection (RFC 9110 section 7.6.1) or that the host computes.
const OURS: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
];

impl Cx<'_> {
    /// The name of a header that may be set.
    pub(super) fn header_name(&mut self, name: &At<String>) -> Option<HeaderName> {
        let Ok(header) = HeaderName::from_bytes(name.value.as_bytes()) else {
            self.findings
                .error(&name.span, "not the name of a header")
                .hint("a name such as x-api-version");
            return None;
        };
        if OURS.contains(&header.as_str()) || header == http::header::UPGRADE {
            self.findings
                .error(
                    &name.span,
                    format!("header `{header}` belongs to the connection and cannot be set"),
                )
                .hint("delete it");
            return None;
        }
        Some(header)
    }

    /// Headers whose values may hold placeholders. A name is taken once, however it is spelt.
    pub(super) fn headers(&mut self, raw: &Texts) -> Vec<(HeaderName, String)> {
        let mut headers = Vec::<(HeaderName, String)>::new();
        for (name, value) in raw {
            let Some(header) = self.header_name(name) else {
                continue;
            };
            if headers.iter().any(|(other, _)| *other == header) {
                self.findings
                    .error(&name.span, format!("header `{header}` is here twice"))
                    .hint("delete one");
                continue;
            }
            self.header_text(value);
            if mask::is_literal_secret(header.as_str(), &value.value) {
                self.findings
                    .warning(
                        &value.span,
                        format!("header `{header}` holds a secret that is written out in the file"),
                    )
                    .hint("kind = \"login\" with the secret in `values`");
            }
            headers.push((header, value.value.clone()));
        }
        headers
    }

    /// A text that can be a header's value, or part of one.
    pub(super) fn header_text(&mut self, text: &At<String>) -> Option<HeaderValue> {
        if let Ok(value) = HeaderValue::from_str(&text.value) {
            return Some(value);
        }
        self.findings
            .error(
                &text.span,
                "a header's value is made of visible ASCII characters and spaces",
            )
            .hint("delete line ends and control characters; percent-encode what is not ASCII");
        None
    }
}
