//! The catalog: an immutable snapshot of everything on offer.
//!
//! It knows no Wasm and no MCP: it takes what plugins offer and says what there is, under which name, and whose it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::plugin::Plugin;
use crate::plugin::wit::values::{Freshness, Sharing};

mod offer;
mod schema;
mod template;

#[cfg(any(test, fuzzing))]
pub(crate) use template::fuzz;

pub use offer::{Listed, Meta, OWN_TOOLS, Offer, OfferError, Prompt, Resource, Template, Tool};
pub use schema::Schema;

/// Everything on offer, each kind by name.
#[derive(Debug, Default)]
pub struct Catalog {
    tools: BTreeMap<String, Arc<Tool>>,
    prompts: BTreeMap<String, Arc<Prompt>>,
    resources: BTreeMap<String, Arc<Resource>>,
    templates: BTreeMap<String, Arc<Template>>,
    freshness: [Option<Freshness>; 3],
}

/// The lists that clients ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum List {
    /// Tools.
    Tools,
    /// Prompts.
    Prompts,
    /// Resources and templates.
    Resources,
}

impl Catalog {
    /// The catalog of these offers. A plugin that lists what another one has is left out and told in the second part;
    /// the one that comes first keeps it.
    #[must_use]
    pub fn of<'a>(
        offers: impl IntoIterator<Item = (&'a Arc<Plugin>, &'a Offer)>,
    ) -> (Self, Vec<OfferError>) {
        let mut catalog = Self::default();
        let mut refused = Vec::new();
        let mut fresh = Vec::new();
        for (plugin, offer) in offers {
            if let Some(error) = catalog.collision(plugin, offer) {
                refused.push(error);
                continue;
            }
            catalog.take(offer);
            fresh.push(&offer.freshness);
        }
        for list in [List::Tools, List::Prompts, List::Resources] {
            let all = fresh.iter().map(|freshness| freshness[list as usize]);
            catalog.freshness[list as usize] = shortest(all);
        }
        (catalog, refused)
    }

    /// All tools, in the order of their names.
    #[must_use]
    pub fn tools(&self) -> impl ExactSizeIterator<Item = &Arc<Tool>> {
        self.tools.values()
    }

    /// One tool.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<&Arc<Tool>> {
        self.tools.get(name)
    }

    /// All prompts, in the order of their names.
    #[must_use]
    pub fn prompts(&self) -> impl ExactSizeIterator<Item = &Arc<Prompt>> {
        self.prompts.values()
    }

    /// One prompt.
    #[must_use]
    pub fn prompt(&self, name: &str) -> Option<&Arc<Prompt>> {
        self.prompts.get(name)
    }

    /// All resources, in the order of their URIs.
    #[must_use]
    pub fn resources(&self) -> impl ExactSizeIterator<Item = &Arc<Resource>> {
        self.resources.values()
    }

    /// All templates, in their order.
    #[must_use]
    pub fn templates(&self) -> impl ExactSizeIterator<Item = &Arc<Template>> {
        self.templates.values()
    }

    /// The template of this very text.
    #[must_use]
    pub fn template(&self, uri_template: &str) -> Option<&Arc<Template>> {
        self.templates.get(uri_template)
    }

    /// Who reads a URI: the one who lists it, else the first whose template stands for it.
    #[must_use]
    pub fn reader(&self, uri: &str) -> Option<&Arc<Plugin>> {
        let listed = self.resources.get(uri).map(|resource| &resource.plugin);
        listed.or_else(|| {
            let fits = |template: &&Arc<Template>| template.matcher.fits(uri);
            self.templates
                .values()
                .find(fits)
                .map(|template| &template.plugin)
        })
    }

    /// How long a list may be taken for fresh, and by whom: the shortest that a plugin said. `None`: not at all.
    #[must_use]
    pub fn freshness(&self, list: List) -> Option<Freshness> {
        self.freshness[list as usize]
    }

    /// The plugins that offer something, in the order of their names.
    #[must_use]
    pub fn plugins(&self) -> Vec<&Arc<Plugin>> {
        let tools = self.tools.values().map(|tool| &tool.plugin);
        let prompts = self.prompts.values().map(|prompt| &prompt.plugin);
        let resources = self.resources.values().map(|resource| &resource.plugin);
        let templates = self.templates.values().map(|template| &template.plugin);
        let plugins: BTreeMap<_, _> = tools
            .chain(prompts)
            .chain(resources)
            .chain(templates)
            .map(|plugin| (plugin.name(), plugin))
            .collect();
        plugins.into_values().collect()
    }

    fn collision(&self, plugin: &Plugin, offer: &Offer) -> Option<OfferError> {
        let taken = |what, name: &str, owner: Option<&Arc<Plugin>>| {
            let problem = format!("plugin `{}` offers already", owner?.name());
            Some(OfferError::bad(plugin, what, name, problem))
        };
        let tool = offer.tools.iter().find_map(|one| {
            taken(
                "tool",
                &one.name,
                self.tools.get(&one.name).map(|own| &own.plugin),
            )
        });
        let prompt = || {
            offer.prompts.iter().find_map(|one| {
                let name = &one.listed.name;
                taken(
                    "prompt",
                    name,
                    self.prompts.get(name).map(|own| &own.plugin),
                )
            })
        };
        let resource = || {
            offer.resources.iter().find_map(|one| {
                let uri = &one.listed.uri;
                taken("resource", uri, self.reader(uri))
            })
        };
        let template = || {
            offer.templates.iter().find_map(|one| {
                let text = &one.listed.uri_template;
                // Whoever comes second may not speak for what the first one offers.
                let listed = self.resources.iter().find(|(uri, _)| one.matcher.fits(uri));
                let listed = listed.map(|(_, resource)| &resource.plugin);
                let stood_for = || {
                    let mut all = self.templates.values();
                    let same = all.find(|own| own.matcher.meets(&one.matcher));
                    same.map(|own| &own.plugin)
                };
                taken("resource template", text, listed.or_else(stood_for))
            })
        };
        tool.or_else(prompt).or_else(resource).or_else(template)
    }

    fn take(&mut self, offer: &Offer) {
        let tools = offer.tools.iter();
        self.tools
            .extend(tools.map(|one| (one.name.clone(), one.clone())));
        let prompts = offer.prompts.iter();
        self.prompts
            .extend(prompts.map(|one| (one.listed.name.clone(), one.clone())));
        let resources = offer.resources.iter();
        self.resources
            .extend(resources.map(|one| (one.listed.uri.clone(), one.clone())));
        let templates = offer.templates.iter();
        self.templates
            .extend(templates.map(|one| (one.listed.uri_template.clone(), one.clone())));
    }
}

