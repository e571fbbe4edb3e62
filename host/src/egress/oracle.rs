//! The decision over a request once more, another way: what property tests and fuzzing hold the real one against.
//!
//! Nothing here is shared with `path` and `matcher`: the path is decoded by a library, and a pattern becomes a regular
//! expression over the decoded text.

use std::sync::LazyLock;

use http::Method;
use percent_encoding::percent_decode_str;
use regex::Regex;

use super::{matcher, path};
use crate::config::{Binding, MethodPattern, RequestPattern, Segment};

static PLAIN_METHOD: LazyLock<Regex> = LazyLock::new(|| compiled("^[A-Z-]+$"));
static ESCAPE: LazyLock<Regex> = LazyLock::new(|| compiled("%[0-9A-Fa-f]{2}"));
static DOTS: LazyLock<Regex> = LazyLock::new(|| compiled(r"(^|/)\.\.?(/|$)"));

fn compiled(expression: &str) -> Regex {
    Regex::new(expression).expect("it is written right here")
}

/// What the host decides: the path that is sent, if the request leaves.
pub(super) fn host(binding: &Binding, method: &Method, raw: &str) -> Option<String> {
    let path = path::normalize(raw).ok()?;
    matcher::decide(binding, &[], method, &path).ok()?;
    Some(path.text)
}

/// What it should decide: the decoded path of a request that leaves.
pub(super) fn reference(binding: &Binding, method: &Method, raw: &str) -> Option<String> {
    let decoded = decoded(raw)?;
    let known = method.as_str();
    let plain = PLAIN_METHOD.is_match(known) && known != "TRACE" && known != "CONNECT";
    let reads = ["GET", "HEAD", "OPTIONS"].contains(&known);
    let fits = |pattern: &RequestPattern, text: &str, lenient: bool| {
        let methods = match &pattern.method {
            MethodPattern::Any => true,
            MethodPattern::Of(methods) => methods.contains(method),
        };
        methods
            && expression(&pattern.path, lenient)
                .is_some_and(|expression| expression.is_match(text))
    };
    let seen = as_lenient_servers_see(&decoded);
    let leaves = plain
        && !binding
            .deny
            .iter()
            .any(|pattern| fits(pattern, &seen, true))
        && (reads || !binding.read_only)
        && binding
            .allow
            .iter()
            .any(|pattern| fits(pattern, &decoded, false));
    leaves.then_some(decoded)
}

/// The path as one text, unless two servers could read it differently.
fn decoded(raw: &str) -> Option<String> {
    if raw.len() > 8 * 1024 || !raw.starts_with('/') || raw.contains("//") {
        return None;
    }
    if ESCAPE.replace_all(raw, "").contains('%') {
        return None;
    }
    // The slashes that were there before decoding are the only ones that may be there after it.
    let decoded = percent_decode_str(raw).decode_utf8().ok()?.into_owned();
    let same_slashes = decoded.matches('/').count() == raw.matches('/').count();
    let odd = |c: char| c.is_control() || matches!(c, '\\' | ';' | '?' | '#');
    if !same_slashes || decoded.contains(odd) || DOTS.is_match(&decoded) {
        return None;
    }
    let twice = decoded.split('/').any(|segment| ESCAPE.is_match(segment));
    (!twice).then_some(decoded)
}

/// Without regard to case, to dots and spaces at the ends of segments, and to a slash at the end.
fn as_lenient_servers_see(decoded: &str) -> String {
    let segments = decoded.split('/').map(lenient_segment);
    let text = segments.collect::<Vec<_>>().join("/");
    match text.strip_suffix('/') {
        Some("") | None => text,
        Some(rest) => rest.to_owned(),
    }
}

fn lenient_segment(segment: &str) -> String {
    let trimmed = segment.trim_end_matches(['.', ' ']);
    let kept = if trimmed.is_empty() { segment } else { trimmed };
    kept.to_uppercase()
        .chars()
        .flat_map(char::to_lowercase)
        .collect()
}

