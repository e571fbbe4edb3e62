//! What one plugin offers, checked on its own: names, schemas, sizes. What plugins must agree on, the names that are
//! taken, is the catalog's business.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::template::Matcher;
use super::{List, Schema, is_reserved_meta_key};
use crate::config::PluginName;
use crate::plugin::Plugin;
use crate::plugin::wit::{prompts, resources, tools, values};

/// The host's own tools, by which clients follow jobs. A plugin that took one of the names would hear of others' jobs.
pub const OWN_TOOLS: [&str; 3] = ["job_cancel", "job_status", "job_wait"];
/// Longest title or description, bytes.
const MAX_TEXT: usize = 16 * 1024;
/// Longest URI, bytes.
const MAX_URI: usize = 2 * 1024;

/// What a plugin listed, as it came.
#[derive(Debug)]
pub struct Listed {
    /// Of `tools.list-tools`.
    pub tools: tools::Listing,
    /// Of `prompts.list-prompts`.
    pub prompts: prompts::Listing,
    /// Of `resources.list-resources`, all pages.
    pub resources: Vec<values::Entry>,
    /// Of `resources.list-templates`, all pages.
    pub templates: Vec<resources::Template>,
    /// Of the pages of both.
    pub resources_freshness: Option<values::Freshness>,
}

/// What a plugin offers, checked. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Offer {
    pub(super) tools: Vec<Arc<Tool>>,
    pub(super) prompts: Vec<Arc<Prompt>>,
    pub(super) resources: Vec<Arc<Resource>>,
    pub(super) templates: Vec<Arc<Template>>,
    pub(super) freshness: [Option<values::Freshness>; 3],
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
    pub jobs: tools::JobSupport,
    /// What it says of its effects.
    pub hints: tools::Hints,
    /// Icons.
    pub icons: Vec<values::Icon>,
    /// Entries for `_meta`.
    pub meta: Meta,
    /// Who runs it.
    pub plugin: Arc<Plugin>,
}

/// Entries for `_meta`: key and value.
pub type Meta = Vec<(String, Value)>;

/// One prompt on offer.
#[derive(Debug)]
pub struct Prompt {
    /// As listed; its `meta` is in [`Self::meta`].
    pub listed: prompts::Prompt,
    /// Entries for `_meta`.
    pub meta: Meta,
    /// Who fills it in.
    pub plugin: Arc<Plugin>,
}

/// One resource on offer.
#[derive(Debug)]
pub struct Resource {
    /// As listed; its `meta` is in [`Self::meta`].
    pub listed: values::Entry,
    /// Entries for `_meta`.
    pub meta: Meta,
    /// Who reads it.
    pub plugin: Arc<Plugin>,
}

/// One template of resources on offer.
#[derive(Debug)]
pub struct Template {
    /// As listed; its `meta` is in [`Self::meta`].
    pub listed: resources::Template,
    /// Entries for `_meta`.
    pub meta: Meta,
    /// Who reads what it stands for.
    pub plugin: Arc<Plugin>,
    pub(super) matcher: Matcher,
}

/// Why a plugin's offer is not taken. The plugin is left out whole: half a plugin would surprise everyone.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OfferError {
    /// Too many of something.
    #[error("plugin `{plugin}` lists {count} {what}, more than its max-entries limit of {limit}")]
    TooMany {
        /// The plugin.
        plugin: PluginName,
        /// What there is too much of.
        what: &'static str,
        /// How many.
        count: usize,
        /// The limit.
        limit: u32,
    },
    /// One thing is not well formed, or belongs to another plugin.
    #[error("plugin `{plugin}` lists the {what} {name:?}, which {problem}")]
    Bad {
        /// The plugin.
        plugin: PluginName,
        /// What it is.
        what: &'static str,
        /// Its name, as listed.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl OfferError {
    /// The plugin that is left out.
    #[must_use]
    pub fn plugin(&self) -> &PluginName {
        match self {
            Self::TooMany { plugin, .. } | Self::Bad { plugin, .. } => plugin,
        }
    }

    pub(super) fn bad(plugin: &Plugin, what: &'static str, name: &str, problem: String) -> Self {
        Self::Bad {
            plugin: plugin.name().clone(),
            what,
            name: name.chars().take(64).collect(),
            problem,
        }
    }
}

impl Offer {
    /// Its tools.
    #[must_use]
    pub fn tools(&self) -> &[Arc<Tool>] {
        &self.tools
    }

    /// The lists that have something of it.
    #[must_use]
    pub fn lists(&self) -> Vec<List> {
        let parts = [
            (List::Tools, self.tools.is_empty()),
            (List::Prompts, self.prompts.is_empty()),
            (
                List::Resources,
                self.resources.is_empty() && self.templates.is_empty(),
            ),
        ];
        let lists = parts.into_iter().filter(|(_, empty)| !empty);
        lists.map(|(list, _)| list).collect()
    }

    /// Checks what a plugin listed.
    pub fn of(plugin: &Arc<Plugin>, listed: Listed) -> Result<Self, OfferError> {
        Ok(Self {
            freshness: [
                listed.tools.freshness,
                listed.prompts.freshness,
                listed.resources_freshness,
            ],
            tools: each(plugin, "tool", listed.tools.tools, |t| &t.name, tool)?,
            prompts: each(
                plugin,
                "prompt",
                listed.prompts.prompts,
                |p| &p.name,
                prompt,
            )?,
            resources: each(plugin, "resource", listed.resources, |r| &r.uri, resource)?,
            templates: each(
                plugin,
                "resource template",
                listed.templates,
                |t| &t.uri_template,
                template,
            )?,
        })
    }
}

