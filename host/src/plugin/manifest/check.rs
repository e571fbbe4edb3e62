//! What a manifest may hold beyond its shape: how much, and which characters.

use std::collections::BTreeSet;

use url::Url;

use super::Manifest;
use crate::config;

/// One line of text, bytes.
const MAX_LINE: usize = 1000;
/// The instructions, bytes.
const MAX_INSTRUCTIONS: usize = 16 * 1024;
const MAX_VERSION: usize = 64;
const MAX_BACKENDS: usize = 32;
const MAX_REQUESTS: usize = 500;
const MAX_LESSONS: usize = 16;
const MAX_LINKS: usize = 20;
const MAX_URLS: usize = 50;

/// Whether everything in it is fit to be shown and used. The error names the key.
pub(super) fn check(manifest: &Manifest) -> Result<(), String> {
    if manifest.version.to_string().len() > MAX_VERSION {
        return Err(format!("`version` has more than {MAX_VERSION} bytes"));
    }
    line("description", &manifest.description)?;
    for (key, value) in [
        ("publisher", &manifest.publisher),
        ("licence", &manifest.licence),
    ] {
        value.as_ref().map_or(Ok(()), |value| line(key, value))?;
    }
    if let Some(homepage) = &manifest.homepage {
        web("homepage", homepage)?;
    }
    at_most("links", manifest.links.len(), MAX_LINKS)?;
    for (word, link) in &manifest.links {
        line("a key of `links`", word)?;
        web(&format!("links.{word}"), link)?;
    }
    if let Some(instructions) = &manifest.instructions {
        text("instructions", instructions, MAX_INSTRUCTIONS, true)?;
    }
    if let Some(tool) = &manifest.self_check {
        line("self-check", tool)?;
    }
    backends(manifest)?;
    imports(manifest)?;
    asks(manifest)?;
    settings(manifest)?;
    limits(manifest)
}

fn backends(manifest: &Manifest) -> Result<(), String> {
    at_most("backends", manifest.backends.len(), MAX_BACKENDS)?;
    let mut names = BTreeSet::new();
    for backend in &manifest.backends {
        let key = format!("backends.{}", backend.name);
        if !names.insert(&backend.name) {
            return Err(format!("the backend `{}` is there twice", backend.name));
        }
        line(&format!("{key}.purpose"), &backend.purpose)?;
        at_most(
            &format!("{key}.requests"),
            backend.requests.len(),
            MAX_REQUESTS,
        )?;
        for request in &backend.requests {
            line(&format!("{key}.requests"), &request.text)?;
        }
        let learn = format!("{key}.learn");
        at_most(&learn, backend.learn.len(), MAX_LESSONS)?;
        for lesson in &backend.learn {
            lesson
                .check()
                .map_err(|problem| format!("{learn}: {problem}"))?;
        }
    }
    Ok(())
}

fn imports(manifest: &Manifest) -> Result<(), String> {
    for (at, import) in manifest.imports.iter().enumerate() {
        line("imports.reason", &import.reason)?;
        if manifest.imports[..at]
            .iter()
            .any(|other| other.name == import.name)
        {
            return Err(format!(
                "the import `{}` is there twice",
                config::Grant::from(import.name).as_str()
            ));
        }
    }
    Ok(())
}

fn asks(manifest: &Manifest) -> Result<(), String> {
    let asks = &manifest.asks;
    for (key, asked) in [
        ("asks.form.reason", &asks.form),
        ("asks.sample.reason", &asks.sample),
        ("asks.roots.reason", &asks.roots),
    ] {
        asked
            .as_ref()
            .map_or(Ok(()), |asked| line(key, &asked.reason))?;
    }
    let Some(visit) = &asks.visit else {
        return Ok(());
    };
    line("asks.visit.reason", &visit.reason)?;
    at_most("asks.visit.urls", visit.urls.len(), MAX_URLS)?;
    if visit.urls.is_empty() {
        return Err("`asks.visit.urls` is empty, so no link could be asked for".to_owned());
    }
    for url in &visit.urls {
        let fits = matches!(url.scheme(), "https" | "http")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !fits || url.as_str().len() > MAX_LINE {
            return Err(
                "an entry of `asks.visit.urls` is not the beginning of a link, such as https://vendor.example/login"
                    .to_owned(),
            );
        }
    }
    Ok(())
}

fn settings(manifest: &Manifest) -> Result<(), String> {
    let Some(schema) = &manifest.settings else {
        return Ok(());
    };
    let kind = schema.get("type").and_then(serde_json::Value::as_str);
    if kind != Some("object") {
        return Err(
            "`settings` is not the schema of a table: it needs type = \"object\"".to_owned(),
        );
    }
    super::super::settings::compile(schema)
        .map(drop)
        .map_err(|problem| format!("`settings` {problem}"))
}

fn limits(manifest: &Manifest) -> Result<(), String> {
    let limits = &manifest.limits;
    for (key, text) in [
        ("memory", &limits.memory),
        ("host-memory", &limits.host_memory),
        ("result-size", &limits.result_size),
    ] {
        if text
            .as_ref()
            .is_some_and(|text| config::parse_size(text).is_none())
        {
            return Err(format!("`limits.{key}` is not a size, such as \"64 MiB\""));
        }
    }
    for (key, text) in [
        ("cpu-time", &limits.cpu_time),
        ("wall-time", &limits.wall_time),
    ] {
        if text
            .as_ref()
            .is_some_and(|text| config::parse_duration(text).is_none())
        {
            return Err(format!("`limits.{key}` is not a duration, such as \"5 s\""));
        }
    }
    match limits.concurrency {
        Some(0) => Err("`limits.concurrency` is zero".to_owned()),
        _ => Ok(()),
    }
}

fn at_most(key: &str, found: usize, most: usize) -> Result<(), String> {
    if found > most {
        return Err(format!(
            "`{key}` has {found} entries; at most {most} are taken"
        ));
    }
    Ok(())
}

/// Only the web's own schemes: a link is there to be clicked.
fn web(key: &str, link: &str) -> Result<(), String> {
    line(key, link)?;
    match Url::parse(link) {
        Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() => Ok(()),
        _ => Err(format!("`{key}` is not a link (https://…)")),
    }
}

fn line(key: &str, value: &str) -> Result<(), String> {
    text(key, value, MAX_LINE, false)
}

/// Text that shows as what it is: no control characters, and none that turn the order of others around.
fn text(key: &str, value: &str, most: usize, lines: bool) -> Result<(), String> {
    if value.trim().is_empty() {
        return Err(format!("`{key}` is empty"));
    }
    if value.len() > most {
        return Err(format!(
            "`{key}` has {} bytes; at most {most} are taken",
            value.len()
        ));
    }
    let steers = |c: char| {
        (c.is_control() && !(lines && c == '\n'))
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if value.contains(steers) {
        return Err(format!(
            "`{key}` has a control character, or one that changes the direction of text"
        ));
    }
    Ok(())
}
