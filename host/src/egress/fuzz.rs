//! Fuzzing: requests against patterns, each decided twice: by the host, and by the reference of `oracle`.
//!
//! The input is text: `allow PATTERN`, `deny PATTERN` and `read-only` make the binding; every other line is a request,
//! `METHOD PATH`.

use http::Method;
use percent_encoding::percent_decode_str;

use super::attempt::address;
use super::{oracle, path, sample};
use crate::config::{Binding, RequestPattern};

/// Patterns of a kind, and requests: a regular expression is made of each pattern, for each request.
const MOST: usize = 8;

/// Decides every request of the input.
pub(crate) fn egress(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut binding = sample::binding("https://host.example:8443/prefix");
    let mut requests = Vec::new();
    for line in text.split('\n') {
        match line.split_once(' ') {
            Some(("allow", written)) => binding.allow.extend(pattern(written)),
            Some(("deny", written)) => binding.deny.extend(pattern(written)),
            Some(request) => requests.push(request),
            None if line == "read-only" => binding.read_only = true,
            None => {}
        }
    }
    binding.allow.truncate(MOST);
    binding.deny.truncate(MOST);
    for (method, raw) in requests.into_iter().take(MOST) {
        if let Ok(method) = Method::from_bytes(method.as_bytes()) {
            decide(&binding, &method, raw);
        }
    }
}

/// A pattern that is one reads, as it is printed, as the same.
fn pattern(written: &str) -> Option<RequestPattern> {
    let pattern: RequestPattern = written.parse().ok()?;
    let printed = pattern.to_string();
    let again: RequestPattern = printed.parse().expect("what is printed is a pattern");
    assert_eq!(
        (&again.method, &again.path),
        (&pattern.method, &pattern.path),
        "{written} {printed}"
    );
    Some(pattern)
}

fn decide(binding: &Binding, method: &Method, raw: &str) {
    let sent = oracle::host(binding, method, raw);
    let expected = oracle::reference(binding, method, raw);
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8();
        text.expect("what is sent is text").into_owned()
    };
    assert_eq!(
        sent.as_deref().map(decoded),
        expected,
        "{method} {raw}\nallow {:?}\ndeny {:?}",
        binding.allow,
        binding.deny
    );
    let Some(sent) = sent else { return };
    // It has one form, and it goes where the binding says.
    let again = path::normalize(&sent).expect("what is sent would be sent");
    assert_eq!(again.text, sent);
    if let Ok(url) = address(binding, &sent, None) {
        assert_eq!(
            url.as_str(),
            format!("https://host.example:8443/prefix{sent}")
        );
    }
}
