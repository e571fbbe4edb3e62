//! Credentials of kind `login`: an exchange declared as data.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::Value;

use super::Cx;
use super::credential::Table;
use super::value::Key;
use crate::config::at::At;
use crate::config::nearest::nearest;
use crate::config::pattern::parse_method;
use crate::config::placeholder::{is_name, placeholders};
use crate::config::{
    ApplyHeader, Challenge, Login, LoginBody, LoginRequest, SecretSource, Totp, defaults, inline,
    mask, raw,
};

pub(super) fn resolve(cx: &mut Cx<'_>, table: Table<'_>) -> Option<Login> {
    let raw = table.raw;
    let values = values(cx, table);
    let answer = answer(cx, table);
    let secrets: BTreeSet<&str> = names(raw.values.as_ref().map(|at| &at.value));
    let answers: BTreeSet<&str> = names(raw.answer.as_ref().map(|at| &at.value));
    let all: BTreeSet<&str> = secrets.union(&answers).copied().collect();
    let codes: BTreeSet<&str> = names(raw.totp.as_ref());
    let secrets: BTreeSet<&str> = secrets.union(&codes).copied().collect();
    let everything: BTreeSet<&str> = all.union(&codes).copied().collect();
    let totp = totp(cx, table, &all);
    let request = cx
        .required(
            raw.request.as_ref(),
            table.span,
            table.key("request"),
            "{ path = \"/login\", form = { … } }",
        )
        .and_then(|at| request(cx, &table.key("request").path(), at, &secrets));
    let renewal = raw
        .renewal
        .as_ref()
        .and_then(|at| self::request(cx, &table.key("renewal").path(), at, &everything));
    let challenge = challenge(cx, table, &everything);
    let apply = apply(cx, table, &all);
    let lifetime_pointer = match &raw.lifetime_pointer {
        Some(at) => pointer(cx, at),
        None => None,
    };
    let lifetime = lifetime(cx, table);
    unused_names(cx, table);
    Some(Login {
        values,
        request: request?,
        answer,
        lifetime_pointer,
        lifetime,
        apply: apply?,
        renewal,
        totp,
        challenge,
    })
}

fn totp(cx: &mut Cx<'_>, table: Table<'_>, others: &BTreeSet<&str>) -> BTreeMap<String, Totp> {
    let mut codes = BTreeMap::new();
    for (name, raw) in table.raw.totp.iter().flatten() {
        placeholder_name(cx, name);
        if others.contains(name.value.as_str()) {
            cx.findings
                .error(
                    &name.span,
                    format!("`{}` is in `values` or `answer` already", name.value),
                )
                .hint("give it another name in `totp`");
        }
        let path = inline::join(&table.key("totp").path(), &name.value);
        let key = |name| Key { table: &path, name };
        cx.origins.default(&key("prefix").path(), "\"\"");
        let secret = cx
            .required(
                raw.secret.as_ref(),
                &name.span,
                key("secret"),
                "\"file:totp\"",
            )
            .and_then(|at| cx.secret(at));
        if let Some(secret) = secret {
            let prefix = raw
                .prefix
                .as_ref()
                .map_or_else(String::new, |at| at.value.clone());
            codes.insert(name.value.clone(), Totp { secret, prefix });
        }
    }
    codes
}

/// The request and the pointer belong together.
fn challenge(cx: &mut Cx<'_>, table: Table<'_>, known: &BTreeSet<&str>) -> Option<Challenge> {
    let raw = table.raw;
    match (&raw.challenge, &raw.challenge_pointer) {
        (None, None) => None,
        (Some(at), Some(pointer)) => {
            let pointer = self::pointer(cx, pointer);
            let request = request(cx, &table.key("challenge").path(), at, known);
            Some(Challenge {
                pointer: pointer?,
                request: request?,
            })
        }
        (Some(at), None) => {
            cx.findings
                .error(
                    &at.span,
                    "`challenge` needs `challenge-pointer`: when it is sent",
                )
                .hint("challenge-pointer = \"/data/NeedTFA\"");
            None
        }
        (None, Some(at)) => {
            cx.findings
                .error(
                    &at.span,
                    "`challenge-pointer` without `challenge` means nothing",
                )
                .hint("challenge = { path = \"/login\", form = { … } }");
            None
        }
    }
}

fn names<V>(map: Option<&BTreeMap<At<String>, V>>) -> BTreeSet<&str> {
    map.into_iter()
        .flat_map(|map| map.keys().map(|name| name.value.as_str()))
        .collect()
}

fn values(cx: &mut Cx<'_>, table: Table<'_>) -> BTreeMap<String, SecretSource> {
    let mut values = BTreeMap::new();
    for (name, secret) in table.raw.values.iter().flat_map(|at| &at.value) {
        placeholder_name(cx, name);
        if let Some(source) = cx.secret(secret) {
            values.insert(name.value.clone(), source);
        }
    }
    values
}

