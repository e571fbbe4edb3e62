//! `sessions_stop`.

use toolward_sdk::prelude::*;
use vbr::Client;
use vbr::order::{Order, Word, sent};
use vbr::session::{SESSIONS, Session};

/// Which session to stop.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct StopArgs {
    /// The session's id.
    session_id: String,
    /// Why: for the person who is asked, and for the operator's log.
    reason: Option<String>,
    /// Your own confirmation, with a reason. It counts only where the operator lets models confirm; elsewhere a person
    /// is asked.
    #[serde(default)]
    confirm: bool,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

/// A session that was told to stop.
#[answer]
pub(crate) struct Stopped {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The session as it is now: stopping may take minutes.
    session: Session,
}

/// Stops a session that goes on, after somebody has confirmed it: a restore, a copy, a scan. To stop a backup job
/// gracefully, use `backup_jobs_stop`.
#[tool(
    read_only = false,
    destructive,
    idempotent,
    open_world = false,
    title = "Stop a session"
)]
pub(crate) fn sessions_stop(cx: &Context, args: StopArgs) -> Result<Stopped> {
    let id = super::id(&args.session_id)?;
    let client = Client::to(cx, args.server.as_deref())?;
    let session = client.session(id)?;
    if !session.is_running() {
        return Err(ToolError::conflict(format!(
            "session {id} has ended with {}. hint: there is nothing to stop; sessions_running lists what goes on",
            session.result
        ))
        .into());
    }
    let mut details = vec![("Session", session.name.clone())];
    if let Some(kind) = &session.kind {
        details.push(("Type", kind.clone()));
    }
    if let Some(started) = &session.started {
        details.push(("Began", started.age.clone()));
    }
    let order = Order {
        server: client.server(),
        what: format!(
            "The session {:?} is stopped; what it has done so far may be lost.",
            session.name
        ),
        details,
    };
    order.confirmed(
        cx,
        &Word {
            confirm: args.confirm,
            reason: args.reason.as_deref(),
        },
    )?;
    let answer = client.send(|http, _| Ok(http.post(SESSIONS).segment(id).segment("stop")));
    sent(answer, "sessions_get")?;
    Ok(Stopped {
        server: client.server().label(),
        session: client.session(id)?,
    })
}
