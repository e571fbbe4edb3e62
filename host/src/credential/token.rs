//! What a login gives, and what of it goes on requests.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use zeroize::Zeroizing;

use super::error::LoginError;
use super::scrub::Patterns;

/// A header that a token puts on requests.
pub(super) struct TokenHeader {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
    /// Empty: all.
    pub(super) methods: Vec<Method>,
}

/// Proof of who the host is: headers for requests, and what must not come back.
pub struct Token {
    pub(super) generation: u64,
    pub(super) headers: Vec<TokenHeader>,
    pub(super) patterns: Arc<Patterns>,
}

impl Token {
    /// Puts the token on a request. It replaces what is there: only this decides the credential's headers.
    pub fn apply(&self, method: &Method, headers: &mut HeaderMap) {
        for header in &self.headers {
            headers.remove(&header.name);
        }
        for header in &self.headers {
            if header.methods.is_empty() || header.methods.contains(method) {
                headers.append(header.name.clone(), header.value.clone());
            }
        }
    }

    /// What an answer must not hold.
    #[must_use]
    pub fn patterns(&self) -> &Arc<Patterns> {
        &self.patterns
    }

    /// Whether a backend sees no difference between the two.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.headers.len() == other.headers.len()
            && self
                .headers
                .iter()
                .zip(&other.headers)
                .all(|(a, b)| a.name == b.name && a.value == b.value)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// A header value whose bytes are zeroed when the last copy of it is gone.
pub(super) fn header_value(text: Zeroizing<String>) -> Result<HeaderValue, LoginError> {
    struct Owner(Zeroizing<String>);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            self.0.as_bytes()
        }
    }
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(Owner(text)))
        .map_err(|_| LoginError::Unfit("a value of it does not fit into a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &'static str, value: &str, methods: &[Method]) -> TokenHeader {
        TokenHeader {
            name: HeaderName::from_static(name),
            value: header_value(Zeroizing::new(value.to_owned())).unwrap(),
            methods: methods.to_vec(),
        }
    }

    #[test]
    fn headers_go_on_the_methods_they_are_for_and_replace_what_is_there() {
        let token = Token {
            generation: 1,
            headers: vec![
                header("cookie", "ticket", &[]),
                header("csrf", "proof", &[Method::POST]),
            ],
            patterns: Arc::new(Patterns::none()),
        };
        for (method, csrf) in [(Method::GET, None), (Method::POST, Some("proof"))] {
            let mut headers = HeaderMap::new();
            headers.append("cookie", HeaderValue::from_static("mine"));
            headers.append("csrf", HeaderValue::from_static("mine"));
            token.apply(&method, &mut headers);
            let get = |name| headers.get(name).map(|v: &HeaderValue| v.to_str().unwrap());
            assert_eq!(get("cookie"), Some("ticket"));
            assert_eq!(get("csrf"), csrf, "{method}");
            assert_eq!(headers.get_all("cookie").iter().count(), 1);
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        let token = Token {
            generation: 7,
            headers: vec![header("authorization", "Bearer hunter2hunter2", &[])],
            patterns: Arc::new(Patterns::none()),
        };
        assert_eq!(format!("{token:?}"), "Token { generation: 7, .. }");
        assert!(!format!("{:?}", token.headers[0].value).contains("hunter2"));
    }

    #[test]
    fn a_value_with_a_line_end_fits_no_header() {
        assert!(header_value(Zeroizing::new("a\r\nx: y".to_owned())).is_err());
    }
}
