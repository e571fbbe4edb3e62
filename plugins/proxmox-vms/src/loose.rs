//! Reading an API that is loose about types: numbers that are texts, booleans that are 0 and 1, keys that are missing.

use serde_json::Value;

/// Fields of an answer, whatever they are written as.
pub(crate) trait Loose {
    /// A text; a number counts as one. None where there is nothing, or an empty text.
    fn text(&self, key: &str) -> Option<String>;
    /// A whole number that is not negative.
    fn whole(&self, key: &str) -> Option<u64>;
    /// Any number.
    fn number(&self, key: &str) -> Option<f64>;
    /// Whether it is set and not 0.
    fn flag(&self, key: &str) -> bool;
    /// The items of a list; none where it is missing or `null`.
    fn items(&self) -> &[Value];
}

impl Loose for Value {
    fn text(&self, key: &str) -> Option<String> {
        match self.get(key)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(on) => Some(u8::from(*on).to_string()),
            _ => None,
        }
    }

    fn whole(&self, key: &str) -> Option<u64> {
        whole(self.get(key)?)
    }

    fn number(&self, key: &str) -> Option<f64> {
        match self.get(key)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text
                .trim()
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    fn flag(&self, key: &str) -> bool {
        match self.get(key) {
            Some(Value::Bool(on)) => *on,
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            Some(Value::String(text)) => {
                !matches!(text.as_str(), "" | "0" | "no" | "false" | "off")
            }
            _ => false,
        }
    }

    fn items(&self) -> &[Value] {
        self.as_array().map_or(&[], Vec::as_slice)
    }
}

/// A whole number, written as a number or a text, perhaps with a fraction.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    let text = match value {
        Value::Number(number) => match number.as_u64() {
            Some(whole) => return Some(whole),
            None => number.to_string(),
        },
        Value::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    let number: f64 = text.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded by the condition"
    )]
    (0.0..9e15).contains(&number).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_read_however_they_are_written() {
        let value =
            json!({"a": 7, "b": "7", "c": 7.9, "d": "7.9", "e": -1, "f": "x", "g": null, "h": ""});
        let read = |key| value.whole(key);
        assert_eq!([read("a"), read("b"), read("c"), read("d")], [Some(7); 4]);
        assert_eq!(
            [read("e"), read("f"), read("g"), read("h"), read("z")],
            [None; 5]
        );
        assert_eq!(value.number("d"), Some(7.9));
        assert_eq!(
            (value.text("a").as_deref(), value.text("h")),
            (Some("7"), None)
        );
    }

    #[test]
    fn flags_are_read_however_they_are_written() {
        let value = json!({"a": 1, "b": "1", "c": true, "d": 0, "e": "0", "f": "", "g": null});
        assert!(["a", "b", "c"].into_iter().all(|key| value.flag(key)));
        assert!(
            !["d", "e", "f", "g", "z"]
                .into_iter()
                .any(|key| value.flag(key))
        );
        assert!(Value::Null.items().is_empty());
    }
}
