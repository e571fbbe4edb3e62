//! Which headers a guest may send, and which it may see.

use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HOST, HeaderName};
use http::{HeaderMap, HeaderValue};

use super::refusal::Refusal;
use crate::credential::Patterns;

/// Most headers of a request.
const MOST: usize = 64;

/// Most bytes of a request's headers, names and values.
const MOST_BYTES: usize = 32 * 1024;

/// Most bytes of an answer's headers. They are held on the host while the guest holds the answer.
const MOST_ANSWER_BYTES: usize = 64 * 1024;

/// What is done with a header of a guest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rule {
    Pass,
    /// Many libraries send it unasked, and the host does better.
    Drop,
    Refuse(&'static str),
}

const CREDENTIAL: &str = "the host logs in to the backend, not the plugin";
const CONNECTIONS: &str = "connections are the host's";
const FORWARDING: &str = "the plugin cannot speak for a client";
const REROUTING: &str = "it can change what is asked for after it was checked";

fn rule(name: &HeaderName) -> Rule {
    // Some servers read `_` as `-` (the rule of CGI), so what is not to pass must not pass as that either.
    let name = name.as_str().replace('_', "-");
    match name.as_str() {
        "accept-encoding" | "connection" | "expect" | "keep-alive" | "te" => Rule::Drop,
        "authorization" | "cookie" | "cookie2" => Rule::Refuse(CREDENTIAL),
        "http2-settings" | "trailer" | "transfer-encoding" | "upgrade" => Rule::Refuse(CONNECTIONS),
        "client-ip"
        | "forwarded"
        | "true-client-ip"
        | "via"
        | "x-client-cert"
        | "x-client-ip"
        | "x-cluster-client-ip"
        | "x-real-ip"
        | "x-remote-user" => Rule::Refuse(FORWARDING),
        "x-http-method"
        | "x-http-method-override"
        | "x-method-override"
        | "x-original-host"
        | "x-original-method"
        | "x-original-uri"
        | "x-original-url"
        | "x-rewrite-url" => Rule::Refuse(REROUTING),
        // Asked for in small pieces, a token could not be found in the answer.
        "if-range" | "range" => Rule::Refuse("answers come whole"),
        _ if name.starts_with("proxy-") => Rule::Refuse(CONNECTIONS),
        _ if name.starts_with("x-forwarded") => Rule::Refuse(FORWARDING),
        _ => Rule::Pass,
    }
}

/// The headers of a guest's request that are sent, and its `Content-Length`.
///
/// `reserved` are the headers of the binding's credential.
pub(super) fn admit(
    mut headers: HeaderMap,
    reserved: &[HeaderName],
    backend: &str,
) -> Result<(HeaderMap, Option<u64>), Refusal> {
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if headers.len() > MOST || bytes > MOST_BYTES {
        return Err(Refusal::invalid_input(format!(
            "a request to backend \"{backend}\" has too many headers: at most {MOST}, and {} KiB in all, are sent",
            MOST_BYTES / 1024
        )));
    }
    let declared = declared_length(&headers, backend)?;
    headers.remove(CONTENT_LENGTH);
    // A library derives it from the URL, where it is the backend's name.
    if headers
        .get_all(HOST)
        .iter()
        .all(|host| host.as_bytes() == backend.as_bytes())
    {
        headers.remove(HOST);
    }

    let names: Vec<HeaderName> = headers.keys().cloned().collect();
    for name in names {
        let spelled = name.as_str().replace('_', "-");
        let verdict = if name == HOST {
            Rule::Refuse("the backend's address is the host's")
        } else if reserved
            .iter()
            .any(|own| own.as_str().replace('_', "-") == spelled)
        {
            Rule::Refuse(CREDENTIAL)
        } else if spelled == CONTENT_LENGTH.as_str() {
            Rule::Refuse(CONNECTIONS)
        } else {
            rule(&name)
        };
        match verdict {
            Rule::Pass => {}
            Rule::Drop => {
                headers.remove(&name);
            }
            Rule::Refuse(reason) => {
                return Err(Refusal::denied(format!(
                    "a request to backend \"{backend}\" must not have the header `{}`: {reason}",
                    shortened(name.as_str())
                )));
            }
        }
    }
    // A compressed answer could not be searched for the token.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok((headers, declared))
}

