//! `[credentials.NAME]`.

use std::ops::Range;

use super::value::Key;
use super::{Cx, login, oauth2};
use crate::config::at::At;
use crate::config::raw::{self, CredentialKind as Kind, OAuth2Grant as Grant};
use crate::config::{Credential, CredentialKind, inline};

/// The table of a credential, for the files that read its parts.
#[derive(Clone, Copy)]
pub(super) struct Table<'r> {
    pub(super) path: &'r str,
    pub(super) span: &'r Range<usize>,
    pub(super) raw: &'r raw::Credential,
}

impl<'r> Table<'r> {
    pub(super) fn key(self, name: &'static str) -> Key<'r> {
        Key {
            table: self.path,
            name,
        }
    }
}

pub(super) fn resolve(
    cx: &mut Cx<'_>,
    name: &At<String>,
    raw: &raw::Credential,
) -> Option<Credential> {
    let path = inline::join("credentials", &name.value);
    let table = Table {
        path: &path,
        span: &name.span,
        raw,
    };
    let parsed = cx.name(name);
    let kind = cx
        .required(
            raw.kind.as_ref(),
            &name.span,
            table.key("kind"),
            "\"oauth2\"",
        )?
        .value;
    misplaced_keys(cx, table, kind);
    let kind = match kind {
        Kind::None => Some(CredentialKind::None),
        Kind::Header => header(cx, table),
        Kind::Basic => basic(cx, table),
        Kind::OAuth2 => oauth2::resolve(cx, table).map(CredentialKind::OAuth2),
        Kind::Login => {
            login::resolve(cx, table).map(|login| CredentialKind::Login(Box::new(login)))
        }
    };
    Some(Credential {
        name: parsed?,
        kind: kind?,
    })
}

fn header(cx: &mut Cx<'_>, table: Table<'_>) -> Option<CredentialKind> {
    let header = cx
        .required(
            table.raw.header.as_ref(),
            table.span,
            table.key("header"),
            "\"authorization\"",
        )
        .and_then(|at| cx.header_name(at));
    let value = cx
        .required(
            table.raw.value.as_ref(),
            table.span,
            table.key("value"),
            "\"file:token\"",
        )
        .and_then(|at| cx.secret(at));
    cx.origins.default(&table.key("prefix").path(), "\"\"");
    let prefix = table.raw.prefix.as_ref().map_or(Some(String::new()), |at| {
        cx.header_text(at)?;
        Some(at.value.clone())
    });
    Some(CredentialKind::Header {
        header: header?,
        prefix: prefix?,
        value: value?,
    })
}

fn basic(cx: &mut Cx<'_>, table: Table<'_>) -> Option<CredentialKind> {
    let (username, password) = user(cx, table);
    Some(CredentialKind::Basic {
        username: username?,
        password: password?,
    })
}

/// `username` and `password`, both required.
pub(super) fn user(
    cx: &mut Cx<'_>,
    table: Table<'_>,
) -> (
    Option<crate::config::SecretSource>,
    Option<crate::config::SecretSource>,
) {
    let username = cx
        .required(
            table.raw.username.as_ref(),
            table.span,
            table.key("username"),
            "\"env:VBR_USERNAME\"",
        )
        .and_then(|at| cx.identifier(at));
    let password = cx
        .required(
            table.raw.password.as_ref(),
            table.span,
            table.key("password"),
            "\"file:vbr-password\"",
        )
        .and_then(|at| cx.secret(at));
    (username, password)
}

/// Keys that mean nothing for this kind, and would give false comfort.
fn misplaced_keys(cx: &mut Cx<'_>, table: Table<'_>, kind: Kind) {
    let (known, what): (&[&str], String) = match kind {
        Kind::None => (&[], "kind = \"none\"".to_owned()),
        Kind::Header => (
            &["header", "prefix", "value"],
            "kind = \"header\"".to_owned(),
        ),
        Kind::Basic => (&["username", "password"], "kind = \"basic\"".to_owned()),
        Kind::OAuth2 => oauth2_keys(table.raw.grant.as_ref().map(|at| at.value)),
        Kind::Login => (
            &[
                "values",
                "request",
                "answer",
                "lifetime-pointer",
                "lifetime",
                "apply",
                "renewal",
                "totp",
                "challenge",
                "challenge-pointer",
            ],
            "kind = \"login\"".to_owned(),
        ),
    };
    for (key, span) in present(table.raw) {
        if !known.contains(&key) {
            let diagnostic = cx
                .findings
                .error(&span, format!("`{key}` means nothing with {what}"));
            if known.is_empty() {
                diagnostic.hint(format!("delete {key}, or change kind"));
            } else {
                diagnostic.hint(format!(
                    "delete it; with {what} there are: {}",
                    known.join(", ")
                ));
            }
        }
    }
}

fn oauth2_keys(grant: Option<Grant>) -> (&'static [&'static str], String) {
    let what = |grant: &str| format!("kind = \"oauth2\" and grant = \"{grant}\"");
    match grant {
        // `grant` is missing, which is reported where it is required.
        None => (
            &[
                "grant",
                "token-path",
                "username",
                "password",
                "client-id",
                "client-secret",
                "client-auth",
                "refresh-token",
                "scope",
                "headers",
                "default-lifetime",
            ],
            "kind = \"oauth2\"".to_owned(),
        ),
        Some(Grant::Password) => (
            &[
                "grant",
                "token-path",
                "username",
                "password",
                "scope",
                "headers",
                "default-lifetime",
            ],
            what("password"),
        ),
        Some(Grant::ClientCredentials) => (
            &[
                "grant",
                "token-path",
                "client-id",
                "client-secret",
                "client-auth",
                "scope",
                "headers",
                "default-lifetime",
            ],
            what("client-credentials"),
        ),
        Some(Grant::RefreshToken) => (
            &[
                "grant",
                "token-path",
                "refresh-token",
                "client-id",
                "client-secret",
                "scope",
                "headers",
                "default-lifetime",
            ],
            what("refresh-token"),
        ),
    }
}

