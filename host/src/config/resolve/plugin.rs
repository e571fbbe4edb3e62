//! `[plugins.NAME]`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use super::value::Key;
use super::{Cx, Named, limits};
use crate::config::at::At;
use crate::config::nearest::nearest;
use crate::config::{
    BackendName, Binding, Choice, Grant, Isolation, Limits, Places, Plugin, defaults, inline, raw,
};

const MOST_REUSE: u32 = 1_000_000;

pub(super) fn resolve(
    cx: &mut Cx<'_>,
    name: &At<String>,
    raw: raw::Plugin,
    base: &Limits,
    bindings: &mut Named<Binding>,
) -> Option<Plugin> {
    let path = inline::join("plugins", &name.value);
    let key = |name| Key { table: &path, name };
    let parsed = cx.name(name);
    let example = format!("\"plugins/{}.wasm\"", name.value);
    // Whether the file is there is the loader's question: one missing plugin must not stop the others.
    let component = cx
        .required(
            raw.component.as_ref(),
            &name.span,
            key("component"),
            &example,
        )
        .and_then(|at| component(cx, at));
    cx.origins.default(&key("grant").path(), "[]");
    let grants = grants(raw.grant.as_deref());
    let mut backends = backends(cx, raw.backends.as_ref(), bindings);
    cx.origins.default(&key("more-backends").path(), "{}");
    let choices = more_backends(cx, raw.more_backends.as_ref(), &mut backends, bindings);
    http_and_backends(cx, name, &raw, &grants, key("grant"));
    cx.origins.default(&key("visit-urls").path(), "[]");
    let visit_urls = visit_urls(cx, raw.visit_urls.as_deref());
    let limits = limits::of_plugin(
        cx,
        &key("limits").path(),
        raw.limits.as_ref().unwrap_or(&raw::Limits::default()),
        base,
    );
    let isolation = isolation(cx, &path, &raw);
    let settings_places = Places::new(
        &cx.file,
        key("settings").path(),
        cx.findings.source.line(name.span.start),
        &cx.origins,
    );
    Some(Plugin {
        settings_places,
        name: parsed?,
        component: component?,
        grants,
        backends,
        choices,
        settings: raw.settings.unwrap_or_default(),
        visit_urls,
        limits,
        isolation,
    })
}

fn isolation(cx: &mut Cx<'_>, table: &str, raw: &raw::Plugin) -> Isolation {
    let key = |name| Key { table, name };
    cx.origins.default(
        &key("isolation").path(),
        inline::string(defaults::ISOLATION),
    );
    if raw.isolation.as_ref().map(|at| at.value) == Some(raw::Isolation::PerPrincipal) {
        let calls = key("reuse-calls");
        cx.origins
            .default(&calls.path(), defaults::REUSE_CALLS.to_string());
        return Isolation::PerPrincipal {
            calls: cx.count_or(
                calls,
                raw.reuse_calls.as_ref(),
                defaults::REUSE_CALLS,
                MOST_REUSE,
            ),
            idle: cx.duration(
                key("reuse-idle"),
                raw.reuse_idle.as_ref(),
                defaults::REUSE_IDLE,
            ),
        };
    }
    let calls = raw.reuse_calls.as_ref().map(|at| ("reuse-calls", &at.span));
    let idle = raw.reuse_idle.as_ref().map(|at| ("reuse-idle", &at.span));
    for (name, span) in calls.into_iter().chain(idle) {
        let problem = format!(
            "`{}` has no meaning while every call gets a fresh instance",
            key(name).path()
        );
        cx.findings
            .error(span, problem)
            .hint("isolation = \"per-principal\"");
    }
    Isolation::Fresh
}

fn component(cx: &mut Cx<'_>, at: &At<String>) -> Option<PathBuf> {
    if at.value.is_empty() {
        cx.findings
            .error(&at.span, "a path cannot be empty")
            .hint("component = \"plugins/backup-jobs.wasm\"");
        return None;
    }
    Some(cx.path(&at.value))
}

/// Links: a scheme, a host, and a path below which all is meant.
fn visit_urls(cx: &mut Cx<'_>, raw: Option<&[At<String>]>) -> Vec<Url> {
    raw.into_iter()
        .flatten()
        .filter_map(|at| {
            let fits = |url: &Url| {
                matches!(url.scheme(), "https" | "http")
                    && url.has_host()
                    && url.username().is_empty()
                    && url.password().is_none()
                    && url.query().is_none()
                    && url.fragment().is_none()
            };
            let url = Url::parse(&at.value).ok().filter(fits);
            if url.is_none() {
                cx.findings
                    .error(&at.span, "this is not the beginning of a link")
                    .hint("visit-urls = [\"https://vendor.example/login\"]");
            }
            url
        })
        .collect()
}

