//! REST for jobs, under `/api/jobs`: what an operator's scripts and dashboards use.
//!
//! It knows HTTP and JSON only; what a principal may do with which job is decided in `jobs`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::guard::Guard;
use super::problem::Problem;
use crate::host::Host;
use crate::jobs::{JobId, Jobs, JobsError, LOG_LINES, PAGE, Status};
use crate::mcp;
use crate::plugin::Principal;
use crate::policy::Missing;

/// Lines of its log that come with a job.
const SHOWN_LINES: usize = 20;

/// The routes.
pub(super) fn routes() -> Router<Arc<Guard>> {
    Router::new()
        .route("/api/jobs", get(list).delete(remove))
        .route("/api/jobs/{id}", get(show).delete(cancel))
        .route("/api/jobs/{id}/logs", get(log))
        .route("/api/jobs/{id}/retry", post(retry))
}

type Answer = Result<Response, Problem>;

impl From<JobsError> for Problem {
    fn from(error: JobsError) -> Self {
        let (status, code) = match &error {
            JobsError::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            JobsError::Denied(_) => (StatusCode::FORBIDDEN, "denied"),
            JobsError::Full(_) | JobsError::NoRoom(_) => (StatusCode::TOO_MANY_REQUESTS, "limited"),
            JobsError::Conflict { .. } => (StatusCode::CONFLICT, "conflict"),
            JobsError::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            JobsError::Store(source) => {
                tracing::error!("{}", crate::error::report(source));
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
        };
        let text = error.to_string();
        match error {
            JobsError::Denied(denied) if !denied.scopes.is_empty() => Self::missing(Missing {
                scopes: denied.scopes,
            }),
            _ => Self::new(status, code, text),
        }
    }
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid", message)
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        invalid(rejection.body_text())
    }
}

fn jobs(host: &Host) -> Result<&Jobs, Problem> {
    host.jobs().ok_or_else(|| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "this host runs no jobs: no plugin has any, or their store cannot be opened",
        )
    })
}

fn id(path: Result<Path<String>, PathRejection>) -> Result<JobId, Problem> {
    let Path(text) = path.map_err(|_| JobsError::NotFound)?;
    text.parse().map_err(|_| JobsError::NotFound.into())
}

fn status(text: Option<&str>) -> Result<Option<Status>, Problem> {
    text.map(str::parse)
        .transpose()
        .map_err(|error| invalid(format!("`status`: {error}")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    status: Option<String>,
    limit: Option<usize>,
    cursor: Option<u64>,
}

async fn list(
    State(guard): State<Arc<Guard>>,
    Extension(principal): Extension<Principal>,
    query: Result<Query<Listing>, QueryRejection>,
) -> Answer {
    let Query(query) = query?;
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE).contains(&limit) {
        return Err(invalid(format!("`limit` is 1 to {PAGE}")));
    }
    let status = status(query.status.as_deref())?;
    let page = jobs(&guard.host)?
        .list(&principal, status, query.cursor, limit)
        .await?;
    let shown: Vec<Value> = page.jobs.iter().map(crate::jobs::Job::view).collect();
    let next = page.next.map(|next| next.to_string());
    Ok(Json(json!({ "jobs": shown, "next_cursor": next })).into_response())
}

async fn show(
    State(guard): State<Arc<Guard>>,
    Extension(principal): Extension<Principal>,
    path: Result<Path<String>, PathRejection>,
) -> Answer {
    let (jobs, id) = (jobs(&guard.host)?, id(path)?);
    let details = jobs.get(&principal, &id).await?;
    let log = jobs.log(&principal, &id, SHOWN_LINES).await?;
    let mut view = details.job.view();
    view["log"] = log.iter().map(crate::jobs::Line::view).collect();
    let (result, error) = mcp::job_result(&guard.host, &principal, details).await;
    view["result"] = result;
    if !error.is_null() {
        view["error_details"] = error;
    }
    Ok(guard.json(&principal, view).await)
}

async fn cancel(
    State(guard): State<Arc<Guard>>,
    Extension(principal): Extension<Principal>,
    path: Result<Path<String>, PathRejection>,
) -> Answer {
    let job = jobs(&guard.host)?.cancel(&principal, &id(path)?).await?;
    // Stopping may take a while; the job says when it has.
    let status = if job.status.is_terminal() {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, Json(job.view())).into_response())
}

async fn retry(
    State(guard): State<Arc<Guard>>,
    Extension(principal): Extension<Principal>,
    path: Result<Path<String>, PathRejection>,
) -> Answer {
    let job = jobs(&guard.host)?.retry(&principal, &id(path)?).await?;
    let place = [("location", format!("/api/jobs/{}", job.id))];
    Ok((StatusCode::CREATED, place, Json(job.view())).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tail {
    tail: Option<usize>,
}

async fn log(
    State(guard): State<Arc<Guard>>,
    Extension(principal): Extension<Principal>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<Tail>, QueryRejection>,
) -> Answer {
    let Query(query) = query?;
    let most = usize::try_from(LOG_LINES).unwrap_or(usize::MAX);
    let tail = query.tail.unwrap_or(100).min(most);
    let lines = jobs(&guard.host)?.log(&principal, &id(path)?, tail).await?;
    let lines: Vec<Value> = lines.iter().map(crate::jobs::Line::view).collect();
    Ok(Json(json!({ "lines": lines })).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Removal {
    older_than: String,
    status: Option<String>,
}

/// `0`, or a whole number of at most nine digits and a unit: what the OpenAPI document says.
fn age(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let is_plain = (1..=9).contains(&number.len()) && !number.starts_with('0');
    let number: u64 = number.parse().ok().filter(|_| is_plain)?;
    Some(Duration::from_millis(number * milliseconds))
}

async fn remove(
    State(guard): State<Arc<Guard>>,
    Extension(principal): Extension<Principal>,
    query: Result<Query<Removal>, QueryRejection>,
) -> Answer {
    let Query(query) = query?;
    let age = age(&query.older_than)
        .ok_or_else(|| invalid("`older_than` is a number and ms, s, min, h or d: `7d`"))?;
    let status = status(query.status.as_deref())?;
    let removed = jobs(&guard.host)?.remove(&principal, age, status).await?;
    Ok(Json(json!({ "removed": removed })).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_what_the_document_says() {
        for (text, expected) in [
            ("0", Some(Duration::ZERO)),
            ("7d", Some(Duration::from_hours(168))),
            ("500ms", Some(Duration::from_millis(500))),
            ("999999999d", Some(Duration::from_hours(23_999_999_976))),
            ("1000000000d", None),
            ("07d", None),
            ("0d", None),
            ("1.5h", None),
            ("+1h", None),
            ("7 d", None),
            ("7", None),
            ("d", None),
            ("", None),
            ("7w", None),
        ] {
            assert_eq!(age(text), expected, "{text}");
        }
    }
}
