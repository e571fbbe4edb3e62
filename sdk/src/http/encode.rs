//! What may stand in a path, a query and a header: the one place where text from outside becomes part of a request.

use std::fmt::Display;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but RFC 3986's unreserved characters. `+` is among them: servers read a bare one as a space.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Appends percent-encoded text.
fn push_encoded(to: &mut String, text: &str) {
    to.extend(utf8_percent_encode(text, RESERVED));
}

/// Appends `name=value` to a query or a form.
pub(super) fn push_pair(to: &mut String, name: &str, value: &impl Display) {
    if !to.is_empty() {
        to.push('&');
    }
    push_encoded(to, name);
    to.push('=');
    push_encoded(to, &value.to_string());
}

/// Appends a segment to a path. An empty one and the dots would name another resource than was meant.
pub(super) fn push_segment(path: &mut String, segment: &str) -> Result<(), String> {
    if matches!(segment, "" | "." | "..") {
        return Err(format!("{segment:?} cannot be part of a path"));
    }
    if !path.ends_with('/') {
        path.push('/');
    }
    push_encoded(path, segment);
    Ok(())
}

/// Checks a path given as a whole: it is written by the plugin's author, but often formatted.
pub(super) fn check_path(path: &str) -> Result<(), String> {
    let plain = path
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"?#\\".contains(&byte));
    if !path.starts_with('/') || !plain {
        return Err(format!(
            "{path:?} is not a path: it starts with `/`, and takes what must be escaped from `segment` and `query`"
        ));
    }
    let dots = |segment: &str| {
        matches!(
            &*percent_decode_str(segment).decode_utf8_lossy(),
            "." | ".."
        )
    };
    if path.split('/').any(dots) {
        return Err(format!("{path:?} is not a path: it leaves a folder"));
    }
    Ok(())
}

/// Checks a header: a name of RFC 9110's token characters, a value that ends no line.
pub(super) fn check_header(name: &str, value: &str) -> Result<(), String> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(format!("{name:?} is not the name of a header"));
    }
    if value
        .bytes()
        .any(|byte| byte != b'\t' && !(b' '..=b'~').contains(&byte))
    {
        // The value may be a secret of the plugin's own.
        return Err(format!(
            "the value of header `{name}` has characters other than printable ASCII"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_escaped() {
        for (segment, expected) in [
            ("plain-1.2_~", "/jobs/plain-1.2_~"),
            ("a b/c?d#e%2f", "/jobs/a%20b%2Fc%3Fd%23e%252f"),
            ("größe+", "/jobs/gr%C3%B6%C3%9Fe%2B"),
            ("...", "/jobs/..."),
        ] {
            let mut path = "/jobs".to_owned();
            push_segment(&mut path, segment).unwrap();
            assert_eq!(path, expected);
        }
    }

    #[test]
    fn segments_cannot_climb() {
        for segment in ["", ".", ".."] {
            assert!(
                push_segment(&mut "/jobs".to_owned(), segment).is_err(),
                "{segment:?} was taken"
            );
        }
    }

    #[test]
    fn pairs_are_escaped() {
        let mut query = String::new();
        push_pair(&mut query, "name filter", &"a+b&c=d");
        push_pair(&mut query, "limit", &10);
        assert_eq!(query, "name%20filter=a%2Bb%26c%3Dd&limit=10");
    }

    #[test]
    fn paths_given_whole_are_checked() {
        for good in ["/", "/api/v1/jobs", "/a%20b", "/a..b/...", "/x:y@z/"] {
            assert_eq!(check_path(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "api",
            "/a?b=c",
            "/a#b",
            "/a b",
            "/ä",
            "/a/../b",
            "/a/%2e%2E/b",
            "/./a",
            "/a\\..\\b",
            "/a\r\nb",
        ] {
            assert!(check_path(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn headers_cannot_end_a_line() {
        assert_eq!(check_header("x-api-version", "1.3-rev1\t(x)"), Ok(()));
        for (name, value) in [
            ("", "a"),
            ("a b", "c"),
            ("a:", "c"),
            ("a", "b\r\nc: d"),
            ("a", "b\0"),
            ("a", "ä"),
        ] {
            let error = check_header(name, value).unwrap_err();
            assert!(!error.contains("c: d"), "the value is in {error}");
        }
    }
}