pub(super) fn grants(raw: Option<&[At<raw::Grant>]>) -> Vec<Grant> {
    let mut grants: Vec<_> = raw
        .into_iter()
        .flatten()
        .map(|at| match at.value {
            raw::Grant::Http => Grant::Http,
            raw::Grant::Changes => Grant::Changes,
            raw::Grant::Form => Grant::Form,
            raw::Grant::Visit => Grant::Visit,
            raw::Grant::Sample => Grant::Sample,
            raw::Grant::Roots => Grant::Roots,
        })
        .collect();
    grants.sort_unstable();
    grants.dedup();
    grants
}

/// Backends are reached by `http` and by nothing else, so one without the other is a mistake.
fn http_and_backends(
    cx: &mut Cx<'_>,
    name: &At<String>,
    raw: &raw::Plugin,
    grants: &[Grant],
    grant: Key<'_>,
) {
    let backends = raw.backends.as_ref().filter(|at| !at.value.is_empty());
    match (grants.contains(&Grant::Http), backends) {
        (true, Some(_)) | (false, None) => {}
        (false, Some(at)) => {
            if !cx.findings.is_spoiled(&grant.path()) {
                cx.findings
                    .error(
                        &at.span,
                        format!(
                            "plugin `{}` has backends, but no grant to reach them",
                            name.value
                        ),
                    )
                    .hint("grant = [\"http\"]");
            }
        }
        (true, None) => {
            if !cx.findings.is_spoiled(
                &Key {
                    name: "backends",
                    ..grant
                }
                .path(),
            ) {
                cx.findings
                    .warning(
                        &name.span,
                        format!(
                            "plugin `{}` is granted http, but has no backends",
                            name.value
                        ),
                    )
                    .hint("backends = { vbr = \"vbr01\" }");
            }
        }
    }
}

fn backends(
    cx: &mut Cx<'_>,
    raw: Option<&At<raw::Texts>>,
    bindings: &mut Named<Binding>,
) -> BTreeMap<BackendName, Arc<Binding>> {
    let mut backends = BTreeMap::new();
    for (backend, binding) in raw.into_iter().flat_map(|at| &at.value) {
        let name = cx.name(backend);
        let binding = find(cx, backend, binding, bindings);
        if let (Some(name), Some(binding)) = (name, binding) {
            backends.insert(name, binding);
        }
    }
    backends
}

/// Bindings beside the first one of a backend: all of them are then reached under their own names.
fn more_backends(
    cx: &mut Cx<'_>,
    raw: Option<&At<raw::MoreBackends>>,
    backends: &mut BTreeMap<BackendName, Arc<Binding>>,
    bindings: &mut Named<Binding>,
) -> BTreeMap<BackendName, Choice> {
    let mut choices = BTreeMap::new();
    for (backend, more) in raw.into_iter().flat_map(|at| &at.value) {
        let Some(answers) = cx.name::<BackendName>(backend) else {
            continue;
        };
        if more.is_empty() {
            continue;
        }
        let Some(first) = backends.remove(&answers) else {
            // One that is there and cannot be read has been reported.
            cx.findings
                .error(
                    &backend.span,
                    format!("`{answers}` is not among this plugin's `backends`, so there is nothing to be more than"),
                )
                .hint(format!("backends = {{ {answers} = \"…\" }}"));
            continue;
        };
        let mut all = vec![(backend.span.clone(), first, true)];
        for at in more {
            if let Some(binding) = find(cx, backend, at, bindings) {
                all.push((at.span.clone(), binding, false));
            }
        }
        for (span, binding, default) in all {
            // Both kinds of names follow the same rules.
            let Ok(name) = binding.name.as_str().parse::<BackendName>() else {
                continue;
            };
            if backends.contains_key(&name) {
                cx.findings
                    .error(
                        &span,
                        format!("two backends of this plugin would be reached as `{name}`"),
                    )
                    .hint("name each binding once");
                continue;
            }
            let choice = Choice {
                answers: answers.clone(),
                default,
            };
            choices.insert(name.clone(), choice);
            backends.insert(name, binding);
        }
    }
    choices
}

fn find(
    cx: &mut Cx<'_>,
    backend: &At<String>,
    at: &At<String>,
    bindings: &mut Named<Binding>,
) -> Option<Arc<Binding>> {
    if let Some(entry) = bindings.get_mut(&at.value) {
        entry.used = true;
        return entry.thing.clone();
    }
    if cx.findings.is_spoiled("bindings")
        || cx.findings.is_spoiled(&inline::join("bindings", &at.value))
    {
        return None;
    }
    let near = nearest(&at.value, bindings.keys().map(String::as_str));
    let diagnostic = cx
        .findings
        .error(&at.span, format!("there is no binding `{}`", at.value));
    match near {
        Some(near) => diagnostic.label(format!("nearest: `{near}`")).hint(format!(
            "{} = {}",
            inline::key(&backend.value),
            inline::string(near)
        )),
        None => diagnostic.hint(format!(
            "add a table [{}]",
            inline::join("bindings", &at.value)
        )),
    };
    None
}
