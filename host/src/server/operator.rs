//! What whoever looks after the host may see: for the scope `admin`.
//!
//! On loopback without `[auth]` the person at the machine is the operator; on another address without `[auth]` nobody is.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::problem::Problem;
use crate::config::Ability;
use crate::mcp::sessions::Sessions;
use crate::plugin::Principal;
use crate::policy::{self, Action};

/// `GET /mcp-sessions`
pub(super) async fn list_sessions(
    State(sessions): State<Arc<Sessions>>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Value>, Problem> {
    let action = Action {
        ability: Ability::Administer,
        plugin: None,
    };
    policy::may(&principal, action).map_err(Problem::missing)?;
    let limits = sessions.limits();
    let limits = json!({
        "max": limits.max,
        "max_per_principal": limits.max_per_principal,
        "idle_timeout_seconds": limits.idle_timeout.as_secs(),
    });
    let sessions = sessions.list();
    Ok(Json(
        json!({ "count": sessions.len(), "limits": limits, "sessions": sessions }),
    ))
}
