//! The host: everything put together, once. Reading [`Host::start`] tells what exists.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use futures::future::join_all;
use tokio::sync::{Mutex, broadcast};
use tokio::task::JoinSet;

use crate::audit::{Audit, Event, Kind};
use crate::capability::{Changed, Changes, Principal};
use crate::catalog::{Catalog, OfferError};
use crate::config::{self, Ability, Config, Location, PluginName, TenantName};
use crate::egress::{Egress, EgressError};
use crate::error::{self, Report};
use crate::jobs::Jobs;
use crate::plugin::{Engine, EngineError, Large, Signer};
use crate::policy;

mod audit;
mod candidate;
mod changes;
mod files;
mod jobs;
mod leave;
mod list;
mod reload;
mod standing;
mod watch;

pub use audit::{AuditStartError, audit_log};
use candidate::Candidate;
pub use leave::Leave;
use reload::Current;
pub use reload::{ConfigurationChange, Outcome, Reloaded, Taken, Trigger};
use standing::Standing;
pub use standing::Status;
pub use watch::Subscription;

/// News that may wait for a slow listener, who then hears that it missed some.
const NEWS: usize = 256;

/// The running host, without its transports.
#[derive(Debug)]
pub struct Host {
    catalog: Arc<ArcSwap<Catalog>>,
    jobs: OnceLock<Jobs>,
    /// Whether jobs are run here, should a plugin bring some.
    runs_jobs: AtomicBool,
    /// What each plugin offers, on offer or not.
    offers: Mutex<BTreeMap<PluginName, Candidate>>,
    /// What is served, and from where it is read again; locked while that is done.
    current: Mutex<Current>,
    standing: Standing,
    /// Who may call over HTTP.
    auth: leave::Known,
    /// Where the configuration is read again, if it is.
    location: OnceLock<Location>,
    engine: Arc<Engine>,
    news: broadcast::Sender<News>,
    watching: Arc<watch::Watching>,
    audit: Audit,
    /// Gathers changes, looks at watched resources and at files; ends with the host.
    background: std::sync::Mutex<JoinSet<()>>,
}

/// Something changed.
#[derive(Clone, Debug)]
pub struct News {
    /// What.
    pub what: Changed,
    /// Whom it concerns; `None`: everybody.
    pub tenant: Option<TenantName>,
}

impl News {
    /// Whether it concerns a tenant.
    #[must_use]
    pub fn concerns(&self, tenant: &TenantName) -> bool {
        self.tenant.as_ref().is_none_or(|only| only == tenant)
    }
}

/// A plugin that is not on offer, or not in the version that it should be.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The plugin.
    pub plugin: PluginName,
    /// Why, with its causes and a hint.
    pub report: Report,
}

