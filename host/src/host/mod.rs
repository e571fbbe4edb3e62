//! The host: everything put together, once. Reading [`Host::start`] tells what exists.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use futures::future::join_all;
use tokio::sync::{Mutex, broadcast};
use tokio::task::JoinSet;

use crate::audit::{Audit, Event, Kind};
use crate::capability::{Changed, Changes, Principal};
use crate::catalog::{Catalog, Offer, OfferError};
use crate::config::{self, Ability, Config, PluginName, TenantName};
use crate::egress::{Egress, EgressError};
use crate::error::{self, Report};
use crate::jobs::Jobs;
use crate::plugin::{self, Engine, EngineError, Plugin, Signer};
use crate::policy;

mod audit;
mod changes;
mod jobs;
mod list;
mod watch;

pub use audit::AuditStartError;
pub use watch::Subscription;

/// News that may wait for a slow listener, who then hears that it missed some.
const NEWS: usize = 256;

/// The running host, without its transports.
#[derive(Debug)]
pub struct Host {
    catalog: Arc<ArcSwap<Catalog>>,
    jobs: OnceLock<Jobs>,
    /// What each plugin offers, on offer or not.
    offers: Mutex<BTreeMap<PluginName, (Arc<Plugin>, Offer)>>,
    /// Plugins that are configured and not on offer, with the reason.
    pub problems: Vec<Problem>,
    news: broadcast::Sender<News>,
    watching: Arc<watch::Watching>,
    audit: Audit,
    /// Gathers changes and looks at watched resources; ends with the host.
    _background: JoinSet<()>,
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

/// A plugin that is not on offer.
#[derive(Debug)]
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

fn scopes(abilities: &[Ability]) -> Vec<String> {
    let scopes = abilities.iter().map(|ability| ability.scope().to_owned());
    scopes.collect()
}

/// 128 unguessable bits, hexadecimal.
#[must_use]
pub fn random_id() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    plugin::hex(&bytes)
}

impl Host {
    /// Sets up egress and sandbox, loads every plugin, makes the catalog. A plugin that does not load is a
    /// [`Problem`] and the others are served. Call it on the I/O runtime.
    pub async fn start(config: &Config) -> Result<Arc<Self>, StartError> {
        let audit = audit::open(config).await?;
        let egress = Egress::new(config.bindings.values().cloned())?.recorded(audit.clone());
        let egress = Arc::new(egress);
        let changes = Changes::default();
        let engine = Engine::new(
            &config.runtime,
            config.trust.clone(),
            egress,
            changes.clone(),
            audit.clone(),
        )?;
        let loaded = join_all(config.plugins.values().map(|plugin| load(&engine, plugin))).await;
        let mut problems = Vec::new();
        let mut offers = BTreeMap::new();
        for (name, result) in config.plugins.keys().zip(loaded) {
            match result {
                Ok(offer) => {
                    offers.insert(name.clone(), offer);
                }
                Err(report) => problems.push(Problem {
                    plugin: name.clone(),
                    report,
                }),
            }
        }
        let (catalog, refused) =
            Catalog::of(offers.values().map(|(plugin, offer)| (plugin, offer)));
        problems.extend(refused.into_iter().map(|error| Problem {
            plugin: error.plugin().clone(),
            report: error::report(&error),
        }));
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
                offers: Mutex::new(offers),
                problems,
                news: broadcast::Sender::new(NEWS),
                watching,
                audit,
                _background: background,
            }
        }))
    }

    /// Opens the job store, if a plugin has jobs, and lets unfinished ones go on. Where that fails everything else is
    /// served, and the log says why.
    pub async fn start_jobs(&self, config: &Config) {
        let catalog = self.catalog();
        if !catalog.plugins().iter().any(|plugin| plugin.has_jobs()) {
            return;
        }
        match jobs::open(config, self.catalog.clone()).await {
            Ok(jobs) => {
                // A second call finds the store locked by the first.
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

    /// The catalog as it is now.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.load_full()
    }

    /// The plugins on offer that nobody vouches for: `--allow-unsigned` let them in.
    #[must_use]
    pub fn unsigned(&self) -> Vec<PluginName> {
        let catalog = self.catalog();
        let plugins = catalog.plugins().into_iter();
        let unsigned = plugins.filter(|plugin| plugin.signer == Signer::Nobody);
        unsigned.map(|plugin| plugin.name().clone()).collect()
    }

    /// Where everything that matters is recorded: `host.audit().record(Event::new(Kind::Reload).outcome("ok"))`.
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
        self.watching.subscribe(tenant, uri, catalog.reader(uri)?)
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
            .map(|(plugin, _)| plugin.clone())
        else {
            return;
        };
        // A plugin may take its time; the others' offers are not locked meanwhile.
        let next = match list::offer(&plugin).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!("{}", error::report(&error));
                return;
            }
        };
        let mut offers = self.offers.lock().await;
        let mut tried = offers.clone();
        tried.insert(name.clone(), (plugin, next));
        let (catalog, refused) = Catalog::of(tried.values().map(|(plugin, offer)| (plugin, offer)));
        let serving = self.catalog();
        let serving = serving.plugins();
        let pushed_out =
            |error: &&OfferError| serving.iter().any(|one| one.name() == error.plugin());
        if let Some(error) = refused.iter().find(pushed_out) {
            let problem = error::report(error);
            tracing::warn!(plugin = %name, "a changed list collides with what is on offer and is not taken: {problem}");
            return;
        }
        *offers = tried;
        self.catalog.store(Arc::new(catalog));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.audit.record(Event::new(Kind::Stop));
    }
}

async fn load(
    engine: &Arc<Engine>,
    plugin: &Arc<config::Plugin>,
) -> Result<(Arc<Plugin>, Offer), Report> {
    let loaded = plugin::load(engine, plugin, local_tenant()).await;
    let loaded = Arc::new(loaded.map_err(|error| error::report(&error))?);
    let offer = list::offer(&loaded)
        .await
        .map_err(|error| error::report(&error))?;
    plugin::served(&loaded)
        .await
        .map_err(|error| error::report(&error))?;
    Ok((loaded, offer))
}
