//! From a file to a plugin that can be called: read, checked, compiled, its imports held against its grants.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio::sync::{OnceCell, watch};

use super::admit::Door;
use super::call::Plugin;
use super::compile::CompileError;
use super::engine::Engine;
use super::manifest::{self, Manifest, ManifestError};
use super::offers::Exports;
use super::reuse::PluginId;
use super::trust::{self, Evidence, Memory, Seen, Signer, StateError, TrustError};
use super::{files, history, right};
use crate::audit::Trail;
use crate::capability::{Learned, PluginFacts};
use crate::config::{self, BackendName, BindingName, Grant, PluginName, TenantName};
use crate::egress::Origin;
use crate::telemetry::metrics;

/// Largest component file. A Python or JavaScript component has 12 to 18 MB.
pub const COMPONENT_BYTES: u64 = 256 * 1024 * 1024;

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
    /// Nobody whom the operator trusts vouches for it.
    #[error("plugin `{name}`: `{path}` is not taken: {source}")]
    Trust {
        /// The plugin.
        name: PluginName,
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<TrustError>,
    },
    /// What was installed and served before cannot be told.
    #[error("plugin `{name}` is not loaded: nobody can tell whether it is an older version")]
    Memory {
        /// The plugin.
        name: PluginName,
        /// Why.
        #[source]
        source: StateError,
    },
    /// An import that the manifest does not ask for.
    #[error(
        "plugin `{name}` imports `{import}`, which its manifest does not ask for\nhint: its author adds an entry [[imports]] with name = \"{grant}\" and a reason to plugin.toml"
    )]
    NotInManifest {
        /// The plugin.
        name: PluginName,
        /// The import.
        import: String,
        /// The grant's word.
        grant: &'static str,
    },
    /// The settings do not fit their schema.
    #[error(
        "plugin `{name}`: its settings are not what its manifest says\n  {problems}\nhint: toolward plugin inspect shows the schema"
    )]
    Settings {
        /// The plugin.
        name: PluginName,
        /// Each with its place.
        problems: String,
    },
    /// The binding logs in by a way that the plugin does not work with.
    #[error(
        "plugin `{name}`: for the backend `{backend}`, its manifest works with credentials of the kinds {works_with}; binding `{binding}` has one of the kind {kind}\nhint: bind plugins.{name}.backends.{backend} to another binding"
    )]
    Credential {
        /// The plugin.
        name: PluginName,
        /// The backend.
        backend: BackendName,
        /// What is bound to it.
        binding: BindingName,
        /// The kind of its credential.
        kind: &'static str,
        /// The kinds that the manifest names.
        works_with: String,
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

    /// Whether nobody vouches for it, or that cannot be told.
    #[must_use]
    pub fn is_distrust(&self) -> bool {
        matches!(self, Self::Trust { .. } | Self::Memory { .. })
    }
}

/// Loads one plugin for a tenant. Compiling happens on a thread of its own.
pub async fn load(
    engine: &Arc<Engine>,
    plugin: &Arc<config::Plugin>,
    tenant: TenantName,
) -> Result<Plugin, LoadError> {
    apart(engine, &plugin.name, {
        let (engine, plugin) = (engine.clone(), plugin.clone());
        move || load_blocking(&engine, &plugin, tenant)
    })
    .await
}

/// A plugin's component as it is now, its origin checked: whether it has to be loaded again.
pub async fn examine(
    engine: &Arc<Engine>,
    plugin: &Arc<config::Plugin>,
) -> Result<Checked, LoadError> {
    apart(engine, &plugin.name, {
        let (engine, plugin) = (engine.clone(), plugin.clone());
        move || verify_now(&engine, &plugin)
    })
    .await
}

/// Does something that blocks on a thread for that, of which few are busy at once: a thousand plugins are not a thousand
/// threads, which would be a load on the host for as long as they linger.
async fn apart<T: Send + 'static>(
    engine: &Engine,
    plugin: &PluginName,
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    let place = engine.loading.clone().acquire_owned().await;
    let task = tokio::task::spawn_blocking(move || {
        // Given back when the work is done, not when nobody waits for it any more. The semaphore is never closed.
        let _place = place;
        work()
    });
    task.await.unwrap_or_else(|_| {
        Err(LoadError::Abandoned {
            name: plugin.clone(),
        })
    })
}

/// With the lock file and the versions that were served as they are now.
fn verify_now(engine: &Engine, plugin: &config::Plugin) -> Result<Checked, LoadError> {
    let memory =
        Memory::open(&engine.trust, &engine.state_dir).map_err(|source| LoadError::Memory {
            name: plugin.name.clone(),
            source,
        })?;
    verify(&engine.trust, &memory, plugin)
}

