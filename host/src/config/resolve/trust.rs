//! `[trust]` and `[publishers.NAME]`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::value::Key;
use super::{Cx, Named, plugin, tls};
use crate::config::at::At;
use crate::config::nearest::nearest;
use crate::config::{
    Binding, KeyId, PluginPattern, Publisher, PublisherKey, Revoked, Trust, inline, moment, name,
    raw,
};

const EXAMPLE_KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
const ALLOW_UNSIGNED: Key<'static> = Key {
    table: "trust",
    name: "allow-unsigned",
};

pub(super) fn resolve(
    cx: &mut Cx<'_>,
    raw: &raw::Trust,
    publishers: BTreeMap<At<String>, raw::Publisher>,
    bindings: &Named<Binding>,
) -> Trust {
    cx.origins.default("trust.revoked", "[]");
    let publishers = publishers
        .into_iter()
        .filter_map(|(name, raw)| Some((name.value.clone(), publisher(cx, &name, &raw, bindings)?)))
        .collect();
    Trust {
        allow_unsigned: allow_unsigned(cx, raw.allow_unsigned.as_ref()),
        revoked: raw
            .revoked
            .iter()
            .flatten()
            .filter_map(|at| revoked(cx, at))
            .collect(),
        publishers,
        lock_file: cx.folder.join("toolward.lock"),
    }
}

fn allow_unsigned(cx: &mut Cx<'_>, raw: Option<&At<bool>>) -> bool {
    let flag = cx.overrides.allow_unsigned.clone();
    let given = cx.outside(
        ALLOW_UNSIGNED,
        flag,
        "--allow-unsigned",
        "TOOLWARD_ALLOW_UNSIGNED",
    );
    if let Some(given) = given {
        return match given.text.as_str() {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => {
                cx.findings
                    .error_of(
                        given.spot(),
                        "`trust.allow-unsigned` is neither true nor false",
                    )
                    .hint(format!("{}=true", given.name()));
                false
            }
        };
    }
    cx.origins.default("trust.allow-unsigned", "false");
    let Some(at) = raw.filter(|at| at.value) else {
        return false;
    };
    cx.findings
        .warning(
            &at.span,
            "plugins are taken whoever made them, signed or not",
        )
        .hint("delete `allow-unsigned`, and name who may publish in [publishers.NAME]");
    true
}

fn revoked(cx: &mut Cx<'_>, at: &At<String>) -> Option<Revoked> {
    if let Some(digest) = tls::parse_digest(&at.value) {
        return Some(Revoked::Component(digest));
    }
    if is_key(&at.value) {
        return Some(Revoked::Key(at.value.clone()));
    }
    cx.findings
        .error(
            &at.span,
            "neither a minisign public key nor the digest of a component",
        )
        .hint(format!(
            "{} (or \"sha256:…\" with 64 hexadecimal digits)",
            inline::string(EXAMPLE_KEY)
        ));
    None
}

fn is_key(text: &str) -> bool {
    minisign_verify::PublicKey::from_base64(text).is_ok()
}

fn publisher(
    cx: &mut Cx<'_>,
    at: &At<String>,
    raw: &raw::Publisher,
    bindings: &Named<Binding>,
) -> Option<Publisher> {
    let path = inline::join("publishers", &at.value);
    let key = |name| Key { table: &path, name };
    if let Err(error) = name::check("publisher", &at.value) {
        cx.findings
            .error(&at.span, error.to_string())
            .hint("[publishers.shop]");
    }
    let keys = cx
        .required(
            raw.keys.as_ref(),
            &at.span,
            key("keys"),
            &format!("[{{ key = \"{EXAMPLE_KEY}\" }}]"),
        )
        .map(|keys| keys_of(cx, keys, &path));
    let plugins = cx
        .required(
            raw.plugins.as_ref(),
            &at.span,
            key("plugins"),
            "[\"backup-jobs\"]",
        )
        .map(|patterns| patterns_of(cx, patterns));
    Some(Publisher {
        keys: keys?,
        plugins: plugins?,
        max_grant: raw
            .max_grant
            .as_deref()
            .map(|grants| plugin::grants(Some(grants)).into_iter().collect()),
        max_bindings: raw.max_bindings.as_deref().map(|names| {
            names
                .iter()
                .filter_map(|name| binding(cx, name, bindings))
                .collect()
        }),
    })
}

