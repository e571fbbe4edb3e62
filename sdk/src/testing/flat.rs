//! What a host demands of questions, so that a test finds it first.

use serde_json::Value;

use crate::ask::Ask;
use crate::schema;

/// Fails the test when no host would ask this.
#[track_caller]
pub(super) fn check(requests: &[(String, Ask)]) {
    assert!(
        requests.len() <= 16,
        "{} questions at once; at most 16",
        requests.len()
    );
    for (at, (key, ask)) in requests.iter().enumerate() {
        let fits = (1..=64).contains(&key.len())
            && key
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        assert!(fits, "`{key}` is not the key of a question");
        let twice = requests[..at].iter().any(|(other, _)| other == key);
        assert!(!twice, "two questions have the key `{key}`");
        if let Ask::Form { schema, .. } = ask {
            form(key, &schema::parsed(schema));
        }
    }
}

#[track_caller]
fn form(key: &str, schema: &Value) {
    assert!(
        schema["type"] == "object",
        "the form `{key}` is no object: {schema}"
    );
    let properties = schema["properties"].as_object().into_iter().flatten();
    for (name, property) in properties {
        let one = match property["type"].as_str() {
            Some("string" | "number" | "integer" | "boolean") => true,
            // Several of a few names.
            Some("array") => {
                property["items"]["enum"].is_array() || property["items"]["anyOf"].is_array()
            }
            Some(_) | None => false,
        };
        assert!(
            one,
            "field `{name}` of the form `{key}` is no text, number, boolean or choice of names: {property}"
        );
    }
}