fn load_blocking(
    engine: &Arc<Engine>,
    plugin: &config::Plugin,
    tenant: TenantName,
) -> Result<Plugin, LoadError> {
    let (name, path) = (&plugin.name, &plugin.component);
    let Checked {
        component: bytes,
        manifest,
        digest,
        signer,
        signature,
    } = verify_now(engine, plugin)?;
    right::check(plugin, &manifest)?;
    let component = engine
        .cache
        .load(&engine.wasmtime, name, &bytes, &engine.compiler)
        .map_err(|source| LoadError::Compile {
            name: name.clone(),
            path: path.clone(),
            source,
        })?;
    right::check_imports(engine, plugin, &manifest, &component)?;
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
        origin: origin(plugin, &manifest, tenant),
        choices: plugin.choices.clone(),
        learned: Arc::new(Learned::new(lessons)),
        settings: serde_json::Value::Object(plugin.settings.clone()).to_string(),
        limits: plugin.limits.clone(),
    };
    metrics().limits(name.as_str(), &plugin.limits.in_numbers());
    Ok(Plugin {
        manifest,
        id: PluginId::new(),
        door: Door::new(&plugin.limits),
        isolation: plugin.isolation,
        digest,
        signer,
        signature,
        component: path.clone(),
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

/// The plugin as egress sees it: what is bound for it, and which requests its manifest asks for.
#[must_use]
pub fn origin(plugin: &config::Plugin, manifest: &Manifest, tenant: TenantName) -> Origin {
    Origin {
        plugin: plugin.name.clone(),
        tenant,
        http_granted: plugin.grants.contains(&Grant::Http),
        backends: Arc::new(plugin.backends.clone()),
        wanted: right::wanted(plugin, manifest),
        trail: Trail::default(),
    }
}

/// A component whose origin was checked: what is loaded from here on are these bytes, never the file again.
#[derive(Debug)]
pub struct Checked {
    /// The file's bytes.
    pub component: Vec<u8>,
    /// The manifest in them.
    pub manifest: Manifest,
    /// Their SHA-256 digest, hexadecimal.
    pub digest: String,
    /// Who vouches for them.
    pub signer: Signer,
    /// The text of the `.minisig` file, if there is one.
    pub signature: Option<String>,
}

/// Reads a plugin's component and its signature, once, and decides whether it may be loaded. Compiles nothing.
pub fn verify(
    trust: &config::Trust,
    memory: &Memory,
    plugin: &config::Plugin,
) -> Result<Checked, LoadError> {
    let (name, path) = (&plugin.name, &plugin.component);
    let component = read(name, path)?;
    let manifest = read_manifest(name, path, &component)?;
    let untrusted = |source| LoadError::Trust {
        name: name.clone(),
        path: path.clone(),
        source: Box::new(source),
    };
    let signature = read_signature(path)
        .map_err(|error| untrusted(TrustError::Signature(error.to_string())))?;
    let evidence = Evidence {
        component: &component,
        manifest: &manifest,
        digest: Sha256::digest(&component).into(),
        signature: signature.as_deref(),
    };
    let signer = trust::signer(trust, &evidence).map_err(untrusted)?;
    trust::within_bounds(trust, &signer, plugin).map_err(untrusted)?;
    memory.check(&signer, &evidence).map_err(untrusted)?;
    let digest = super::hex(&evidence.digest);
    if signer == Signer::Nobody {
        tracing::warn!(plugin = %name, version = %manifest.version, "nobody vouches for this plugin: it is not signed by a known publisher, and trust.allow-unsigned lets it in");
    }
    Ok(Checked {
        component,
        manifest,
        digest,
        signer,
        signature,
    })
}

/// Remembers that a plugin is served: its version, against older ones, and its component, for a rollback. Called once it
/// has shown that it works.
pub async fn served(plugin: &Arc<Plugin>) -> Result<(), LoadError> {
    apart(&plugin.engine, plugin.name(), {
        let plugin = plugin.clone();
        move || {
            if plugin.signer == Signer::Nobody {
                return Ok(());
            }
            remember(&plugin).map_err(|source| LoadError::Memory {
                name: plugin.name().clone(),
                source,
            })
        }
    })
    .await
}

fn remember(plugin: &Arc<Plugin>) -> Result<(), StateError> {
    let mut seen = Seen::open(&plugin.engine.state_dir)?;
    seen.note(plugin.name(), &plugin.manifest.version)?;
    history::keep(&seen, plugin);
    Ok(())
}

/// Where the signature of a component is: minisign puts it beside the file.
#[must_use]
pub fn signature_path(component: &Path) -> PathBuf {
    let mut path = component.as_os_str().to_owned();
    path.push(".minisig");
    path.into()
}

/// The signature beside a component; `None`: there is none.
pub fn read_signature(component: &Path) -> std::io::Result<Option<String>> {
    let bytes = files::read_if_there(&signature_path(component), trust::signature::MAX_BYTES)?;
    bytes
        .map(|bytes| String::from_utf8(bytes).map_err(std::io::Error::other))
        .transpose()
}

fn read(name: &PluginName, path: &Path) -> Result<Vec<u8>, LoadError> {
    files::read(path, COMPONENT_BYTES).map_err(|source| match source.kind() {
        std::io::ErrorKind::FileTooLarge => LoadError::TooLarge {
            name: name.clone(),
            path: path.to_owned(),
        },
        _ => LoadError::Read {
            name: name.clone(),
            path: path.to_owned(),
            source,
        },
    })
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