/// Why the host does not start at all.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The way out.
    #[error("cannot set up the bindings")]
    Egress(#[from] EgressError),
    /// The audit log.
    #[error("cannot set up the audit log")]
    Audit(#[from] AuditStartError),
    /// The sandbox.
    #[error("cannot set up the sandbox")]
    Engine(#[from] EngineError),
}

/// The tenant of callers who are not told apart, and the one that plugins list what they offer for. For now every tenant
/// sees the same plugins and bindings; logins to backends are kept apart.
#[must_use]
pub fn local_tenant() -> TenantName {
    "local".parse().expect("`local` is a name")
}

/// Who calls when nobody is told apart and nobody else gets in: the person at this machine, who may do everything.
#[must_use]
pub fn local_principal() -> Principal {
    Principal {
        tenant: local_tenant(),
        subject: Some("local".to_owned()),
        scopes: scopes(&Ability::ALL),
    }
}

/// Who calls over a network where nobody is asked: anybody, who may do everything but look after the host.
#[must_use]
pub fn anonymous_principal() -> Principal {
    Principal {
        tenant: local_tenant(),
        subject: None,
        scopes: scopes(&policy::USUAL),
    }
}

fn scopes(abilities: &[Ability]) -> Arc<[String]> {
    let scopes = abilities.iter().map(|ability| ability.scope().to_owned());
    scopes.collect()
}

impl Host {
    /// Sets up egress and sandbox, loads every plugin, makes the catalog. A plugin that does not load is a
    /// [`Problem`] and the others are served. Call it on the I/O runtime.
    pub async fn start(config: &Config) -> Result<Arc<Self>, StartError> {
        let audit = audit::open(config).await?;
        let egress = Egress::new(config.bindings.values().cloned(), audit.clone())?;
        let changes = Changes::default();
        let engine = Engine::new(
            &config.runtime,
            &config.tenants,
            config.trust.clone(),
            Arc::new(egress),
            changes.clone(),
            audit.clone(),
        )?;
        let plugins = config.plugins.values();
        let loaded = join_all(plugins.map(|plugin| candidate::load(&engine, plugin))).await;
        let standing = Standing::new(config);
        let mut offers = BTreeMap::new();
        for (name, result) in config.plugins.keys().zip(loaded) {
            match result {
                Ok(candidate) => {
                    offers.insert(name.clone(), candidate);
                }
                Err(rejected) => standing.has_problem(name, rejected.report),
            }
        }
        let (mut catalog, refused) = catalog_of(&offers);
        for error in refused {
            standing.has_problem(error.plugin(), error::report(&error));
        }
        for error in candidate::remember(&catalog).await {
            offers.remove(&error.0);
            standing.has_problem(&error.0, error.1);
            catalog = catalog_of(&offers).0;
        }
        tracing::info!(
            plugins = catalog.plugins().len(),
            tools = catalog.tools().len(),
            prompts = catalog.prompts().len(),
            resources = catalog.resources().len(),
            "the catalog is ready"
        );
        Ok(Arc::new_cyclic(|host| {
            let watching = Arc::new(watch::Watching::default());
            let mut background = JoinSet::new();
            background.spawn(changes::gather(host.clone(), changes));
            background.spawn(watch::look(host.clone(), watching.clone()));
            Self {
                catalog: Arc::new(ArcSwap::from_pointee(catalog)),
                jobs: OnceLock::new(),
                runs_jobs: AtomicBool::new(false),
                offers: Mutex::new(offers),
                current: Mutex::new(Current {
                    config: config.clone(),
                    engine: engine.clone(),
                }),
                standing,
                auth: leave::Known::new(config.auth.clone().map(Arc::new)),
                location: OnceLock::new(),
                engine,
                news: broadcast::Sender::new(NEWS),
                watching,
                audit,
                background: std::sync::Mutex::new(background),
            }
        }))
    }

    /// Takes up changes of the plugins' components and of the configuration from now on, which is read again from there.
    pub fn keep_current(self: &Arc<Self>, location: Location) {
        self.standing.follow(&location.path);
        if self.location.set(location).is_ok() {
            let mut background = self
                .background
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            background.spawn(files::watch(Arc::downgrade(self)));
        }
    }

    /// Runs jobs: those that are unfinished go on, if a plugin has any, and a plugin that comes later can bring some. Where
    /// their store cannot be opened everything else is served, and the log says why.
    pub async fn start_jobs(&self, config: &Config) {
        self.runs_jobs.store(true, Ordering::Relaxed);
        let catalog = self.catalog();
        if catalog.plugins().iter().any(|plugin| plugin.has_jobs()) {
            self.open_jobs(config).await;
        }
    }

    /// Opens the job store, unless it is open.
    async fn open_jobs(&self, config: &Config) {
        if self.jobs.get().is_some() {
            return;
        }
        match jobs::open(config, self.catalog.clone(), self.auth.subscribe()).await {
            Ok(jobs) => {
                // Two at once: the second finds the store locked by the first.
                let _ = self.jobs.set(jobs);
            }
            Err(error) => {
                tracing::error!("{}", error::report(&error));
            }
        }
    }

    /// The jobs, when a plugin has any and their store could be opened.
    #[must_use]
    pub fn jobs(&self) -> Option<&Jobs> {
        self.jobs.get()
    }

    /// The threads for large values.
    #[must_use]
    pub fn large(&self) -> &Large {
        self.engine.large()
    }

    /// The catalog as it is now.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.load_full()
    }

    /// Who may call over HTTP, now. `None`: nobody is asked who they are.
    #[must_use]
    pub fn auth(&self) -> Option<Arc<config::Auth>> {
        self.auth.borrow().clone()
    }

    /// The plugins on offer that nobody vouches for: `--allow-unsigned` let them in.
    #[must_use]
    pub fn unsigned(&self) -> Vec<PluginName> {
        let catalog = self.catalog();
        let plugins = catalog.plugins().into_iter();
        let unsigned = plugins.filter(|plugin| plugin.signer == Signer::Nobody);
        unsigned.map(|plugin| plugin.name().clone()).collect()
    }

    /// Where everything that matters is recorded: `host.audit().record(Event::new(Kind::Reload).outcome("success"))`.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// What changes from now on.
    #[must_use]
    pub fn news(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    /// Looks at a resource for changes, which are told as news, until the subscription is dropped. `None`: nobody reads
    /// it, or too many are watched.
    #[must_use]
    pub fn watch(&self, uri: &str, tenant: &TenantName) -> Option<Subscription> {
        let catalog = self.catalog();
        let subscription = self.watching.subscribe(tenant, uri, catalog.reader(uri)?);
        let now = self.catalog();
        if !Arc::ptr_eq(&now, &catalog) {
            // Exchanged meanwhile, perhaps after everything else was moved.
            self.watching.moved(&now);
        }
        subscription
    }

    /// Plugins that are not on offer, or not in the version that they should be, with the reason.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        self.standing.problems()
    }

    fn tell(&self, news: News) {
        // Nobody listens: then nobody needs to know.
        let _ = self.news.send(news);
    }

    /// Lists what a plugin says has changed, makes the next catalog, and tells everybody.
    async fn look_again(&self, name: &PluginName, what: BTreeSet<Changed>) {
        let (lists, resources): (Vec<_>, Vec<_>) = what
            .into_iter()
            .partition(|changed| !matches!(changed, Changed::Resource(_)));
        if !lists.is_empty() {
            self.list_again(name).await;
        }
        let catalog = self.catalog();
        let own = |changed: &Changed| match changed {
            // A plugin speaks for its own resources only.
            Changed::Resource(uri) => catalog
                .reader(uri)
                .is_some_and(|plugin| plugin.name() == name),
            Changed::Tools | Changed::Prompts | Changed::Resources => true,
        };
        lists
            .into_iter()
            .chain(resources)
            .filter(own)
            .for_each(|what| self.tell(News { what, tenant: None }));
    }

    /// What does not list leaves the catalog as it is, and so does what would push another plugin out of it: names belong
    /// to whoever has them, whatever the order of the plugins.
    async fn list_again(&self, name: &PluginName) {
        let Some(plugin) = self
            .offers
            .lock()
            .await
            .get(name)
            .map(|candidate| candidate.plugin.clone())
        else {
            return;
        };
        // A plugin may take its time; the others' offers are not locked meanwhile.
        let offer = match list::offer(&plugin).await {
            Ok(offer) => offer,
            Err(error) => {
                tracing::warn!("{}", error::report(&error));
                return;
            }
        };
        let mut offers = self.offers.lock().await;
        let replaced = offers
            .get(name)
            .is_none_or(|now| !Arc::ptr_eq(&now.plugin, &plugin));
        if replaced {
            // What a version says that is no longer served changes nothing.
            return;
        }
        let mut tried = offers.clone();
        tried.insert(name.clone(), Candidate { plugin, offer });
        let (catalog, refused) = catalog_of(&tried);
        if let Some(error) = self.pushed_out(&refused) {
            let problem = error::report(error);
            tracing::warn!(plugin = %name, "a changed list collides with what is on offer and is not taken: {problem}");
            return;
        }
        *offers = tried;
        self.exchange(catalog);
    }

    fn is_offered(&self, name: &PluginName) -> bool {
        let catalog = self.catalog();
        catalog.plugins().iter().any(|plugin| plugin.name() == name)
    }

    /// The first of these that is on offer.
    fn pushed_out<'a>(&self, refused: &'a [OfferError]) -> Option<&'a OfferError> {
        let catalog = self.catalog();
        let serving = catalog.plugins();
        refused
            .iter()
            .find(|error| serving.iter().any(|one| one.name() == error.plugin()))
    }

    /// The one place where another catalog takes effect.
    fn exchange(&self, catalog: Catalog) {
        let catalog = Arc::new(catalog);
        self.catalog.store(catalog.clone());
        self.watching.moved(&catalog);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.audit.record(Event::new(Kind::Stop));
    }
}

fn catalog_of(offers: &BTreeMap<PluginName, Candidate>) -> (Catalog, Vec<OfferError>) {
    Catalog::of(offers.values().map(|one| (&one.plugin, &one.offer)))
}