fn keys_of(cx: &mut Cx<'_>, at: &At<Vec<raw::PublisherKey>>, path: &str) -> Vec<PublisherKey> {
    if at.value.is_empty() && !cx.findings.is_spoiled(&inline::join(path, "keys")) {
        cx.findings
            .error(&at.span, "a publisher without a key can sign nothing")
            .hint(format!("keys = [{{ key = \"{EXAMPLE_KEY}\" }}]"));
    }
    at.value
        .iter()
        .filter_map(|raw| public_key(cx, at, raw))
        .collect()
}

fn public_key(
    cx: &mut Cx<'_>,
    list: &At<Vec<raw::PublisherKey>>,
    raw: &raw::PublisherKey,
) -> Option<PublisherKey> {
    let Some(key) = &raw.key else {
        cx.findings
            .error(&list.span, "an entry of `keys` needs `key`")
            .hint(format!("{{ key = \"{EXAMPLE_KEY}\" }}"));
        return None;
    };
    let id = KeyId::of_line(&key.value).filter(|_| is_key(&key.value));
    if id.is_none() {
        cx.findings
            .error(&key.span, "not a minisign public key")
            .hint(
                "the second line of the publisher's `.pub` file: 56 characters that begin with RW",
            );
    }
    let mut time = |at: &Option<At<String>>, example: &str| match at {
        None => Some(None),
        Some(at) => {
            let parsed = moment::parse(&at.value);
            if parsed.is_none() {
                cx.findings
                    .error(&at.span, "not a date, nor a time with its offset")
                    .hint(example.to_owned());
            }
            parsed.map(|time| Some((time, at.value.clone())))
        }
    };
    let from = time(&raw.from, "from = \"2026-01-01\"");
    let until = time(&raw.until, "until = \"2028-01-01\"");
    let (from, until) = (from?, until?);
    if let (Some((from, _)), Some((until, _)), Some(at)) = (&from, &until, &raw.until)
        && until <= from
    {
        cx.findings
            .error(
                &at.span,
                "`until` is not after `from`: the key never counts",
            )
            .hint("until = \"2028-01-01\"");
    }
    if let (Some((end, _)), Some(at)) = (&until, &raw.until)
        && *end <= SystemTime::now()
    {
        cx.findings
            .warning(
                &at.span,
                "this key counts no longer: plugins signed with it are refused",
            )
            .hint("delete the key, or ask the publisher for the one that replaced it");
    }
    Some(PublisherKey {
        text: key.value.clone(),
        id: id?,
        from: from.map(|(time, _)| time),
        until,
    })
}

fn patterns_of(cx: &mut Cx<'_>, at: &At<Vec<At<String>>>) -> Vec<PluginPattern> {
    at.value
        .iter()
        .filter_map(|at| {
            let pattern = PluginPattern::parse(&at.value);
            if pattern.is_none() {
                cx.findings
                    .error(
                        &at.span,
                        "neither the name of a plugin nor the beginning of one with `*` after it",
                    )
                    .hint("plugins = [\"backup-jobs\", \"shop-*\"]");
            }
            pattern
        })
        .collect()
}

fn binding(
    cx: &mut Cx<'_>,
    at: &At<String>,
    bindings: &Named<Binding>,
) -> Option<crate::config::BindingName> {
    if !bindings.contains_key(&at.value) && !cx.findings.is_spoiled("bindings") {
        let near = nearest(&at.value, bindings.keys().map(String::as_str));
        let diagnostic = cx
            .findings
            .error(&at.span, format!("there is no binding `{}`", at.value));
        match near {
            Some(near) => diagnostic.hint(format!("write {}", inline::string(near))),
            None => diagnostic.hint(format!(
                "add a table [{}]",
                inline::join("bindings", &at.value)
            )),
        };
        return None;
    }
    cx.name(at)
}
