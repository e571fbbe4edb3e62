//! `toolward:plugin/backends`: what the operator bound for this plugin. Names and facts only: no address, no
//! credential.

use super::State;
use super::bindings::imports::backends as wit;
use crate::config::{BackendName, TenantName};
use crate::egress::Trouble;

impl wit::Host for State {
    fn bound(&mut self) -> wasmtime::Result<Vec<wit::Backend>> {
        Ok(bound(&self.plugin, &self.call.principal.tenant))
    }

    fn last_problem(&mut self) -> wasmtime::Result<Option<wit::Problem>> {
        Ok(self.hooks.last_refusal().map(|refusal| wit::Problem {
            kind: kind(refusal.trouble),
            message: refusal.message,
        }))
    }
}

fn kind(trouble: Trouble) -> wit::Trouble {
    match trouble {
        Trouble::InvalidInput => wit::Trouble::InvalidInput,
        Trouble::Denied => wit::Trouble::Denied,
        Trouble::Unavailable => wit::Trouble::Unavailable,
        Trouble::TimedOut => wit::Trouble::TimedOut,
        Trouble::Internal => wit::Trouble::Internal,
    }
}

/// Those that the manifest asks for, of those that are bound.
fn bound(plugin: &super::PluginFacts, tenant: &TenantName) -> Vec<wit::Backend> {
    let wanted = &plugin.origin.wanted;
    let backends = plugin.origin.backends.iter();
    backends
        .filter(|(name, _)| wanted.contains_key(*name))
        .map(|(name, binding)| {
            let choice = plugin.choices.get(name);
            wit::Backend {
                name: name.to_string(),
                answers: choice.map_or(name, |choice| &choice.answers).to_string(),
                kind: binding.kind.clone(),
                title: binding.title.clone(),
                read_only: binding.read_only,
                // Where one binding answers a backend, there is nothing to choose.
                default: choice.is_none_or(|choice| choice.default),
                facts: serde_json::Value::Object(binding.facts.clone()).to_string(),
                extras: learned(plugin, tenant, name),
            }
        })
        .collect()
}

/// What the backend has said of itself, if anything.
fn learned(
    plugin: &super::PluginFacts,
    tenant: &TenantName,
    name: &BackendName,
) -> Vec<(String, String)> {
    let facts = plugin.learned.of(tenant, name);
    if facts.is_empty() {
        return Vec::new();
    }
    vec![("learned".to_owned(), serde_json::json!(facts).to_string())]
}
