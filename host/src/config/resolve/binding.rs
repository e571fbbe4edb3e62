//! `[bindings.NAME]`.

use std::sync::Arc;

use super::value::Key;
use super::{Cx, Named, addresses, tls, url};
use crate::config::at::At;
use crate::config::nearest::nearest;
use crate::config::{
    Binding, Confirm, Credential, CredentialKind, LoginRequest, RequestPattern, Tls, Traffic,
    defaults, inline, name, raw,
};

/// More than this in one body is a mistake in the unit.
const MOST_BODY: u64 = 16 << 30;
const MOST_AT_ONCE: u32 = 10_000;
const MOST_PER_SECOND: u32 = 1_000_000;
const EXAMPLE_RATE: u32 = 50;
const MOST_RETRIES: u32 = 10;
const MOST_FAILURES: u32 = 1_000;

pub(super) fn resolve(
    cx: &mut Cx<'_>,
    name: &At<String>,
    raw: raw::Binding,
    credentials: &mut Named<Credential>,
) -> Option<Binding> {
    let path = inline::join("bindings", &name.value);
    let key = |name| Key { table: &path, name };
    let parsed = cx.name(name);
    let kind = cx
        .required(raw.kind.as_ref(), &name.span, key("kind"), "\"vbr\"")
        .and_then(|at| kind(cx, at));
    let server = cx
        .required(
            raw.url.as_ref(),
            &name.span,
            key("url"),
            "\"https://vbr01.example:9419\"",
        )
        .and_then(|at| url::resolve(cx, at));
    let tls = tls(cx, &raw, server.as_ref());
    let credential = credential(cx, raw.credential.as_ref(), credentials);
    let allow = patterns(cx, raw.allow.as_deref());
    let mut deny = patterns(cx, raw.deny.as_deref());
    if raw.allow.as_ref().is_none_or(Vec::is_empty) && !cx.findings.is_spoiled(&key("allow").path())
    {
        cx.findings
            .warning(
                &name.span,
                format!("binding `{}` allows no request", name.value),
            )
            .hint("allow = [\"GET /**\"]");
    }
    if let Some(credential) = &credential {
        deny.extend(login_patterns(credential));
    }
    cx.origins.default(&key("allow").path(), "[]");
    cx.origins.default(&key("deny").path(), "[]");
    cx.origins.default(&key("read-only").path(), "false");
    let connect_timeout = cx.duration(
        key("connect-timeout"),
        raw.connect_timeout.as_ref(),
        defaults::CONNECT_TIMEOUT,
    );
    let timeout = cx.duration(key("timeout"), raw.timeout.as_ref(), defaults::TIMEOUT);
    let max_request_bytes = cx.size(
        key("max-request-size"),
        raw.max_request_size.as_ref(),
        defaults::BINDING_MAX_REQUEST_SIZE,
        MOST_BODY,
    );
    let max_response_bytes = cx.size(
        key("max-response-size"),
        raw.max_response_size.as_ref(),
        defaults::BINDING_MAX_RESPONSE_SIZE,
        MOST_BODY,
    );
    let addresses = addresses::resolve(cx, &path, &raw, server.as_ref());
    let traffic = traffic(cx, &path, &raw);
    Some(Binding {
        name: parsed?,
        kind: kind?,
        title: raw.title.map(|at| at.value),
        read_only: raw.read_only.is_some_and(|at| at.value),
        confirm: match raw.confirm.map(|at| at.value) {
            Some(raw::Confirm::Model) => Confirm::Model,
            Some(raw::Confirm::Person) | None => Confirm::Person,
        },
        facts: raw.facts.unwrap_or_default(),
        url: server?,
        tls: tls?,
        credential: credential?,
        allow,
        deny,
        connect_timeout,
        timeout,
        max_request_bytes,
        max_response_bytes,
        addresses: addresses?,
        traffic,
    })
}

