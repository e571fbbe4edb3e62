//! The only way out: a guest's request in, the backend's answer or a [`Refusal`] back.
//!
//! [`Egress::send`] is the whole road. The authority of a request is the name of a backend; the binding behind
//! that name decides where it goes, what may be asked and how both sides prove who they are. Nothing leaves
//! before every check has passed. This module knows neither Wasm nor MCP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;

use crate::audit::{Audit, Trail};
use crate::config::{
    AddressKind, BackendName, Binding, BindingName, PluginName, RequestPattern, TenantName, Tls,
};
use crate::telemetry::{NONE, metrics};

mod address;
mod answer;
mod attempt;
mod circuit;
mod destination;
pub(crate) mod early;
mod failure;
mod fetch;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod gate;
mod headers;
mod matcher;
#[cfg(any(test, fuzzing))]
mod oracle;
mod path;
mod refusal;
mod request_body;
mod retry;
#[cfg(any(test, fuzzing))]
mod sample;
mod tls;

pub use address::Lookup;
pub(crate) use gate::Bucket;
pub use refusal::{Refusal, Trouble};

use attempt::{Checked, Failed, address, cannot_log_in, deliver, exchange, exchange_once};
use destination::Exit;
use request_body::{Bounds, Prepared};

pub use fetch::{FetchError, fetch};

/// Why a body breaks off.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request or of a response, streamed. A response's errors are [`Refusal`]s.
pub type Body = http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, BodyError>;

/// Who asks, and what it was granted. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The plugin.
    pub plugin: PluginName,
    /// Whose call this is; a credential's tokens are kept apart per tenant.
    pub tenant: TenantName,
    /// Whether the plugin has the grant `"http"`.
    pub http_granted: bool,
    /// The plugin's backends.
    pub backends: Arc<BTreeMap<BackendName, Arc<Binding>>>,
    /// The requests that its manifest asks for, by backend: it gets no others.
    pub wanted: Arc<BTreeMap<BackendName, Vec<RequestPattern>>>,
    /// Where it is recorded what the call asks for.
    pub trail: Trail,
}

/// How long the guest wants to wait. Its wishes only shorten what the binding allows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deadlines {
    /// Until the connection stands.
    pub connect: Option<Duration>,
    /// From then until the head of the answer is there.
    pub first_byte: Option<Duration>,
    /// Between two pieces of the answer's body.
    pub between_bytes: Option<Duration>,
    /// The end of the call that the request is part of: nothing is waited for beyond it.
    pub call: Option<Instant>,
}

impl Deadlines {
    /// From sending the request to the head of the answer. Whether a connection is new cannot be seen from here,
    /// so the time for it is part of the time for the head.
    fn head(&self, binding: &Binding) -> Duration {
        let connect = self.connect.unwrap_or(binding.connect_timeout);
        match self.first_byte {
            Some(first_byte) => binding.timeout.min(connect.saturating_add(first_byte)),
            None => binding.timeout,
        }
    }
}

/// Why the way out cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The credential's own request path cannot be kept from guests because it is not a plain path.
    #[error("credential `{credential}` of binding `{binding}` cannot log in at `{path}`: {reason}")]
    CredentialPath {
        /// The binding.
        binding: BindingName,
        /// The credential.
        credential: String,
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The URL has an address that the binding does not allow.
    #[error(
        "the URL of binding `{binding}` has a {kind} address, which the binding does not allow\nhint: add \"{kind}\" to bindings.{binding}.addresses"
    )]
    Address {
        /// The binding.
        binding: BindingName,
        /// What the address is.
        kind: AddressKind,
    },
    /// The TLS settings do not give a client.
    #[error("cannot set up TLS for binding `{binding}`: {reason}")]
    Tls {
        /// The binding.
        binding: BindingName,
        /// What is wrong.
        reason: String,
    },
    /// The HTTP client cannot be built.
    #[error("cannot set up the HTTP client for binding `{binding}`")]
    Client {
        /// The binding.
        binding: BindingName,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
}

/// Why there is no client for the host's own requests.
#[derive(Debug, thiserror::Error)]
pub enum OwnClientError {
    /// The TLS settings do not give a client.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
    /// The HTTP client cannot be built.
    #[error("cannot set up an HTTP client")]
    Client(#[source] reqwest::Error),
}

/// A client for the host's own requests, those that no plugin asked for. It uses no proxy and follows no redirection,
/// and no request takes longer than `timeout`.
pub fn own_client(tls: &Tls, timeout: Duration) -> Result<reqwest::Client, OwnClientError> {
    destination::own_client(tls, timeout)
}

/// The way out of the host: one HTTP client per binding, and the tokens of all of them.
#[derive(Debug)]
pub struct Egress {
    exits: BTreeMap<BindingName, Arc<Exit>>,
    /// Where logins are recorded.
    audit: Audit,
}

impl Egress {
    /// Sets up a client for each binding. Connects to nothing and reads no secret.
    pub fn new(
        bindings: impl Iterator<Item = Arc<Binding>>,
        audit: Audit,
    ) -> Result<Self, EgressError> {
        Self::with_lookup(bindings, &address::system(), audit)
    }

