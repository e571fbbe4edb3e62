//! What is asked by whoever looks after the process: does it live, is it ready, what does it count.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{StatusCode, header};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::guard::Guard;
use super::problem::Problem;
use crate::config::Ability;
use crate::host::Host;
use crate::plugin::Principal;
use crate::policy::{self, Action};
use crate::telemetry::{self, Now, metrics};

/// What the handlers share.
#[derive(Clone, Debug)]
pub(super) struct Cx {
    pub(super) guard: Arc<Guard>,
    pub(super) authentication: bool,
    pub(super) stop: CancellationToken,
}

/// `GET /health`: whoever answers lives. Open to everybody, and so it says how many things are not served as they are written,
/// and how many plugins nobody vouches for, but not which.
pub(super) async fn health(State(cx): State<Cx>) -> String {
    let host = &cx.guard.host;
    let counts = [
        ("problems", host.status().problems),
        ("unsigned plugins", host.unsigned().len()),
    ];
    let mut text = "ok\n".to_owned();
    for (what, count) in counts.iter().filter(|(_, count)| *count > 0) {
        let _ = writeln!(text, "{what}: {count}");
    }
    text
}

/// `GET /ready`. Open to everybody, and so it names nothing and nobody.
pub(super) async fn ready(State(cx): State<Cx>) -> Response {
    let host = &cx.guard.host;
    let (code, status) = if cx.stop.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if host.status().problems == 0 {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::OK, "degraded")
    };
    let body = json!({
        "status": status,
        "tools": host.catalog().tools().len(),
        "sessions": cx.guard.sessions.count(),
        "authentication": cx.authentication,
    });
    (code, Json(body)).into_response()
}

/// `GET /metrics` for those who have the scope.
pub(super) async fn metrics_for_some(
    State(cx): State<Cx>,
    Extension(principal): Extension<Principal>,
) -> Result<Response, Problem> {
    let may = |ability| {
        let action = Action {
            ability,
            plugin: None,
        };
        policy::may(&principal, action)
    };
    may(Ability::Administer)
        .or_else(|_| may(Ability::ReadMetrics))
        .map_err(Problem::missing)?;
    Ok(text(&cx))
}

/// `GET /metrics` for everybody.
pub(super) async fn metrics_for_all(State(cx): State<Cx>) -> Response {
    text(&cx)
}

fn text(cx: &Cx) -> Response {
    let text = metrics().text(now(&cx.guard.host, cx.guard.sessions.count()));
    ([(header::CONTENT_TYPE, telemetry::CONTENT_TYPE)], text).into_response()
}

fn now(host: &Host, sessions: usize) -> Now {
    let catalog = host.catalog();
    Now {
        plugins: catalog.plugins().len(),
        tools: catalog.tools().len(),
        sessions,
    }
}