fn answer(cx: &mut Cx<'_>, table: Table<'_>) -> BTreeMap<String, String> {
    let values = names(table.raw.values.as_ref().map(|at| &at.value));
    let mut answer = BTreeMap::new();
    for (name, at) in table.raw.answer.iter().flat_map(|at| &at.value) {
        placeholder_name(cx, name);
        if values.contains(name.value.as_str()) {
            cx.findings
                .error(
                    &name.span,
                    format!("`{}` is in `values` already", name.value),
                )
                .hint("give it another name in `answer`");
        }
        if let Some(pointer) = pointer(cx, at) {
            answer.insert(name.value.clone(), pointer);
        }
    }
    answer
}

fn placeholder_name(cx: &mut Cx<'_>, name: &At<String>) {
    if !is_name(&name.value) {
        cx.findings
            .error(
                &name.span,
                "a placeholder's name is made of letters, digits, `-` and `_`",
            )
            .hint("a name such as ticket");
    }
}

/// A JSON pointer, RFC 6901, to something inside the answer.
fn pointer(cx: &mut Cx<'_>, at: &At<String>) -> Option<String> {
    let escapes = at
        .value
        .split('~')
        .skip(1)
        .all(|rest| rest.starts_with(['0', '1']));
    if at.value.starts_with('/') && escapes {
        return Some(at.value.clone());
    }
    cx.findings
        .error(
            &at.span,
            "not a JSON pointer (RFC 6901): `/` before each step, `~0` for `~`, `~1` for `/`",
        )
        .hint("\"/data/ticket\"");
    None
}

fn lifetime(cx: &mut Cx<'_>, table: Table<'_>) -> std::time::Duration {
    let raw = table.raw;
    if raw.lifetime_pointer.is_none() && raw.lifetime.is_none() {
        let key = table.key("lifetime");
        if !cx.findings.is_spoiled(&key.path())
            && !cx
                .findings
                .is_spoiled(&table.key("lifetime-pointer").path())
        {
            cx.findings
                .error(
                    table.span,
                    format!("[{}] needs `lifetime` or `lifetime-pointer`", table.path),
                )
                .hint("lifetime = \"2 h\" (how long the server keeps a login)");
        }
    }
    cx.duration(
        table.key("lifetime"),
        raw.lifetime.as_ref(),
        defaults::TOKEN_LIFETIME,
    )
}

fn request(
    cx: &mut Cx<'_>,
    table: &str,
    at: &At<raw::LoginRequest>,
    known: &BTreeSet<&str>,
) -> Option<LoginRequest> {
    let raw = &at.value;
    cx.origins.default(
        &inline::join(table, "method"),
        inline::string(defaults::LOGIN_METHOD),
    );
    let method = raw
        .method
        .as_ref()
        .map_or(Some(http::Method::POST), |at| method(cx, at));
    let path = cx
        .required(
            raw.path.as_ref(),
            &at.span,
            Key {
                table,
                name: "path",
            },
            "\"/api/login\"",
        )
        .and_then(|at| cx.login_path(at));
    let headers = match &raw.headers {
        Some(texts) => {
            texts
                .value
                .values()
                .for_each(|text| check_placeholders(cx, &text.span, &text.value, known));
            cx.headers(&texts.value)
        }
        None => Vec::new(),
    };
    let body = match (&raw.form, &raw.json) {
        (None, None) => LoginBody::Empty,
        (Some(form), None) => form_body(cx, &form.value, known),
        (None, Some(json)) => {
            check_json(cx, &json.span, "", &json.value, known);
            LoginBody::Json(json.value.clone())
        }
        (Some(_), Some(json)) => {
            cx.findings
                .error(&json.span, "a request has one body: `form` or `json`")
                .hint("delete one of them");
            return None;
        }
    };
    Some(LoginRequest {
        method: method?,
        path: path?,
        headers,
        body,
    })
}

fn form_body(cx: &mut Cx<'_>, form: &raw::Texts, known: &BTreeSet<&str>) -> LoginBody {
    let mut fields = BTreeMap::new();
    for (name, text) in form {
        check_text(cx, &text.span, &name.value, &text.value, known);
        fields.insert(name.value.clone(), text.value.clone());
    }
    LoginBody::Form(fields)
}

