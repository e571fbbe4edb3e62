//! REST for jobs, under `/api/jobs`: what an operator's scripts and dashboards use.
//!
//! It knows HTTP and JSON only; what a principal may do with which job is decided in `jobs`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::guard::Guard;
use crate::config;
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

/// What went wrong, as `{"error": {"code", "message"}}`.
struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// The guard turns these into a challenge.
    missing: Option<Missing>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let error = json!({ "error": { "code": self.code, "message": self.message } });
        let mut response = (self.status, Json(error)).into_response();
        if let Some(missing) = self.missing {
            response.extensions_mut().insert(missing);
        }
        response
    }
}

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
        let message = error.to_string();
        let missing = match error {
            JobsError::Denied(denied) if !denied.scopes.is_empty() => Some(Missing {
                scopes: denied.scopes,
            }),
            _ => None,
        };
        Self {
            status,
            code,
            message,
            missing,
        }
    }
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem {
        status: StatusCode::BAD_REQUEST,
        code: "invalid",
        message: message.into(),
        missing: None,
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        invalid(rejection.body_text())
    }
}

fn jobs(host: &Host) -> Result<&Jobs, Problem> {
    host.jobs().ok_or_else(|| Problem {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "unavailable",
        message: "this host runs no jobs: no plugin has any, or their store cannot be opened"
            .to_owned(),
        missing: None,
    })
}

fn id(text: &str) -> Result<JobId, Problem> {
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
    Path(text): Path<String>,
) -> Answer {
    let (jobs, id) = (jobs(&guard.host)?, id(&text)?);
    let details = jobs.get(&principal, &id).await?;
    let log = jobs.log(&principal, &id, SHOWN_LINES).await?;
    let mut view = details.job.view();
    view["log"] = log.iter().map(crate::jobs::Line::view).collect();
    let (result, error) = mcp::job_result(details);
    view["result"] = result;
    if !error.is_null() {
        view["error_details"] = error;
    }
    Ok(Json(view).into_response())
}

async fn cancel(
    State(guard): State<Arc<Guard>>,
    Extension(principal): Extension<Principal>,
    Path(text): Path<String>,
) -> Answer {
    let job = jobs(&guard.host)?.cancel(&principal, &id(&text)?).await?;
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
    Path(text): Path<String>,
) -> Answer {
    let job = jobs(&guard.host)?.retry(&principal, &id(&text)?).await?;
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
    Path(text): Path<String>,
    query: Result<Query<Tail>, QueryRejection>,
) -> Answer {
    let Query(query) = query?;
    let most = usize::try_from(LOG_LINES).unwrap_or(usize::MAX);
    let tail = query.tail.unwrap_or(100).min(most);
    let lines = jobs(&guard.host)?
        .log(&principal, &id(&text)?, tail)
        .await?;
    let lines: Vec<Value> = lines.iter().map(crate::jobs::Line::view).collect();
    Ok(Json(json!({ "lines": lines })).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Removal {
    older_than: String,
    status: Option<String>,
}

async fn remove(
    State(guard): State<Arc<Guard>>,
    Extension(principal): Extension<Principal>,
    query: Result<Query<Removal>, QueryRejection>,
) -> Answer {
    let Query(query) = query?;
    let age = match query.older_than.as_str() {
        "0" => Duration::ZERO,
        text => config::parse_duration(text)
            .ok_or_else(|| invalid("`older_than` is a number and ms, s, min, h or d: `7d`"))?,
    };
    let status = status(query.status.as_deref())?;
    let removed = jobs(&guard.host)?.remove(&principal, age, status).await?;
    Ok(Json(json!({ "removed": removed })).into_response())
}
