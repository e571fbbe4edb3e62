//! Taking up changes while serving: of components one by one, of the configuration all or nothing.
//!
//! What is new is loaded and checked beside what is served; only what passed takes its place, in one exchange of the
//! catalog. Calls that have found the old version go on in it for `reload.drain-time`. What does not pass stays out, and
//! [`Host::status`] and the log say why.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use futures::future::join_all;

use super::candidate::{self, Candidate};
use super::{Host, News, catalog_of};
use crate::capability::Changed;
use crate::catalog::{List, OfferError};
use crate::config::{self, Config, Location, PluginName};
use crate::egress::EgressError;
use crate::error::{self, Report};
use crate::plugin::{self, Engine, LoadError, Plugin};

mod outcome;

use outcome::change;
pub use outcome::{ConfigurationChange, Outcome, Reloaded, Taken, Trigger};

/// What is served.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) config: Config,
    /// With the way out of this configuration.
    pub(super) engine: Arc<Engine>,
}

/// Why a configuration is not taken although nothing in it is wrong.
#[derive(Debug, thiserror::Error)]
enum RefusedError {
    #[error("the configuration is not applied, because a plugin of it cannot be served")]
    Plugins,
    #[error("the configuration is not applied, because its bindings cannot be set up")]
    Egress(#[source] EgressError),
    #[error("the configuration cannot be read")]
    Read,
}

/// Why what is good enough is not served.
#[derive(Debug, thiserror::Error)]
enum TakeError {
    #[error(transparent)]
    Offer(OfferError),
    #[error("plugin `{plugin}` is not served")]
    Forgotten {
        plugin: PluginName,
        #[source]
        source: LoadError,
    },
}

impl TakeError {
    fn plugin(&self) -> &PluginName {
        match self {
            Self::Offer(error) => error.plugin(),
            Self::Forgotten { plugin, .. } => plugin,
        }
    }
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
    pub async fn reload(&self, trigger: &Trigger) -> Reloaded {
        let mut current = self.current.lock().await;
        let begun = Instant::now();
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
        reloaded.log();
        reloaded.record(&self.audit, trigger, begun.elapsed());
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
            if applied.is_err() {
                self.revoke(current, &next, progress).await;
            }
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

    /// What is revoked goes; whatever else cannot be served as it is written leaves everything as it is.
    async fn apply(
        &self,
        current: &mut Current,
        next: &Config,
        progress: &mut Progress,
    ) -> Result<(), RefusedError> {
        let trusts_others = next.trust != current.config.trust;
        let engine = rebound(current, next).map_err(RefusedError::Egress)?;
        let old = &current.config.plugins;
        let is_new = |plugin: &Arc<config::Plugin>| old.get(&plugin.name) != Some(plugin);
        // Whom we trust is part of what every plugin is served by.
        let judged: Vec<_> = next
            .plugins
            .values()
            .filter(|plugin| trusts_others || is_new(plugin))
            .collect();
        let loading = judged.iter().map(|plugin| candidate::load(&engine, plugin));
        let loaded = join_all(loading).await;
        let gone = old.keys().filter(|name| !next.plugins.contains_key(name));
        let mut step = Step {
            put: BTreeMap::new(),
            drop: gone.cloned().collect(),
        };
        let (mut refused, mut revoked) = (Vec::new(), Vec::new());
        for (plugin, result) in judged.into_iter().zip(loaded) {
            let name = plugin.name.clone();
            let rejected = match result {
                Ok(candidate) => {
                    step.put.insert(name, candidate);
                    continue;
                }
                Err(rejected) => rejected,
            };
            let served = self.offers.lock().await.get(&name).cloned();
            match served {
                Some(served) if served.plugin.is_revoked(&next.trust) => {
                    step.drop.insert(name.clone());
                    revoked.push((name, rejected.report));
                }
                // What is wrong with it has nothing to do with this configuration; it is looked at next.
                Some(_) if !is_new(plugin) && !rejected.is_distrusted => {}
                None if !is_new(plugin) => {}
                Some(_) | None => refused.push((name, rejected.report)),
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
        for (name, report) in revoked {
            self.standing.has_problem(&name, report.clone());
            progress.note(&name, Outcome::Removed, Some(report));
        }
        if next.auth != current.config.auth {
            self.auth.send_replace(next.auth.clone().map(Arc::new));
        }
        current.config = next.clone();
        current.engine = engine;
        Ok(())
    }

    /// What a configuration revokes counts although the rest of it is not taken: whoever revokes a key has a reason that
    /// does not wait for somebody else's mistake in the same file.
    async fn revoke(&self, current: &mut Current, next: &Config, progress: &mut Progress) {
        let mut trust = config::Trust::clone(&current.config.trust);
        let old = trust.revoked.len();
        for revoked in &next.trust.revoked {
            if !trust.revoked.contains(revoked) {
                trust.revoked.push(revoked.clone());
            }
        }
        if trust.revoked.len() == old {
            return;
        }
        tracing::warn!(
            "what the configuration revokes counts from now on, although the rest of it is not applied"
        );
        current.config.trust = Arc::new(trust);
        let trust = &current.config.trust;
        let egress = current.engine.egress().clone();
        current.engine = current.engine.rebound(egress, trust.clone());
        let offers = self.offers.lock().await.clone();
        let revoked = offers
            .into_iter()
            .filter(|(_, one)| one.plugin.is_revoked(trust));
        for (name, _) in revoked {
            let Some(plugin) = current.config.plugins.get(&name) else {
                continue;
            };
            let mut step = Step::default();
            let mut problem = None;
            // What lies there may be another one by now, or signed anew.
            match candidate::load(&current.engine, plugin).await {
                Ok(candidate) => {
                    step.put.insert(name.clone(), candidate);
                }
                Err(rejected) => {
                    step.drop.insert(name.clone());
                    problem = Some(rejected.report);
                }
            }
            if let Err(error) = self.take(step, &current.config, progress).await {
                // What would take its place cannot; it goes all the same, and going is in nobody's way.
                problem = Some(error::report(&error));
                let step = Step {
                    drop: [name.clone()].into(),
                    ..Step::default()
                };
                if let Err(error) = self.take(step, &current.config, progress).await {
                    tracing::error!("{}", error::report(&error));
                }
            }
            if let Some(report) = problem {
                self.standing.has_problem(&name, report.clone());
                let outcome = Outcome::Removed;
                progress.note(&name, outcome, Some(report));
            }
        }
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
        match (plugin::examine(&current.engine, plugin).await, served) {
            (Ok(found), Some(served)) if served.plugin.is(&found) => {
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
                .map_err(|rejected| Unserved::Refused(rejected.report)),
        }
    }

    /// The exchange. What would push out something else that is on offer, or is itself pushed out, changes nothing.
    async fn take(
        &self,
        step: Step,
        config: &Config,
        progress: &mut Progress,
    ) -> Result<(), TakeError> {
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
            return Err(TakeError::Offer(error.clone()));
        }
        for (name, candidate) in &step.put {
            // Before anybody can call it: what was served once must not be forgotten.
            let remembered = plugin::served(&candidate.plugin).await;
            remembered.map_err(|source| TakeError::Forgotten {
                plugin: name.clone(),
                source,
            })?;
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

/// The engine for the next configuration: with its bindings, and with those whom it trusts.
fn rebound(current: &Current, next: &Config) -> Result<Arc<Engine>, EgressError> {
    let engine = &current.engine;
    let same_bindings = next.bindings == current.config.bindings;
    if same_bindings && next.trust == current.config.trust {
        return Ok(engine.clone());
    }
    let egress = if same_bindings {
        engine.egress().clone()
    } else {
        Arc::new(engine.egress().rebound(next.bindings.values().cloned())?)
    };
    Ok(engine.rebound(egress, next.trust.clone()))
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
    // What tenants get where nothing is said depends on whether anybody is asked who they are: that alone is no change.
    let same_callers = started.auth.is_some() == next.auth.is_some();
    let tables = [
        ("server", started.server == next.server),
        ("auth", auth(started, next) == next.auth),
        ("runtime", started.runtime == next.runtime),
        ("tenants", started.tenants == next.tenants || !same_callers),
        ("jobs", started.jobs == next.jobs),
        ("audit", started.audit == next.audit),
    ];
    let changed = tables.into_iter().filter(|(_, same)| !same);
    changed.map(|(table, _)| table).collect()
}

/// Who may call, as far as that can change: the static tokens. Whether anybody is asked at all is settled with the
/// address, and an authorization server's keys are followed from the start.
fn auth(started: &Config, next: &Config) -> Option<config::Auth> {
    match (&started.auth, &next.auth) {
        (Some(old), Some(new)) if old.oauth == new.oauth => Some(new.clone()),
        (old, _) => old.clone(),
    }
}

/// The next configuration as far as it can take effect without a restart.
fn at_run_time(started: &Config, next: Config) -> Config {
    let auth = auth(started, &next);
    let Config {
        server: _,
        auth: _,
        runtime: _,
        tenants: _,
        jobs: _,
        audit: _,
        reload,
        trust,
        plugins,
        bindings,
        limits: _,
        warnings: _,
    } = next;
    Config {
        auth,
        reload,
        trust,
        plugins,
        bindings,
        ..started.clone()
    }
}
