//! Taking up changes while serving: of components one by one, of the configuration all or nothing.
//!
//! What is new is loaded and checked beside what is served; only what passed takes its place, in one exchange of the
//! catalog. Calls that have found the old version go on in it for `reload.drain-time`. What does not pass stays out, and
//! [`Host::status`] and the log say why.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::future::join_all;
use serde::Serialize;

use super::candidate::{self, Candidate};
use super::{Host, News, catalog_of};
use crate::capability::Changed;
use crate::catalog::{List, OfferError};
use crate::config::{self, Config, Location, PluginName};
use crate::error::{self, Report};
use crate::plugin::{self, Engine, Plugin};

/// What is served.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) config: Config,
    /// With the way out of this configuration.
    pub(super) engine: Arc<Engine>,
}

/// What a reload came to.
#[derive(Clone, Debug, Serialize)]
pub struct Reloaded {
    /// Whether everything is served as it is written: nothing stayed out.
    pub ok: bool,
    /// The configuration.
    pub configuration: ConfigurationChange,
    /// Each plugin, of the configuration that is served now and of the one before, by name.
    pub plugins: BTreeMap<String, Taken>,
}

/// What became of the configuration.
#[derive(Clone, Debug, Serialize)]
pub struct ConfigurationChange {
    /// In one word.
    pub outcome: Outcome,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Report>,
    /// Tables that were changed and take effect with the next start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs_restart: Vec<&'static str>,
}

/// What became of one plugin.
#[derive(Clone, Debug, Serialize)]
pub struct Taken {
    /// In one word.
    pub outcome: Outcome,
    /// The version that is served now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its component's digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Why the other one was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Report>,
}

/// What became of something.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is as it was.
    Unchanged,
    /// It is new.
    Added,
    /// It took the place of another version.
    Replaced,
    /// It is gone.
    Removed,
    /// It stayed out; what was served before is served on.
    Refused,
}

/// Why a configuration is not taken although nothing in it is wrong.
#[derive(Debug, thiserror::Error)]
enum RefusedError {
    #[error("the configuration is not applied, because a plugin of it cannot be served")]
    Plugins,
    #[error("the configuration is not applied, because its bindings cannot be set up")]
    Egress(#[source] crate::egress::EgressError),
    #[error("the configuration cannot be read")]
    Read,
}

/// What is to be served from now on.
#[derive(Default)]
struct Step {
    put: BTreeMap<PluginName, Candidate>,
    drop: BTreeSet<PluginName>,
}

/// What has been done so far, and who has to hear of it.
struct Progress {
    outcomes: BTreeMap<PluginName, (Outcome, Option<Report>)>,
    lists: BTreeSet<Changed>,
}

impl Progress {
    fn note(&mut self, name: &PluginName, outcome: Outcome, problem: Option<Report>) {
        self.outcomes.insert(name.clone(), (outcome, problem));
    }
}

impl Host {
    /// Reads the configuration and every component again and takes up what changed, now. One at a time; a second one
    /// waits for the first.
    pub async fn reload(&self) -> Reloaded {
        let mut current = self.current.lock().await;
        let mut progress = Progress {
            outcomes: BTreeMap::new(),
            lists: BTreeSet::new(),
        };
        let configuration = self.reconfigure(&mut current, &mut progress).await;
        self.refresh(&current, &mut progress).await;
        // Once for each list, however many plugins changed it.
        for changed in progress.lists {
            self.tell(News {
                what: changed,
                tenant: None,
            });
        }
        let reloaded = self.told(&current, configuration, progress.outcomes).await;
        log(&reloaded);
        reloaded
    }

