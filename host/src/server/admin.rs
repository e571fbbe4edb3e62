//! What operators do over HTTP, under `/api/admin`: see what is served, and take up changes. All of it needs the scope
//! `admin`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::StatusCode;
use serde_json::Value;

use super::guard::Guard;
use super::problem::Problem;
use crate::config::Ability;
use crate::host::Trigger;
use crate::plugin::Principal;
use crate::policy::{self, Action};

/// The routes.
pub(super) fn routes() -> Router<Arc<Guard>> {
    Router::new()
        .route("/api/admin/reload", post(reload))
        .route("/api/admin/plugins", get(plugins))
        .layer(from_fn(operators))
}

/// Nobody else gets further.
async fn operators(request: Request, next: Next) -> Result<Response, Problem> {
    let action = Action {
        ability: Ability::Administer,
        plugin: None,
    };
    let unknown = || Problem::new(StatusCode::FORBIDDEN, "insufficient_scope", "who asks?");
    let principal = request
        .extensions()
        .get::<Principal>()
        .ok_or_else(unknown)?;
    policy::may(principal, action).map_err(Problem::missing)?;
    Ok(next.run(request).await)
}

/// Reads everything again, and says what came of it. 422: something is not as it is written, and why.
async fn reload(
    State(guard): State<Arc<Guard>>,
    Extension(principal): Extension<Principal>,
) -> Result<Response, Problem> {
    // On its own: when the client goes away in the middle, others still have to hear of what was exchanged.
    let host = guard.host.clone();
    let trigger = Trigger::Request(principal);
    let reloaded = tokio::spawn(async move { host.reload(&trigger).await });
    let reloaded = reloaded.await.map_err(|_| {
        let text = "the reload was abandoned; the log says why";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", text)
    })?;
    let status = if reloaded.ok {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    Ok((status, Json(reloaded)).into_response())
}

async fn plugins(State(guard): State<Arc<Guard>>) -> Json<Value> {
    Json(guard.host.status().json)
}
