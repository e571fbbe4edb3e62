//! How the host proves to a backend who it is.
//!
//! A [`Cache`] hands out the current [`Token`] for a binding and a tenant, and logs in when there is none. What a
//! login is, is data in the configuration; `login` carries it out. The same data tells `egress` what it must
//! keep from guests: the headers a credential sets ([`header_names`]) and the paths it logs in at ([`own_paths`]).
//!
//! Tokens live in memory only, are zeroed on drop, and are in no message and no log. Not here: who may ask for
//! what, and the TLS towards the backend; both are `egress`'s.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::config::{Binding, Credential, CredentialKind, SecretSource};

mod backoff;
mod cache;
mod error;
mod login;
mod scrub;
mod slot;
mod source;
mod template;
mod token;

pub use cache::Cache;
pub use error::{LoginError, LoginFailure, SecretError};
pub use scrub::{Patterns, Scrubber};
pub use source::read as read_secret;
pub use token::Token;

/// A backend as a login sees it: the binding, and the HTTP client that `egress` made for it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Where, and with which credential.
    pub binding: Arc<Binding>,
    /// TLS, connect time-out and connections are the same as for the requests of guests.
    pub client: reqwest::Client,
}

/// The headers that a credential sets. A guest may set none of them.
#[must_use]
pub fn header_names(credential: &Credential) -> Vec<http::HeaderName> {
    match &credential.kind {
        CredentialKind::None => Vec::new(),
        CredentialKind::Header { header, .. } => vec![header.clone()],
        CredentialKind::Basic { .. } | CredentialKind::OAuth2(_) => {
            vec![http::header::AUTHORIZATION]
        }
        CredentialKind::Login(login) => login
            .apply
            .iter()
            .map(|apply| apply.header.clone())
            .collect(),
    }
}

/// The paths, below the binding's URL, where a credential logs in or renews. A guest may ask for none of them:
/// what they answer is a token.
#[must_use]
pub fn own_paths(credential: &Credential) -> Vec<&str> {
    match &credential.kind {
        CredentialKind::None | CredentialKind::Header { .. } | CredentialKind::Basic { .. } => {
            Vec::new()
        }
        CredentialKind::OAuth2(oauth2) => vec![&oauth2.token_path],
        CredentialKind::Login(login) => std::iter::once(&login.request)
            .chain(&login.renewal)
            .chain(login.challenge.as_ref().map(|challenge| &challenge.request))
            .map(|request| request.path.as_str())
            .collect(),
    }
}

/// Whether reading the secrets or logging in again can give another token than the last time.
fn is_replaceable(credential: &Credential) -> bool {
    let is_read_anew = |source: &SecretSource| match source {
        SecretSource::Value(_) => false,
        SecretSource::File(_) | SecretSource::Exec(_) => true,
    };
    match &credential.kind {
        CredentialKind::None => false,
        CredentialKind::Header { value, .. } => is_read_anew(value),
        CredentialKind::Basic { username, password } => {
            is_read_anew(username) || is_read_anew(password)
        }
        CredentialKind::OAuth2(_) | CredentialKind::Login(_) => true,
    }
}

/// An error with its sources, for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let _ = write!(text, ": {error}");
        source = error.source();
    }
    text
}