    /// The whole configuration, or nothing of it.
    async fn reconfigure(
        &self,
        current: &mut Current,
        progress: &mut Progress,
    ) -> ConfigurationChange {
        let Some(location) = self.location.get() else {
            return change(Outcome::Unchanged, None, Vec::new());
        };
        let next = match read(location.clone()).await {
            Ok(next) => next,
            Err(report) => {
                self.standing.configured(Some(report.clone()), &[]);
                return change(Outcome::Refused, Some(report), Vec::new());
            }
        };
        let needs_restart = needs_restart(&current.config, &next);
        let warnings = next.warnings.clone();
        let next = at_run_time(&current.config, next);
        let outcome = if next == current.config {
            Ok(Outcome::Unchanged)
        } else {
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            let applied = self.apply(current, &next, progress).await;
            applied.map(|()| Outcome::Replaced)
        };
        self.standing.read(&next, &current.config);
        let (outcome, problem) = match outcome {
            Ok(outcome) => (outcome, None),
            Err(error) => (Outcome::Refused, Some(error::report(&error))),
        };
        self.standing.configured(problem.clone(), &needs_restart);
        change(outcome, problem, needs_restart)
    }

    async fn apply(
        &self,
        current: &mut Current,
        next: &Config,
        progress: &mut Progress,
    ) -> Result<(), RefusedError> {
        let engine = if next.bindings == current.config.bindings {
            current.engine.clone()
        } else {
            let egress = current.engine.egress();
            let egress = egress.rebound(next.bindings.values().cloned());
            let egress = egress.map_err(RefusedError::Egress)?;
            current.engine.rebound(Arc::new(egress))
        };
        let old = &current.config.plugins;
        let changed = |plugin: &&Arc<config::Plugin>| old.get(&plugin.name) != Some(*plugin);
        let changed: Vec<_> = next.plugins.values().filter(changed).collect();
        let loaded = join_all(
            changed
                .iter()
                .map(|plugin| candidate::load(&engine, plugin)),
        )
        .await;
        let gone = old.keys().filter(|name| !next.plugins.contains_key(name));
        let mut step = Step {
            put: BTreeMap::new(),
            drop: gone.cloned().collect(),
        };
        let mut refused = Vec::new();
        for (plugin, result) in changed.iter().zip(loaded) {
            match result {
                Ok(candidate) => {
                    step.put.insert(plugin.name.clone(), candidate);
                }
                Err(report) => refused.push((plugin.name.clone(), report)),
            }
        }
        if refused.is_empty()
            && let Err(error) = self.take(step, next, progress).await
        {
            refused.push((error.plugin().clone(), error::report(&error)));
        }
        if !refused.is_empty() {
            for (name, report) in refused {
                self.standing.has_problem(&name, report.clone());
                progress.note(&name, Outcome::Refused, Some(report));
            }
            return Err(RefusedError::Plugins);
        }
        current.config = next.clone();
        current.engine = engine;
        Ok(())
    }

    /// Every component that is not the one that is served.
    async fn refresh(&self, current: &Current, progress: &mut Progress) {
        let done = &progress.outcomes;
        let plugins = current.config.plugins.values();
        let plugins: Vec<_> = plugins
            .filter(|plugin| !done.contains_key(&plugin.name))
            .collect();
        let looked = plugins.iter().map(|plugin| self.look_at(current, plugin));
        let looked = join_all(looked).await;
        for (plugin, found) in plugins.into_iter().zip(looked) {
            let name = &plugin.name;
            let mut step = Step::default();
            let mut problem = None;
            match found {
                Ok(None) => {
                    progress.note(name, Outcome::Unchanged, None);
                    continue;
                }
                Ok(Some(candidate)) => {
                    step.put.insert(name.clone(), candidate);
                }
                Err(Unserved::Gone(report)) => {
                    self.standing.has_problem(name, report.clone());
                    step.drop.insert(name.clone());
                    problem = Some(report);
                }
                Err(Unserved::Refused(report)) => {
                    self.standing.has_problem(name, report.clone());
                    progress.note(name, Outcome::Refused, Some(report));
                    continue;
                }
            }
            if let Err(error) = self.take(step, &current.config, progress).await {
                let report = error::report(&error);
                self.standing.has_problem(name, report.clone());
                progress.note(name, Outcome::Refused, Some(report));
            } else if let Some(taken) = progress.outcomes.get_mut(name) {
                taken.1 = problem;
            }
        }
    }

