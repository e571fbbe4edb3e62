//! The host's own routes, as the document shows them. `tests/e2e` checks that none is missing.

use serde_json::{Map, Value, json};

use super::parts::{json as json_body, reference, response, responses_of_tool, text};
use super::{Facts, admin, jobs};
use crate::config::MetricsReaders;

/// The tag of all of them.
pub(super) const TAG: &str = "toolward";

/// Their operations; no tool has one of these.
pub(super) const OPERATIONS: [&str; 21] = [
    "list_tools",
    "reply",
    "list_jobs",
    "remove_jobs",
    "get_job",
    "cancel_job",
    "get_job_log",
    "retry_job",
    "reload_plugins",
    "list_plugins",
    "send_mcp_message",
    "listen_to_mcp_session",
    "end_mcp_session",
    "list_mcp_sessions",
    "get_openapi",
    "get_docs",
    "get_health",
    "get_ready",
    "get_metrics",
    "get_resource_metadata",
    "get_resource_metadata_of_mcp",
];

/// Everything but the tools.
pub(super) fn paths(facts: &Facts) -> Map<String, Value> {
    let mut paths = Map::new();
    paths.insert("/api/tools".to_owned(), json!({ "get": list_tools() }));
    paths.insert("/api/replies".to_owned(), json!({ "post": reply() }));
    paths.extend(jobs::paths());
    paths.extend(admin::paths());
    paths.insert("/mcp".to_owned(), mcp());
    paths.insert("/mcp-sessions".to_owned(), json!({ "get": mcp_sessions() }));
    paths.insert("/openapi.json".to_owned(), json!({ "get": openapi() }));
    paths.insert("/docs".to_owned(), json!({ "get": docs() }));
    paths.insert("/health".to_owned(), json!({ "get": health() }));
    paths.insert("/ready".to_owned(), json!({ "get": ready() }));
    if facts.metrics != MetricsReaders::Nobody {
        paths.insert(
            "/metrics".to_owned(),
            json!({ "get": metrics(facts.metrics) }),
        );
    }
    for (number, path) in facts.metadata.iter().enumerate() {
        paths.insert(path.clone(), json!({ "get": metadata(number) }));
    }
    paths
}

pub(super) fn operation(id: &str, summary: &str, responses: &Value) -> Value {
    json!({ "operationId": id, "summary": summary, "tags": [TAG], "responses": responses })
}

/// Without a token, whoever asks.
fn open(mut operation: Value) -> Value {
    operation["security"] = json!([]);
    operation
}

fn list_tools() -> Value {
    operation(
        "list_tools",
        "The tools that the caller may use",
        &json!({
            "200": json_body("The tools, as the Model Context Protocol lists them", "Tools"),
            "401": response("Unauthorized"),
            "403": response("Forbidden"),
            "503": response("Unavailable"),
        }),
    )
}

fn reply() -> Value {
    let done = json_body(
        "What the tool answered: as its own operation says",
        "Object",
    );
    let mut reply = operation(
        "reply",
        "Reply to a tool that asked, and go on with its call",
        &responses_of_tool(&done),
    );
    reply["description"] =
        "A call that was answered with 409 and `input_required` goes on here: with the same arguments, the replies, and \
         the state of that answer. A state is good for a quarter of an hour, for the same caller, and for one use."
            .into();
    reply["requestBody"] = json!({
        "required": true,
        "content": { "application/json": { "schema": reference("Reply") } },
    });
    reply
}

