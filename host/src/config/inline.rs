//! Keys and values as one writes them in TOML, on one line.

use serde_json::Value;

/// A key, in quotes where it needs them.
pub(super) fn key(text: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !text.is_empty() && text.bytes().all(bare) {
        text.to_owned()
    } else {
        string(text)
    }
}

/// A basic string. JSON's escapes are all TOML's too, but for the delete character, which TOML wants escaped.
pub(super) fn string(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// A JSON value. There is no null in a configuration.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::String(text) => string(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(self::value).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, field)| format!("{} = {}", key(name), self::value(field)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// The path of a key below another, `bindings.vbr01.url`.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        key(name)
    } else {
        format!("{path}.{}", key(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let original = serde_json::json!({
            "a b": ["x\"y\\z\n", 1, true, {"": {}}],
            "plain-key": "\u{7f}é",
        });
        let document = format!("v = {}", value(&original));
        let parsed: serde_json::Value = toml::from_str(&document).unwrap();
        assert_eq!(parsed["v"], original, "{document}");
    }
}
