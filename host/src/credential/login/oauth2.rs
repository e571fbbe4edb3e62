//! OAuth 2.0: the token endpoint of RFC 6749.

use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use serde_json::Value;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::exchange::{RequestBody, exchange, seconds};
use super::{Renewal, Session, authorization, basic, joined};
use crate::config::{OAuth2, OAuth2Grant, Secret, SecretSource};
use crate::credential::error::LoginError;
use crate::credential::scrub::Patterns;
use crate::credential::token::header_value;
use crate::credential::{Endpoint, source, template};

/// Gets the first token.
pub(super) async fn log_in(endpoint: &Endpoint, oauth2: &OAuth2) -> Result<Session, LoginError> {
    match &oauth2.grant {
        OAuth2Grant::Password { username, password } => {
            let username = source::read(username).await?;
            let password = source::read(password).await?;
            let form = [
                ("grant_type", "password"),
                ("username", username.expose()),
                ("password", password.expose()),
            ];
            token(endpoint, oauth2, &form, None).await
        }
        OAuth2Grant::ClientCredentials { .. } => {
            let form = [("grant_type", "client_credentials")];
            token(endpoint, oauth2, &form, None).await
        }
        OAuth2Grant::RefreshToken { refresh_token, .. } => {
            let refresh_token = source::read(refresh_token).await?;
            refresh(endpoint, oauth2, &refresh_token).await
        }
    }
}

/// Gets the next token with a refresh token.
pub(super) async fn refresh(
    endpoint: &Endpoint,
    oauth2: &OAuth2,
    refresh_token: &Secret,
) -> Result<Session, LoginError> {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.expose()),
    ];
    // A server that does not rotate refresh tokens sends none: the old one stays good (RFC 6749 section 6).
    token(endpoint, oauth2, &form, Some(refresh_token)).await
}

/// A request to the token endpoint, with the client's own proof if it has one.
async fn token(
    endpoint: &Endpoint,
    oauth2: &OAuth2,
    grant: &[(&str, &str)],
    refreshed_with: Option<&Secret>,
) -> Result<Session, LoginError> {
    let (client_id, client_secret, in_header) = client(&oauth2.grant).await?;
    let client_id = client_id.as_ref().map(Secret::expose);
    let client_secret = client_secret.as_ref().map(Secret::expose);

    let mut headers: HeaderMap = oauth2.headers.iter().cloned().collect();
    let mut form = grant.to_vec();
    if let Some(scope) = &oauth2.scope {
        form.push(("scope", scope));
    }
    match (client_id, client_secret) {
        (Some(id), Some(secret)) if in_header => {
            // RFC 6749 section 2.3.1: both are form-encoded first.
            let pair = basic(&form_encoded(id), &form_encoded(secret));
            headers.insert(
                AUTHORIZATION,
                header_value(joined(&["Basic ", pair.expose()]))?,
            );
        }
        (id, secret) => {
            form.extend(id.map(|id| ("client_id", id)));
            form.extend(secret.map(|secret| ("client_secret", secret)));
        }
    }

    let body = RequestBody::form(form.iter().copied());
    let mut answer = exchange(endpoint, &Method::POST, &oauth2.token_path, headers, body).await?;
    let session = read_session(oauth2, &answer, refreshed_with);
    template::wipe(&mut answer);
    session
}

async fn client(grant: &OAuth2Grant) -> Result<(Option<Secret>, Option<Secret>, bool), LoginError> {
    Ok(match grant {
        OAuth2Grant::Password { .. } => (None, None, false),
        OAuth2Grant::ClientCredentials {
            client_id,
            client_secret,
            in_header,
        } => (
            Some(source::read(client_id).await?),
            Some(source::read(client_secret).await?),
            *in_header,
        ),
        OAuth2Grant::RefreshToken {
            client_id,
            client_secret,
            ..
        } => (
            read_if_given(client_id.as_ref()).await?,
            read_if_given(client_secret.as_ref()).await?,
            false,
        ),
    })
}

async fn read_if_given(source: Option<&SecretSource>) -> Result<Option<Secret>, LoginError> {
    match source {
        Some(source) => Ok(Some(source::read(source).await?)),
        None => Ok(None),
    }
}

fn form_encoded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(form_urlencoded::byte_serialize(text.as_bytes()).collect())
}

fn read_session(
    oauth2: &OAuth2,
    answer: &Value,
    refreshed_with: Option<&Secret>,
) -> Result<Session, LoginError> {
    let text = |name: &str| {
        let text = answer.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
            .map(|text| Secret::new(text.to_owned()))
    };
    let access_token =
        text("access_token").ok_or_else(|| LoginError::Answer("`access_token`".to_owned()))?;
    let token_type = text("token_type");
    if token_type.is_some_and(|kind| !kind.expose().eq_ignore_ascii_case("bearer")) {
        return Err(LoginError::Answer("`token_type`".to_owned()));
    }
    let lifetime = match answer.get("expires_in") {
        None | Some(Value::Null) => oauth2.default_lifetime,
        Some(value) => seconds(value).ok_or_else(|| LoginError::Answer("`expires_in`".into()))?,
    };
    let refresh_token = text("refresh_token").or_else(|| refreshed_with.cloned());
    Ok(Session {
        headers: vec![authorization("Bearer ", access_token.expose())?],
        patterns: Patterns::of(std::iter::once(&access_token).chain(&refresh_token)),
        lifetime: Some(lifetime),
        renewal: refresh_token.map(Renewal::RefreshToken),
    })
}
