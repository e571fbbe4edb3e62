//! What operations share: schemas and answers of the host's own.

use serde_json::{Value, json};

/// How callers say who they are.
pub(super) fn bearer(issuer: Option<&str>) -> Value {
    let description = match issuer {
        Some(issuer) => {
            format!("A token of this host, or an access token of the authorization server {issuer}")
        }
        None => "A token of this host".to_owned(),
    };
    json!({ "type": "http", "scheme": "bearer", "description": description })
}

pub(super) fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// An answer with a body of JSON.
pub(super) fn json(description: &str, schema: &str) -> Value {
    json!({
        "description": description,
        "content": { "application/json": { "schema": reference(schema) } },
    })
}

/// A job that was begun.
pub(super) fn job(description: &str) -> Value {
    let mut job = json(description, "Job");
    job["headers"] = json!({
        "Location": {
            "required": true,
            "description": "The job",
            "schema": { "type": "string" },
        },
    });
    job
}

/// An answer with another body.
pub(super) fn text(description: &str, media_type: &str) -> Value {
    json!({ "description": description, "content": { media_type: { "schema": { "type": "string" } } } })
}

/// Of those below.
pub(super) fn response(name: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/{name}") })
}

/// Everything that a call of a tool can be answered with.
pub(super) fn responses_of_tool(done: &Value) -> Value {
    json!({
        "200": done,
        "400": response("BadRequest"),
        "401": response("Unauthorized"),
        "403": response("Forbidden"),
        "404": response("NotFound"),
        "408": response("SlowBody"),
        "409": response("InputRequired"),
        "413": response("TooLarge"),
        "415": response("UnsupportedMediaType"),
        "422": response("ToolError"),
        "500": response("Internal"),
        "503": response("Unavailable"),
    })
}

pub(super) fn responses() -> Value {
    let problem = |description: &str| json(description, "Error");
    let mut unauthorized = problem("No token, or one that is not taken");
    unauthorized["headers"] = json!({
        "WWW-Authenticate": {
            "required": true,
            "description": "What is wrong, which scopes are needed and where to get a token (RFC 6750, RFC 9728)",
            "schema": { "type": "string" },
        },
    });
    let mut unavailable = problem("Not now: too many calls wait, or tokens cannot be checked");
    unavailable["headers"] = json!({
        "Retry-After": {
            "required": true,
            "description": "Seconds",
            "schema": { "type": "integer", "minimum": 0 },
        },
    });
    json!({
        "BadRequest": problem("The request does not fit: its body is not JSON, or not what the operation takes"),
        "Unauthorized": unauthorized,
        "Forbidden": problem("A scope is missing, or the request comes from somewhere else"),
        "NotFound": problem("There is no such thing"),
        "SlowBody": problem("The body did not come in time"),
        "Conflict": problem("Not in this state"),
        "InputRequired": json(
            "The tool asks a person something before it goes on; reply with the operation `reply`",
            "InputRequired",
        ),
        "TooLarge": problem("The body is too large"),
        "UnsupportedMediaType": problem("The body is not application/json"),
        "ToolError": json(
            "The tool ran and failed: by its own word, or because a limit ended it. It may have had effects, so it is \
             not to be repeated unseen",
            "ToolError",
        ),
        "Invalid": problem("The job cannot do that"),
        "Limited": problem("There are too many jobs"),
        "Internal": problem("A defect of the host"),
        "Unavailable": unavailable,
    })
}
