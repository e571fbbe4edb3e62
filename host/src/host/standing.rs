//! What operators are told of a host that may not serve all it should: what stayed out, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde_json::{Value, json};

use super::{Host, Problem};
use crate::config::{self, Config, PluginName};
use crate::error::Report;
use crate::plugin::{self, Plugin};

/// The books. Nothing here waits for anything.
#[derive(Debug)]
pub(super) struct Standing(Mutex<Books>);

#[derive(Debug)]
struct Books {
    problems: BTreeMap<PluginName, Report>,
    /// Why the configuration as it is written now is not the one that is served.
    configuration: Option<Report>,
    /// What is written now and takes effect with the next start.
    restart: Vec<&'static str>,
    /// Versions that calls may still be going on in.
    retired: Vec<Weak<Plugin>>,
    configuration_file: Option<PathBuf>,
    /// What the plugins are loaded from: components, their signatures, the lock file.
    components: BTreeSet<PathBuf>,
    reload: config::Reload,
}

/// What is served, for operators.
#[derive(Clone, Debug)]
pub struct Status {
    /// Problems: plugins, and the configuration as a whole.
    pub problems: usize,
    /// All of it.
    pub json: Value,
}

fn components(config: &Config) -> BTreeSet<PathBuf> {
    let components = config.plugins.values().map(|plugin| &plugin.component);
    components
        .flat_map(|path| [path.clone(), plugin::signature_path(path)])
        .chain([config.trust.lock_file.clone()])
        .collect()
}

impl Standing {
    pub(super) fn new(config: &Config) -> Self {
        Self(Mutex::new(Books {
            problems: BTreeMap::new(),
            configuration: None,
            restart: Vec::new(),
            retired: Vec::new(),
            configuration_file: None,
            components: components(config),
            reload: config.reload.clone(),
        }))
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn problems(&self) -> Vec<Problem> {
        let books = self.books();
        let problems = books.problems.iter().map(|(plugin, report)| Problem {
            plugin: plugin.clone(),
            report: report.clone(),
        });
        problems.collect()
    }

    pub(super) fn has_problem(&self, plugin: &PluginName, report: Report) {
        self.books().problems.insert(plugin.clone(), report);
    }

    pub(super) fn is_well(&self, plugin: &PluginName) {
        self.books().problems.remove(plugin);
    }

    pub(super) fn retired(&self, plugin: &Arc<Plugin>) {
        let mut books = self.books();
        books.retired.retain(|one| one.strong_count() > 0);
        books.retired.push(Arc::downgrade(plugin));
    }

    /// The file that the configuration is in.
    pub(super) fn follow(&self, file: &Path) {
        self.books().configuration_file = Some(file.to_owned());
    }

    /// A configuration was read; it may not be the one that is served, and what is missing for that may come.
    pub(super) fn read(&self, next: &Config, serving: &Config) {
        let mut books = self.books();
        books.components = &components(next) | &components(serving);
        books.reload = serving.reload.clone();
        books.problems.retain(|name, _| {
            next.plugins.contains_key(name) || serving.plugins.contains_key(name)
        });
    }

    pub(super) fn configured(&self, problem: Option<Report>, restart: &[&'static str]) {
        let mut books = self.books();
        books.configuration = problem;
        restart.clone_into(&mut books.restart);
    }
}

impl Host {
    /// Every file that what is served comes from.
    pub(super) fn files(&self) -> BTreeSet<PathBuf> {
        let books = self.standing.books();
        let components = books.components.iter();
        components
            .chain(&books.configuration_file)
            .cloned()
            .collect()
    }

    pub(super) fn reload_settings(&self) -> config::Reload {
        self.standing.books().reload.clone()
    }

    /// What is served, and what is not and why.
    #[must_use]
    pub fn status(&self) -> Status {
        let catalog = self.catalog();
        let serving = catalog.plugins();
        let mut books = self.standing.books();
        books.retired.retain(|one| one.strong_count() > 0);
        let mut plugins = BTreeMap::new();
        for plugin in serving {
            let row = json!({
                "name": plugin.name().as_str(),
                "serving": true,
                "version": plugin.manifest.version.to_string(),
                "sha256": plugin.digest,
                "signer": plugin.signer.to_json(),
            });
            plugins.insert(plugin.name().clone(), row);
        }
        for (name, problem) in &books.problems {
            let row = plugins
                .entry(name.clone())
                .or_insert_with(|| json!({ "name": name.as_str(), "serving": false }));
            row["problem"] = json!(problem);
        }
        let plugins: Vec<Value> = plugins.into_values().collect();
        Status {
            problems: books.problems.len() + usize::from(books.configuration.is_some()),
            json: json!({
                "plugins": plugins,
                "configuration": { "problem": books.configuration, "needs_restart": books.restart },
                "draining": books.retired.len(),
                "free_instances": self.engine.free_instances(),
            }),
        }
    }
}
