//! Tools over plain HTTP, for clients that speak no MCP: `GET /api/tools`, `POST /api/tools/{tool}` and
//! `POST /api/replies`.
//!
//! A call that ran and failed is 422 and never 5xx, whatever ended it: it may have had effects, and many clients repeat
//! what is answered with 5xx by themselves.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::guard::{Guard, Read};
use super::problem::Problem;
use crate::mcp::{self, Answer, PlainCall, Refused, Replies, Server, envelope};
use crate::plugin::Principal;

/// Where a client goes on with a call that asked something.
const REPLIES: &str = "/api/replies";

/// What the handlers share.
#[derive(Clone, Debug)]
pub(super) struct Cx {
    pub(super) guard: Arc<Guard>,
    pub(super) server: Arc<Server>,
}

/// The routes.
pub(super) fn routes() -> Router<Cx> {
    Router::new()
        .route("/api/tools", get(list))
        // A tool's name may have slashes in it.
        .route("/api/tools/{*tool}", post(call))
        .route("/api/replies", post(reply))
}

async fn list(State(cx): State<Cx>, Extension(principal): Extension<Principal>) -> Response {
    let offered = mcp::offered(&cx.guard.host, &principal);
    let tools: Vec<_> = offered.iter().map(|one| &one.tool).collect();
    let tools = json!({ "tools": tools });
    cx.guard.json(&principal, tools).await
}

async fn call(
    State(cx): State<Cx>,
    Extension(principal): Extension<Principal>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Path(tool) = path.map_err(|_| not_found("the path is not UTF-8"))?;
    // Before its body is read: who may not call it need not send one.
    envelope::may_call(&cx.guard.host.catalog(), &principal, &tool)
        .map_err(|missing| Problem::missing(missing).unread())?;
    let (parts, body) = request.into_parts();
    let read = cx.guard.read(&principal, &parts.headers, body).await?;
    serve(cx, principal, read, move |principal, read| {
        Ok(PlainCall {
            principal,
            tool,
            arguments: envelope::object(&read.bytes).map_err(invalid)?,
            replies: None,
            traceparent: traceparent(&parts.headers),
            cancelled: CancellationToken::new(),
            room: read.room,
        })
    })
    .await
}

/// The body of `POST /api/replies`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    tool: String,
    arguments: Map<String, Value>,
    state: String,
    replies: Map<String, Value>,
}

async fn reply(
    State(cx): State<Cx>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let read = cx.guard.read(&principal, &parts.headers, body).await?;
    serve(cx, principal, read, move |principal, read| {
        let body = envelope::object(&read.bytes).map_err(invalid)?;
        let reply: Reply = serde_json::from_value(Value::Object(body))
            .map_err(|error| invalid(format!("the body is no reply: {error}")))?;
        Ok(PlainCall {
            principal,
            tool: reply.tool,
            arguments: reply.arguments,
            replies: Some(Replies {
                state: reply.state,
                replies: reply.replies.into_iter().collect(),
            }),
            traceparent: traceparent(&parts.headers),
            cancelled: CancellationToken::new(),
            room: read.room,
        })
    })
    .await
}

/// Makes a call of what was read, and runs it; all that on the threads for large values, where it is one.
async fn serve(
    cx: Cx,
    principal: Principal,
    read: Read,
    given: impl FnOnce(Principal, Read) -> Result<PlainCall, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let is_large = read.room.is_some();
    let (guard, whose) = (cx.guard.clone(), principal.clone());
    let served = async move {
        let given = given(principal, read)?;
        run(&cx, given).await
    };
    if is_large {
        guard.host.large().serve(&whose, served).await
    } else {
        served.await
    }
}

fn invalid(text: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_request", text)
}

fn not_found(text: impl Into<String>) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", text)
}

fn traceparent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("traceparent")?.to_str().ok()?;
    Some(value.to_owned())
}

/// Calls in a task of its own. When the client goes away this future is dropped and the call is cancelled, which takes a
/// moment: a job that it has just started has to be stopped as well.
async fn run(cx: &Cx, given: PlainCall) -> Result<Response, Problem> {
    let (server, tool, principal) = (
        cx.server.clone(),
        given.tool.clone(),
        given.principal.clone(),
    );
    let _cancel_on_drop = given.cancelled.clone().drop_guard();
    let called = tokio::spawn(async move { mcp::plain(&server, given).await });
    let answer = called.await.map_err(|error| {
        tracing::error!(%error, tool, "a call over HTTP broke down");
        let text = "the host failed";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", text)
    })?;
    match answer.map_err(|refused| problem(&tool, refused))? {
        Answer::Done(value) => Ok(cx.guard.json(&principal, value).await),
        Answer::Job { id, view } => {
            let place = [("location", format!("/api/jobs/{id}"))];
            Ok((StatusCode::ACCEPTED, place, Json(view)).into_response())
        }
        Answer::Asks { requests, state } => {
            let text = format!(
                "`{tool}` asks something first: send the replies to POST {REPLIES}, with this tool, the same arguments and this state"
            );
            let problem = Problem::outcome(StatusCode::CONFLICT, "input_required", text);
            Err(problem.with("requests", requests).with("state", state))
        }
        Answer::Failed {
            why,
            message,
            details,
        } => {
            let is_large = mcp::is_large(&details);
            let problem = Problem::outcome(StatusCode::UNPROCESSABLE_ENTITY, why, message);
            let details = details.into_iter();
            let problem =
                details.fold(problem, |problem, (name, value)| problem.with(&name, value));
            if !is_large {
                return Err(problem);
            }
            let written = move || problem.into_response();
            Ok(cx.guard.host.large().run(&principal, written).await)
        }
        Answer::Busy(text) => {
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", text);
            Err(problem.retry_after(1))
        }
    }
}

fn problem(tool: &str, refused: Refused) -> Problem {
    match refused {
        Refused::Scope(missing) => Problem::missing(missing),
        Refused::Unknown(text) => not_found(text),
        Refused::Invalid(text) => Problem::new(StatusCode::BAD_REQUEST, "invalid_arguments", text),
        Refused::Unsupported(text) => {
            let text = format!("`{tool}` needs a client of another kind: {text}");
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unsupported", text)
        }
    }
}
