//! `GET /openapi.json`: every tool that the caller may use, and every other route, for clients that speak no MCP.
//!
//! The document is made for its reader at each request: the catalog changes, and so does who asks. It keeps to what
//! consumers of OpenAPI understand: one operation per tool, plain schemas, no callbacks, no links, no composition of ours.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use http::{HeaderMap, header};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::guard::Guard;
use crate::config::{Config, MetricsReaders, PluginName};
use crate::mcp::{self, Offered};
use crate::plugin::{self, Principal};

mod admin;
mod jobs;
mod parts;
mod routes;
mod schema;
mod schemas;

/// What the handler needs.
#[derive(Clone, Debug)]
pub(super) struct Cx {
    pub(super) guard: Arc<Guard>,
    pub(super) facts: Arc<Facts>,
}

/// What the document says of the host, whoever reads it.
#[derive(Debug)]
pub(super) struct Facts {
    public_url: Option<Url>,
    /// Whether callers are asked for a token.
    authentication: bool,
    /// The authorization server, when there is one.
    issuer: Option<String>,
    /// Where its metadata is.
    metadata: BTreeSet<String>,
    metrics: MetricsReaders,
}

impl Facts {
    pub(super) fn new(config: &Config, metadata: &BTreeSet<String>) -> Self {
        let auth = config.auth.as_ref();
        Self {
            public_url: config.server.public_url.clone(),
            authentication: auth.is_some(),
            issuer: auth
                .and_then(|auth| auth.oauth.as_ref())
                .map(|oauth| oauth.issuer.clone()),
            metadata: metadata.clone(),
            metrics: config.server.metrics,
        }
    }

    /// Where the host is: as the operator says, else as the client says, whose `Host` was checked.
    fn url(&self, headers: &HeaderMap) -> String {
        let said = || headers.get(header::HOST)?.to_str().ok();
        match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{}", said().unwrap_or("localhost")),
        }
    }
}

/// `GET /openapi.json`.
pub(super) async fn show(
    State(cx): State<Cx>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
) -> Response {
    let offered = mcp::offered(&cx.guard.host, &principal);
    let document = document(&cx.facts, &cx.facts.url(&headers), &offered);
    // It is this caller's.
    let private = [(header::CACHE_CONTROL, "private, no-cache")];
    (private, Json(document)).into_response()
}

/// The document for somebody who may use these tools of a host at `url`.
fn document(facts: &Facts, url: &str, offered: &[Offered]) -> Value {
    let mut paths = routes::paths(facts);
    let mut schemas = schemas::all();
    for one in offered {
        if !can_be_a_path(&one.tool.name) {
            continue;
        }
        let operation = operation(one, &mut schemas);
        paths.insert(
            format!("/api/tools/{}", one.tool.name),
            json!({ "post": operation }),
        );
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "toolward",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Tools for AI agents",
            "description": "Each tool is one operation: its arguments are the body of the request, its result is the body \
                            of the answer. The same tools are on `/mcp` for clients of the Model Context Protocol.",
        },
        "servers": [{ "url": url }],
        "tags": tags(offered),
        "paths": paths,
        "components": { "schemas": schemas, "responses": parts::responses() },
    });
    if facts.authentication {
        document["security"] = json!([{ "bearer": [] }]);
        document["components"]["securitySchemes"] =
            json!({ "bearer": parts::bearer(facts.issuer.as_deref()) });
    }
    document
}

/// One tag for each plugin, and last one for the host's own routes: readers come for tools.
fn tags(offered: &[Offered]) -> Vec<Value> {
    let plugins: BTreeSet<_> = offered
        .iter()
        .filter_map(|one| one.plugin.as_ref())
        .collect();
    let host = json!({ "name": routes::TAG, "description": "The host itself" });
    let plugins = plugins.into_iter().map(|name| {
        json!({ "name": tag(Some(name)), "description": format!("Tools of the plugin {name}") })
    });
    plugins.chain([host]).collect()
}

/// A plugin may be called `toolward` too.
fn tag(plugin: Option<&PluginName>) -> String {
    plugin.map_or_else(|| routes::TAG.to_owned(), |name| format!("plugin {name}"))
}

/// Clients resolve `.` and `..` before they send a path, and merge slashes.
fn can_be_a_path(tool: &str) -> bool {
    !tool
        .split('/')
        .any(|segment| matches!(segment, "" | "." | ".."))
}

/// The operation of one tool; its schemas go to the others.
fn operation(one: &Offered, schemas: &mut Map<String, Value>) -> Value {
    let tool = &one.tool;
    let id = operation_id(&tool.name);
    let input = format!("{id}_input");
    schemas.extend(schema::components(&input, &tool.input_schema));
    let output = match &one.output {
        Some(output) => {
            let name = format!("{id}_output");
            schemas.extend(schema::components(&name, output));
            name
        }
        None => "ToolContent".to_owned(),
    };
    let described = tool.description.as_deref().unwrap_or_default();
    let mut operation = json!({
        "operationId": id,
        "summary": tool.title.as_deref().unwrap_or(&tool.name),
        "tags": [tag(one.plugin.as_ref())],
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": parts::reference(&input) } },
        },
        "responses": parts::responses_of_tool(&parts::json("What the tool answered", &output)),
    });
    if one.starts_jobs {
        operation["responses"]["202"] = parts::job("It goes on as a job");
    }
    if !described.is_empty() {
        operation["description"] = described.into();
    }
    operation
}

/// A tool's name, where it is an identifier; else its letters with a few digits of its hash. It depends on nothing but
/// the name, so that it stays the same whatever else is on offer.
fn operation_id(tool: &str) -> String {
    let is_plain = tool
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if is_plain && !routes::OPERATIONS.contains(&tool) {
        return tool.to_owned();
    }
    let clean: String = tool
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let digest = plugin::hex(&Sha256::digest(tool));
    format!("{clean}_{}", &digest[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_called_after_its_tool_and_nothing_else() {
        assert_eq!(operation_id("backup_jobs_list"), "backup_jobs_list");
        assert_eq!(operation_id("get-time"), "get-time");
        let ids: BTreeSet<_> = ["a.b", "a/b", "a_b", "list_tools"].map(operation_id).into();
        assert_eq!(ids.len(), 4, "{ids:?}");
        assert_eq!(operation_id("a/b"), "a_b_c14cddc0");
        for id in routes::OPERATIONS {
            assert_ne!(operation_id(id), id);
        }
    }

    #[test]
    fn a_name_that_clients_change_is_no_path() {
        for (name, expected) in [
            ("echo", true),
            ("a/b", true),
            ("a.b", true),
            ("..", false),
            ("a/../b", false),
            ("a//b", false),
            ("a/", false),
        ] {
            assert_eq!(can_be_a_path(name), expected, "{name}");
        }
    }
}
