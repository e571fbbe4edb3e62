//! From what the guest wrote to where it goes: which backend, and may this request go there?

use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderName;
use http::{Method, Uri};

use super::address::{self, Lookup, Resolver};
use super::circuit::Circuits;
use super::gate::Gate;
use super::matcher::{self, Denial, Unwanted};
use super::path::{self, GuestPath};
use super::refusal::Refusal;
use super::{EgressError, Origin, OwnClientError, tls};
use crate::audit::Audit;
use crate::config::{BackendName, Binding, Tls};
use crate::credential::{self, Endpoint};

/// What is set up once for a binding.
#[derive(Debug)]
pub(super) struct Exit {
    pub(super) endpoint: Endpoint,
    /// The logins of all tenants.
    pub(super) tokens: credential::Cache,
    /// Where the credential logs in.
    own_paths: Vec<GuestPath>,
    /// What the credential sets.
    pub(super) reserved: Vec<HeaderName>,
    /// How much is asked of the backend.
    pub(super) gate: Gate,
    /// Whether anything is.
    pub(super) circuits: Circuits,
}

impl Exit {
    pub(super) fn new(
        binding: Arc<Binding>,
        system: &tls::SystemRoots,
        lookup: &Lookup,
        audit: Audit,
    ) -> Result<Self, EgressError> {
        address::check_literal(&binding).map_err(|kind| EgressError::Address {
            binding: binding.name.clone(),
            kind,
        })?;
        let credential = &binding.credential;
        let own_paths = credential::own_paths(credential)
            .into_iter()
            .map(|path| {
                path::normalize(path).map_err(|reason| EgressError::CredentialPath {
                    binding: binding.name.clone(),
                    credential: credential.name.to_string(),
                    path: path.to_owned(),
                    reason: reason.to_string(),
                })
            })
            .collect::<Result<_, _>>()?;
        let reserved = credential::header_names(credential);
        let client = client(&binding, system, lookup)?;
        Ok(Self {
            gate: Gate::new(&binding.traffic),
            circuits: Circuits::new(&binding.traffic),
            endpoint: Endpoint { binding, client },
            tokens: credential::Cache::new(audit),
            own_paths,
            reserved,
        })
    }

    pub(super) fn binding(&self) -> &Arc<Binding> {
        &self.endpoint.binding
    }
}

/// Connections towards a backend.
fn client(
    binding: &Arc<Binding>,
    system: &tls::SystemRoots,
    lookup: &Lookup,
) -> Result<reqwest::Client, EgressError> {
    let tls = match (binding.url.scheme(), &binding.tls) {
        ("https", tls) => tls::client(tls, system),
        _ => tls::unused_client(),
    }
    .map_err(|reason| EgressError::Tls {
        binding: binding.name.clone(),
        reason,
    })?;
    if binding.tls == Tls::Insecure {
        tracing::warn!(binding = %binding.name, "the backend's certificate is not checked (tls.insecure)");
    }
    builder(tls)
        .connect_timeout(binding.connect_timeout)
        .dns_resolver(Arc::new(Resolver {
            lookup: Arc::clone(lookup),
            binding: Arc::clone(binding),
        }))
        .build()
        .map_err(|source| EgressError::Client {
            binding: binding.name.clone(),
            source,
        })
}

/// Proxies from the environment, redirections and cookies would take requests past the checks.
fn builder(tls: rustls::ClientConfig) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .pool_max_idle_per_host(32)
        .user_agent(concat!("toolward/", env!("CARGO_PKG_VERSION")))
}

/// A client for the host's own requests, as careful as those for backends: the keys of an authorization server.
pub(super) fn own_client(tls: &Tls, timeout: Duration) -> Result<reqwest::Client, OwnClientError> {
    let tls = tls::client(tls, &tls::SystemRoots::default()).map_err(OwnClientError::Tls)?;
    builder(tls)
        .connect_timeout(timeout)
        .timeout(timeout)
        .build()
        .map_err(OwnClientError::Client)
}

