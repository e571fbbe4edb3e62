//! One request of a login on the wire.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::Value;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::credential::error::LoginError;
use crate::credential::{Endpoint, template};

/// The largest answer that is read. Tokens are a few kilobytes.
const ANSWER_LIMIT: usize = 64 * 1024;

/// Sends one request of a login; gives the JSON of a good answer. Bounded in time by the binding's time-out, in
/// size by [`ANSWER_LIMIT`].
pub(super) async fn exchange(
    endpoint: &Endpoint,
    method: &Method,
    path: &str,
    mut headers: HeaderMap,
    body: RequestBody,
) -> Result<Value, LoginError> {
    let mut url = endpoint.binding.url.clone();
    let prefix = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{prefix}{path}"));

    if !headers.contains_key(ACCEPT) {
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    }
    if let Some(content_type) = body.content_type {
        headers
            .entry(CONTENT_TYPE)
            .or_insert(HeaderValue::from_static(content_type));
    }
    let request = endpoint
        .client
        .request(method.clone(), url)
        .headers(headers)
        .body(body.into_bytes());

    let limit = endpoint.binding.timeout;
    let (status, retry_after, bytes) = tokio::time::timeout(limit, async {
        let mut response = request.send().await.map_err(transport)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(ANSWER_LIMIT));
        while let Some(piece) = response.chunk().await.map_err(transport)? {
            if bytes.len() + piece.len() > ANSWER_LIMIT {
                return Err(LoginError::TooLarge(ANSWER_LIMIT));
            }
            bytes.extend_from_slice(&piece);
        }
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| {
            let seconds = value.to_str().ok()?.trim().parse().ok()?;
            Some(Duration::from_secs(seconds))
        });
        Ok((response.status(), retry_after, bytes))
    })
    .await
    .map_err(|_| LoginError::TimedOut(limit))??;

    let answer = serde_json::from_slice(&bytes);
    if status.is_success() {
        return answer.map_err(|_| LoginError::Answer("JSON".to_owned()));
    }
    Err(match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => LoginError::Busy {
            status,
            retry_after,
        },
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE => {
            LoginError::NoLoginThere { status }
        }
        _ if status.is_client_error() => LoginError::Rejected {
            status,
            code: answer.ok().as_ref().and_then(error_code),
        },
        _ if status.is_server_error() => LoginError::Busy {
            status,
            retry_after,
        },
        _ => LoginError::NoLoginThere { status },
    })
}

/// The address is left out of the error: nobody who reads it needs it, and a guest must not.
fn transport(error: reqwest::Error) -> LoginError {
    LoginError::Transport(error.without_url())
}

/// The error codes of RFC 6749 section 5.2. Any other text of a server may hold what we sent it.
fn error_code(answer: &Value) -> Option<&'static str> {
    let code = answer.get("error")?.as_str()?;
    [
        "access_denied",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "unauthorized_client",
        "unsupported_grant_type",
    ]
    .into_iter()
    .find(|&known| known == code)
}

/// The body of a login request. Zeroed when it has been sent.
pub(super) struct RequestBody {
    content_type: Option<&'static str>,
    bytes: Zeroizing<Vec<u8>>,
}

impl RequestBody {
    pub(super) fn empty() -> Self {
        Self {
            content_type: None,
            bytes: Zeroizing::default(),
        }
    }

    pub(super) fn form<'a>(fields: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Self {
        // Room for every byte escaped: a text that grows leaves copies behind.
        let longest = fields
            .clone()
            .map(|(name, value)| 3 * (name.len() + value.len()) + 2)
            .sum();
        let mut form = form_urlencoded::Serializer::new(String::with_capacity(longest));
        form.extend_pairs(fields);
        Self {
            content_type: Some("application/x-www-form-urlencoded"),
            bytes: Zeroizing::new(form.finish().into_bytes()),
        }
    }

    pub(super) fn json(mut value: Value) -> Result<Self, LoginError> {
        let bytes = serde_json::to_vec(&value).map(Zeroizing::new);
        template::wipe(&mut value);
        Ok(Self {
            content_type: Some("application/json"),
            bytes: bytes.map_err(|_| LoginError::Unfit("its request cannot be written"))?,
        })
    }

    fn into_bytes(self) -> Bytes {
        struct Owner(Zeroizing<Vec<u8>>);
        impl AsRef<[u8]> for Owner {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        Bytes::from_owner(Owner(self.bytes))
    }
}

/// Seconds, as a number or, as some servers have it, as a text.
pub(super) fn seconds(value: &Value) -> Option<Duration> {
    let seconds: f64 = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    if seconds.is_nan() {
        return None;
    }
    // Longer than any schedule believes; it keeps the conversion in range.
    Duration::try_from_secs_f64(seconds.min(1e9)).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_lifetime_is_a_number_or_a_numeric_text() {
        let table = [
            (json!(900), Some(900.0)),
            (json!(1.5), Some(1.5)),
            (json!("3600"), Some(3600.0)),
            (json!(" 60 "), Some(60.0)),
            (json!(0), Some(0.0)),
            (json!(1e300), Some(1e9)),
            (json!(-1), None),
            (json!("soon"), None),
            (json!("NaN"), None),
            (json!(true), None),
        ];
        for (value, expected) in table {
            let seconds = seconds(&value).map(|lifetime| lifetime.as_secs_f64());
            assert_eq!(seconds, expected, "{value}");
        }
    }

    #[test]
    fn only_known_error_codes_are_repeated() {
        assert_eq!(
            error_code(&json!({"error": "invalid_grant"})),
            Some("invalid_grant")
        );
        for other in [json!({"error": "hunter2"}), json!({"error": {}}), json!([])] {
            assert_eq!(error_code(&other), None);
        }
    }

    #[test]
    fn forms_are_encoded() {
        let body = RequestBody::form([("a", "x y&z=€+"), ("b", "")].into_iter());
        assert_eq!(&body.into_bytes()[..], b"a=x+y%26z%3D%E2%82%AC%2B&b=");
    }
}
