//! Values of the API that may be absent, null, empty, or the nil UUID, all of which mean that there is none.

use serde_json::Value;

const NIL: &str = "00000000-0000-0000-0000-000000000000";

/// A text.
#[must_use]
pub fn text(value: &Value, name: &str) -> Option<String> {
    text_of(&value[name])
}

/// The value itself as a text.
#[must_use]
pub fn text_of(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    (!text.is_empty() && text != NIL).then(|| text.to_owned())
}

/// A word of a list that differs in case by revision: in small letters.
#[must_use]
pub fn word(value: &Value, name: &str) -> Option<String> {
    text(value, name).map(|text| text.to_ascii_lowercase())
}

/// The same, where there always is one.
#[must_use]
pub fn word_or(value: &Value, name: &str, otherwise: &str) -> String {
    word(value, name).unwrap_or_else(|| otherwise.to_owned())
}

/// Texts of a list, in small letters.
#[must_use]
pub fn words(value: &Value) -> Vec<String> {
    let all = value.as_array().into_iter().flatten();
    all.filter_map(text_of)
        .map(|text| text.to_ascii_lowercase())
        .collect()
}

/// A text that is always there.
#[must_use]
pub fn always(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// A UUID, as far as its form goes.
#[must_use]
pub fn is_id(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_null_empty_and_nil_are_all_nothing() {
        for nothing in [
            json!({}),
            json!({ "a": null }),
            json!({ "a": "" }),
            json!({ "a": NIL }),
        ] {
            assert_eq!(text(&nothing, "a"), None, "{nothing}");
        }
        assert_eq!(
            word(&json!({ "a": "Running" }), "a").as_deref(),
            Some("running")
        );
        assert!(is_id(NIL) && !is_id("nightly"));
    }
}
