//! Carrying out a login: from the data in the configuration to headers for requests.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use super::Endpoint;
use super::error::LoginError;
use super::scrub::Patterns;
use super::source;
use super::template::Values;
use super::token::{TokenHeader, header_value};
use crate::config::{CredentialKind, Secret};

mod declared;
mod exchange;
mod oauth2;
mod totp;

/// What a login gave.
pub(super) struct Session {
    pub(super) headers: Vec<TokenHeader>,
    pub(super) patterns: Patterns,
    /// Absent: until the backend says otherwise.
    pub(super) lifetime: Option<Duration>,
    pub(super) renewal: Option<Renewal>,
}

/// What the next login may use instead of the first secrets.
pub(super) enum Renewal {
    /// A refresh token. Many servers take each only once.
    RefreshToken(Secret),
    /// The values from the answer of a declared login.
    Answer(Values),
}

/// Logs in from the beginning.
pub(super) async fn log_in(endpoint: &Endpoint) -> Result<Session, LoginError> {
    match &endpoint.binding.credential.kind {
        CredentialKind::None => Ok(fixed(Vec::new(), Patterns::none())),
        CredentialKind::Header {
            header,
            prefix,
            value,
        } => {
            let value = source::read(value).await?;
            let text = joined(&[prefix, value.expose()]);
            let header = TokenHeader {
                name: header.clone(),
                value: header_value(text)?,
                methods: Vec::new(),
            };
            Ok(fixed(vec![header], Patterns::of([&value])))
        }
        CredentialKind::Basic { username, password } => {
            let username = source::read(username).await?;
            let password = source::read(password).await?;
            // RFC 7617: the first colon ends the user name.
            if username.expose().contains(':') {
                return Err(LoginError::Unfit("its user name holds a colon"));
            }
            let pair = basic(username.expose(), password.expose());
            let patterns = Patterns::of([&password, &pair]);
            Ok(fixed(
                vec![authorization("Basic ", pair.expose())?],
                patterns,
            ))
        }
        CredentialKind::OAuth2(oauth2) => oauth2::log_in(endpoint, oauth2).await,
        CredentialKind::Login(login) => {
            declared::log_in(endpoint, login, &login.request, Values::new()).await
        }
    }
}

/// Renews what an earlier login gave.
pub(super) async fn renew(endpoint: &Endpoint, renewal: &Renewal) -> Result<Session, LoginError> {
    match (&endpoint.binding.credential.kind, renewal) {
        (CredentialKind::OAuth2(oauth2), Renewal::RefreshToken(refresh_token)) => {
            oauth2::refresh(endpoint, oauth2, refresh_token).await
        }
        (CredentialKind::Login(login), Renewal::Answer(answer)) => {
            let request = login.renewal.as_ref().unwrap_or(&login.request);
            declared::log_in(endpoint, login, request, answer.clone()).await
        }
        // The kind of a credential does not change while the host runs.
        _ => log_in(endpoint).await,
    }
}

fn fixed(headers: Vec<TokenHeader>, patterns: Patterns) -> Session {
    Session {
        headers,
        patterns,
        lifetime: None,
        renewal: None,
    }
}

/// Joins texts without leaving copies behind, as a string that grows would.
fn joined(parts: &[&str]) -> Zeroizing<String> {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut text = Zeroizing::new(String::with_capacity(length));
    for part in parts {
        text.push_str(part);
    }
    text
}

fn basic(username: &str, password: &str) -> Secret {
    let pair = joined(&[username, ":", password]);
    Secret::new(BASE64.encode(pair.as_bytes()))
}

fn authorization(scheme: &str, value: &str) -> Result<TokenHeader, LoginError> {
    Ok(TokenHeader {
        name: AUTHORIZATION,
        value: header_value(joined(&[scheme, value]))?,
        methods: Vec::new(),
    })
}
