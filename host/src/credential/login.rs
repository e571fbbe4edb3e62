//! Carrying out a login: from the data in the configuration to headers for requests.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::Value;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::Endpoint;
use super::error::LoginError;
use super::scrub::Patterns;
use super::source;
use super::template::{self, Values};
use super::token::{TokenHeader, header_value};
use crate::config::{
    CredentialKind, Login, LoginBody, LoginRequest, OAuth2, OAuth2Grant, Secret, SecretSource,
};

/// The largest answer that is read. Tokens are a few kilobytes.
const ANSWER_LIMIT: usize = 64 * 1024;

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
        CredentialKind::OAuth2(oauth2) => oauth2_log_in(endpoint, oauth2).await,
        CredentialKind::Login(login) => {
            let values = read_values(login).await?;
            declared(endpoint, login, &login.request, values, Values::new()).await
        }
    }
}

/// Renews what an earlier login gave.
pub(super) async fn renew(endpoint: &Endpoint, renewal: &Renewal) -> Result<Session, LoginError> {
    match (&endpoint.binding.credential.kind, renewal) {
        (CredentialKind::OAuth2(oauth2), Renewal::RefreshToken(refresh_token)) => {
            oauth2_refresh(endpoint, oauth2, refresh_token).await
        }
        (CredentialKind::Login(login), Renewal::Answer(answer)) => {
            let request = login.renewal.as_ref().unwrap_or(&login.request);
            let values = read_values(login).await?;
            declared(endpoint, login, request, values, answer.clone()).await
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

async fn oauth2_log_in(endpoint: &Endpoint, oauth2: &OAuth2) -> Result<Session, LoginError> {
    match &oauth2.grant {
        OAuth2Grant::Password { username, password } => {
            let username = source::read(username).await?;
            let password = source::read(password).await?;
            let form = [
                ("grant_type", "password"),
                ("username", username.expose()),
                ("password", password.expose()),
            ];
            oauth2_token(endpoint, oauth2, &form, None).await
        }
        OAuth2Grant::ClientCredentials { .. } => {
            let form = [("grant_type", "client_credentials")];
            oauth2_token(endpoint, oauth2, &form, None).await
        }
        OAuth2Grant::RefreshToken { refresh_token, .. } => {
            let refresh_token = source::read(refresh_token).await?;
            oauth2_refresh(endpoint, oauth2, &refresh_token).await
        }
    }
}

async fn oauth2_refresh(
    endpoint: &Endpoint,
    oauth2: &OAuth2,
    refresh_token: &Secret,
) -> Result<Session, LoginError> {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.expose()),
    ];
    // A server that does not rotate refresh tokens sends none: the old one stays good (RFC 6749 section 6).
    oauth2_token(endpoint, oauth2, &form, Some(refresh_token)).await
}

/// A request to the token endpoint, with the client's own proof if it has one.
async fn oauth2_token(
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
    let session = oauth2_session(oauth2, &answer, refreshed_with);
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

fn oauth2_session(
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

async fn read_values(login: &Login) -> Result<Values, LoginError> {
    let mut values = Values::new();
    for (name, source) in &login.values {
        values.insert(name.clone(), source::read(source).await?);
    }
    Ok(values)
}

/// One exchange of a declared login. `values` are its secrets, `earlier` what its last answer gave.
async fn declared(
    endpoint: &Endpoint,
    login: &Login,
    request: &LoginRequest,
    mut values: Values,
    earlier: Values,
) -> Result<Session, LoginError> {
    let secrets: Vec<String> = values.keys().cloned().collect();
    values.extend(earlier);

    let mut headers = HeaderMap::new();
    for (name, text) in &request.headers {
        headers.append(name.clone(), header_value(template::fill(text, &values)?)?);
    }
    let body = match &request.body {
        LoginBody::Empty => RequestBody::empty(),
        LoginBody::Form(fields) => {
            let filled = fields
                .iter()
                .map(|(name, text)| Ok((name.as_str(), template::fill(text, &values)?)))
                .collect::<Result<Vec<_>, LoginError>>()?;
            RequestBody::form(filled.iter().map(|(name, text)| (*name, text.as_str())))
        }
        LoginBody::Json(json) => RequestBody::json(template::fill_json(json, &values)?)?,
    };

    let mut answer = exchange(endpoint, &request.method, &request.path, headers, body).await?;
    let session = declared_session(login, &answer, values, &secrets);
    template::wipe(&mut answer);
    session
}

fn declared_session(
    login: &Login,
    answer: &Value,
    mut values: Values,
    secrets: &[String],
) -> Result<Session, LoginError> {
    let mut answered = Values::new();
    for (name, pointer) in &login.answer {
        let text = match answer.pointer(pointer) {
            Some(Value::String(text)) if !text.is_empty() => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            // A renewal may leave out what does not change.
            _ if values.contains_key(name) => continue,
            _ => return Err(LoginError::Answer(format!("value at `{pointer}`"))),
        };
        answered.insert(name.clone(), Secret::new(text));
    }
    let lifetime = match &login.lifetime_pointer {
        None => login.lifetime,
        Some(pointer) => match answer.pointer(pointer) {
            None | Some(Value::Null) => login.lifetime,
            Some(value) => seconds(value)
                .ok_or_else(|| LoginError::Answer(format!("lifetime at `{pointer}`")))?,
        },
    };
    values.extend(answered);

    let mut headers = Vec::new();
    for apply in &login.apply {
        headers.push(TokenHeader {
            name: apply.header.clone(),
            value: header_value(template::fill(&apply.value, &values)?)?,
            methods: apply.methods.clone(),
        });
    }
    // What a request carries and what an answer gave. Not every secret of the login: a user name is one of them,
    // and backends name users in what they answer.
    let is_sent = |name: &str| {
        let mut sent = login.apply.iter().map(|apply| apply.value.as_str());
        sent.any(|text| template::placeholders(text).any(|used| used == name))
    };
    let patterns = Patterns::of(
        values
            .iter()
            .filter(|(name, _)| !secrets.contains(name) || is_sent(name))
            .map(|(_, value)| value),
    );
    values.retain(|name, _| login.answer.contains_key(name));
    Ok(Session {
        headers,
        patterns,
        lifetime: Some(lifetime),
        renewal: login.renewal.is_some().then_some(Renewal::Answer(values)),
    })
}

/// Seconds, as a number or, as some servers have it, as a text.
fn seconds(value: &Value) -> Option<Duration> {
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

struct RequestBody {
    content_type: Option<&'static str>,
    bytes: Zeroizing<Vec<u8>>,
}

impl RequestBody {
    fn empty() -> Self {
        Self {
            content_type: None,
            bytes: Zeroizing::default(),
        }
    }

    fn form<'a>(fields: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Self {
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

    fn json(mut value: Value) -> Result<Self, LoginError> {
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

/// Sends one request of a login; gives the JSON of a good answer. Bounded in time by the binding's time-out, in
/// size by [`ANSWER_LIMIT`].
async fn exchange(
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