    /// Whether a plugin's component is another one than is served; if so, loads it.
    async fn look_at(
        &self,
        current: &Current,
        plugin: &Arc<config::Plugin>,
    ) -> Result<Option<Candidate>, Unserved> {
        let served = self.offers.lock().await.get(&plugin.name).cloned();
        match (plugin::digest(plugin).await, served) {
            (Ok(digest), Some(served)) if served.plugin.digest == digest => {
                // Back to what is served: what was refused meanwhile is no longer there.
                if self.is_offered(&plugin.name) {
                    self.standing.is_well(&plugin.name);
                }
                Ok(None)
            }
            (Err(error), Some(_)) if error.is_absent() => {
                Err(Unserved::Gone(error::report(&error)))
            }
            (Err(error), _) => Err(Unserved::Refused(error::report(&error))),
            (Ok(_), _) => candidate::load(&current.engine, plugin)
                .await
                .map(Some)
                .map_err(Unserved::Refused),
        }
    }

    /// The exchange. What would push out something else that is on offer, or is itself pushed out, changes nothing.
    async fn take(
        &self,
        step: Step,
        config: &Config,
        progress: &mut Progress,
    ) -> Result<(), OfferError> {
        let brings_jobs = step.put.values().any(|one| one.plugin.has_jobs());
        if brings_jobs && self.runs_jobs.load(Ordering::Relaxed) {
            // Before anybody can start one.
            self.open_jobs(config).await;
        }
        let mut offers = self.offers.lock().await;
        let mut tried = offers.clone();
        let mut replaced: Vec<(PluginName, Outcome, Candidate)> = Vec::new();
        for name in &step.drop {
            match tried.remove(name) {
                Some(old) => replaced.push((name.clone(), Outcome::Removed, old)),
                // It was never on offer.
                None => progress.note(name, Outcome::Removed, None),
            }
        }
        let mut added = Vec::new();
        for (name, candidate) in &step.put {
            match tried.insert(name.clone(), candidate.clone()) {
                Some(old) => replaced.push((name.clone(), Outcome::Replaced, old)),
                None => added.push(name.clone()),
            }
        }
        let (catalog, refused) = catalog_of(&tried);
        let own = refused
            .iter()
            .find(|error| step.put.contains_key(error.plugin()));
        let pushed_out = || {
            let others = |error: &&OfferError| !step.drop.contains(error.plugin());
            self.pushed_out(&refused).filter(others)
        };
        if let Some(error) = own.or_else(pushed_out) {
            return Err(error.clone());
        }
        // What comes in because another one made room for it had no other problem.
        let plugins = catalog.plugins().into_iter().map(|plugin| plugin.name());
        let let_in: Vec<PluginName> = plugins
            .filter(|name| step.put.contains_key(*name) || !self.is_offered(name))
            .cloned()
            .collect();
        *offers = tried;
        self.exchange(catalog);
        drop(offers);
        for name in &let_in {
            self.standing.is_well(name);
        }
        for (name, outcome, old) in replaced {
            progress.lists.extend(lists(&old));
            old.plugin.retire(config.reload.drain_time);
            self.standing.retired(&old.plugin);
            progress.note(&name, outcome, None);
        }
        for name in added {
            progress.note(&name, Outcome::Added, None);
        }
        for candidate in step.put.values() {
            progress.lists.extend(lists(candidate));
        }
        Ok(())
    }

