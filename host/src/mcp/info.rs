//! What the server says of itself: its name, what it can do, how its tools are used.

use std::borrow::Cow;

use rmcp::model::{Implementation, ServerCapabilities};

use super::call;
use crate::catalog::Catalog;
use crate::config::Ability;
use crate::plugin::Principal;

/// What this server can do, which is what its plugins can.
pub(super) fn capabilities(catalog: &Catalog, tasks: bool) -> ServerCapabilities {
    let usual = ServerCapabilities::builder()
        .enable_logging()
        .enable_tools()
        .enable_tool_list_changed();
    let mut capabilities = if tasks {
        usual.enable_tasks().build()
    } else {
        usual.build()
    };
    let all = ServerCapabilities::builder()
        .enable_prompts()
        .enable_prompts_list_changed()
        .enable_resources()
        .enable_resources_list_changed()
        .enable_resources_subscribe()
        .enable_completions()
        .build();
    let plugins = catalog.plugins();
    if catalog.prompts().len() > 0 {
        capabilities.prompts = all.prompts;
    }
    if catalog.resources().len() + catalog.templates().len() > 0 {
        capabilities.resources = all.resources;
    }
    if plugins.iter().any(|plugin| plugin.completes()) {
        capabilities.completions = all.completions;
    }
    capabilities
}

pub(super) fn server_info() -> Implementation {
    Implementation::new("toolward", env!("CARGO_PKG_VERSION"))
}

/// What the plugins say about using their tools, one paragraph each. Of plugins that the principal may not use it hears
/// nothing.
pub(super) fn instructions(catalog: &Catalog, principal: &Principal) -> Option<String> {
    let paragraphs: Vec<Cow<'_, str>> = catalog
        .plugins()
        .into_iter()
        .filter(|plugin| call::allowed(principal, Ability::CallTools, plugin).is_ok())
        .filter_map(|plugin| {
            let text = plugin.manifest.instructions.as_ref()?;
            Some(format!("{}: {text}", plugin.name()).into())
        })
        .collect();
    (!paragraphs.is_empty()).then(|| paragraphs.join("\n\n"))
}
