//! `{placeholders}` in the texts of a login.

/// The names between braces. A brace that begins no name stands for itself, so that JSON in a text stays as it is.
pub fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name)
        .filter(|name| is_name(name))
}

/// Letters, digits, `_` and `-`.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_names_in_braces() {
        let rows: [(&str, &[&str]); 6] = [
            ("", &[]),
            ("{a} and {b_c-1}", &["a", "b_c-1"]),
            ("{{a}}", &["a"]),
            ("{\"x\": 1}", &[]),
            ("{} {a b} {a", &[]),
            ("{a{b}", &["b"]),
        ];
        for (text, expected) in rows {
            assert_eq!(placeholders(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