/// The backend that a request names, if the plugin has it.
pub(super) fn backend<'a>(
    origin: &'a Origin,
    method: &Method,
    uri: &Uri,
) -> Result<(&'a BackendName, &'a Binding), Refusal> {
    let plugin = &origin.plugin;
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    let named = authority
        .parse::<BackendName>()
        .ok()
        .and_then(|name| origin.backends.get_key_value(&name));
    let may_not = || {
        let request = shown(method, uri.path());
        let target = match named {
            Some((name, _)) => format!("backend \"{name}\""),
            None => format!("\"{}\"", shown_authority(authority)),
        };
        format!("plugin \"{plugin}\" may not send \"{request}\" to {target}")
    };
    if !origin.http_granted {
        return Err(Refusal::denied(format!(
            "{}: it is not granted \"http\"\nhint: add \"http\" to plugins.{plugin}.grant",
            may_not()
        )));
    }
    let Some((name, binding)) = named else {
        let own: Vec<_> = origin.backends.keys().map(BackendName::as_str).collect();
        let own = match own.as_slice() {
            [] => "and it has none".to_owned(),
            own => format!("which are: {}", own.join(", ")),
        };
        let hint = match authority.parse::<BackendName>() {
            Ok(name) => format!("\nhint: add {name} = \"BINDING\" to plugins.{plugin}.backends"),
            Err(_) => String::new(),
        };
        return Err(Refusal::denied(format!(
            "{}: it reaches its backends only, each under its name and without a port, {own}{hint}",
            may_not()
        )));
    };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(Refusal::invalid_input(format!(
            "{}: the scheme is neither http nor https",
            may_not()
        )));
    }
    Ok((name, binding))
}

/// Checks method, path and query of a request; gives the path to send.
pub(super) fn permit(
    exit: &Exit,
    origin: &Origin,
    backend: &BackendName,
    method: &Method,
    uri: &Uri,
) -> Result<GuestPath, Refusal> {
    let may_not = || {
        format!(
            "plugin \"{}\" may not send \"{}\" to backend \"{backend}\"",
            origin.plugin,
            shown(method, uri.path())
        )
    };
    let path = path::normalize(uri.path()).map_err(|reason| {
        Refusal::invalid_input(format!("{}: in its path, {reason}", may_not()))
    })?;
    path::check_query(uri.query().unwrap_or_default()).map_err(|reason| {
        Refusal::invalid_input(format!("{}: in its query, {reason}", may_not()))
    })?;
    let binding = exit.binding();
    let name = &binding.name;
    matcher::want(origin.wanted.get(backend).map(Vec::as_slice), method, &path).map_err(
        |unwanted| {
            let reason = match unwanted {
                Unwanted::Backend => "its manifest does not ask for this backend",
                Unwanted::Request => "its manifest does not ask for this request",
            };
            Refusal::denied(format!("{}: {reason}", may_not()))
        },
    )?;
    matcher::decide(binding, &exit.own_paths, method, &path).map_err(|denial| {
        let reason = match denial {
            Denial::Method => "such a method is never sent".to_owned(),
            Denial::CredentialPath => "the host logs in there".to_owned(),
            Denial::Denied(pattern) => format!("denied by \"{pattern}\" of binding \"{name}\""),
            Denial::ReadOnly => format!("binding \"{name}\" is read-only"),
            Denial::NotAllowed => format!(
                "not allowed by binding \"{name}\"{}",
                allow_hint(binding, method, &path)
            ),
        };
        Refusal::denied(format!("{}: {reason}", may_not()))
    })?;
    Ok(path)
}

/// A pattern for this one request. The guest chose the path, so an asterisk in it must not become a wildcard.
fn allow_hint(binding: &Binding, method: &Method, path: &GuestPath) -> String {
    // No pattern ends with a slash, and a long path is nothing to paste.
    if path.text.len() > 200 || (path.text.ends_with('/') && path.text != "/") {
        return String::new();
    }
    format!(
        "\nhint: add \"{method} {}\" to bindings.{}.allow",
        path.text.replace('*', "%2A"),
        binding.name
    )
}

/// A request as messages show it: the guest chose the text, so it is escaped and cut. The query is left out.
pub(super) fn shown(method: &Method, path: &str) -> String {
    let method: String = method.as_str().chars().take(16).collect();
    format!("{method} {}", escaped(path, 200))
}

fn shown_authority(authority: &str) -> String {
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("…@{}", escaped(host, 100)),
        None => escaped(authority, 100),
    }
}

fn escaped(text: &str, most: usize) -> String {
    let mut shown: String = text
        .chars()
        .take(most)
        .flat_map(char::escape_default)
        .collect();
    if text.chars().nth(most).is_some() {
        shown.push('…');
    }
    shown
}