    /// The same with another way of looking names up.
    pub fn with_lookup(
        bindings: impl Iterator<Item = Arc<Binding>>,
        lookup: &Lookup,
        audit: Audit,
    ) -> Result<Self, EgressError> {
        let system = tls::SystemRoots::default();
        let exits = bindings
            .map(|binding| {
                let name = binding.name.clone();
                let exit = Exit::new(binding, &system, lookup, audit.clone())?;
                Ok((name, Arc::new(exit)))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { exits, audit })
    }

    /// The way out for other bindings. What is bound as before keeps its connections, limits and logins; of what is bound
    /// otherwise nothing is carried over.
    pub fn rebound(
        &self,
        bindings: impl Iterator<Item = Arc<Binding>>,
    ) -> Result<Self, EgressError> {
        let (system, lookup) = (tls::SystemRoots::default(), address::system());
        let exits = bindings
            .map(|binding| {
                let name = binding.name.clone();
                let same = self.exits.get(&name);
                let same = same.filter(|exit| **exit.binding() == *binding);
                let exit = match same {
                    Some(exit) => exit.clone(),
                    None => Arc::new(Exit::new(binding, &system, &lookup, self.audit.clone())?),
                };
                Ok((name, exit))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            exits,
            audit: self.audit.clone(),
        })
    }

    /// Sends a guest's request to the backend that its authority names: `http://BACKEND/path?query`, with either
    /// scheme, whatever the backend speaks. Dropping the future, or later the answer's body, cancels the request.
    #[tracing::instrument(
        name = "http.egress",
        skip_all,
        fields(
            plugin = %origin.plugin,
            tenant = %origin.tenant,
            binding = tracing::field::Empty,
            method = tracing::field::Empty,
            status = tracing::field::Empty,
        )
    )]
    pub async fn send(
        &self,
        origin: &Origin,
        request: http::Request<Body>,
        deadlines: Deadlines,
    ) -> Result<http::Response<Body>, Refusal> {
        let measured = metrics().backend_request(binding_name(origin, &request));
        let outcome = self.try_send(origin, request, deadlines).await;
        measured.ended(match &outcome {
            Ok(answer) => class(answer.status()),
            Err(failed) => failed.refusal.trouble.as_str(),
        });
        match outcome {
            Ok(answer) => {
                tracing::Span::current().record("status", answer.status().as_u16());
                tracing::debug!("request answered");
                Ok(answer)
            }
            Err(Failed { refusal, detail }) => {
                match refusal.trouble {
                    Trouble::Denied | Trouble::InvalidInput => {
                        origin
                            .trail
                            .denial(refusal.message.lines().next().unwrap_or_default());
                        if origin.trail.has_line() {
                            tracing::info!(trouble = %refusal.trouble, reason = refusal.message, "request refused");
                        }
                    }
                    Trouble::Unavailable | Trouble::TimedOut | Trouble::Internal
                        if origin.trail.has_line() =>
                    {
                        tracing::warn!(
                            trouble = %refusal.trouble,
                            reason = refusal.message,
                            error = detail,
                            "request failed"
                        );
                    }
                    Trouble::Unavailable | Trouble::TimedOut | Trouble::Internal => {}
                }
                Err(refusal)
            }
        }
    }

    async fn try_send(
        &self,
        origin: &Origin,
        request: http::Request<Body>,
        deadlines: Deadlines,
    ) -> Result<http::Response<Body>, Failed> {
        let (checked, declared, body) = self.check(origin, request, deadlines)?;
        let binding = checked.exit.binding();
        let bounds = Bounds {
            backend: checked.backend.to_string(),
            declared,
            most: binding.max_request_bytes,
        };
        let prepared = tokio::time::timeout(binding.timeout, request_body::prepare(body, bounds))
            .await
            .map_err(|_| {
                Refusal::timed_out(format!(
                    "the body of a request to backend \"{}\" did not come within {} s",
                    checked.backend,
                    binding.timeout.as_secs_f64()
                ))
            })??;
        match prepared {
            Prepared::Whole(body) => Self::send_whole(&checked, body).await,
            Prepared::Long(body) => Self::send_long(&checked, *body).await,
        }
    }