fn shortened(name: &str) -> &str {
    &name[..name.len().min(64)]
}

fn declared_length(headers: &HeaderMap, backend: &str) -> Result<Option<u64>, Refusal> {
    let mut declared = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let length = value
            .to_str()
            .ok()
            .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok());
        match (length, declared) {
            (Some(length), None) => declared = Some(length),
            (Some(length), Some(earlier)) if length == earlier => {}
            _ => {
                return Err(Refusal::invalid_input(format!(
                    "a request to backend \"{backend}\" has a `content-length` that is not one number"
                )));
            }
        }
    }
    Ok(declared)
}

/// Takes from an answer's headers what is not for guests, and the token wherever it is echoed.
///
/// `Location` has been seen to before.
pub(super) fn clean(
    headers: &mut HeaderMap,
    patterns: &Patterns,
    backend: &str,
) -> Result<(), Refusal> {
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if bytes > MOST_ANSWER_BYTES {
        return Err(Refusal::unavailable(format!(
            "backend \"{backend}\" answered with more than {} KiB of headers",
            MOST_ANSWER_BYTES / 1024
        )));
    }
    let names: Vec<HeaderName> = headers.keys().cloned().collect();
    for name in &names {
        if !may_be_seen(name) {
            headers.remove(name);
        }
    }
    for value in headers.values_mut() {
        if let Some(scrubbed) = patterns.scrub(value.as_bytes()) {
            // Asterisks are fit for a header wherever the token was.
            *value = HeaderValue::from_bytes(&scrubbed)
                .unwrap_or_else(|_| HeaderValue::from_static("*"));
        }
    }
    Ok(())
}

