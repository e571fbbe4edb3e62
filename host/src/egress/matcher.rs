//! May this request leave? A pure decision over the binding's patterns.
//!
//! `allow` is matched to the letter. `deny` is matched as the most lenient backend would read the path: without
//! regard to case, to a slash at the end, and to dots and spaces at the end of a segment (Windows drops them). So
//! a mistake in either direction refuses.

use http::Method;

use super::path::GuestPath;
use crate::config::{Binding, MethodPattern, RequestPattern, Segment};

/// Why a request may not leave.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Denial {
    /// The method means something to the connection, or echoes the request.
    Method,
    /// The path is the credential's own.
    CredentialPath,
    /// `deny` has this pattern.
    Denied(String),
    /// The binding is read-only.
    ReadOnly,
    /// No pattern of `allow` fits.
    NotAllowed,
}

/// Why a request is not the plugin's to send, whatever the operator allows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unwanted {
    /// The manifest does not name the backend.
    Backend,
    /// The manifest names the backend, and not this request.
    Request,
}

/// Whether the manifest asks for the request. `wanted`: its patterns for the backend.
pub(super) fn want(
    wanted: Option<&[RequestPattern]>,
    method: &Method,
    path: &GuestPath,
) -> Result<(), Unwanted> {
    let patterns = wanted.ok_or(Unwanted::Backend)?;
    let fits = patterns
        .iter()
        .any(|pattern| allows(pattern, method, &path.segments));
    if fits { Ok(()) } else { Err(Unwanted::Request) }
}

/// Decides. `own_paths` are those of the binding's credential, normalized.
pub(super) fn decide(
    binding: &Binding,
    own_paths: &[GuestPath],
    method: &Method,
    path: &GuestPath,
) -> Result<(), Denial> {
    // A method in small letters is another method by the standard and the same one to lenient servers.
    let is_plain = method
        .as_str()
        .bytes()
        .all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    if !is_plain || matches!(*method, Method::TRACE | Method::CONNECT) {
        return Err(Denial::Method);
    }
    let folded = fold_all(&path.segments);
    if own_paths
        .iter()
        .any(|own| fold_all(&own.segments) == folded)
    {
        return Err(Denial::CredentialPath);
    }
    if let Some(pattern) = binding
        .deny
        .iter()
        .find(|pattern| denies(pattern, method, &folded))
    {
        return Err(Denial::Denied(pattern.text.clone()));
    }
    if binding.read_only && !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Err(Denial::ReadOnly);
    }
    if !binding
        .allow
        .iter()
        .any(|pattern| allows(pattern, method, &path.segments))
    {
        return Err(Denial::NotAllowed);
    }
    Ok(())
}

fn allows(pattern: &RequestPattern, method: &Method, segments: &[String]) -> bool {
    fits_method(&pattern.method, method)
        && fits(&pattern.path, segments, |literal, segment| {
            literal == segment
        })
}

fn denies(pattern: &RequestPattern, method: &Method, folded: &[String]) -> bool {
    fits_method(&pattern.method, method)
        && fits(&pattern.path, folded, |literal, segment| {
            fold(literal) == segment
        })
}

fn fits_method(pattern: &MethodPattern, method: &Method) -> bool {
    match pattern {
        MethodPattern::Any => true,
        MethodPattern::Of(methods) => methods.contains(method),
    }
}

fn fits(
    pattern: &[Segment],
    segments: &[String],
    fits_literal: impl Fn(&str, &str) -> bool,
) -> bool {
    let mut segments = segments.iter();
    for part in pattern {
        let fits = match (part, segments.next()) {
            (Segment::Rest, _) => return true,
            (_, None) => false,
            (Segment::One, Some(segment)) => !segment.is_empty(),
            (Segment::Literal(literal), Some(segment)) => fits_literal(literal, segment),
        };
        if !fits {
            return false;
        }
    }
    segments.next().is_none()
}

fn fold_all(segments: &[String]) -> Vec<String> {
    let mut folded: Vec<_> = segments.iter().map(|segment| fold(segment)).collect();
    if segments.last().is_some_and(String::is_empty) {
        folded.pop();
    }
    folded
}

