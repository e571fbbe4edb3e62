//! 401, 403 and 503: what a client is told about getting in (RFC 6750, RFC 9728).

use http::{HeaderMap, StatusCode, header};

use super::problem::Problem;
use crate::auth;
use crate::config::Ability;
use crate::policy::{self, Missing};

/// The one token of the request.
pub(super) enum Credentials<'a> {
    /// None was sent.
    Absent,
    /// Something that is no bearer token, or several.
    Malformed,
    Bearer(&'a str),
}

/// What `Authorization` says. Tokens elsewhere (query, cookies, body) are not looked for: they end up in logs.
pub(super) fn credentials(headers: &HeaderMap) -> Credentials<'_> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Credentials::Absent;
    };
    let bearer = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        let token = token.trim_matches(' ');
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' '))
            .then_some(token)
    });
    match (bearer, values.next()) {
        (Some(token), None) => Credentials::Bearer(token),
        (_, _) => Credentials::Malformed,
    }
}

/// The scopes that clients without a token are told to ask for.
pub(super) fn usual_scopes() -> String {
    policy::USUAL.map(Ability::scope).join(" ")
}

/// No token at all: no error code, says RFC 6750 section 3.1.
pub(super) fn missing(metadata: Option<&str>) -> Problem {
    Problem::of_token(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "a bearer token is needed",
        Some(challenge(metadata, None, &usual_scopes())),
    )
}

/// A token that is not taken.
pub(super) fn refused(metadata: Option<&str>, refusal: &auth::Refusal) -> Problem {
    let text = refusal.to_string();
    match refusal {
        auth::Refusal::Invalid(_) => {
            let challenge = challenge(metadata, Some(("invalid_token", &text)), &usual_scopes());
            Problem::of_token(
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                text,
                Some(challenge),
            )
        }
        auth::Refusal::Unavailable => Problem::of_token(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            text,
            None,
        )
        .retry_after(15),
    }
}

/// A token that does not allow this.
pub(super) fn insufficient(metadata: Option<&str>, missing: &Missing) -> Problem {
    let text = missing.to_string();
    let scopes = missing.scopes.join(" ");
    let challenge = challenge(metadata, Some(("insufficient_scope", &text)), &scopes);
    Problem::of_token(
        StatusCode::FORBIDDEN,
        "insufficient_scope",
        text,
        Some(challenge),
    )
}

fn challenge(metadata: Option<&str>, error: Option<(&str, &str)>, scopes: &str) -> String {
    let mut parts = Vec::new();
    if let Some((code, text)) = error {
        parts.push(format!("error=\"{code}\""));
        // Texts of ours, none of which has quotes; RFC 6750 allows neither those nor backslashes.
        parts.push(format!(
            "error_description=\"{}\"",
            text.replace(['"', '\\', '`'], "'")
        ));
    }
    parts.push(format!("scope=\"{scopes}\""));
    parts.extend(metadata.map(|url| format!("resource_metadata=\"{url}\"")));
    format!("Bearer {}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bearer_token_is_taken() {
        type Found = Result<Option<&'static str>, ()>;
        let rows: [(&[&str], Found); 9] = [
            (&[], Ok(None)),
            (&["Bearer abc"], Ok(Some("abc"))),
            (&["bearer  abc "], Ok(Some("abc"))),
            (&["Bearer"], Err(())),
            (&["Bearer "], Err(())),
            (&["Bearer a b"], Err(())),
            (&["Basic abc"], Err(())),
            (&["Bearer abc", "Bearer abc"], Err(())),
            (&["Bearerabc"], Err(())),
        ];
        for (values, expected) in rows {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            let found = match credentials(&headers) {
                Credentials::Absent => Ok(None),
                Credentials::Malformed => Err(()),
                Credentials::Bearer(token) => Ok(Some(token)),
            };
            assert_eq!(found, expected, "{values:?}");
        }
    }
}
