//! What whoever looks after the host may see: for the scope `admin`.
//!
//! On loopback without `[auth]` the person at the machine is the operator; on another address without `[auth]` nobody is.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use serde_json::json;

use super::challenge;
use super::guard::Callers;
use crate::config::{self, Ability};
use crate::mcp::sessions::Sessions;
use crate::policy::{self, Action};

/// What `GET /mcp-sessions` looks at.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) callers: Arc<Callers>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) limits: config::Sessions,
}

/// `GET /mcp-sessions`
pub(super) async fn list_sessions(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Response {
    let principal = match desk.callers.principal(&headers).await {
        Ok(principal) => principal,
        Err(refused) => return refused,
    };
    let action = Action {
        ability: Ability::Administer,
        plugin: None,
    };
    if let Err(missing) = policy::may(&principal, action) {
        return challenge::insufficient(desk.callers.metadata(), &missing);
    }
    let sessions = desk.sessions.list();
    let limits = json!({
        "max": desk.limits.max,
        "max_per_principal": desk.limits.max_per_principal,
        "idle_timeout_seconds": desk.limits.idle_timeout.as_secs(),
    });
    let body = json!({ "count": sessions.len(), "limits": limits, "sessions": sessions });
    axum::Json(body).into_response()
}