    async fn told(
        &self,
        current: &Current,
        configuration: ConfigurationChange,
        outcomes: BTreeMap<PluginName, (Outcome, Option<Report>)>,
    ) -> Reloaded {
        let offers = self.offers.lock().await;
        let plugins: BTreeMap<String, Taken> = outcomes
            .into_iter()
            .map(|(name, (outcome, problem))| {
                let served: Option<&Arc<Plugin>> = offers.get(&name).map(|one| &one.plugin);
                let taken = Taken {
                    outcome,
                    version: served.map(|plugin| plugin.manifest.version.to_string()),
                    sha256: served.map(|plugin| plugin.digest.clone()),
                    problem,
                };
                (name.to_string(), taken)
            })
            .collect();
        let missing = |name: &PluginName| !offers.contains_key(name);
        let refused = |taken: &Taken| taken.outcome == Outcome::Refused;
        Reloaded {
            ok: configuration.outcome != Outcome::Refused
                && !plugins.values().any(refused)
                && !current.config.plugins.keys().any(missing),
            configuration,
            plugins,
        }
    }
}

/// Why a component of the configuration is not served.
enum Unserved {
    /// There is none any more.
    Gone(Report),
    /// It is not good enough.
    Refused(Report),
}

fn lists(candidate: &Candidate) -> impl Iterator<Item = Changed> {
    let lists = candidate.offer.lists().into_iter();
    lists.map(|list| match list {
        List::Tools => Changed::Tools,
        List::Prompts => Changed::Prompts,
        List::Resources => Changed::Resources,
    })
}

fn change(
    outcome: Outcome,
    problem: Option<Report>,
    needs_restart: Vec<&'static str>,
) -> ConfigurationChange {
    ConfigurationChange {
        outcome,
        problem,
        needs_restart,
    }
}

async fn read(location: Location) -> Result<Config, Report> {
    let read = tokio::task::spawn_blocking(move || location.load()).await;
    match read {
        Ok(Ok(config)) => Ok(config),
        Ok(Err(diagnostics)) => Err(Report {
            chain: vec![diagnostics.render(false).trim_end().to_owned()],
            hints: Vec::new(),
        }),
        Err(_) => Err(error::report(&RefusedError::Read)),
    }
}

/// The tables that are read once, and that differ from those that the host was started with.
fn needs_restart(started: &Config, next: &Config) -> Vec<&'static str> {
    let tables = [
        ("server", started.server == next.server),
        ("auth", started.auth == next.auth),
        ("runtime", started.runtime == next.runtime),
        ("jobs", started.jobs == next.jobs),
        ("audit", started.audit == next.audit),
    ];
    let changed = tables.into_iter().filter(|(_, same)| !same);
    changed.map(|(table, _)| table).collect()
}

/// The next configuration as far as it can take effect without a restart.
fn at_run_time(started: &Config, next: Config) -> Config {
    let Config {
        server: _,
        auth: _,
        runtime: _,
        jobs: _,
        audit: _,
        reload,
        plugins,
        bindings,
        warnings: _,
    } = next;
    Config {
        reload,
        plugins,
        bindings,
        ..started.clone()
    }
}

fn log(reloaded: &Reloaded) {
    let count = |outcome| {
        let plugins = reloaded.plugins.values();
        plugins.filter(|taken| taken.outcome == outcome).count()
    };
    for (name, taken) in &reloaded.plugins {
        let version = taken.version.as_deref().unwrap_or("none");
        match (taken.outcome, &taken.problem) {
            (Outcome::Unchanged, _) => {}
            (Outcome::Refused, Some(problem)) => {
                tracing::error!(plugin = %name, serving = version, "not taken: {problem}");
            }
            (outcome, None) => tracing::info!(plugin = %name, version, ?outcome, "reloaded"),
            (outcome, Some(problem)) => {
                tracing::warn!(plugin = %name, ?outcome, "reloaded: {problem}");
            }
        }
    }
    if let Some(problem) = &reloaded.configuration.problem {
        tracing::error!("the configuration is not taken: {problem}");
    }
    if !reloaded.configuration.needs_restart.is_empty() {
        let tables = reloaded.configuration.needs_restart.join(", ");
        tracing::warn!("changes in these tables of the configuration need a restart: {tables}");
    }
    tracing::info!(
        added = count(Outcome::Added),
        replaced = count(Outcome::Replaced),
        removed = count(Outcome::Removed),
        refused = count(Outcome::Refused),
        unchanged = count(Outcome::Unchanged),
        configuration = ?reloaded.configuration.outcome,
        "reload done"
    );
}
