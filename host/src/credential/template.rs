//! Texts with `{placeholders}`.
//!
//! A placeholder is a name of letters, digits, `_` and `-` in braces; any other brace stands for itself, so JSON
//! may be written as it is. A text is gone over once: a secret that holds `{…}` is not looked into.

use std::collections::BTreeMap;

use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use super::error::LoginError;
use crate::config::Secret;

/// What fills the placeholders.
pub(super) type Values = BTreeMap<String, Secret>;

enum Piece<'a> {
    Text(&'a str),
    Placeholder(&'a str),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(name) = leading_placeholder(rest) {
            rest = &rest[name.len() + 2..];
            return Some(Piece::Placeholder(name));
        }
        let end = rest
            .char_indices()
            .skip(1)
            .find(|&(at, c)| c == '{' && leading_placeholder(&rest[at..]).is_some())
            .map_or(rest.len(), |(at, _)| at);
        let (text, after) = rest.split_at(end);
        rest = after;
        Some(Piece::Text(text))
    })
}

fn leading_placeholder(text: &str) -> Option<&str> {
    let name = text.strip_prefix('{')?.split_once('}')?.0;
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    is_name.then_some(name)
}

/// The placeholders in a text.
pub(super) fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).filter_map(|piece| match piece {
        Piece::Placeholder(name) => Some(name),
        Piece::Text(_) => None,
    })
}

/// The text with its placeholders filled.
pub(super) fn fill(text: &str, values: &Values) -> Result<Zeroizing<String>, LoginError> {
    let value = |name: &str| {
        let value = values.get(name).map(Secret::expose);
        value.ok_or_else(|| LoginError::Placeholder(name.to_owned()))
    };
    let mut length = 0;
    for piece in pieces(text) {
        length += match piece {
            Piece::Text(text) => text.len(),
            Piece::Placeholder(name) => value(name)?.len(),
        };
    }
    // The full capacity at once: a string that grows leaves copies behind.
    let mut filled = Zeroizing::new(String::with_capacity(length));
    for piece in pieces(text) {
        filled.push_str(match piece {
            Piece::Text(text) => text,
            Piece::Placeholder(name) => value(name)?,
        });
    }
    Ok(filled)
}

/// The JSON value with the placeholders in all of its strings filled. Keys stay as they are.
pub(super) fn fill_json(value: &Value, values: &Values) -> Result<Value, LoginError> {
    Ok(match value {
        Value::String(text) => Value::String(std::mem::take(&mut *fill(text, values)?)),
        Value::Array(items) => items
            .iter()
            .map(|item| fill_json(item, values))
            .collect::<Result<_, _>>()?,
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| Ok((key.clone(), fill_json(member, values)?)))
            .collect::<Result<_, LoginError>>()?,
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

/// Zeroes every string in a JSON value.
pub(super) fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        [("user", "ann"), ("pass-word", "{user}\"€")]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Secret::new(value.to_owned())))
            .collect()
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(fill(text, &values()).unwrap().as_str(), expected, "{text}");
    }

    #[test]
    fn placeholders_are_filled_once_and_other_braces_stay() {
        check("", "");
        check("plain", "plain");
        check("{user}", "ann");
        check("a{user}b{user}", "aannbann");
        check("{pass-word}", "{user}\"€");
        check("{ user}{}{", "{ user}{}{");
        check("{{user}}", "{ann}");
        check("ü{a b}{user}", "ü{a b}ann");
        check(r#"{"a":"{user}"}"#, r#"{"a":"ann"}"#);
    }

    #[test]
    fn an_unknown_placeholder_is_an_error() {
        let error = fill("x{nobody}", &values()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "nothing fills the placeholder `{nobody}`"
        );
    }

    #[test]
    fn json_is_filled_in_its_strings_only_and_wiped() {
        let template = serde_json::json!({"{user}": ["{user}", 1, null, {"p": "{pass-word}"}]});
        let mut filled = fill_json(&template, &values()).unwrap();
        assert_eq!(
            filled,
            serde_json::json!({"{user}": ["ann", 1, null, {"p": "{user}\"€"}]})
        );
        wipe(&mut filled);
        assert_eq!(
            filled,
            serde_json::json!({"{user}": ["", 1, null, {"p": ""}]})
        );
    }
}