fn mcp() -> Value {
    let message = json!({ "schema": reference("Object") });
    let events = json!({ "schema": { "type": "string" } });
    let refused = |description: &str| {
        json!({
            "description": description,
            "content": { "application/json": message },
        })
    };
    let unauthorized = json!({
        "description": "No token, or one that is not taken",
        "headers": { "WWW-Authenticate": { "required": true, "schema": { "type": "string" } } },
        "content": { "application/json": message },
    });
    let refusals = json!({
        "400": refused("No message, or one that does not fit its headers"),
        "401": unauthorized,
        "403": refused("A scope is missing, or the request comes from somewhere else"),
        "404": refused("No such method, or no such session"),
        "405": refused("This revision has no such request"),
        "406": refused("The client has to take application/json and text/event-stream"),
        "429": refused("Too many sessions of this caller, or too many requests in one session"),
        "503": refused("Tokens cannot be checked now, or there are too many sessions"),
    });
    let session = json!([{
        "name": "Mcp-Session-Id",
        "in": "header",
        "required": true,
        "description": "The session, of revisions up to 2025-11-25",
        "schema": { "type": "string" },
    }]);
    let with = |mut more: Value| {
        for (status, refusal) in refusals.as_object().into_iter().flatten() {
            more[status] = refusal.clone();
        }
        more
    };
    let answers = json!({
        "description": "The answer, or a stream of messages that ends with it",
        "content": { "application/json": message, "text/event-stream": events },
    });
    let mut post = operation(
        "send_mcp_message",
        "Send a message of the Model Context Protocol",
        &with(json!({
            "200": answers,
            "202": { "description": "Taken; there is no answer" },
            "408": refused("The body did not come in time"),
            "413": refused("The body is too large"),
            "415": refused("The body is not application/json"),
        })),
    );
    post["requestBody"] = json!({
        "required": true,
        "description": "A JSON-RPC message",
        "content": { "application/json": { "schema": {
            "type": "object",
            "required": ["jsonrpc"],
            "properties": {
                "jsonrpc": { "type": "string", "const": "2.0" },
                "id": { "type": "integer" },
                "method": { "type": "string" },
                "params": { "type": "object" },
            },
        } } },
    });
    let mut get = operation(
        "listen_to_mcp_session",
        "Listen to what the host says in a session",
        &with(json!({
            "200": text("A stream of messages", "text/event-stream"),
            "410": refused("What followed this Last-Event-ID is no longer kept"),
        })),
    );
    get["parameters"] = session.clone();
    let mut delete = operation(
        "end_mcp_session",
        "End a session",
        &with(json!({ "204": { "description": "It has ended" } })),
    );
    delete["parameters"] = session;
    json!({ "post": post, "get": get, "delete": delete })
}

fn mcp_sessions() -> Value {
    operation(
        "list_mcp_sessions",
        "The sessions of revisions up to 2025-11-25 that are open; for operators",
        &json!({
            "200": json_body("The sessions, without their ids", "McpSessions"),
            "401": response("Unauthorized"),
            "403": response("Forbidden"),
            "503": response("Unavailable"),
        }),
    )
}

fn openapi() -> Value {
    operation(
        "get_openapi",
        "This document",
        &json!({
            "200": json_body("For the tools that the caller may use", "Object"),
            "401": response("Unauthorized"),
            "403": response("Forbidden"),
            "503": response("Unavailable"),
        }),
    )
}

fn docs() -> Value {
    open(operation(
        "get_docs",
        "This document, as pages for people",
        &json!({
            "200": text("Pages", "text/html"),
            "403": response("Forbidden"),
        }),
    ))
}

fn health() -> Value {
    open(operation(
        "get_health",
        "Whether the process lives",
        &json!({ "200": text("It does", "text/plain") }),
    ))
}

fn ready() -> Value {
    open(operation(
        "get_ready",
        "Whether calls are served",
        &json!({
            "200": json_body("They are; `degraded`: a plugin is configured and not on offer", "Ready"),
            "503": json_body("The host is stopping", "Ready"),
        }),
    ))
}

fn metrics(readers: MetricsReaders) -> Value {
    let metrics = operation(
        "get_metrics",
        "Metrics, for Prometheus",
        &json!({
            "200": text("Text as OpenMetrics has it", "application/openmetrics-text"),
            "401": response("Unauthorized"),
            "403": response("Forbidden"),
            "503": response("Unavailable"),
        }),
    );
    match readers {
        MetricsReaders::Everybody => open(metrics),
        MetricsReaders::Scoped | MetricsReaders::Nobody => metrics,
    }
}

/// The document is at several paths; the first is the same everywhere.
fn metadata(number: usize) -> Value {
    let id = match number {
        0 => "get_resource_metadata".to_owned(),
        1 => "get_resource_metadata_of_mcp".to_owned(),
        more => format!("get_resource_metadata_{more}"),
    };
    open(operation(
        &id,
        "Which authorization server gives tokens for this host (RFC 9728)",
        &json!({
            "200": json_body("The metadata of the protected resource", "Object"),
            "403": response("Forbidden"),
        }),
    ))
}
