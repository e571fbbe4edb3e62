//! What a plugin may do here: what its manifest asks for *and* what the operator grants, never more than either.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::component::Component;

use super::LoadError;
use super::engine::Engine;
use super::manifest::{CredentialWord, Manifest, WantedBackend};
use crate::config::{self, BackendName, CredentialKind, Grant, RequestPattern};

/// The requests that a manifest asks for, by backend.
pub(super) type Wanted = BTreeMap<BackendName, Vec<RequestPattern>>;

/// Holds the configuration against the manifest. What the operator granted and the manifest does not ask for is not an
/// error: it is never used.
pub(super) fn check(plugin: &config::Plugin, manifest: &Manifest) -> Result<(), LoadError> {
    check_settings(plugin, manifest)?;
    for (limit, suggested) in manifest.limits.beyond(&plugin.limits) {
        tracing::warn!(plugin = %plugin.name, limit, suggested, "the plugin gets less than its manifest says it works well with; the configuration's limit counts");
    }
    for (name, binding) in &plugin.backends {
        let Some(wanted) = ask(plugin, manifest, name) else {
            tracing::warn!(plugin = %plugin.name, backend = %name, "the manifest does not ask for this backend, so the plugin does not get it");
            continue;
        };
        let kind = word(&binding.credential.kind);
        if !wanted.credentials.is_empty() && !wanted.credentials.contains(&kind) {
            return Err(LoadError::Credential {
                name: plugin.name.clone(),
                backend: name.clone(),
                binding: binding.name.clone(),
                kind: text(kind),
                works_with: wanted
                    .credentials
                    .iter()
                    .map(|kind| text(*kind))
                    .collect::<Vec<_>>()
                    .join(", "),
            });
        }
    }
    Ok(())
}

fn check_settings(plugin: &config::Plugin, manifest: &Manifest) -> Result<(), LoadError> {
    let Some(schema) = &manifest.settings else {
        return Ok(());
    };
    let problems = match super::settings::violations(schema, plugin) {
        Ok(violations) => violations,
        Err(problem) => vec![format!("the schema {problem}")],
    };
    if problems.is_empty() {
        return Ok(());
    }
    Err(LoadError::Settings {
        name: plugin.name.clone(),
        problems: problems.join("\n  "),
    })
}

/// What the manifest asks of a bound backend: where several bindings answer one of its backends, the same of each.
fn ask<'a>(
    plugin: &config::Plugin,
    manifest: &'a Manifest,
    name: &BackendName,
) -> Option<&'a WantedBackend> {
    let choice = plugin.choices.get(name);
    let asked = choice.map_or(name, |choice| &choice.answers);
    let mut backends = manifest.backends.iter();
    backends.find(|backend| backend.name == *asked)
}

/// The requests that the manifest asks for, by the name that each bound backend has.
pub(super) fn wanted(plugin: &config::Plugin, manifest: &Manifest) -> Arc<Wanted> {
    let requests = plugin.backends.keys().filter_map(|name| {
        let asked = ask(plugin, manifest, name)?;
        Some((name.clone(), asked.requests.clone()))
    });
    Arc::new(requests.collect())
}

fn word(kind: &CredentialKind) -> CredentialWord {
    match kind {
        CredentialKind::None => CredentialWord::None,
        CredentialKind::Header { .. } => CredentialWord::Header,
        CredentialKind::Basic { .. } => CredentialWord::Basic,
        CredentialKind::OAuth2(_) => CredentialWord::OAuth2,
        CredentialKind::Login(_) => CredentialWord::Login,
    }
}

fn text(kind: CredentialWord) -> &'static str {
    match kind {
        CredentialWord::None => "none",
        CredentialWord::Header => "header",
        CredentialWord::Basic => "basic",
        CredentialWord::OAuth2 => "oauth2",
        CredentialWord::Login => "login",
    }
}

/// What an import needs.
#[derive(Debug, Eq, PartialEq)]
enum Need {
    /// Harmless or linked empty: always there.
    Nothing,
    Granted(Grant),
    Unknown,
}

/// What an imported instance, such as `wasi:http/types@0.2.12`, needs. Versions are the linker's business.
fn need(import: &str) -> Need {
    let interface = import
        .split_once('@')
        .map_or(import, |(interface, _version)| interface);
    match interface.split_once('/') {
        Some(
            ("toolward:plugin", "values" | "call" | "log" | "settings" | "backends")
            | (
                "wasi:cli" | "wasi:clocks" | "wasi:filesystem" | "wasi:io" | "wasi:random"
                | "wasi:sockets",
                _,
            )
            | ("wasi:http", "types"),
        ) => Need::Nothing,
        Some(("wasi:http", "outgoing-handler")) => Need::Granted(Grant::Http),
        Some(("toolward:plugin", "changes")) => Need::Granted(Grant::Changes),
        _ => Need::Unknown,
    }
}

/// Every import of the component is harmless, or asked for and granted.
pub(super) fn check_imports(
    engine: &Engine,
    plugin: &config::Plugin,
    manifest: &Manifest,
    component: &Component,
) -> Result<(), LoadError> {
    for (import, _) in component.component_type().imports(&engine.wasmtime) {
        let (name, import) = (plugin.name.clone(), import.to_owned());
        match need(&import) {
            Need::Nothing => {}
            Need::Unknown => return Err(LoadError::UnknownImport { name, import }),
            Need::Granted(grant) if !manifest.asks_for(grant) => {
                return Err(LoadError::NotInManifest {
                    name,
                    import,
                    grant: grant.as_str(),
                });
            }
            Need::Granted(grant) if plugin.grants.contains(&grant) => {}
            Need::Granted(grant) => {
                return Err(LoadError::NotGranted {
                    name,
                    import,
                    grant: grant.as_str(),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_baseline_comes_without_a_grant() {
        let table = [
            ("toolward:plugin/call@0.1.0", Need::Nothing),
            ("toolward:plugin/log@0.1.7", Need::Nothing),
            ("wasi:cli/environment@0.2.3", Need::Nothing),
            ("wasi:sockets/tcp@0.2.12", Need::Nothing),
            ("wasi:http/types@0.2.12", Need::Nothing),
            (
                "wasi:http/outgoing-handler@0.2.0",
                Need::Granted(Grant::Http),
            ),
            ("wasi:http/incoming-handler@0.2.0", Need::Unknown),
            (
                "toolward:plugin/changes@0.1.0",
                Need::Granted(Grant::Changes),
            ),
            ("toolward:plugin/state@0.1.0", Need::Unknown),
            ("wasi:keyvalue/store@0.2.0", Need::Unknown),
            ("evil:wasi:cli/environment", Need::Unknown),
            ("callback", Need::Unknown),
        ];
        for (import, expected) in table {
            assert_eq!(need(import), expected, "{import}");
        }
    }
}
