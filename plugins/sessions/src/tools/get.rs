//! `sessions_get`: one session.

use toolward_sdk::prelude::*;
use vbr::Client;
use vbr::session::{Level, LogLine, SESSIONS, Session};

/// Which session.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct GetArgs {
    /// The session's id.
    session_id: String,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

/// A session, and what went wrong in it.
#[answer]
pub(crate) struct SessionDetails {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The session.
    session: Session,
    /// Warnings and errors of its log, the newest first; the first ten.
    problems: Vec<LogLine>,
    /// How many warnings and errors there are in all.
    problems_in_all: usize,
}

/// Shows one session: state, result, times, progress, and the warnings and errors of its log.
#[tool(read_only, idempotent, open_world = false, title = "Show a session")]
pub(crate) fn sessions_get(cx: &Context, args: GetArgs) -> Result<SessionDetails> {
    let id = super::id(&args.session_id)?;
    let client = Client::to(cx, args.server.as_deref())?;
    let session = client.session(id)?;
    let log = client.log(SESSIONS, id, Level::Problems, 10)?;
    Ok(SessionDetails {
        server: client.server().label(),
        session,
        problems: log.lines,
        problems_in_all: log.matching,
    })
}
