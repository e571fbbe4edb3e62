//! A checked request on the wire, and what its failure is called.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::circuit::Fate;
use super::destination::Exit;
use super::gate::{self, Full, Place, Who};
use super::refusal::Refusal;
use super::{Body, Deadlines, Origin, answer, failure, retry};
use crate::audit;
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
    /// Below the binding's URL.
    pub(super) path: String,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) deadlines: Deadlines,
}

impl Checked<'_> {
    /// The end of a request that is sent now.
    fn until(&self) -> Instant {
        let own = Instant::now() + self.exit.binding().timeout;
        let call = self.deadlines.call.map(Instant::from_std);
        call.map_or(own, |call| own.min(call))
    }

    fn who(&self) -> Who {
        gate::who(self.origin)
    }
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

/// An answer whose head is there.
pub(super) struct Sent {
    pub(super) response: reqwest::Response,
    /// When the whole answer must be there.
    until: Instant,
    /// Held while the answer is read.
    place: Place,
}

/// A request that did not come to an answer.
struct Broken {
    failed: Failed,
    fate: Option<Fate>,
}

/// Sends a body that is at hand, again if need be; gives the head of the answer.
pub(super) async fn exchange(
    checked: &Checked<'_>,
    token: &Token,
    body: &Bytes,
) -> Result<Sent, Failed> {
    let mut headers = checked.headers.clone();
    if body.is_empty() && matches!(checked.method, Method::POST | Method::PUT | Method::PATCH) {
        // Some servers answer 411 without it.
        headers.insert(http::header::CONTENT_LENGTH, 0.into());
    }
    let until = checked.until();
    let traffic = &checked.exit.binding().traffic;
    let most = if retry::is_idempotent(&checked.method) {
        1 + traffic.retries
    } else {
        1
    };
    let mut sent = 0;
    loop {
        sent += 1;
        let outcome = once(checked, headers.clone(), token, body.clone().into(), until).await;
        let asked = match &outcome {
            Ok(sent) if retry::is_passing(sent.response.status()) => {
                retry::retry_after(sent.response.headers(), SystemTime::now())
            }
            Err(Broken {
                fate: Some(Fate::Unconnected(_)),
                ..
            }) => None,
            Ok(_) | Err(_) => return outcome.map_err(|broken| broken.failed),
        };
        let wait = (sent < most && !checked.exit.circuits.is_open(&checked.who()))
            .then(|| retry::delay(sent, asked, until))
            .flatten();
        let Some(wait) = wait else {
            return outcome.map_err(|broken| broken.failed);
        };
        tracing::debug!(sent, wait_ms = wait.as_millis(), "sending again");
        // The place is free while nothing is under way.
        drop(outcome);
        tokio::time::sleep(wait).await;
    }
}

/// Sends a body that can be sent but once, with these headers.
pub(super) async fn exchange_once(
    checked: &Checked<'_>,
    headers: HeaderMap,
    token: &Token,
    body: reqwest::Body,
) -> Result<Sent, Failed> {
    once(checked, headers, token, body, checked.until())
        .await
        .map_err(|broken| broken.failed)
}