fn may_be_seen(name: &HeaderName) -> bool {
    const HIDDEN: [&str; 17] = [
        // Sessions and challenges are between the host and the backend.
        "authentication-info",
        "proxy-authenticate",
        "proxy-authentication-info",
        "set-cookie",
        "set-cookie2",
        "www-authenticate",
        // They hold addresses, which mean nothing to a guest.
        "alt-svc",
        "content-location",
        "refresh",
        "strict-transport-security",
        // Hop by hop.
        "keep-alive",
        "proxy-connection",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "connection",
        "te",
    ];
    !HIDDEN.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::egress::Trouble;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        headers
            .iter()
            .map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect()
    }

    fn ask(headers: &[(&str, &str)]) -> Result<(HeaderMap, Option<u64>), Refusal> {
        let mut asked = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            asked.append(name, HeaderValue::from_str(value).unwrap());
        }
        admit(asked, &[HeaderName::from_static("x-api-key")], "vbr")
    }

    #[test]
    fn ordinary_headers_pass() {
        let (headers, length) = ask(&[
            ("accept", "application/json"),
            ("content-type", "application/json"),
            ("x-api-version", "1.2-rev1"),
            ("user-agent", "plugin/1"),
            ("if-none-match", "\"a\""),
            ("content-length", "12"),
        ])
        .unwrap();
        assert_eq!(length, Some(12));
        assert_eq!(headers.len(), 6);
        assert_eq!(headers["accept-encoding"], "identity");
        assert!(!headers.contains_key("content-length"));
    }

    #[test]
    fn what_libraries_send_unasked_is_dropped() {
        let (headers, _) = ask(&[
            ("host", "vbr"),
            ("accept-encoding", "gzip, br"),
            ("connection", "close, x-foo"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("expect", "100-continue"),
            ("x-foo", "kept"),
        ])
        .unwrap();
        assert_eq!(
            headers,
            map(&[("x-foo", "kept"), ("accept-encoding", "identity")])
        );
    }

    #[test]
    fn what_is_the_hosts_is_refused_by_name() {
        for name in [
            "authorization",
            "Authorization",
            "cookie",
            "x-api-key",
            "X_Api_Key",
            "x_api-key",
            "proxy-authorization",
            "proxy-connection",
            "proxy-anything",
            "transfer-encoding",
            "transfer_encoding",
            "content_length",
            "trailer",
            "upgrade",
            "http2-settings",
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-host",
            "X_Forwarded_For",
            "x-real-ip",
            "via",
            "range",
            "if-range",
            "x-http-method-override",
            "x-original-url",
            "x-rewrite-url",
        ] {
            let refusal = ask(&[(name, "1")]).unwrap_err();
            assert_eq!(refusal.trouble, Trouble::Denied, "{name}");
            let lower = name.to_ascii_lowercase();
            assert!(refusal.message.contains(&lower), "{refusal}");
            assert!(refusal.message.contains("backend \"vbr\""), "{refusal}");
        }
        for host in ["other", "VBR", "vbr:80", ""] {
            assert_eq!(ask(&[("host", host)]).unwrap_err().trouble, Trouble::Denied);
        }
        let both = ask(&[("host", "vbr"), ("host", "other")]);
        assert_eq!(both.unwrap_err().trouble, Trouble::Denied);
    }

    #[test]
    fn a_length_is_one_number() {
        let lengths = |values: &[&'static str]| {
            let headers: Vec<_> = values.iter().map(|&v| ("content-length", v)).collect();
            ask(&headers).map(|(_, length)| length)
        };
        assert_eq!(lengths(&[]), Ok(None));
        assert_eq!(lengths(&["7", "7"]), Ok(Some(7)));
        for bad in [
            &["7", "8"][..],
            &["7, 7"],
            &["+7"],
            &["-1"],
            &[""],
            &["0x10"],
            &["99999999999999999999"],
        ] {
            let refusal = lengths(bad).unwrap_err();
            assert_eq!(refusal.trouble, Trouble::InvalidInput, "{bad:?}");
        }
    }

    #[test]
    fn number_and_size_are_bounded() {
        let many: Vec<String> = (0..=MOST).map(|n| format!("x-{n}")).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), "1")).collect();
        let large = "a".repeat(MOST_BYTES);
        for headers in [many, vec![("x-a", large.as_str())]] {
            let refusal = ask(&headers).unwrap_err();
            assert_eq!(refusal.trouble, Trouble::InvalidInput);
        }
    }

    #[test]
    fn a_line_end_is_no_header() {
        for bad in ["a\r\nx: y", "a\nb", "a\0b"] {
            assert!(HeaderValue::from_str(bad).is_err());
            assert!(HeaderName::from_bytes(bad.as_bytes()).is_err());
        }
    }

    #[test]
    fn an_answer_loses_sessions_challenges_and_tokens() {
        let secret = Secret::new("token-12345".to_owned());
        let mut headers = map(&[
            ("content-type", "text/plain"),
            ("content-length", "3"),
            ("set-cookie", "s=1"),
            ("www-authenticate", "Bearer realm=x"),
            ("connection", "close"),
            ("transfer-encoding", "chunked"),
            ("alt-svc", "h3=\":443\""),
            ("x-echo", "Bearer token-12345!"),
        ]);
        clean(&mut headers, &Patterns::of([&secret]), "vbr").unwrap();
        let expected = map(&[
            ("content-type", "text/plain"),
            ("content-length", "3"),
            ("x-echo", "Bearer ***********!"),
        ]);
        assert_eq!(headers, expected);
    }

    #[test]
    fn an_answer_with_a_flood_of_headers_is_refused() {
        let flood = "a".repeat(MOST_ANSWER_BYTES);
        let mut headers = map(&[("x-a", &flood)]);
        let refusal = clean(&mut headers, &Patterns::none(), "vbr").unwrap_err();
        assert_eq!(refusal.trouble, Trouble::Unavailable);
    }
}
