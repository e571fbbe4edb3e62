//! A host for one plugin, apart from the operator's own: a configuration and a state folder that go away with it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::verify::Candidate;
use crate::config::{self, Config, Overrides};
use crate::error::report;
use crate::host::Host;

/// Where the trial compiles to.
pub(super) struct Trial {
    cache_dir: Option<PathBuf>,
}

/// What a trial has besides the plugin: tables of the configuration, and keys of the plugin's own.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) root: Map<String, Value>,
    pub(super) plugin: Map<String, Value>,
}

/// A running trial. The folder goes away with it.
pub(super) struct Running {
    pub(super) host: Arc<Host>,
    _folder: tempfile::TempDir,
}

impl Trial {
    /// With the cache of the operator's host, where there is one: compiling takes seconds.
    pub(super) fn new(config: Option<&Config>) -> Self {
        Self {
            cache_dir: config.map(|config| config.runtime.cache_dir.clone()),
        }
    }

    /// The plugin's tools, each with the first line of its description. It is granted what it asks for, and bound to
    /// nothing.
    pub(super) fn tools(&self, candidate: &Candidate) -> Result<Vec<(String, String)>, String> {
        let runtime = super::runtime().map_err(|error| report(&error).to_string())?;
        runtime.block_on(async {
            let running = self.start(candidate, &Tables::default()).await?;
            let catalog = running.host.catalog();
            let tools = catalog.tools().map(|tool| {
                let first = tool.description.lines().next().unwrap_or_default();
                let first: String = first.chars().filter(|c| !c.is_control()).collect();
                (tool.name.clone(), first)
            });
            Ok(tools.collect())
        })
    }

    /// Starts the host. The plugin is granted what it asks for.
    pub(super) async fn start(
        &self,
        candidate: &Candidate,
        tables: &Tables,
    ) -> Result<Running, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let name = &candidate.manifest.name;
        let wanted: Vec<&str> = candidate
            .manifest
            .wants()
            .into_iter()
            .map(|(grant, _)| grant.as_str())
            .collect();
        let mut plugin = json!({ "component": "plugin.wasm", "grant": wanted });
        let mut root = json!({ "runtime": { "state-dir": "state" } });
        if let Some(cache_dir) = &self.cache_dir {
            root["runtime"]["cache-dir"] = json!(cache_dir);
        }
        for (key, value) in &tables.plugin {
            plugin[key] = value.clone();
        }
        for (key, value) in &tables.root {
            root[key] = value.clone();
        }
        root["plugins"] = json!({ name.as_str(): plugin });
        let text = toml::to_string(&root).map_err(|error| error.to_string())?;
        let path = folder.path().join("toolward.toml");
        // The bytes that were judged, not the file that they came from.
        fs::write(&path, text)
            .and_then(|()| fs::write(folder.path().join("plugin.wasm"), &candidate.component))
            .map_err(|error| error.to_string())?;
        let overrides = Overrides {
            allow_unsigned: Some("true".to_owned()),
            ..Overrides::default()
        };
        let home = super::super::config::environment;
        let config = config::load(&path, &home, &overrides).map_err(|error| error.to_string())?;
        let host = Host::start(&config)
            .await
            .map_err(|error| report(&error).to_string())?;
        match host.problems().first() {
            Some(problem) => Err(problem.report.to_string()),
            None => Ok(Running {
                host,
                _folder: folder,
            }),
        }
    }
}