/// One request on the wire, when the backend is not left alone and it is this request's turn.
async fn once(
    checked: &Checked<'_>,
    mut headers: HeaderMap,
    token: &Token,
    body: reqwest::Body,
    until: Instant,
) -> Result<Sent, Broken> {
    let exit = checked.exit;
    let silent = |refusal: Refusal| Broken {
        failed: refusal.into(),
        fate: None,
    };
    let who = checked.who();
    let pass = exit.circuits.pass(&who);
    let pass = pass.map_err(|open| {
        silent(Refusal::unavailable(format!(
            "backend \"{}\" {open}",
            checked.backend
        )))
    })?;
    let place = exit.gate.enter(&who, until).await;
    let place = place.map_err(|full| silent(busy(checked, full)))?;

    let mut request = reqwest::Request::new(checked.method.clone(), checked.url.clone());
    token.apply(&checked.method, &mut headers);
    *request.headers_mut() = headers;
    *request.body_mut() = Some(body);
    let began = Instant::now();
    let sent = execute(checked, request, until).await;
    let outcome = match &sent {
        Ok(response) => response.status().as_str().to_owned(),
        Err(broken) => broken.failed.refusal.trouble.to_string(),
    };
    checked.origin.trail.request(audit::Request {
        backend: checked.backend.as_str(),
        binding: exit.binding().name.as_str(),
        method: checked.method.as_str(),
        path: &checked.path,
        outcome: &outcome,
        took: began.elapsed(),
    });
    let fate = match &sent {
        Ok(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => Some(Fate::Answered),
        Ok(response) if retry::is_passing(response.status()) => Some(Fate::Failed(format!(
            "it answered {}",
            response.status().as_u16()
        ))),
        Ok(_) => Some(Fate::Answered),
        Err(broken) => broken.fate.clone(),
    };
    if let Some(fate) = fate {
        pass.tell(fate);
    }
    Ok(Sent {
        response: sent?,
        until,
        place,
    })
}

async fn execute(
    checked: &Checked<'_>,
    request: reqwest::Request,
    until: Instant,
) -> Result<reqwest::Response, Broken> {
    let binding = checked.exit.binding();
    let patience = checked.deadlines.head(binding);
    let own = Instant::now() + patience;
    let request = checked.exit.endpoint.client.execute(request);
    let Ok(sent) = tokio::time::timeout_at(until.min(own), request).await else {
        let call = checked.deadlines.call.map(Instant::from_std);
        let within = if until < own && call.is_some_and(|call| call <= until) {
            "before the end of the call".to_owned()
        } else if until < own {
            format!("within {} s", binding.timeout.as_secs_f64())
        } else {
            format!("within {} s", patience.as_secs_f64())
        };
        let refusal = Refusal::timed_out(format!(
            "backend \"{}\" did not answer {within}",
            checked.backend
        ));
        return Err(Broken {
            failed: refusal.into(),
            // A guest that has little patience says nothing about the backend.
            fate: (until <= own).then(|| Fate::Failed("it did not answer in time".to_owned())),
        });
    };
    sent.map_err(|error| {
        let error = error.without_url();
        let cause = failure::cause(&error, binding);
        let text = format!("backend \"{}\" {cause}", checked.backend);
        let (refusal, fate) = if failure::is_denied(&error) {
            (Refusal::denied(text), None)
        } else if error.is_connect() {
            let fate = Fate::Unconnected(format!("it {}", cause.what));
            (Refusal::unavailable(text), Some(fate))
        } else {
            let fate = Fate::Failed(format!("it {}", cause.what));
            (Refusal::unavailable(text), Some(fate))
        };
        Broken {
            failed: Failed {
                refusal,
                detail: Some(chain(&error)),
            },
            fate,
        }
    })
}

fn busy(checked: &Checked<'_>, full: Full) -> Refusal {
    let binding = checked.exit.binding();
    let (backend, name) = (checked.backend, &binding.name);
    let traffic = &binding.traffic;
    Refusal::unavailable(match full {
        Full::Places => format!(
            "backend \"{backend}\" is busy: its turn did not come among its limit of {} requests at once\nhint: raise bindings.{name}.concurrency, or send fewer requests",
            traffic.concurrency
        ),
        Full::Rate => format!(
            "backend \"{backend}\" is busy: its turn did not come among its limit of {} requests a second\nhint: raise bindings.{name}.requests-per-second, or send fewer requests",
            traffic.requests_per_second.unwrap_or_default()
        ),
    })
}

/// The answer as the guest gets it.
pub(super) fn deliver(
    checked: &Checked<'_>,
    token: &Token,
    sent: Sent,
) -> Result<http::Response<Body>, Failed> {
    let asked = answer::Asked {
        backend: checked.backend.as_str(),
        binding: checked.exit.binding(),
        method: &checked.method,
        scheme: &checked.scheme,
        url: &checked.url,
        patterns: token.patterns(),
        until: sent.until,
        between: checked.deadlines.between_bytes,
    };
    Ok(answer::deliver(sent.response, sent.place, &asked)?)
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