fn fold(segment: &str) -> String {
    let kept = segment.trim_end_matches(['.', ' ']);
    // A segment of nothing but dots and spaces still is one.
    let kept = if kept.is_empty() { segment } else { kept };
    // Up, then down: some letters differ in one direction only (`ſ`, the Kelvin sign).
    kept.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::path::normalize;
    use crate::egress::tests::binding;

    fn patterns(texts: &[&str]) -> Vec<RequestPattern> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    struct Rules {
        binding: Binding,
        own: Vec<GuestPath>,
    }

    fn rules(allow: &[&str], deny: &[&str]) -> Rules {
        let mut binding = binding("http://host");
        binding.allow = patterns(allow);
        binding.deny = patterns(deny);
        Rules {
            binding,
            own: Vec::new(),
        }
    }

    impl Rules {
        fn ask(&self, method: &str, path: &str) -> Result<(), Denial> {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            decide(&self.binding, &self.own, &method, &normalize(path).unwrap())
        }

        #[track_caller]
        fn check(&self, method: &str, path: &str, expected: Result<(), &str>) {
            let expected = expected.map_err(|denial| match denial {
                "allow" => Denial::NotAllowed,
                "read-only" => Denial::ReadOnly,
                "method" => Denial::Method,
                "own" => Denial::CredentialPath,
                pattern => Denial::Denied(pattern.to_owned()),
            });
            assert_eq!(self.ask(method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn allow_is_matched_to_the_letter() {
        let rules = rules(
            &[
                "GET /",
                "GET /a/*/c",
                "GET,POST /b/**",
                "* /any",
                "GET /x%20y",
            ],
            &[],
        );
        for (method, path) in [
            ("GET", "/"),
            ("GET", "/a/b/c"),
            ("GET", "/a/%2A/c"),
            ("GET", "/b"),
            ("GET", "/b/"),
            ("POST", "/b/c/d/e"),
            ("DELETE", "/any"),
            ("GET", "/%61ny"),
            ("GET", "/x%20y"),
        ] {
            rules.check(method, path, Ok(()));
        }
        for (method, path) in [
            ("POST", "/"),
            ("HEAD", "/"),
            ("GET", "/a"),
            ("GET", "/a/c"),
            ("GET", "/a/b/c/"),
            ("GET", "/a/b/b/c"),
            ("GET", "/A/b/c"),
            ("DELETE", "/b"),
            ("GET", "/bb"),
            ("GET", "/any/"),
            ("GET", "/any."),
            ("GET", "/xy"),
        ] {
            rules.check(method, path, Err("allow"));
        }
    }

    #[test]
    fn deny_beats_allow_however_the_path_is_spelled() {
        let rules = rules(&["* /**"], &["* /api/oauth2/**", "POST /api/jobs/*"]);
        for path in [
            "/api/oauth2",
            "/api/oauth2/",
            "/api/oauth2/token",
            "/API/OAuth2/Token",
            "/%61pi/oauth2/x/y",
            "/api./oauth2/x",
            "/api%20/oauth2.%20./",
        ] {
            rules.check("GET", path, Err("* /api/oauth2/**"));
        }
        for path in ["/api/jobs/1", "/api/Jobs/1/", "/api/jobs/%20"] {
            rules.check("POST", path, Err("POST /api/jobs/*"));
            rules.check("GET", path, Ok(()));
        }
        rules.check("POST", "/api/jobs/1/x", Ok(()));
        rules.check("GET", "/api/oauth", Ok(()));
        let folded = super::fold("TOKEN\u{212a}ſ");
        assert_eq!(folded, "tokenks");
    }

    #[test]
    fn the_credentials_own_paths_are_denied_however_spelled() {
        let mut rules = rules(&["* /**"], &[]);
        rules.own = vec![normalize("/login").unwrap()];
        for path in ["/login", "/Login/", "/login."] {
            rules.check("POST", path, Err("own"));
            rules.check("GET", path, Err("own"));
        }
        rules.check("POST", "/login/x", Ok(()));
    }

    #[test]
    fn a_read_only_binding_lets_reading_methods_out() {
        let mut rules = rules(&["* /**"], &[]);
        rules.binding.read_only = true;
        for method in ["GET", "HEAD", "OPTIONS"] {
            rules.check(method, "/a", Ok(()));
        }
        for method in ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"] {
            rules.check(method, "/a", Err("read-only"));
        }
    }

    #[test]
    fn odd_methods_never_leave() {
        let rules = rules(&["* /**"], &[]);
        for method in ["TRACE", "CONNECT", "get", "Post", "X_Y", "GET1"] {
            rules.check(method, "/a", Err("method"));
        }
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        rules(&[], &[]).check("GET", "/", Err("allow"));
    }

    /// The same language, as plainly as it can be said: a pattern is a set of regular words over segments.
    fn reference(pattern: &[Segment], path: &[&str]) -> bool {
        match (pattern, path) {
            ([], []) | ([Segment::Rest], _) => true,
            ([Segment::One, pattern @ ..], [first, path @ ..]) => {
                !first.is_empty() && reference(pattern, path)
            }
            ([Segment::Literal(literal), pattern @ ..], [first, path @ ..]) => {
                literal == first && reference(pattern, path)
            }
            _ => false,
        }
    }

    #[test]
    fn the_matcher_agrees_with_the_reference_on_every_small_input() {
        let parts = ["a", "b", "*"];
        let names = ["a", "b", "c"];
        let mut compared = 0;
        for pattern_length in 0..4_usize {
            for pattern_number in 0..3_usize.pow(pattern_length.try_into().unwrap()) {
                let chosen = digits(pattern_number, pattern_length).map(|d| parts[d]);
                let chosen: Vec<_> = chosen.collect();
                for rest in [false, true] {
                    let mut words = chosen.clone();
                    words.extend(rest.then_some("**"));
                    let pattern = format!("GET /{}", words.join("/"));
                    let rules = rules(&[&pattern], &[]);
                    let deny = self::rules(&["* /**"], &[&pattern]);
                    for length in 0..5_usize {
                        for number in 0..3_usize.pow(length.try_into().unwrap()) {
                            let path: Vec<_> = digits(number, length).map(|d| names[d]).collect();
                            let expected = reference(&rules.binding.allow[0].path, &path);
                            let text = format!("/{}", path.join("/"));
                            assert_eq!(
                                rules.ask("GET", &text).is_ok(),
                                expected,
                                "{pattern} on {text}"
                            );
                            assert_eq!(
                                deny.ask("GET", &text).is_err(),
                                expected,
                                "deny {pattern} on {text}"
                            );
                            compared += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(compared, 2 * 40 * 121);
    }

    fn digits(mut number: usize, length: usize) -> impl Iterator<Item = usize> {
        (0..length).map(move |_| {
            let digit = number % 3;
            number /= 3;
            digit
        })
    }
}
