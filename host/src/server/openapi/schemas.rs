//! Schemas of the host's own, by name.

use serde_json::{Map, Value, json};

use super::parts::reference;

/// All of them.
pub(super) fn all() -> Map<String, Value> {
    let mut schemas = Map::new();
    for part in [errors(), asking(), tools(), jobs(), others()] {
        if let Value::Object(part) = part {
            schemas.extend(part);
        }
    }
    schemas
}

fn errors() -> Value {
    json!({
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
    })
}

fn asking() -> Value {
    json!({
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
    })
}

fn tools() -> Value {
    json!({
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
    })
}

fn others() -> Value {
    json!({
        "McpSessions": {
            "type": "object",
            "required": ["count", "limits", "sessions"],
            "properties": {
                "count": { "type": "integer", "minimum": 0 },
                "limits": {
                    "type": "object",
                    "required": ["max", "max_per_principal", "idle_timeout_seconds"],
                    "properties": {
                        "max": { "type": "integer", "minimum": 1 },
                        "max_per_principal": { "type": "integer", "minimum": 1 },
                        "idle_timeout_seconds": { "type": "integer", "minimum": 0 },
                    },
                },
                "sessions": { "type": "array", "items": reference("McpSession") },
            },
        },
        "McpSession": {
            "type": "object",
            "required": ["fingerprint", "tenant", "client", "protocol", "age_seconds", "idle_seconds"],
            "properties": {
                "fingerprint": { "type": "string", "description": "Tells sessions apart; nobody can use a session with it" },
                "tenant": { "type": "string" },
                "subject": { "type": ["string", "null"] },
                "client": { "type": "string", "description": "What the client calls itself" },
                "protocol": { "type": "string", "description": "The revision that was agreed on" },
                "age_seconds": { "type": "integer", "minimum": 0 },
                "idle_seconds": { "type": "integer", "minimum": 0 },
                "requests_under_way": { "type": "integer", "minimum": 0 },
                "readers": { "type": "integer", "minimum": 0, "description": "Connections over which the client waits for events" },
                "subscriptions": { "type": "integer", "minimum": 0 },
                "events": { "type": "integer", "minimum": 0, "description": "Kept for clients that lose a stream" },
                "event_bytes": { "type": "integer", "minimum": 0 },
            },
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
        "Object": { "type": "object" },
    })
}

fn jobs() -> Value {
    json!({
        "Job": job(),
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
    })
}

fn job() -> Value {
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
