//! Taking what is secret out of a recording before it is written.
//!
//! The guest never holds the host's login, and egress scrubs tokens from answers already. What is left is what vendors
//! return of their own: passwords in configurations, keys, session ids. A value is replaced by the same text wherever it
//! is, so that a plugin that sends it back still sends what was recorded.

use std::collections::BTreeMap;

use serde_json::Value;

use super::recording::{Body, Recording};

/// Parts of names whose values are nobody's business.
const SECRET: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "authorization",
    "cookie",
    "session",
    "ticket",
];
/// Shorter values would be found in the middle of other words.
const SHORTEST_EVERYWHERE: usize = 6;

/// Masks the recording; gives how many values.
pub(super) fn mask(recording: &mut Recording) -> usize {
    let mut found = BTreeMap::new();
    // First look everywhere, then replace everywhere: a value may be plain before it is known to be secret.
    visit(recording, &mut |name, value| {
        if sounds_secret(name)
            && let Some(text) = secret_text(value)
            && !found.contains_key(&text)
        {
            let number = found.len() + 1;
            found.insert(text, format!("masked-{number}"));
        }
    });
    // Longer ones first: one may be part of another.
    let mut pairs: Vec<(&String, &String)> = found.iter().collect();
    pairs.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    for exchange in &mut recording.exchanges {
        replace_text(&mut exchange.path, &pairs);
        replace_body(&mut exchange.body, &pairs);
        replace_body(&mut exchange.answer.body, &pairs);
        for value in exchange.answer.headers.values_mut() {
            replace_text(value, &pairs);
        }
    }
    for map in [
        &mut recording.arguments,
        &mut recording.result,
        &mut recording.settings,
    ] {
        for (name, value) in map.iter_mut() {
            replace(name, value, &pairs);
        }
    }
    found.len()
}

fn sounds_secret(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    SECRET.iter().any(|part| plain.contains(part))
}

/// The text of a value that can be secret: ids of sessions and the like are numbers sometimes.
fn secret_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Every named value: of objects at any depth, of queries, of forms.
fn visit(recording: &Recording, see: &mut impl FnMut(&str, &Value)) {
    for map in [&recording.arguments, &recording.result, &recording.settings] {
        for (name, value) in map {
            visit_value(name, value, see);
        }
    }
    for exchange in &recording.exchanges {
        if let Some((_, query)) = exchange.path.split_once('?') {
            visit_form(query, see);
        }
        for body in [&exchange.body, &exchange.answer.body] {
            match body {
                Body::Json(json) => visit_value("", json, see),
                Body::Text(text) => visit_form(text, see),
                Body::Empty | Body::Base64(_) => {}
            }
        }
    }
}

fn visit_form(text: &str, see: &mut impl FnMut(&str, &Value)) {
    for pair in text.split('&') {
        if let Some((name, value)) = pair.split_once('=') {
            see(name, &Value::from(value));
        }
    }
}

fn visit_value(name: &str, value: &Value, see: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                visit_value(name, value, see);
            }
        }
        Value::Array(items) => {
            for item in items {
                visit_value(name, item, see);
            }
        }
        Value::String(_) | Value::Number(_) => see(name, value),
        Value::Null | Value::Bool(_) => {}
    }
}

fn replace_body(body: &mut Body, pairs: &[(&String, &String)]) {
    match body {
        Body::Json(json) => replace("", json, pairs),
        Body::Text(text) => replace_text(text, pairs),
        Body::Empty | Body::Base64(_) => {}
    }
}

fn replace(name: &str, value: &mut Value, pairs: &[(&String, &String)]) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                replace(name, value, pairs);
            }
        }
        Value::Array(items) => {
            for item in items {
                replace(name, item, pairs);
            }
        }
        Value::String(_) | Value::Number(_) => {
            // The whole value, however short; and longer ones also in the middle of a text.
            let whole = secret_text(value).and_then(|text| {
                let (secret, mask) = pairs.iter().find(|(secret, _)| **secret == text)?;
                (sounds_secret(name) || secret.len() >= SHORTEST_EVERYWHERE)
                    .then(|| (*mask).clone())
            });
            if let Some(mask) = whole {
                *value = Value::from(mask);
            } else if let Value::String(text) = value {
                replace_text(text, pairs);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn replace_text(text: &mut String, pairs: &[(&String, &String)]) {
    for (secret, mask) in pairs {
        if secret.len() >= SHORTEST_EVERYWHERE && text.contains(*secret) {
            *text = text.replace(*secret, mask);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_masked_wherever_it_is() {
        let mut recording: Recording = serde_json::from_value(json!({
            "tool": "t",
            "arguments": { "password": "x1" },
            "exchanges": [
                { "backend": "b", "method": "GET", "path": "/s",
                  "answer": { "status": 200, "body": { "json": {
                      "sessionId": "abcdef123", "apiKey": 1234, "name": "1234",
                      "nested": [{ "Pass-Word": "hunter22" }] } } } },
                { "backend": "b", "method": "POST", "path": "/s/abcdef123?access_token=qwertz99",
                  "body": { "text": "user=a&password=hunter22" },
                  "answer": { "status": 204 } }
            ],
            "result": { "structuredContent": { "text": "see abcdef123, x1" } }
        }))
        .unwrap();
        assert_eq!(mask(&mut recording), 5);
        let text = serde_json::to_string(&recording).unwrap();
        for secret in [
            "abcdef123",
            "hunter22",
            "qwertz99",
            "\"password\":\"x1\"",
            ":1234",
        ] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(text.contains("\"name\":\"1234\""), "{text}");
        // The same value has the same mask, so that the second request still fits.
        let Body::Json(first) = &recording.exchanges[0].answer.body else {
            panic!("{text}")
        };
        let id = first["sessionId"].as_str().unwrap();
        assert!(
            recording.exchanges[1]
                .path
                .starts_with(&format!("/s/{id}?")),
            "{text}"
        );
    }
}
