//! A checked request on the wire, and what its failure is called.

use http::{HeaderMap, Method};
use tokio::time::Instant;
use url::Url;

use super::destination::Exit;
use super::refusal::Refusal;
use super::{Body, Deadlines, Origin, answer, failure};
use crate::config::{BackendName, Binding};
use crate::credential::{LoginError, LoginFailure, Token, chain};

/// A request that has passed every check.
pub(super) struct Checked<'a> {
    pub(super) origin: &'a Origin,
    pub(super) backend: &'a BackendName,
    pub(super) exit: &'a Exit,
    pub(super) method: Method,
    /// As the guest wrote it.
    pub(super) scheme: String,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) deadlines: Deadlines,
}

/// A refusal, and what only the log may know about it.
pub(super) struct Failed {
    pub(super) refusal: Refusal,
    pub(super) detail: Option<String>,
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            detail: None,
        }
    }
}

/// The backend's address for a path. What was matched is what is sent: a URL library that would change the path
/// is an error, not a surprise.
pub(super) fn address(binding: &Binding, path: &str, query: Option<&str>) -> Result<Url, Refusal> {
    let mut url = binding.url.clone();
    let path = format!("{}{path}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url.set_query(query);
    if url.path() != path {
        return Err(Refusal::invalid_input(format!(
            "a request to binding \"{}\" has a path that cannot be sent as it is",
            binding.name
        )));
    }
    Ok(url)
}

/// Sends a body that is at hand; gives the head of the answer, and when the answer must have ended.
pub(super) async fn exchange(
    checked: &Checked<'_>,
    token: &Token,
    body: reqwest::Body,
) -> Result<(reqwest::Response, Instant), Failed> {
    let mut headers = checked.headers.clone();
    let is_empty = body.as_bytes().is_some_and(<[u8]>::is_empty);
    if is_empty && matches!(checked.method, Method::POST | Method::PUT | Method::PATCH) {
        // Some servers answer 411 without it.
        headers.insert(http::header::CONTENT_LENGTH, 0.into());
    }
    exchange_with(checked, headers, token, body).await
}

/// Like [`exchange`], with these headers and any body.
pub(super) async fn exchange_with(
    checked: &Checked<'_>,
    mut headers: HeaderMap,
    token: &Token,
    body: reqwest::Body,
) -> Result<(reqwest::Response, Instant), Failed> {
    let binding = checked.exit.binding();
    let mut request = reqwest::Request::new(checked.method.clone(), checked.url.clone());
    token.apply(&checked.method, &mut headers);
    *request.headers_mut() = headers;
    *request.body_mut() = Some(body);

    let started = Instant::now();
    let limit = checked.deadlines.head(binding);
    let sent = tokio::time::timeout(limit, checked.exit.endpoint.client.execute(request)).await;
    match sent {
        Ok(Ok(response)) => Ok((response, started + binding.timeout)),
        Ok(Err(error)) => {
            let error = error.without_url();
            Err(Failed {
                refusal: Refusal::unavailable(format!(
                    "backend \"{}\" {}",
                    checked.backend,
                    failure::cause(&error, binding)
                )),
                detail: Some(chain(&error)),
            })
        }
        Err(_) => Err(Refusal::timed_out(format!(
            "backend \"{}\" did not answer within {} s",
            checked.backend,
            limit.as_secs_f64()
        ))
        .into()),
    }
}

/// The answer as the guest gets it.
pub(super) fn deliver(
    checked: &Checked<'_>,
    token: &Token,
    response: reqwest::Response,
    until: Instant,
) -> Result<http::Response<Body>, Failed> {
    let asked = answer::Asked {
        backend: checked.backend.as_str(),
        binding: checked.exit.binding(),
        method: &checked.method,
        scheme: &checked.scheme,
        url: &checked.url,
        patterns: token.patterns(),
        until,
        between: checked.deadlines.between_bytes,
    };
    Ok(answer::deliver(response, &asked)?)
}

/// What a guest is told about a failed login. The login itself was logged where it failed.
pub(super) fn cannot_log_in(checked: &Checked<'_>, failure: &LoginFailure) -> Refusal {
    let binding = checked.exit.binding();
    let credential = &binding.credential.name;
    let reason = &failure.reason;
    let (what, hint) = match &**reason {
        LoginError::Transport(error) => {
            let cause = failure::cause(error, binding);
            (format!("it {}", cause.what), cause.hint)
        }
        LoginError::Secret(_) | LoginError::Unfit(_) | LoginError::Placeholder(_) => (
            reason.to_string(),
            Some(format!(
                "check credentials.{credential}; the host's log says more"
            )),
        ),
        LoginError::Rejected { .. } => (
            reason.to_string(),
            Some(format!("check the secrets of credentials.{credential}")),
        ),
        LoginError::NoLoginThere { .. } | LoginError::Answer(_) | LoginError::TooLarge(_) => (
            reason.to_string(),
            Some(format!(
                "check credentials.{credential} and bindings.{}.url",
                binding.name
            )),
        ),
        LoginError::Busy { .. } | LoginError::TimedOut(_) | LoginError::Broken => {
            (reason.to_string(), None)
        }
    };
    let hint = hint.map_or_else(String::new, |hint| format!("\nhint: {hint}"));
    Refusal::unavailable(format!(
        "the host cannot log in to backend \"{}\" with credential \"{credential}\": {what}; the next login is tried in {} s{hint}",
        checked.backend,
        failure.retry_in.as_millis().div_ceil(1000)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::tests::binding;

    #[test]
    fn the_bindings_prefix_goes_before_the_path() {
        let table = [
            ("https://host:1", "/a/b", None, "https://host:1/a/b"),
            ("https://host:1/", "/", None, "https://host:1/"),
            (
                "https://host/p/q",
                "/a/",
                Some("x=1"),
                "https://host/p/q/a/?x=1",
            ),
            ("https://host/p/", "/", Some(""), "https://host/p/?"),
            ("https://host", "/a%3Ab:c", None, "https://host/a%3Ab:c"),
        ];
        for (base, path, query, expected) in table {
            let url = address(&binding(base), path, query).unwrap();
            assert_eq!(url.as_str(), expected);
        }
    }

    #[test]
    fn a_path_that_the_url_library_would_change_is_not_sent() {
        for path in ["/a/../b", "/a/%2e%2e/b", "/a b", "/a\\b"] {
            assert!(address(&binding("https://host/p"), path, None).is_err());
        }
    }
}
