//! The host: everything put together, once. Reading [`Host::start`] tells what exists.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::capability::{CallInfo, Principal};
use crate::catalog::Catalog;
use crate::config::{self, Config, PluginName, TenantName};
use crate::egress::{Egress, EgressError};
use crate::error::{self, Report};
use crate::jobs::Jobs;
use crate::plugin::wit::tools::Listing;
use crate::plugin::wit::values::Failure;
use crate::plugin::{self, Engine, EngineError, LoadError, Plugin};

mod jobs;

/// The running host, without its transports.
#[derive(Debug)]
pub struct Host {
    catalog: Arc<ArcSwap<Catalog>>,
    jobs: OnceLock<Jobs>,
    /// Plugins that are configured and not on offer, with the reason.
    pub problems: Vec<Problem>,
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
    /// The sandbox.
    #[error("cannot set up the sandbox")]
    Engine(#[from] EngineError),
}

/// Why a loaded plugin has nothing on offer.
#[derive(Debug, thiserror::Error)]
enum ListError {
    #[error("plugin `{plugin}` did not list its tools")]
    Call {
        plugin: PluginName,
        #[source]
        source: plugin::CallError,
    },
    #[error("plugin `{plugin}` did not list its tools: {reason}")]
    Refused { plugin: PluginName, reason: String },
}

/// Until tenants are configured there is one.
#[must_use]
pub fn local_tenant() -> TenantName {
    "local".parse().expect("`local` is a name")
}

/// Who calls when nobody is told apart: the person at this machine.
#[must_use]
pub fn local_principal() -> Principal {
    Principal {
        tenant: local_tenant(),
        subject: Some("local".to_owned()),
        scopes: Vec::new(),
    }
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
        let egress = Arc::new(Egress::new(config.bindings.values().cloned())?);
        let engine = Engine::new(&config.runtime, egress)?;
        let loaded = join_all(config.plugins.values().map(|plugin| offer(&engine, plugin))).await;
        let mut problems = Vec::new();
        let mut listings = Vec::new();
        for (name, result) in config.plugins.keys().zip(loaded) {
            match result {
                Ok(listing) => listings.push(listing),
                Err(report) => problems.push(Problem {
                    plugin: name.clone(),
                    report,
                }),
            }
        }
        let (catalog, refused) = Catalog::new(listings);
        problems.extend(refused.into_iter().map(|error| Problem {
            plugin: error.plugin().clone(),
            report: error::report(&error),
        }));
        for problem in &problems {
            tracing::error!("{}", problem.report);
        }
        tracing::info!(
            tools = catalog.tools().len(),
            plugins = catalog.plugins().len(),
            "the catalog is ready"
        );
        Ok(Arc::new(Self {
            catalog: Arc::new(ArcSwap::from_pointee(catalog)),
            jobs: OnceLock::new(),
            problems,
        }))
    }

    /// Opens the job store, if a plugin has jobs, and lets unfinished ones go on. Where that fails everything else is
    /// served, and the log says why.
    pub async fn start_jobs(&self, config: &Config) {
        let plugins = self.catalog();
        if !plugins.plugins().iter().any(|plugin| plugin.has_jobs()) {
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
}

async fn offer(
    engine: &Arc<Engine>,
    plugin: &Arc<config::Plugin>,
) -> Result<(Arc<Plugin>, Listing), Report> {
    let loaded = plugin::load(engine, plugin, local_tenant())
        .await
        .map_err(|error: LoadError| error::report(&error))?;
    let listing = list(&loaded).await.map_err(|error| error::report(&error))?;
    Ok((Arc::new(loaded), listing))
}

/// The plugin's tools, listed under a service principal.
async fn list(plugin: &Plugin) -> Result<Listing, ListError> {
    let info = CallInfo {
        principal: Principal {
            tenant: local_tenant(),
            subject: None,
            scopes: Vec::new(),
        },
        cancelled: CancellationToken::new(),
        deadline: Instant::now() + plugin.limits().wall_time,
        events: None,
        jobs: false,
        answers: Vec::new(),
        idempotency_key: random_id(),
        meta: Vec::new(),
        traceparent: None,
    };
    let name = || plugin.name().clone();
    match plugin.list_tools(info).await {
        Ok(Ok(listing)) => Ok(listing),
        Ok(Err(failure)) => Err(ListError::Refused {
            plugin: name(),
            reason: match failure {
                Failure::Tool(error) => error.message,
                Failure::Request(error) => error.message,
                Failure::Cancelled => "it gave up".to_owned(),
            },
        }),
        Err(source) => Err(ListError::Call {
            plugin: name(),
            source,
        }),
    }
}
