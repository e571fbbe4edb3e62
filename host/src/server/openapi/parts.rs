//! What operations share: schemas and answers of the host's own.

use serde_json::{Map, Value, json};

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
pub(super) fn responses_of_tool(done: Value) -> Value {
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

pub(super) fn schemas() -> Map<String, Value> {
    let schemas = json!({
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["code", "message"],
                    "properties": {
                        "code": { "type": "string", "description": "For programs: one of few words" },
                        "message": { "type": "string", "description": "For people" },
                    },
                },
            },
        },
        "ToolError": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["code", "message"],
                    "properties": {
                        "code": { "type": "string" },
                        "message": { "type": "string", "description": "What went wrong, for the model to read" },
                        "content": { "type": "array", "items": reference("Content") },
                        "structuredContent": { "description": "The same for programs" },
                    },
                },
            },
        },
        "InputRequired": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["code", "message", "requests", "state"],
                    "properties": {
                        "code": { "type": "string", "const": "input_required" },
                        "message": { "type": "string" },
                        "requests": {
                            "type": "object",
                            "description": "What is asked, by key: requests of the Model Context Protocol",
                            "additionalProperties": {
                                "type": "object",
                                "required": ["method"],
                                "properties": {
                                    "method": { "type": "string" },
                                    "params": { "type": "object" },
                                },
                            },
                        },
                        "state": { "type": "string", "description": "To be sent back with the replies, once" },
                    },
                },
            },
        },
        "Reply": {
            "type": "object",
            "required": ["tool", "arguments", "state", "replies"],
            "additionalProperties": false,
            "properties": {
                "tool": { "type": "string", "description": "The tool that asked" },
                "arguments": { "type": "object", "description": "The arguments that it was called with" },
                "state": { "type": "string", "description": "The state of the answer that asked" },
                "replies": {
                    "type": "object",
                    "description": "The replies, by the keys of the requests",
                    "additionalProperties": {
                        "type": "object",
                        "required": ["action"],
                        "properties": {
                            "action": { "type": "string", "enum": ["accept", "decline", "cancel"] },
                            "content": { "type": "object", "description": "What was filled in, when it was accepted" },
                        },
                    },
                },
            },
        },
        "Content": {
            "type": "object",
            "required": ["type"],
            "properties": {
                "type": {
                    "type": "string",
                    "description": "text, image, audio, resource or resource_link, as the Model Context Protocol has them",
                },
                "text": { "type": "string" },
                "data": { "type": "string", "description": "Base64" },
                "mimeType": { "type": "string" },
                "uri": { "type": "string" },
            },
        },
        "ToolContent": {
            "type": "object",
            "required": ["content"],
            "properties": {
                "content": { "type": "array", "items": reference("Content") },
                "structuredContent": { "description": "The same for programs, when the tool gave it" },
            },
        },
        "Tool": {
            "type": "object",
            "required": ["name", "inputSchema"],
            "properties": {
                "name": { "type": "string" },
                "title": { "type": "string" },
                "description": { "type": "string" },
                "inputSchema": { "type": "object" },
                "outputSchema": { "type": "object" },
                "annotations": { "type": "object" },
            },
        },
        "Tools": {
            "type": "object",
            "required": ["tools"],
            "properties": { "tools": { "type": "array", "items": reference("Tool") } },
        },
        "Ready": {
            "type": "object",
            "required": ["status", "tools", "sessions", "authentication"],
            "additionalProperties": false,
            "properties": {
                "status": { "type": "string", "enum": ["ready", "degraded", "stopping"] },
                "tools": { "type": "integer", "minimum": 0 },
                "sessions": { "type": "integer", "minimum": 0 },
                "authentication": { "type": "boolean", "description": "Whether callers need a token" },
            },
        },
        "Job": job_schema(),
        "Jobs": {
            "type": "object",
            "required": ["jobs", "next_cursor"],
            "properties": {
                "jobs": { "type": "array", "items": reference("Job") },
                "next_cursor": {
                    "type": ["string", "null"],
                    "description": "What `cursor` has to be for the next page; null on the last one",
                },
            },
        },
        "JobLog": {
            "type": "object",
            "required": ["lines"],
            "properties": { "lines": { "type": "array", "items": {
                "type": "object",
                "required": ["at", "level", "text"],
                "properties": {
                    "at": { "type": "string", "format": "date-time" },
                    "level": { "type": "string" },
                    "text": { "type": "string" },
                },
            } } },
        },
        "Removed": {
            "type": "object",
            "required": ["removed"],
            "properties": { "removed": { "type": "integer", "minimum": 0 } },
        },
        "Object": { "type": "object" },
    });
    match schemas {
        Value::Object(schemas) => schemas,
        _ => Map::new(),
    }
}

fn job_schema() -> Value {
    let time = |description: &str| json!({ "type": ["string", "null"], "format": "date-time", "description": description });
    json!({
        "type": "object",
        "required": ["id", "type", "plugin", "title", "status", "progress", "step", "created", "updated"],
        "properties": {
            "id": { "type": "string" },
            "type": { "type": "string", "description": "The tool that began it" },
            "plugin": { "type": "string" },
            "version": { "type": "string", "description": "Of the plugin" },
            "title": { "type": "string" },
            "status": {
                "type": "string",
                "enum": ["queued", "running", "input_required", "completed", "failed", "cancelled"],
            },
            "cancelling": { "type": "boolean", "description": "It has been asked to stop" },
            "progress": {
                "type": "object",
                "properties": {
                    "percent": { "type": ["number", "null"], "minimum": 0, "maximum": 100 },
                    "done": { "type": ["number", "null"] },
                    "total": { "type": ["number", "null"] },
                    "message": { "type": ["string", "null"] },
                },
            },
            "step": {
                "type": "object",
                "properties": {
                    "current": { "type": ["string", "null"] },
                    "done": { "type": ["integer", "null"] },
                    "left": { "type": ["integer", "null"] },
                    "taken": { "type": "integer" },
                    "attempt": { "type": "integer" },
                },
            },
            "created": { "type": "string", "format": "date-time" },
            "started": time("When it was begun"),
            "updated": { "type": "string", "format": "date-time" },
            "finished": time("When it ended"),
            "estimated_completion": time("When it will have ended"),
            "retry_of": { "type": ["string", "null"], "description": "The job that this one repeats" },
            "error": { "type": ["string", "null"] },
            "result": { "description": "What it gave, as the tool would have: only of one job, and once it has ended" },
            "error_details": { "description": "The same of its error" },
        },
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