    /// Every check that needs nothing but the head of the request.
    fn check<'a>(
        &'a self,
        origin: &'a Origin,
        request: http::Request<Body>,
        deadlines: Deadlines,
    ) -> Result<(Checked<'a>, Option<u64>, Body), Refusal> {
        let (parts, body) = request.into_parts();
        let (method, uri) = (parts.method, parts.uri);
        let (backend, binding) = destination::backend(origin, &method, &uri)?;
        let span = tracing::Span::current();
        span.record("binding", binding.name.as_str());
        let Some(exit) = self.exits.get(&binding.name) else {
            return Err(Refusal::internal(format!(
                "the host has no client for binding \"{}\"",
                binding.name
            )));
        };
        let path = destination::permit(exit, origin, backend, &method, &uri)?;
        // Recorded here, where it is one of few: guests invent methods.
        span.record("method", method.as_str());
        let (headers, declared) = headers::admit(parts.headers, &exit.reserved, backend.as_str())?;
        let url = address(exit.binding(), &path.text, uri.query())?;
        let checked = Checked {
            origin,
            backend,
            exit,
            scheme: uri.scheme_str().unwrap_or("http").to_owned(),
            method,
            path: path.text,
            url,
            headers,
            deadlines,
        };
        Ok((checked, declared, body))
    }

    /// Sends a body that is at hand, and once more if the backend no longer takes the token.
    async fn send_whole(
        checked: &Checked<'_>,
        body: bytes::Bytes,
    ) -> Result<http::Response<Body>, Failed> {
        let endpoint = &checked.exit.endpoint;
        let tenant = &checked.origin.tenant;
        let token = checked.exit.tokens.token(endpoint, tenant).await;
        let mut token = token.map_err(|failure| cannot_log_in(checked, &failure))?;
        let mut sent = exchange(checked, &token, &body).await?;
        if sent.response.status() == StatusCode::UNAUTHORIZED {
            let newer = checked.exit.tokens.replace(endpoint, tenant, &token).await;
            if let Some(newer) = newer.map_err(|failure| cannot_log_in(checked, &failure))? {
                // The first answer is given up before the second request needs its connection.
                drop(sent);
                token = newer;
                sent = exchange(checked, &token, &body).await?;
            }
        }
        deliver(checked, &token, sent)
    }

    /// Sends a body that can be sent but once.
    async fn send_long(
        checked: &Checked<'_>,
        body: request_body::LongBody,
    ) -> Result<http::Response<Body>, Failed> {
        let endpoint = &checked.exit.endpoint;
        let tenant = &checked.origin.tenant;
        let token = checked.exit.tokens.token(endpoint, tenant).await;
        let token = token.map_err(|failure| cannot_log_in(checked, &failure))?;
        let fault = body.fault();
        let mut checked_headers = checked.headers.clone();
        if let Some(declared) = body.declared() {
            checked_headers.insert(http::header::CONTENT_LENGTH, declared.into());
        }
        let sent = exchange_once(
            checked,
            checked_headers,
            &token,
            reqwest::Body::wrap_stream(body),
        )
        .await;
        // When the guest's body is at fault, what the connection says about it is beside the point.
        if let Some(refusal) = fault.get() {
            return Err(refusal.into());
        }
        let sent = sent?;
        if sent.response.status() == StatusCode::UNAUTHORIZED
            && checked.exit.tokens.discard(endpoint, tenant, &token)
        {
            return Err(Refusal::unavailable(format!(
                "backend \"{}\" no longer took the host's token, and the request's body is too long to be sent again by itself (more than {} KiB): send the request again",
                checked.backend,
                request_body::KEPT / 1024
            ))
            .into());
        }
        deliver(checked, &token, sent)
    }
}

/// The binding that a request is for; guests may write anything there.
fn binding_name<'a>(origin: &'a Origin, request: &http::Request<Body>) -> &'a str {
    let backend = request.uri().host().and_then(|host| host.parse().ok());
    backend
        .and_then(|name: BackendName| origin.backends.get(&name))
        .map_or(NONE, |binding| binding.name.as_str())
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
        _ => "1xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) use super::sample::{binding, traffic};

    #[test]
    fn the_guests_time_limits_only_shorten_the_bindings() {
        let seconds = Duration::from_secs;
        let head = |connect, first_byte| {
            let deadlines = Deadlines {
                connect,
                first_byte,
                between_bytes: None,
                call: None,
            };
            deadlines.head(&binding("http://host"))
        };
        assert_eq!(head(None, None), seconds(30));
        assert_eq!(head(None, Some(seconds(2))), seconds(7));
        assert_eq!(head(Some(seconds(1)), None), seconds(30));
        assert_eq!(head(Some(seconds(1)), Some(seconds(2))), seconds(3));
        assert_eq!(head(Some(seconds(600)), Some(seconds(600))), seconds(30));
        assert_eq!(head(Some(Duration::MAX), Some(seconds(1))), seconds(30));
    }

    #[test]
    fn what_is_bound_as_before_is_carried_over_and_nothing_else() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let named = |name: &str, url: &str| {
            let name = name.parse().unwrap();
            Arc::new(Binding {
                name,
                ..binding(url)
            })
        };
        let before = [named("a", "http://one"), named("b", "http://one")];
        let before = Egress::new(before.into_iter(), Audit::default()).unwrap();
        let after = [named("a", "http://one"), named("b", "http://two")];
        let after = before.rebound(after.into_iter()).unwrap();
        let same = |name: &str| {
            let name: BindingName = name.parse().unwrap();
            Arc::ptr_eq(&before.exits[&name], &after.exits[&name])
        };
        assert!(same("a"), "the same binding keeps its logins and limits");
        assert!(!same("b"), "a login at one server is not sent to another");
        let none = after.rebound(std::iter::empty()).unwrap();
        assert!(none.exits.is_empty());
    }
}