fn traffic(cx: &mut Cx<'_>, path: &str, raw: &raw::Binding) -> Traffic {
    let key = |name| Key { table: path, name };
    for (name, default) in [
        ("concurrency", defaults::BINDING_CONCURRENCY),
        ("retries", defaults::RETRIES),
        ("circuit-failures", defaults::CIRCUIT_FAILURES),
    ] {
        cx.origins.default(&key(name).path(), default.to_string());
    }
    Traffic {
        concurrency: cx.count_or(
            key("concurrency"),
            raw.concurrency.as_ref(),
            defaults::BINDING_CONCURRENCY,
            MOST_AT_ONCE,
        ),
        requests_per_second: raw.requests_per_second.as_ref().map(|at| {
            cx.count_or(
                key("requests-per-second"),
                Some(at),
                EXAMPLE_RATE,
                MOST_PER_SECOND,
            )
        }),
        retries: match &raw.retries {
            Some(at) if at.value == 0 => 0,
            retries => cx.count_or(
                key("retries"),
                retries.as_ref(),
                defaults::RETRIES,
                MOST_RETRIES,
            ),
        },
        circuit_failures: cx.count_or(
            key("circuit-failures"),
            raw.circuit_failures.as_ref(),
            defaults::CIRCUIT_FAILURES,
            MOST_FAILURES,
        ),
        circuit_pause: cx.duration(
            key("circuit-pause"),
            raw.circuit_pause.as_ref(),
            defaults::CIRCUIT_PAUSE,
        ),
    }
}

fn kind(cx: &mut Cx<'_>, at: &At<String>) -> Option<String> {
    match name::check("kind", &at.value) {
        Ok(_) => Some(at.value.clone()),
        Err(error) => {
            cx.findings
                .error(&at.span, error.to_string())
                .hint("kind = \"vbr\"");
            None
        }
    }
}

fn tls(cx: &mut Cx<'_>, raw: &raw::Binding, server: Option<&::url::Url>) -> Option<Tls> {
    let Some(at) = &raw.tls else {
        return Some(Tls::SystemRoots);
    };
    if server.is_some_and(|server| server.scheme() == "http") {
        cx.findings
            .error(
                &at.span,
                "`tls` means nothing for an `http:` URL: the connection is not encrypted",
            )
            .hint("write https:// in `url`, or delete `tls`");
        return None;
    }
    tls::resolve(cx, at, server)
}

fn credential(
    cx: &mut Cx<'_>,
    named: Option<&At<String>>,
    credentials: &mut Named<Credential>,
) -> Option<Arc<Credential>> {
    let Some(at) = named else {
        let name = "none".parse().expect("`none` is a name");
        return Some(Arc::new(Credential {
            name,
            kind: CredentialKind::None,
        }));
    };
    if let Some(entry) = credentials.get_mut(&at.value) {
        entry.used = true;
        return entry.thing.clone();
    }
    if cx.findings.is_spoiled("credentials")
        || cx
            .findings
            .is_spoiled(&inline::join("credentials", &at.value))
    {
        return None;
    }
    let near = nearest(&at.value, credentials.keys().map(String::as_str));
    let diagnostic = cx
        .findings
        .error(&at.span, format!("there is no credential `{}`", at.value));
    match near {
        Some(near) => diagnostic
            .label(format!("nearest: `{near}`"))
            .hint(format!("credential = {}", inline::string(near))),
        None => diagnostic.hint(format!(
            "add a table [{}]",
            inline::join("credentials", &at.value)
        )),
    };
    None
}

fn patterns(cx: &mut Cx<'_>, raw: Option<&[At<String>]>) -> Vec<RequestPattern> {
    raw.into_iter()
        .flatten()
        .filter_map(|at| cx.pattern(&at.value, &at.span))
        .collect()
}

/// The credential's own login: a plugin that could send it would hold a token.
fn login_patterns(credential: &Credential) -> Vec<RequestPattern> {
    let path = |request: &LoginRequest| url::literal_path(&request.path);
    match &credential.kind {
        CredentialKind::None | CredentialKind::Header { .. } | CredentialKind::Basic { .. } => {
            Vec::new()
        }
        CredentialKind::OAuth2(oauth2) => {
            url::literal_path(&oauth2.token_path).into_iter().collect()
        }
        CredentialKind::Login(login) => path(&login.request)
            .into_iter()
            .chain(login.renewal.as_ref().and_then(path))
            .collect(),
    }
}
