//! A login declared as data: a request with placeholders, and where to find what in its answer.

use http::HeaderMap;
use serde_json::Value;

use super::exchange::{RequestBody, exchange, seconds};
use super::{Renewal, Session};
use crate::config::{Login, LoginBody, LoginRequest, Secret};
use crate::credential::error::LoginError;
use crate::credential::scrub::Patterns;
use crate::credential::template::{self, Values};
use crate::credential::token::{TokenHeader, header_value};
use crate::credential::{Endpoint, source};

/// One exchange of a declared login: its first request, or its renewal with what the last answer gave.
pub(super) async fn log_in(
    endpoint: &Endpoint,
    login: &Login,
    request: &LoginRequest,
    earlier: Values,
) -> Result<Session, LoginError> {
    let mut values = read_values(login).await?;
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
    let session = read_session(login, &answer, values, &secrets);
    template::wipe(&mut answer);
    session
}

async fn read_values(login: &Login) -> Result<Values, LoginError> {
    let mut values = Values::new();
    for (name, source) in &login.values {
        values.insert(name.clone(), source::read(source).await?);
    }
    Ok(values)
}

fn read_session(
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