fn check_json(
    cx: &mut Cx<'_>,
    span: &Range<usize>,
    name: &str,
    json: &Value,
    known: &BTreeSet<&str>,
) {
    match json {
        Value::String(text) => check_text(cx, span, name, text, known),
        Value::Array(items) => items
            .iter()
            .for_each(|item| check_json(cx, span, name, item, known)),
        Value::Object(fields) => {
            fields
                .iter()
                .for_each(|(name, field)| check_json(cx, span, name, field, known));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn check_text(
    cx: &mut Cx<'_>,
    span: &Range<usize>,
    name: &str,
    text: &str,
    known: &BTreeSet<&str>,
) {
    if !mask::is_literal_secret(name, text) {
        check_placeholders(cx, span, text, known);
        return;
    }
    let hint = format!("{name} = \"{{{name}}}\", and {name} = \"file:PATH\" in `values`");
    // What is between its braces is a part of the secret.
    if placeholders(text).any(|name| !known.contains(name)) {
        cx.findings
            .error(
                span,
                format!("`{name}` holds a secret, and braces that nothing fills"),
            )
            .hint(hint);
    } else {
        cx.findings
            .warning(
                span,
                format!("`{name}` holds a secret that is written out in the file"),
            )
            .hint(hint);
    }
}

/// Every placeholder must have something that fills it.
fn check_placeholders(cx: &mut Cx<'_>, span: &Range<usize>, text: &str, known: &BTreeSet<&str>) {
    for name in placeholders(text).filter(|name| !known.contains(name)) {
        let near = nearest(name, known.iter().copied());
        let diagnostic = cx
            .findings
            .error(span, format!("nothing fills the placeholder `{{{name}}}`"));
        match near {
            Some(near) => diagnostic
                .label(format!("nearest: {{{near}}}"))
                .hint(format!("write {{{near}}}")),
            None if known.is_empty() => {
                diagnostic.hint(format!("{name} = \"file:PATH\" in `values`"))
            }
            None => {
                let known: Vec<_> = known.iter().map(|name| format!("{{{name}}}")).collect();
                diagnostic.hint(format!(
                    "one of {}, or add {name} to `values`",
                    known.join(", ")
                ))
            }
        };
    }
}

fn method(cx: &mut Cx<'_>, at: &At<String>) -> Option<http::Method> {
    parse_method(&at.value)
        .map_err(|_| {
            cx.findings
                .error(&at.span, "not an uppercase method")
                .hint(inline::string(&at.value.to_uppercase()));
        })
        .ok()
}

fn apply(cx: &mut Cx<'_>, table: Table<'_>, known: &BTreeSet<&str>) -> Option<Vec<ApplyHeader>> {
    let key = table.key("apply");
    let example = "[{ header = \"cookie\", value = \"session={ticket}\" }]";
    let raw = cx.required(table.raw.apply.as_ref(), table.span, key, example)?;
    if raw.value.is_empty() {
        cx.findings
            .error(
                &raw.span,
                "a login that puts nothing on later requests is of no use",
            )
            .hint(format!("apply = {example}"));
    }
    let path = key.path();
    raw.value
        .iter()
        .map(|header| apply_header(cx, &path, &raw.span, header, known))
        .collect()
}

fn apply_header(
    cx: &mut Cx<'_>,
    table: &str,
    span: &Range<usize>,
    raw: &raw::ApplyHeader,
    known: &BTreeSet<&str>,
) -> Option<ApplyHeader> {
    let header = cx
        .required(
            raw.header.as_ref(),
            span,
            Key {
                table,
                name: "header",
            },
            "\"cookie\"",
        )
        .and_then(|at| cx.header_name(at));
    let value = cx.required(
        raw.value.as_ref(),
        span,
        Key {
            table,
            name: "value",
        },
        "\"session={ticket}\"",
    );
    if let Some(at) = value {
        cx.header_text(at)?;
        check_placeholders(cx, &at.span, &at.value, known);
        if placeholders(&at.value).next().is_none() {
            cx.findings
                .warning(&at.span, "nothing of the login is in this header")
                .hint("kind = \"header\" sets a header without a login");
        }
    }
    let methods = raw
        .methods
        .iter()
        .flatten()
        .filter_map(|at| method(cx, at))
        .collect();
    Some(ApplyHeader {
        header: header?,
        value: value?.value.clone(),
        methods,
    })
}

/// A value that no text uses is a mistake in one of them.
fn unused_names(cx: &mut Cx<'_>, table: Table<'_>) {
    let raw = table.raw;
    let mut used = BTreeSet::new();
    let mut take = |text: &str| used.extend(placeholders(text).map(str::to_owned));
    let requests = [&raw.request, &raw.renewal, &raw.challenge];
    for request in requests.into_iter().flatten() {
        let texts = [&request.value.headers, &request.value.form];
        texts
            .into_iter()
            .flatten()
            .flat_map(|at| at.value.values())
            .for_each(|text| take(&text.value));
        if let Some(json) = &request.value.json {
            take(&json.value.to_string());
        }
    }
    let values = raw
        .apply
        .iter()
        .flat_map(|at| &at.value)
        .filter_map(|header| header.value.as_ref());
    values.for_each(|at| take(&at.value));
    let values = raw.values.iter().flat_map(|at| at.value.keys());
    let answer = raw.answer.iter().flat_map(|at| at.value.keys());
    let totp = raw.totp.iter().flat_map(BTreeMap::keys);
    for name in values
        .chain(answer)
        .chain(totp)
        .filter(|name| !used.contains(&name.value))
    {
        cx.findings
            .warning(&name.span, format!("no text uses `{{{}}}`", name.value))
            .hint(format!("delete {}, or use it", inline::key(&name.value)));
    }
}