/// Checks each thing of a list, and that no name is there twice.
fn each<T, Checked>(
    plugin: &Arc<Plugin>,
    what: &'static str,
    listed: Vec<T>,
    name: impl Fn(&T) -> &String,
    check: impl Fn(T, Arc<Plugin>) -> Result<Checked, String>,
) -> Result<Vec<Arc<Checked>>, OfferError> {
    let limit = plugin.limits().max_entries;
    if listed.len() > limit as usize {
        return Err(OfferError::TooMany {
            plugin: plugin.name().clone(),
            what,
            count: listed.len(),
            limit,
        });
    }
    let mut seen = BTreeSet::new();
    let checked = listed.into_iter().map(|one| {
        let own = name(&one).clone();
        if !seen.insert(own.clone()) {
            return Err(OfferError::bad(
                plugin,
                what,
                &own,
                "it lists twice".to_owned(),
            ));
        }
        check(one, plugin.clone())
            .map(Arc::new)
            .map_err(|problem| OfferError::bad(plugin, what, &own, problem))
    });
    checked.collect()
}

/// MCP 2026-07-28, «Tool Names»: 1 to 64 of these characters.
fn check_name(name: &str) -> Result<(), String> {
    let fits = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'/' | b'-'));
    if fits {
        Ok(())
    } else {
        Err("is not a name: use 1 to 64 of A-Z, a-z, 0-9, `_`, `.`, `/`, `-`".to_owned())
    }
}

fn check_tool_name(name: &str) -> Result<(), String> {
    if OWN_TOOLS.contains(&name) {
        return Err("has the name of a tool of the host's own".to_owned());
    }
    check_name(name)
}

fn check_texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> Result<(), String> {
    match texts.into_iter().find(|text| text.len() > MAX_TEXT) {
        None => Ok(()),
        Some(text) => Err(format!(
            "has a text of {} bytes; at most {MAX_TEXT} are taken",
            text.len()
        )),
    }
}

fn check_uri(uri: &str) -> Result<(), String> {
    if uri.len() > MAX_URI {
        return Err(format!("has more than {MAX_URI} bytes"));
    }
    match url::Url::parse(uri) {
        Ok(_) if !uri.contains(|c: char| c.is_control() || c == ' ') => Ok(()),
        _ => Err("is not a URI".to_owned()),
    }
}

fn tool(listed: tools::Tool, plugin: Arc<Plugin>) -> Result<Tool, String> {
    check_tool_name(&listed.name)?;
    let input = Schema::parse(&listed.input_schema)
        .map_err(|error| format!("has an input schema that {error}"))?;
    // MCP: `inputSchema` describes the object of arguments.
    if input.json.get("type").and_then(Value::as_str) != Some("object") {
        return Err("has an input schema whose `type` is not `object`".to_owned());
    }
    let output = listed
        .output_schema
        .as_deref()
        .map(Schema::parse)
        .transpose()
        .map_err(|error| format!("has an output schema that {error}"))?;
    check_texts(listed.title.iter().chain([&listed.description]))?;
    if listed.jobs != tools::JobSupport::Never && !plugin.has_jobs() {
        return Err("may start a job, and the plugin does not export `jobs`".to_owned());
    }
    Ok(Tool {
        name: listed.name,
        title: listed.title,
        description: listed.description,
        input,
        output,
        jobs: listed.jobs,
        hints: listed.hints,
        icons: listed.icons,
        meta: meta(listed.meta)?,
        plugin,
    })
}

fn prompt(mut listed: prompts::Prompt, plugin: Arc<Plugin>) -> Result<Prompt, String> {
    check_name(&listed.name)?;
    check_texts(listed.title.iter().chain(&listed.description))?;
    if listed.arguments.len() > 100 {
        return Err("has more than 100 arguments".to_owned());
    }
    for argument in &listed.arguments {
        check_texts(
            argument
                .title
                .iter()
                .chain(&argument.description)
                .chain([&argument.name]),
        )?;
    }
    Ok(Prompt {
        meta: meta(std::mem::take(&mut listed.meta))?,
        listed,
        plugin,
    })
}

fn resource(mut listed: values::Entry, plugin: Arc<Plugin>) -> Result<Resource, String> {
    check_uri(&listed.uri)?;
    check_texts(
        listed
            .title
            .iter()
            .chain(&listed.description)
            .chain([&listed.name]),
    )?;
    Ok(Resource {
        meta: meta(std::mem::take(&mut listed.meta))?,
        listed,
        plugin,
    })
}

fn template(mut listed: resources::Template, plugin: Arc<Plugin>) -> Result<Template, String> {
    check_texts(
        listed
            .title
            .iter()
            .chain(&listed.description)
            .chain([&listed.name]),
    )?;
    Ok(Template {
        matcher: Matcher::new(&listed.uri_template)?,
        meta: meta(std::mem::take(&mut listed.meta))?,
        listed,
        plugin,
    })
}

fn meta(entries: Vec<(String, String)>) -> Result<Meta, String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_names_are_those_of_mcp() {
        for good in ["a", "backup_jobs_list", "a/b.c-d", &"x".repeat(64)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a\nb", "ä", "a\0", &"x".repeat(65), "a\u{202e}b"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        for own in OWN_TOOLS {
            assert!(check_tool_name(own).is_err(), "{own}");
        }
    }

    #[test]
    fn uris_are_absolute_and_without_tricks() {
        for good in [
            "test://static-text",
            "vbr://srv/jobs/%20",
            "https://a.example/x",
        ] {
            assert!(check_uri(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "jobs",
            "a b://c",
            "test://a\nb",
            &format!("a://{}", "x".repeat(4096)),
        ] {
            assert!(check_uri(bad).is_err(), "{bad:?}");
        }
    }
}
