//! Which URIs a template stands for: the part of RFC 6570 that templates of resources use.
//!
//! `{name}` stands for one or more characters without `/`, `?` and `#`, `{+name}` for any, `{?a,b}` for a query or none.

use regex::Regex;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

/// Longest template, bytes.
const MAX_BYTES: usize = 2 * 1024;

/// A compiled template. Matching takes time linear in the URI.
#[derive(Debug)]
pub(super) struct Matcher(Regex);

impl Matcher {
    /// Compiles a template. The error says what is wrong with it.
    pub(super) fn new(template: &str) -> Result<Self, String> {
        if template.len() > MAX_BYTES {
            return Err(format!("has more than {MAX_BYTES} bytes"));
        }
        let mut pattern = String::from("^");
        let mut rest = template;
        while let Some(open) = rest.find('{') {
            let (literal, after) = rest.split_at(open);
            pattern.push_str(&regex::escape(literal));
            let close = after.find('}').ok_or("has a `{` without its `}`")?;
            pattern.push_str(expression(&after[1..close])?);
            rest = &after[close + 1..];
        }
        if rest.contains('}') {
            return Err("has a `}` without its `{`".to_owned());
        }
        pattern.push_str(&regex::escape(rest));
        pattern.push('$');
        Regex::new(&pattern)
            .map(Self)
            .map_err(|error| format!("cannot be matched: {error}"))
    }

    pub(super) fn fits(&self, uri: &str) -> bool {
        self.0.is_match(uri)
    }
}

fn expression(text: &str) -> Result<&'static str, String> {
    let (pattern, names) = match text.as_bytes().first() {
        Some(b'+') => (".+", &text[1..]),
        Some(b'?') => (r"(\?[^#]*)?", &text[1..]),
        _ => ("[^/?#]+", text),
    };
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.')
    };
    if names.split(',').all(is_name) {
        Ok(pattern)
    } else {
        Err(format!(
            "has the expression `{{{text}}}`, which is not one of `{{name}}`, `{{+name}}`, `{{?name}}`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_stand_for_uris() {
        let table = [
            ("test://template/{id}/data", "test://template/7/data", true),
            (
                "test://template/{id}/data",
                "test://template/7/8/data",
                false,
            ),
            ("test://template/{id}/data", "test://template//data", false),
            ("file:///{+path}", "file:///a/b", true),
            ("vbr://jobs{?state}", "vbr://jobs", true),
            ("vbr://jobs{?state}", "vbr://jobs?state=failed", true),
            ("a.b://{x}", "aXb://1", false),
        ];
        for (template, uri, expected) in table {
            let matcher = Matcher::new(template).expect("a template");
            assert_eq!(matcher.fits(uri), expected, "{template} {uri}");
        }
        for bad in ["a://{", "a://}", "a://{}", "a://{*x}", "a://{x y}"] {
            assert!(Matcher::new(bad).is_err(), "{bad}");
        }
    }
}
