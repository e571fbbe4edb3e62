//! A version of a plugin before it is served: loaded, asked for what it lists, and put to its own test.

use std::sync::Arc;

use serde_json::json;

use super::files::Stamp;
use super::{list, local_tenant};
use crate::catalog::{Catalog, Offer};
use crate::config::{self, PluginName};
use crate::error::{self, Report};
use crate::plugin::wit::tools::Outcome;
use crate::plugin::wit::values::Failure;
use crate::plugin::{self, CallError, Engine, LoadError, Plugin};

/// A version that may be served.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) plugin: Arc<Plugin>,
    pub(super) offer: Offer,
}

/// A version that is not served.
#[derive(Debug)]
pub(super) struct Rejected {
    /// Why.
    pub(super) report: Report,
    /// Whether that is because nobody vouches for it.
    pub(super) is_distrusted: bool,
}

impl Rejected {
    fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let load: Option<&LoadError> = error.downcast_ref();
        Self {
            report: error::report(error),
            is_distrusted: load.is_some_and(LoadError::is_distrust),
        }
    }
}

/// Why a version that loads is not served.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error("plugin `{plugin}`: its self-check `{tool}` {problem}")]
    Unfit {
        plugin: PluginName,
        tool: String,
        problem: &'static str,
    },
    #[error("plugin `{plugin}` did not pass its self-check `{tool}`: {reason}")]
    Failed {
        plugin: PluginName,
        tool: String,
        reason: String,
    },
    #[error("plugin `{plugin}` did not end its self-check `{tool}`")]
    Call {
        plugin: PluginName,
        tool: String,
        #[source]
        source: CallError,
    },
    #[error("plugin `{plugin}`: its component was written to while it was read")]
    Unsettled { plugin: PluginName },
}

/// Loads a plugin, lists what it offers and runs its self-check. What gets here has been verified by
/// [`plugin::load`]: the bytes it checks are the bytes it compiles.
pub(super) async fn load(
    engine: &Arc<Engine>,
    plugin: &Arc<config::Plugin>,
) -> Result<Candidate, Rejected> {
    let before = Stamp::of(&plugin.component);
    let loaded = plugin::load(engine, plugin, local_tenant()).await;
    if before != Stamp::of(&plugin.component) {
        // Whatever came of it, it may be neither the old file nor the new one.
        return Err(Rejected::of(&CheckError::Unsettled {
            plugin: plugin.name.clone(),
        }));
    }
    let loaded = Arc::new(loaded.map_err(|error| Rejected::of(&error))?);
    let offer = list::offer(&loaded).await;
    let offer = offer.map_err(|error| Rejected::of(&error))?;
    let checked = self_check(&loaded, &offer).await;
    checked.map_err(|error| Rejected::of(&error))?;
    Ok(Candidate {
        plugin: loaded,
        offer,
    })
}

/// Remembers what is on offer, so that nothing older takes its place; gives what cannot be remembered and is not to be
/// served.
pub(super) async fn remember(catalog: &Catalog) -> Vec<(PluginName, Report)> {
    let mut forgotten = Vec::new();
    for plugin in catalog.plugins() {
        if let Err(error) = plugin::served(plugin).await {
            forgotten.push((plugin.name().clone(), error::report(&error)));
        }
    }
    forgotten
}

async fn self_check(plugin: &Arc<Plugin>, offer: &Offer) -> Result<(), CheckError> {
    let Some(name) = plugin.manifest.self_check.clone() else {
        return Ok(());
    };
    let unfit = |problem| CheckError::Unfit {
        plugin: plugin.name().clone(),
        tool: name.clone(),
        problem,
    };
    let Some(tool) = offer.tools().iter().find(|tool| tool.name == name) else {
        return Err(unfit("is none of its tools"));
    };
    // It runs at every start and every reload, and nobody is asked.
    if tool.hints.read_only != Some(true) {
        return Err(unfit("is a tool that does not say that it changes nothing"));
    }
    if tool.input.check(&json!({})).is_err() {
        return Err(unfit("is a tool that cannot be called without arguments"));
    }
    let called = plugin.call_tool(list::info(plugin), name.clone(), "{}".to_owned());
    let reason = match called.await {
        Ok(Ok(Outcome::Done(_))) => return Ok(()),
        Ok(Ok(Outcome::InputNeeded(_))) => "it asks somebody".to_owned(),
        Ok(Ok(Outcome::Started(_))) => "it starts a job".to_owned(),
        Ok(Err(Failure::Tool(error))) => error.message,
        Ok(Err(Failure::Request(error))) => error.message,
        Ok(Err(Failure::Cancelled)) => "it gave up".to_owned(),
        Err(source) => {
            return Err(CheckError::Call {
                plugin: plugin.name().clone(),
                tool: name,
                source,
            });
        }
    };
    Err(CheckError::Failed {
        plugin: plugin.name().clone(),
        tool: name,
        reason,
    })
}