/// The shortest time and the narrowest circle; nothing if one of them said nothing.
fn shortest(all: impl Iterator<Item = Option<Freshness>>) -> Option<Freshness> {
    let width = |sharing| match sharing {
        Sharing::Personal => 0,
        Sharing::Tenant => 1,
        Sharing::Everyone => 2,
    };
    all.reduce(|one, other| {
        let (one, other) = (one?, other?);
        let narrower = if width(one.sharing) <= width(other.sharing) {
            one
        } else {
            other
        };
        Some(Freshness {
            ttl_ms: one.ttl_ms.min(other.ttl_ms),
            sharing: narrower.sharing,
        })
    })
    .flatten()
}

/// MCP, «General fields, `_meta`»: prefixes whose second label is `modelcontextprotocol` or `mcp` belong to the
/// protocol, and so do its bare keys. Plugins may not speak for it.
#[must_use]
pub fn is_reserved_meta_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, _)) => prefix
            .split('.')
            .nth(1)
            .is_some_and(|label| matches!(label, "modelcontextprotocol" | "mcp")),
        None => matches!(
            key,
            "progressToken" | "traceparent" | "tracestate" | "baggage"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocols_own_meta_keys_are_reserved() {
        for reserved in [
            "io.modelcontextprotocol/x",
            "com.mcp.tools/y",
            "progressToken",
            "traceparent",
        ] {
            assert!(is_reserved_meta_key(reserved), "{reserved}");
        }
        for free in [
            "com.example/x",
            "example.com/mcp",
            "mcp",
            "com.example.mcp/z",
        ] {
            assert!(!is_reserved_meta_key(free), "{free}");
        }
    }

    #[test]
    fn a_list_is_as_fresh_as_its_shortest_part() {
        let of = |ttl_ms, sharing| Some(Freshness { ttl_ms, sharing });
        let both = [of(5, Sharing::Everyone), of(9, Sharing::Tenant)];
        let shortest_of_both = shortest(both.into_iter()).expect("both said something");
        assert_eq!(shortest_of_both.ttl_ms, 5);
        assert_eq!(shortest_of_both.sharing, Sharing::Tenant);
        assert!(shortest([of(5, Sharing::Everyone), None].into_iter()).is_none());
        assert!(shortest(std::iter::empty()).is_none());
    }
}
