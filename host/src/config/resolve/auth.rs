//! `[auth]`.

use std::time::SystemTime;

use super::value::Key;
use super::{Cx, oauth_server, tls};
use crate::config::at::At;
use crate::config::nearest::nearest;
use crate::config::{
    Ability, Auth, StaticToken, TenantName, defaults, inline, moment, name, raw, scope,
};

/// More than any list of callers that one keeps in a file; every one is compared at every request.
const MOST_TOKENS: usize = 1000;

pub(super) fn resolve(
    cx: &mut Cx<'_>,
    raw: Option<&At<raw::Auth>>,
    plugins: &[String],
) -> Option<Auth> {
    let at = raw?;
    let none = at
        .value
        .tokens
        .as_ref()
        .is_none_or(std::collections::BTreeMap::is_empty);
    if none
        && at.value.oauth.is_none()
        && !cx.findings.is_spoiled("auth.tokens")
        && !cx.findings.is_spoiled("auth.oauth")
    {
        cx.findings
            .error(&at.span, "[auth] names nobody who may call")
            .hint("toolward token new NAME, and paste the table [auth.tokens.NAME] that it prints; or a table [auth.oauth]");
    }
    let mut tokens: Vec<StaticToken> = Vec::new();
    for (name, raw) in at.value.tokens.iter().flatten() {
        let Some(token) = token(cx, name, raw, plugins) else {
            continue;
        };
        if let Some(same) = tokens.iter().find(|other| other.hash == token.hash) {
            cx.findings
                .error(
                    &name.span,
                    format!(
                        "tokens `{}` and `{}` are the same: nobody could tell who calls",
                        same.name, token.name
                    ),
                )
                .hint(format!("toolward token new {}", token.name));
        }
        tokens.push(token);
    }
    if tokens.len() > MOST_TOKENS {
        cx.findings
            .error(&at.span, format!("more than {MOST_TOKENS} static tokens"))
            .hint("[auth.oauth], with an authorization server that knows so many callers");
    }
    let oauth = at
        .value
        .oauth
        .as_ref()
        .and_then(|oauth| oauth_server::resolve(cx, oauth));
    Some(Auth { tokens, oauth })
}

fn token(
    cx: &mut Cx<'_>,
    name: &At<String>,
    raw: &raw::Token,
    plugins: &[String],
) -> Option<StaticToken> {
    let path = inline::join("auth.tokens", &name.value);
    let key = |name| Key { table: &path, name };
    let checked = match name::check("token", &name.value) {
        Ok(name) => Some(name.to_string()),
        Err(error) => {
            cx.findings
                .error(&name.span, error.to_string())
                .hint("[auth.tokens.laptop]");
            None
        }
    };
    let hash = cx
        .required(raw.hash.as_ref(), &name.span, key("hash"), "\"sha256:…\"")
        .and_then(|at| hash(cx, at, &name.value));
    let scopes = cx
        .required(
            raw.scopes.as_ref(),
            &name.span,
            key("scopes"),
            "[\"tools:call\"]",
        )
        .map(|at| scopes(cx, at, plugins));
    let tenant = tenant(cx, key("tenant"), raw.tenant.as_ref());
    let expires = match &raw.expires {
        None => Some(None),
        Some(at) => expires(cx, at, &name.value).map(Some),
    };
    Some(StaticToken {
        name: checked?,
        hash: hash?,
        tenant: tenant?,
        scopes: scopes?,
        expires: expires?,
    })
}

fn hash(cx: &mut Cx<'_>, at: &At<String>, name: &str) -> Option<[u8; 32]> {
    let hash = tls::parse_digest(&at.value);
    if hash.is_none() {
        cx.findings
            .error(
                &at.span,
                "not the hash of a token: `sha256:` and 64 hexadecimal digits",
            )
            .hint(format!("toolward token new {name}"));
    }
    hash
}

fn scopes(cx: &mut Cx<'_>, at: &At<Vec<At<String>>>, plugins: &[String]) -> Vec<String> {
    if at.value.is_empty() {
        cx.findings
            .warning(&at.span, "without a scope the token allows nothing")
            .hint("scopes = [\"tools:call\"]");
    }
    for scope in &at.value {
        check_scope(cx, scope, plugins);
    }
    at.value.iter().map(|scope| scope.value.clone()).collect()
}

fn check_scope(cx: &mut Cx<'_>, at: &At<String>, plugins: &[String]) {
    match scope::split(&at.value) {
        None => {
            let known = Ability::ALL.map(Ability::scope);
            let near = nearest(&at.value, known);
            let diagnostic = cx.findings.error(
                &at.span,
                format!("there is no scope {}", inline::string(&at.value)),
            );
            match near {
                Some(near) => diagnostic.hint(format!("write {}", inline::string(near))),
                None => diagnostic.hint(format!("one of {}", known.map(inline::string).join(", "))),
            };
        }
        Some((ability, Some(plugin))) if !plugins.iter().any(|known| known == plugin) => {
            let near = nearest(plugin, plugins.iter().map(String::as_str));
            let diagnostic = cx
                .findings
                .error(&at.span, format!("there is no plugin `{plugin}`"));
            match near {
                Some(near) => diagnostic.hint(format!("write \"{}:{near}\"", ability.scope())),
                None => diagnostic.hint(format!("\"{}\", for every plugin", ability.scope())),
            };
        }
        Some(_) => {}
    }
}

/// The name of a tenant, `local` where the file says nothing.
pub(super) fn tenant(cx: &mut Cx<'_>, key: Key<'_>, at: Option<&At<String>>) -> Option<TenantName> {
    cx.origins
        .default(&key.path(), inline::string(defaults::TENANT));
    match at {
        Some(at) => cx.name(at),
        None => Some(defaults::TENANT.parse().expect("a default is a name")),
    }
}

fn expires(cx: &mut Cx<'_>, at: &At<String>, name: &str) -> Option<SystemTime> {
    let Some(expires) = moment::parse(&at.value) else {
        cx.findings
            .error(&at.span, "not a date, nor a time with its offset")
            .hint("expires = \"2027-06-30\" (or \"2027-06-30T12:00:00Z\")");
        return None;
    };
    if expires <= SystemTime::now() {
        cx.findings
            .warning(
                &at.span,
                format!("token `{name}` has expired and is refused"),
            )
            .hint(format!("toolward token new {name}, or delete the table"));
    }
    Some(expires)
}
