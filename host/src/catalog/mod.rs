//! The catalog: an immutable snapshot of every tool on offer, checked when it is made.
//!
//! It knows no Wasm and no MCP: it takes the listings that plugins gave and says what is offered, under which name,
//! with which schemas, and by whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::PluginName;
use crate::plugin::Plugin;
use crate::plugin::wit::tools::{Hints, JobSupport, Listing, Tool as Listed};
use crate::plugin::wit::values::Icon;

mod schema;

pub use schema::Schema;

/// Tools that one plugin may offer.
const MAX_TOOLS: usize = 1000;
/// The host's own tools, by which clients follow jobs. A plugin that took one of the names would hear of others' jobs.
pub const OWN_TOOLS: [&str; 3] = ["job_cancel", "job_status", "job_wait"];
/// Longest title or description, bytes.
const MAX_TEXT: usize = 16 * 1024;

/// Every tool on offer, by name.
#[derive(Debug, Default)]
pub struct Catalog {
    tools: BTreeMap<String, Arc<Tool>>,
}

/// One tool on offer.
#[derive(Debug)]
pub struct Tool {
    /// Its name, the same inside the plugin.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// For the model.
    pub description: String,
    /// What arguments it takes.
    pub input: Schema,
    /// What structured content it gives, when it says so.
    pub output: Option<Schema>,
    /// Whether a call may end in a job.
    pub jobs: JobSupport,
    /// What it says of its effects.
    pub hints: Hints,
    /// Icons.
    pub icons: Vec<Icon>,
    /// Entries for `_meta`: key and JSON text.
    pub meta: Vec<(String, serde_json::Value)>,
    /// Who runs it.
    pub plugin: Arc<Plugin>,
}

/// Why a plugin's listing is not taken. The plugin is left out whole: half a plugin would surprise everyone.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OfferError {
    /// Too many tools.
    #[error("plugin `{plugin}` lists {count} tools; at most {MAX_TOOLS} are taken")]
    TooMany {
        /// The plugin.
        plugin: PluginName,
        /// How many.
        count: usize,
    },
    /// One tool is not well formed.
    #[error("plugin `{plugin}` lists the tool {tool:?}, which {problem}")]
    Tool {
        /// The plugin.
        plugin: PluginName,
        /// The tool's name, as listed.
        tool: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl OfferError {
    /// The plugin that is left out.
    #[must_use]
    pub fn plugin(&self) -> &PluginName {
        match self {
            Self::TooMany { plugin, .. } | Self::Tool { plugin, .. } => plugin,
        }
    }
}

impl Catalog {
    /// The catalog of these plugins' listings. A plugin whose listing is not taken is told in the second part. On a
    /// collision the plugin that comes first in `listings` keeps the name.
    #[must_use]
    pub fn new(listings: Vec<(Arc<Plugin>, Listing)>) -> (Self, Vec<OfferError>) {
        let mut catalog = Self::default();
        let mut refused = Vec::new();
        for (plugin, listing) in listings {
            match catalog.offers(&plugin, listing) {
                Ok(tools) => catalog.tools.extend(tools),
                Err(error) => refused.push(error),
            }
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

    /// The plugins that offer something, in the order of their names.
    #[must_use]
    pub fn plugins(&self) -> Vec<&Arc<Plugin>> {
        let plugins: BTreeMap<_, _> = self
            .tools
            .values()
            .map(|tool| (tool.plugin.name(), &tool.plugin))
            .collect();
        plugins.into_values().collect()
    }

    fn offers(
        &self,
        plugin: &Arc<Plugin>,
        listing: Listing,
    ) -> Result<BTreeMap<String, Arc<Tool>>, OfferError> {
        let count = listing.tools.len();
        if count > MAX_TOOLS {
            return Err(OfferError::TooMany {
                plugin: plugin.name().clone(),
                count,
            });
        }
        let mut offered = BTreeMap::new();
        for listed in listing.tools {
            let problem = |problem: String| OfferError::Tool {
                plugin: plugin.name().clone(),
                tool: listed.name.chars().take(64).collect(),
                problem,
            };
            check_name(&listed.name).map_err(|error| problem(error.to_owned()))?;
            if offered.contains_key(&listed.name) {
                return Err(problem("it lists twice".to_owned()));
            }
            if let Some(other) = self.tools.get(&listed.name) {
                return Err(problem(format!(
                    "plugin `{}` offers already",
                    other.plugin.name()
                )));
            }
            let name = listed.name.clone();
            let tool = tool(listed, plugin.clone()).map_err(|text| OfferError::Tool {
                plugin: plugin.name().clone(),
                tool: name.clone(),
                problem: text,
            })?;
            offered.insert(name, Arc::new(tool));
        }
        Ok(offered)
    }
}

/// MCP 2026-07-28, «Tool Names»: 1 to 64 of these characters.
fn check_name(name: &str) -> Result<(), &'static str> {
    let fits = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'/' | b'-'));
    if OWN_TOOLS.contains(&name) {
        Err("has the name of a tool of the host's own")
    } else if fits {
        Ok(())
    } else {
        Err("is not a tool name: use 1 to 64 of A-Z, a-z, 0-9, `_`, `.`, `/`, `-`")
    }
}

fn tool(listed: Listed, plugin: Arc<Plugin>) -> Result<Tool, String> {
    let input = Schema::parse(&listed.input_schema)
        .map_err(|error| format!("has an input schema that {error}"))?;
    // MCP: `inputSchema` describes the object of arguments.
    if input.json.get("type").and_then(|value| value.as_str()) != Some("object") {
        return Err("has an input schema whose `type` is not `object`".to_owned());
    }
    let output = listed
        .output_schema
        .as_deref()
        .map(Schema::parse)
        .transpose()
        .map_err(|error| format!("has an output schema that {error}"))?;
    for text in listed.title.iter().chain([&listed.description]) {
        if text.len() > MAX_TEXT {
            return Err(format!(
                "has a text of {} bytes; at most {MAX_TEXT} are taken",
                text.len()
            ));
        }
    }
    if listed.jobs != JobSupport::Never && !plugin.has_jobs() {
        return Err("may start a job, and the plugin does not export `jobs`".to_owned());
    }
    let meta = meta(listed.meta)?;
    Ok(Tool {
        name: listed.name,
        title: listed.title,
        description: listed.description,
        input,
        output,
        jobs: listed.jobs,
        hints: listed.hints,
        icons: listed.icons,
        meta,
        plugin,
    })
}

fn meta(entries: Vec<(String, String)>) -> Result<Vec<(String, serde_json::Value)>, String> {
    entries
        .into_iter()
        .map(|(key, text)| {
            if is_reserved_meta_key(&key) {
                return Err(format!("has the `_meta` key {key:?}, which is reserved"));
            }
            let value = serde_json::from_str(&text)
                .map_err(|error| format!("has `_meta` that is not JSON: {error}"))?;
            Ok((key, value))
        })
        .collect()
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
    fn tool_names_are_those_of_mcp() {
        for good in ["a", "backup_jobs_list", "a/b.c-d", &"x".repeat(64)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for own in OWN_TOOLS {
            assert!(
                check_name(own).is_err_and(|why| why.contains("host's own")),
                "{own}"
            );
        }
        for bad in ["", "a b", "a\nb", "ä", "a\0", &"x".repeat(65), "a\u{202e}b"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

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
}
