//! From a file to a plugin that can be called: read, checked, compiled, its imports held against its grants.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;
use wasmtime::component::Component;

use super::admit::Door;
use super::call::Plugin;
use super::compile::CompileError;
use super::engine::Engine;
use super::manifest::{self, Manifest, ManifestError};
use super::offers::Exports;
use super::reuse::PluginId;
use crate::audit::Trail;
use crate::capability::{Learned, PluginFacts};
use crate::config::{self, Grant, PluginName, TenantName};
use crate::egress::Origin;
use crate::telemetry::metrics;

/// Largest component file. A Python or JavaScript component has 12 to 18 MB.
pub(super) const COMPONENT_BYTES: u64 = 256 * 1024 * 1024;

/// Why a plugin did not load. The host keeps serving the others.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error(
        "plugin `{name}`: cannot read the component `{path}`\nhint: set plugins.{name}.component to the file's path"
    )]
    Read {
        /// The plugin.
        name: PluginName,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("plugin `{name}`: the component `{path}` has more than {COMPONENT_BYTES} bytes")]
    TooLarge {
        /// The plugin.
        name: PluginName,
        /// The file.
        path: PathBuf,
    },
    /// Not a plugin.
    #[error("plugin `{name}`: `{path}` cannot be used: {source}")]
    Manifest {
        /// The plugin.
        name: PluginName,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// The manifest names another plugin.
    #[error(
        "plugin `{name}`: the component `{path}` is the plugin `{found}`\nhint: rename the table [plugins.{name}] to [plugins.{found}]"
    )]
    OtherName {
        /// The plugin.
        name: PluginName,
        /// The file.
        path: PathBuf,
        /// The manifest's name.
        found: PluginName,
    },
    /// wasmtime does not take the component.
    #[error("plugin `{name}`: the component `{path}` does not compile")]
    Compile {
        /// The plugin.
        name: PluginName,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: CompileError,
    },
    /// An import that the configuration may grant, and does not.
    #[error(
        "plugin `{name}` asks for `{import}`, which is not granted\nhint: add \"{grant}\" to plugins.{name}.grant"
    )]
    NotGranted {
        /// The plugin.
        name: PluginName,
        /// The import.
        import: String,
        /// The grant's word.
        grant: &'static str,
    },
    /// An import that this host does not have.
    #[error("plugin `{name}` asks for `{import}`, which this host does not offer")]
    UnknownImport {
        /// The plugin.
        name: PluginName,
        /// The import.
        import: String,
    },
    /// The imports are known, but not in this shape.
    #[error("plugin `{name}` was built against another version of an interface that this host has")]
    Link {
        /// The plugin.
        name: PluginName,
        /// wasmtime's reason.
        #[source]
        source: wasmtime::Error,
    },
    /// Nothing to offer.
    #[error(
        "plugin `{name}` exports none of `toolward:plugin/tools@0.1`, `prompts` and `resources`, so it offers nothing"
    )]
    NothingOffered {
        /// The plugin.
        name: PluginName,
    },
    /// The background thread died.
    #[error("plugin `{name}`: loading was abandoned")]
    Abandoned {
        /// The plugin.
        name: PluginName,
    },
}

/// Loads one plugin for a tenant. Compiling happens on a thread of its own.
pub async fn load(
    engine: &Arc<Engine>,
    plugin: &Arc<config::Plugin>,
    tenant: TenantName,
) -> Result<Plugin, LoadError> {
    let task = tokio::task::spawn_blocking({
        let (engine, plugin) = (engine.clone(), plugin.clone());
        move || load_blocking(&engine, &plugin, tenant)
    });
    task.await.unwrap_or_else(|_| {
        Err(LoadError::Abandoned {
            name: plugin.name.clone(),
        })
    })
}

fn load_blocking(
    engine: &Arc<Engine>,
    plugin: &config::Plugin,
    tenant: TenantName,
) -> Result<Plugin, LoadError> {
    let (name, path) = (&plugin.name, &plugin.component);
    let bytes = read(name, path)?;
    let manifest = read_manifest(name, path, &bytes)?;
    let component = engine
        .cache
        .load(&engine.wasmtime, name, &bytes, &engine.compiler)
        .map_err(|source| LoadError::Compile {
            name: name.clone(),
            path: path.clone(),
            source,
        })?;
    check_imports(engine, plugin, &component)?;
    let pre = engine
        .linker
        .instantiate_pre(&component)
        .map_err(|source| LoadError::Link {
            name: name.clone(),
            source,
        })?;
    let exports =
        Exports::of(&pre).ok_or_else(|| LoadError::NothingOffered { name: name.clone() })?;
    let lessons = manifest.backends.iter();
    let lessons = lessons.map(|backend| (backend.name.clone(), backend.learn.clone()));
    let lessons = lessons.collect();
    let facts = PluginFacts {
        origin: Origin {
            plugin: name.clone(),
            tenant,
            http_granted: plugin.grants.contains(&Grant::Http),
            backends: Arc::new(plugin.backends.clone()),
            trail: Trail::default(),
        },
        choices: plugin.choices.clone(),
        learned: Arc::new(Learned::new(lessons)),
        settings: serde_json::Value::Object(plugin.settings.clone()).to_string(),
        limits: plugin.limits.clone(),
    };
    metrics().limits(name.as_str(), &plugin.limits.in_numbers());
    Ok(Plugin {
        manifest,
        digest: super::hex(&Sha256::digest(&bytes)),
        id: PluginId::new(),
        door: Door::new(&plugin.limits),
        isolation: plugin.isolation,
        facts: Arc::new(facts),
        engine: engine.clone(),
        grants: plugin.grants.clone(),
        visit_urls: plugin.visit_urls.clone(),
        pre,
        exports,
        formats: OnceCell::new(),
    })
}

fn read(name: &PluginName, path: &Path) -> Result<Vec<u8>, LoadError> {
    let failed = |source| LoadError::Read {
        name: name.clone(),
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(COMPONENT_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > COMPONENT_BYTES {
        return Err(LoadError::TooLarge {
            name: name.clone(),
            path: path.to_owned(),
        });
    }
    Ok(bytes)
}

fn read_manifest(name: &PluginName, path: &Path, bytes: &[u8]) -> Result<Manifest, LoadError> {
    let manifest = manifest::read(bytes).map_err(|source| LoadError::Manifest {
        name: name.clone(),
        path: path.to_owned(),
        source,
    })?;
    if manifest.name == *name {
        Ok(manifest)
    } else {
        Err(LoadError::OtherName {
            name: name.clone(),
            path: path.to_owned(),
            found: manifest.name,
        })
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

fn check_imports(
    engine: &Engine,
    plugin: &config::Plugin,
    component: &Component,
) -> Result<(), LoadError> {
    for (import, _) in component.component_type().imports(&engine.wasmtime) {
        let (name, import) = (plugin.name.clone(), import.to_owned());
        match need(&import) {
            Need::Nothing => {}
            Need::Granted(grant) if plugin.grants.contains(&grant) => {}
            Need::Granted(grant) => {
                return Err(LoadError::NotGranted {
                    name,
                    import,
                    grant: grant.as_str(),
                });
            }
            Need::Unknown => return Err(LoadError::UnknownImport { name, import }),
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