/// The keys that the table has, but for `kind`.
fn present(raw: &raw::Credential) -> Vec<(&'static str, Range<usize>)> {
    fn span<T>(field: Option<&At<T>>) -> Option<Range<usize>> {
        field.map(|at| at.span.clone())
    }
    let raw::Credential {
        kind: _,
        header,
        prefix,
        value,
        username,
        password,
        grant,
        token_path,
        client_id,
        client_secret,
        client_auth,
        refresh_token,
        scope,
        headers,
        default_lifetime,
        values,
        request,
        answer,
        lifetime_pointer,
        lifetime,
        apply,
        renewal,
        totp,
        challenge,
        challenge_pointer,
    } = raw;
    let fields = [
        ("header", span(header.as_ref())),
        ("prefix", span(prefix.as_ref())),
        ("value", span(value.as_ref())),
        ("username", span(username.as_ref())),
        ("password", span(password.as_ref())),
        ("grant", span(grant.as_ref())),
        ("token-path", span(token_path.as_ref())),
        ("client-id", span(client_id.as_ref())),
        ("client-secret", span(client_secret.as_ref())),
        ("client-auth", span(client_auth.as_ref())),
        ("refresh-token", span(refresh_token.as_ref())),
        ("scope", span(scope.as_ref())),
        ("headers", span(headers.as_ref())),
        ("default-lifetime", span(default_lifetime.as_ref())),
        ("values", span(values.as_ref())),
        ("request", span(request.as_ref())),
        ("answer", span(answer.as_ref())),
        ("lifetime-pointer", span(lifetime_pointer.as_ref())),
        ("lifetime", span(lifetime.as_ref())),
        ("apply", span(apply.as_ref())),
        ("renewal", span(renewal.as_ref())),
        (
            "totp",
            totp.as_ref()
                .and_then(|totp| totp.keys().next())
                .map(|name| name.span.clone()),
        ),
        ("challenge", span(challenge.as_ref())),
        ("challenge-pointer", span(challenge_pointer.as_ref())),
    ];
    fields
        .into_iter()
        .filter_map(|(key, span)| Some((key, span?)))
        .collect()
}
