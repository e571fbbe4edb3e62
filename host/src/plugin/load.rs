//! From a file to a plugin that can be called: read, checked, compiled, its imports held against its grants.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio::sync::{OnceCell, Semaphore, watch};
use wasmtime::component::Component;

use super::call::Plugin;
use super::engine::Engine;
use super::manifest::{self, Manifest, ManifestError};
use super::offers::Exports;
use crate::audit::Trail;
use crate::capability::PluginFacts;
use crate::config::{self, Grant, PluginName, TenantName};
use crate::egress::Origin;

/// Largest component file. A Python or JavaScript component has 12 to 18 MB.
const COMPONENT_BYTES: u64 = 256 * 1024 * 1024;

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
        /// wasmtime's reason.
        #[source]
        source: wasmtime::Error,
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

impl LoadError {
    /// Whether there is no file at all.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }
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

/// The digest of a plugin's component as it is now: whether it has to be loaded again.
pub async fn digest(plugin: &Arc<config::Plugin>) -> Result<String, LoadError> {
    let task = tokio::task::spawn_blocking({
        let plugin = plugin.clone();
        move || {
            let bytes = read(&plugin.name, &plugin.component)?;
            Ok(super::hex(&Sha256::digest(&bytes)))
        }
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
        .load(&engine.wasmtime, name, &bytes)
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
    let facts = PluginFacts {
        origin: Origin {
            plugin: name.clone(),
            tenant,
            http_granted: plugin.grants.contains(&Grant::Http),
            backends: Arc::new(plugin.backends.clone()),
            trail: Trail::default(),
        },
        choices: plugin.choices.clone(),
        settings: serde_json::Value::Object(plugin.settings.clone()).to_string(),
        limits: plugin.limits.clone(),
    };
    Ok(Plugin {
        manifest,
        digest: super::hex(&Sha256::digest(&bytes)),
        slots: Arc::new(Semaphore::new(plugin.limits.concurrency as usize)),
        facts: Arc::new(facts),
        engine: engine.clone(),
        grants: plugin.grants.clone(),
        visit_urls: plugin.visit_urls.clone(),
        pre,
        exports,
        formats: OnceCell::new(),
        end: watch::Sender::new(None),
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
