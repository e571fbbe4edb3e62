//! Credentials of kind `oauth2`.

use http::{HeaderName, HeaderValue};

use super::Cx;
use super::credential::{Table, user};
use crate::config::raw::{ClientAuth, OAuth2Grant as Grant};
use crate::config::{OAuth2, OAuth2Grant, defaults};

pub(super) fn resolve(cx: &mut Cx<'_>, table: Table<'_>) -> Option<OAuth2> {
    let raw = table.raw;
    let token_path = cx
        .required(
            raw.token_path.as_ref(),
            table.span,
            table.key("token-path"),
            "\"/api/oauth2/token\"",
        )
        .and_then(|at| cx.login_path(at));
    let grant = cx
        .required(
            raw.grant.as_ref(),
            table.span,
            table.key("grant"),
            "\"password\"",
        )
        .map(|at| at.value)
        .and_then(|grant| resolve_grant(cx, table, grant));
    let headers = headers(cx, table);
    let default_lifetime = cx.duration(
        table.key("default-lifetime"),
        raw.default_lifetime.as_ref(),
        defaults::TOKEN_LIFETIME,
    );
    let scope = raw.scope.as_ref().map(|at| at.value.clone());
    Some(OAuth2 {
        token_path: token_path?,
        grant: grant?,
        scope,
        headers,
        default_lifetime,
    })
}

fn resolve_grant(cx: &mut Cx<'_>, table: Table<'_>, grant: Grant) -> Option<OAuth2Grant> {
    let raw = table.raw;
    match grant {
        Grant::Password => {
            let (username, password) = user(cx, table);
            Some(OAuth2Grant::Password {
                username: username?,
                password: password?,
            })
        }
        Grant::ClientCredentials => {
            let client_id = cx
                .required(
                    raw.client_id.as_ref(),
                    table.span,
                    table.key("client-id"),
                    "\"env:CLIENT_ID\"",
                )
                .and_then(|at| cx.identifier(at));
            let client_secret = cx
                .required(
                    raw.client_secret.as_ref(),
                    table.span,
                    table.key("client-secret"),
                    "\"file:client-secret\"",
                )
                .and_then(|at| cx.secret(at));
            cx.origins
                .default(&table.key("client-auth").path(), "\"header\"");
            let client_auth = raw
                .client_auth
                .as_ref()
                .map_or(ClientAuth::Header, |at| at.value);
            Some(OAuth2Grant::ClientCredentials {
                client_id: client_id?,
                client_secret: client_secret?,
                in_header: client_auth == ClientAuth::Header,
            })
        }
        Grant::RefreshToken => {
            let refresh_token = cx
                .required(
                    raw.refresh_token.as_ref(),
                    table.span,
                    table.key("refresh-token"),
                    "\"file:refresh-token\"",
                )
                .and_then(|at| cx.secret(at));
            let client_id = raw.client_id.as_ref().and_then(|at| cx.identifier(at));
            let client_secret = raw.client_secret.as_ref().and_then(|at| cx.secret(at));
            if let (Some(at), None) = (&raw.client_secret, &raw.client_id) {
                cx.findings
                    .error(&at.span, "a client's secret is of no use without its id")
                    .hint("client-id = \"env:CLIENT_ID\"");
            }
            Some(OAuth2Grant::RefreshToken {
                refresh_token: refresh_token?,
                client_id,
                client_secret,
            })
        }
    }
}

/// Headers of the token request; there is nothing to fill in there, so braces are themselves.
fn headers(cx: &mut Cx<'_>, table: Table<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let Some(raw) = &table.raw.headers else {
        return Vec::new();
    };
    let headers = cx.headers(&raw.value);
    // A value that is none was reported by `headers`.
    headers
        .into_iter()
        .filter_map(|(name, value)| Some((name, HeaderValue::from_str(&value).ok()?)))
        .collect()
}
