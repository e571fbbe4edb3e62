//! Asking a plugin for everything it lists, under a service principal.

use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::local_tenant;
use crate::capability::{Abilities, Asked, CallInfo, IdempotencyKey, Principal};
use crate::catalog::{Listed, Offer, OfferError};
use crate::config::{PluginName, TenantName};
use crate::plugin::wit::values::{Failure, Freshness};
use crate::plugin::{Answer, CallError, Plugin};

/// Pages that are asked for, whatever is on them.
const MAX_PAGES: usize = 100;

/// Why a loaded plugin has nothing on offer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListError {
    /// The call had no answer.
    #[error("plugin `{plugin}` did not list its {what}")]
    Call {
        /// The plugin.
        plugin: PluginName,
        /// What was asked for.
        what: &'static str,
        /// What became of the call.
        #[source]
        source: CallError,
    },
    /// The plugin refused.
    #[error("plugin `{plugin}` did not list its {what}: {reason}")]
    Refused {
        /// The plugin.
        plugin: PluginName,
        /// What was asked for.
        what: &'static str,
        /// In its own words.
        reason: String,
    },
    /// Pages without end.
    #[error("plugin `{plugin}` lists its {what} on more than {MAX_PAGES} pages")]
    Pages {
        /// The plugin.
        plugin: PluginName,
        /// What was asked for.
        what: &'static str,
    },
    /// What it lists is not taken.
    #[error(transparent)]
    Offer(#[from] OfferError),
}

/// Everything the plugin offers, checked.
pub(super) async fn offer(plugin: &Arc<Plugin>) -> Result<Offer, ListError> {
    let listed = Listed {
        tools: judge(plugin, "tools", plugin.list_tools(info(plugin)).await)?,
        prompts: judge(plugin, "prompts", plugin.list_prompts(info(plugin)).await)?,
        resources: Vec::new(),
        templates: Vec::new(),
        resources_freshness: None,
    };
    let listed = templates(plugin, resources(plugin, listed).await?).await?;
    Ok(Offer::of(plugin, listed)?)
}

async fn resources(plugin: &Arc<Plugin>, mut listed: Listed) -> Result<Listed, ListError> {
    let what = "resources";
    let most = plugin.limits().max_entries as usize;
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let page = plugin.list_resources(info(plugin), cursor).await;
        let page = judge(plugin, what, page)?;
        listed.resources.extend(page.entries);
        listed.resources_freshness = shorter(listed.resources_freshness, page.freshness);
        cursor = page.next;
        if cursor.is_none() || listed.resources.len() > most {
            return Ok(listed);
        }
    }
    Err(ListError::Pages {
        plugin: plugin.name().clone(),
        what,
    })
}

async fn templates(plugin: &Arc<Plugin>, mut listed: Listed) -> Result<Listed, ListError> {
    let what = "resource templates";
    let most = plugin.limits().max_entries as usize;
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let page = plugin.list_templates(info(plugin), cursor).await;
        let page = judge(plugin, what, page)?;
        listed.templates.extend(page.templates);
        cursor = page.next;
        if cursor.is_none() || listed.templates.len() > most {
            return Ok(listed);
        }
    }
    Err(ListError::Pages {
        plugin: plugin.name().clone(),
        what,
    })
}

fn shorter(one: Option<Freshness>, other: Option<Freshness>) -> Option<Freshness> {
    match (one, other) {
        (Some(one), Some(other)) if other.ttl_ms < one.ttl_ms => Some(other),
        (Some(one), _) => Some(one),
        (None, other) => other,
    }
}

fn judge<T>(
    plugin: &Plugin,
    what: &'static str,
    answer: Result<Answer<T>, CallError>,
) -> Result<T, ListError> {
    let plugin = || plugin.name().clone();
    match answer {
        Ok(Ok(listed)) => Ok(listed),
        Ok(Err(failure)) => Err(ListError::Refused {
            plugin: plugin(),
            what,
            reason: match failure {
                Failure::Tool(error) => error.message,
                Failure::Request(error) => error.message,
                Failure::Cancelled => "it gave up".to_owned(),
            },
        }),
        Err(source) => Err(ListError::Call {
            plugin: plugin(),
            what,
            source,
        }),
    }
}

/// A call of the host's own.
pub(super) fn info(plugin: &Plugin) -> CallInfo {
    info_for(plugin, local_tenant())
}

/// A call of the host's own, for a tenant: nobody listens, nobody can be asked.
pub(super) fn info_for(plugin: &Plugin, tenant: TenantName) -> CallInfo {
    CallInfo {
        principal: Principal {
            tenant,
            subject: None,
            scopes: Arc::default(),
        },
        cancelled: CancellationToken::new(),
        deadline: Instant::now() + plugin.limits().wall_time,
        events: None,
        idempotency_key: IdempotencyKey::new(),
        meta: Vec::new(),
        traceparent: None,
        abilities: Abilities::default(),
        asked: Asked::default(),
        trail: plugin.own_trail(),
    }
}