fn expression(pattern: &[Segment], lenient: bool) -> Option<Regex> {
    let mut text = String::from("(?s)^");
    for segment in pattern {
        match segment {
            Segment::Literal(literal) if lenient => {
                text.push('/');
                text.push_str(&regex::escape(&lenient_segment(literal)));
            }
            Segment::Literal(literal) => {
                text.push('/');
                text.push_str(&regex::escape(literal));
            }
            Segment::One => text.push_str("/[^/]+"),
            Segment::Rest => text.push_str("(/.*)?"),
        }
    }
    if pattern.is_empty() {
        text.push('/');
    }
    text.push('$');
    Regex::new(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::tests::binding;

    /// Numbers that look random and are the same each time (`SplitMix64`).
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
        }

        fn one_of<'a>(&mut self, from: &[&'a str]) -> &'a str {
            from[self.below(from.len())]
        }
    }

    const SEGMENTS: [&str; 12] = [
        "a", "b", "A", "*", "x%20y", "api", "token", "%C3%A4", "a.", "s", "k", "100%25",
    ];
    const PLAIN: [&str; 10] = [
        "a", "b", "A", "api", "token", "TOKEN", "x%20y", "%61", "ä", "a.",
    ];
    const PIECES: [&str; 34] = [
        "/", "/", "/", "/", "//", "a", "b", "A", "api", "API", "token", "ToKeN", "x%20y", "%61",
        "%2e", "..", ".", "%2F", "%5c", "\\", ";", "%25", "41", "%C3%A4", "ä", "Ä", "\u{212a}",
        "ſ", "%00", "%ff", "?", "%20", "*", "%",
    ];

    fn pattern(numbers: &mut Numbers) -> RequestPattern {
        let method = numbers.one_of(&["*", "GET", "GET,POST", "DELETE"]);
        let mut path = String::new();
        for _ in 0..numbers.below(4) {
            path.push('/');
            path.push_str(numbers.one_of(&SEGMENTS));
        }
        if path.is_empty() || numbers.below(3) == 0 {
            path.push_str(numbers.one_of(&["/**", "/"]));
        }
        let path = match path.strip_suffix('/') {
            Some(rest) if !rest.is_empty() => rest.to_owned(),
            _ => path,
        };
        format!("{method} {path}").parse().unwrap()
    }

    #[test]
    fn the_host_decides_as_the_reference_says() {
        let mut numbers = Numbers(20_261_121);
        let (mut left, mut stayed) = (0, 0);
        for _ in 0..8_000 {
            let mut bound = binding("https://host");
            bound.allow = (0..=numbers.below(3))
                .map(|_| pattern(&mut numbers))
                .collect();
            if numbers.below(2) == 0 {
                bound.allow.push("* /**".parse().unwrap());
            }
            bound.deny = (0..numbers.below(3))
                .map(|_| pattern(&mut numbers))
                .collect();
            bound.read_only = numbers.below(4) == 0;
            let method = numbers.one_of(&["GET", "POST", "DELETE", "HEAD", "TRACE", "get"]);
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            // Most odd paths are refused, so half of them are not odd.
            let pieces: &[&str] = if numbers.below(2) == 0 {
                &PIECES
            } else {
                &PLAIN
            };
            let mut raw = String::new();
            for _ in 0..=numbers.below(4) {
                raw.push('/');
                raw.push_str(numbers.one_of(pieces));
            }
            if numbers.below(4) == 0 {
                raw.push_str(numbers.one_of(pieces));
            }
            let sent = host(&bound, &method, &raw);
            let expected = reference(&bound, &method, &raw);
            let meant = sent
                .as_deref()
                .map(|text| percent_decode_str(text).decode_utf8().unwrap());
            assert_eq!(
                meant.as_deref(),
                expected.as_deref(),
                "{method} {raw}\nallow {:?}\ndeny {:?}",
                bound.allow,
                bound.deny
            );
            if sent.is_some() {
                left += 1;
            } else {
                stayed += 1;
            }
        }
        assert!(left > 300 && stayed > 300, "{left} {stayed}");
    }
}
