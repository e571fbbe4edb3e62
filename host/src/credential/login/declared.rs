//! A login declared as data: a request with placeholders, and where to find what in its answer.

use http::HeaderMap;
use serde_json::Value;

use super::exchange::{RequestBody, exchange, seconds};
use super::{Renewal, Session, totp};
use crate::config::{Login, LoginBody, LoginRequest, Secret};
use crate::credential::error::LoginError;
use crate::credential::scrub::Patterns;
use crate::credential::template::{self, Values};
use crate::credential::token::{TokenHeader, header_value};
use crate::credential::{Endpoint, source};

/// One exchange of a declared login: its first request, or its renewal with what the last answer gave. Where the answer
/// asks for more, one more.
pub(super) async fn log_in(
    endpoint: &Endpoint,
    login: &Login,
    request: &LoginRequest,
    earlier: Values,
) -> Result<Session, LoginError> {
    let mut values = read_values(login).await?;
    let secrets: Vec<String> = values.keys().cloned().collect();
    values.extend(earlier);

    let mut answer = send(endpoint, login, request, &values).await?;
    if let Some(challenge) = &login.challenge
        && asks_for_more(&answer, &challenge.pointer)
    {
        let mut filled = values.clone();
        filled.extend(found(login, &answer));
        template::wipe(&mut answer);
        answer = send(endpoint, login, &challenge.request, &filled).await?;
        // Half a login is none: what it gave would be refused on every request.
        if asks_for_more(&answer, &challenge.pointer) {
            template::wipe(&mut answer);
            return Err(LoginError::Unfit("the backend asks for yet another factor"));
        }
    }
    let session = read_session(login, &answer, values, &secrets);
    template::wipe(&mut answer);
    session
}

async fn send(
    endpoint: &Endpoint,
    login: &Login,
    request: &LoginRequest,
    values: &Values,
) -> Result<Value, LoginError> {
    let mut values = values.clone();
    for (name, code) in &login.totp {
        // A code serves once, so one is made only where it is sent.
        if uses(request, name) {
            values.insert(name.clone(), totp::code(code).await?);
        }
    }
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
    exchange(endpoint, &request.method, &request.path, headers, body).await
}

/// Whether a text of the request holds this placeholder.
fn uses(request: &LoginRequest, name: &str) -> bool {
    let holds = |text: &str| template::placeholders(text).any(|used| used == name);
    request.headers.iter().any(|(_, text)| holds(text))
        || match &request.body {
            LoginBody::Empty => false,
            LoginBody::Form(fields) => fields.values().any(|text| holds(text)),
            LoginBody::Json(json) => holds_deep(json, &holds),
        }
}

fn holds_deep(json: &Value, holds: &impl Fn(&str) -> bool) -> bool {
    match json {
        Value::String(text) => holds(text),
        Value::Array(items) => items.iter().any(|item| holds_deep(item, holds)),
        Value::Object(members) => members.values().any(|member| holds_deep(member, holds)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn asks_for_more(answer: &Value, pointer: &str) -> bool {
    match answer.pointer(pointer) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Bool(true) | Value::Array(_) | Value::Object(_)) => true,
    }
}

/// What an answer that asks for more has of what is looked for.
fn found(login: &Login, answer: &Value) -> Values {
    let text = |pointer: &String| match answer.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    login
        .answer
        .iter()
        .filter_map(|(name, pointer)| Some((name.clone(), Secret::new(text(pointer)?))))
        .collect()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_asks_for_more_by_anything_that_is_set() {
        for (value, expected) in [
            (json!(1), true),
            (json!("1"), true),
            (json!(true), true),
            (json!(["totp"]), true),
            (json!(0), false),
            (json!(""), false),
            (json!(false), false),
            (json!(null), false),
        ] {
            let answer = json!({ "data": { "more": value } });
            assert_eq!(asks_for_more(&answer, "/data/more"), expected, "{answer}");
        }
        assert!(!asks_for_more(&json!({}), "/data/more"));
    }
}
