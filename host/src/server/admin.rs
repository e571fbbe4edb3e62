//! What operators do over HTTP, under `/api/admin`: see what is served, and take up changes. All of it needs the scope
//! `admin`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};

use super::guard::Guard;
use crate::config::Ability;
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
async fn operators(request: Request, next: Next) -> Response {
    let action = Action {
        ability: Ability::Administer,
        plugin: None,
    };
    let principal = request.extensions().get::<Principal>();
    let missing = match principal.map(|principal| policy::may(principal, action)) {
        Some(Ok(())) => return next.run(request).await,
        Some(Err(missing)) => Some(missing),
        None => None,
    };
    let message = "this is for operators: it needs the scope `admin`";
    let error = json!({ "error": { "code": "denied", "message": message } });
    let mut response = (StatusCode::FORBIDDEN, Json(error)).into_response();
    if let Some(missing) = missing {
        // The guard turns these into a challenge.
        response.extensions_mut().insert(missing);
    }
    response
}

/// Reads everything again, and says what came of it. 422: something is not as it is written, and why.
async fn reload(State(guard): State<Arc<Guard>>) -> Response {
    // On its own: when the client goes away in the middle, others still have to hear of what was exchanged.
    let host = guard.host.clone();
    let reloaded = tokio::spawn(async move { host.reload().await });
    let Ok(reloaded) = reloaded.await else {
        let message = "the reload was abandoned; the log says why";
        let error = json!({ "error": { "code": "internal", "message": message } });
        return (StatusCode::INTERNAL_SERVER_ERROR, Json(error)).into_response();
    };
    let status = if reloaded.ok {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    (status, Json(reloaded)).into_response()
}

async fn plugins(State(guard): State<Arc<Guard>>) -> Json<Value> {
    Json(guard.host.status().json)
}

/// For whoever looks after the process; open to everybody, and so it says how many things are wrong, and not which.
pub(super) async fn health(State(guard): State<Arc<Guard>>) -> String {
    match guard.host.status().problems {
        0 => "ok\n".to_owned(),
        problems => format!("ok\nproblems: {problems}\n"),
    }
}
