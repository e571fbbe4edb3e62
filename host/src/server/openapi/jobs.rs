//! The routes of `server/jobs.rs`, as the document shows them.

use serde_json::{Value, json};

use super::parts::{job, json as json_body, response};
use super::routes::operation;
use crate::jobs::{LOG_LINES, PAGE};

pub(super) fn paths() -> [(String, Value); 4] {
    [
        ("/api/jobs", json!({ "get": list(), "delete": remove() })),
        (
            "/api/jobs/{id}",
            json!({ "parameters": id(), "get": get(), "delete": cancel() }),
        ),
        (
            "/api/jobs/{id}/logs",
            json!({ "parameters": id(), "get": log() }),
        ),
        (
            "/api/jobs/{id}/retry",
            json!({ "parameters": id(), "post": retry() }),
        ),
    ]
    .map(|(path, item)| (path.to_owned(), item))
}

fn id() -> Value {
    json!([{
        "name": "id",
        "in": "path",
        "required": true,
        "description": "The job",
        "schema": { "type": "string" },
    }])
}

fn query(name: &str, description: &str, schema: &Value, is_required: bool) -> Value {
    json!({
        "name": name,
        "in": "query",
        "required": is_required,
        "description": description,
        "schema": schema,
    })
}

/// Of a job that has ended, and before.
const ENDED: [&str; 3] = ["completed", "failed", "cancelled"];
const ALL: [&str; 6] = [
    "queued",
    "running",
    "input_required",
    "completed",
    "failed",
    "cancelled",
];

fn status(words: &[&str]) -> Value {
    query(
        "status",
        "Only jobs of this status",
        &json!({ "type": "string", "enum": words }),
        false,
    )
}

/// What all of them can be answered with besides.
fn with_refusals(mut responses: Value) -> Value {
    for (status, name) in [
        ("400", "BadRequest"),
        ("401", "Unauthorized"),
        ("403", "Forbidden"),
        ("503", "Unavailable"),
    ] {
        responses[status] = response(name);
    }
    responses
}

fn list() -> Value {
    let mut list = operation(
        "list_jobs",
        "Jobs, the newest first",
        &with_refusals(json!({ "200": json_body("A page of jobs", "Jobs") })),
    );
    list["parameters"] = json!([
        status(&ALL),
        query(
            "limit",
            "Jobs of one page",
            &json!({ "type": "integer", "minimum": 1, "maximum": PAGE, "default": PAGE }),
            false,
        ),
        query(
            "cursor",
            "`next_cursor` of the page before",
            &json!({ "type": "string", "pattern": "^[0-9]{1,18}$" }),
            false,
        ),
    ]);
    list
}

fn remove() -> Value {
    let mut remove = operation(
        "remove_jobs",
        "Remove jobs that have ended",
        &with_refusals(json!({
            "200": json_body("So many were removed", "Removed"),
            "422": response("Invalid"),
        })),
    );
    let age = json!({
        "type": "string",
        "pattern": "^(0|[1-9][0-9]{0,8}(ms|s|min|h|d))$",
        "examples": ["7d"],
    });
    remove["parameters"] = json!([
        query(
            "older_than",
            "How long ago they ended: 0, or a number and ms, s, min, h or d",
            &age,
            true
        ),
        status(&ENDED),
    ]);
    remove
}

fn get() -> Value {
    operation(
        "get_job",
        "One job, and its result",
        &with_refusals(json!({
            "200": json_body("The job", "Job"),
            "404": response("NotFound"),
        })),
    )
}

fn cancel() -> Value {
    operation(
        "cancel_job",
        "Cancel a job",
        &with_refusals(json!({
            "200": json_body("It has ended", "Job"),
            "202": json_body("It was asked to stop, which may take a while", "Job"),
            "404": response("NotFound"),
            "409": response("Conflict"),
        })),
    )
}

fn log() -> Value {
    let mut log = operation(
        "get_job_log",
        "What a job has logged",
        &with_refusals(json!({
            "200": json_body("The last lines", "JobLog"),
            "404": response("NotFound"),
        })),
    );
    log["parameters"] = json!([query(
        "tail",
        &format!("How many lines; the last {LOG_LINES} are kept"),
        &json!({ "type": "integer", "minimum": 0, "default": 100 }),
        false,
    )]);
    log
}

fn retry() -> Value {
    operation(
        "retry_job",
        "Begin a job that failed or was cancelled once more",
        &with_refusals(json!({
            "201": job("The new job"),
            "404": response("NotFound"),
            "409": response("Conflict"),
            "422": response("Invalid"),
            "429": response("Limited"),
        })),
    )
}
