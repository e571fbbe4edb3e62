//! `sessions_log` and `sessions_task_log`: what a session, or its work on one machine, wrote down.

use toolward_sdk::prelude::*;
use vbr::Client;
use vbr::revision::Feature;
use vbr::session::{Level, LogLine, SESSIONS};

/// Which log, and which of its lines.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct LogArgs {
    /// The session's id.
    session_id: String,
    /// Which lines: all, those that tell of what went well or goes on, warnings, errors, or both of the latter.
    #[serde(default)]
    level: Level,
    /// How many lines to return at most: the newest.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: usize,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

/// Which log, and which of its lines.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct TaskLogArgs {
    /// The id of a session's work on one machine: `task_id` of `sessions_tasks`.
    task_id: String,
    /// Which lines: all, those that tell of what went well or goes on, warnings, errors, or both of the latter.
    #[serde(default)]
    level: Level,
    /// How many lines to return at most: the newest.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: usize,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

fn default_limit() -> usize {
    50
}

/// Lines of a log.
#[answer]
pub(crate) struct LogLines {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The lines, the newest first.
    lines: Vec<LogLine>,
    /// How many lines of that level there are in all.
    total: usize,
}

/// Shows the log of a session, the newest lines first.
#[tool(read_only, idempotent, open_world = false, title = "Log of a session")]
pub(crate) fn sessions_log(cx: &Context, args: LogArgs) -> Result<LogLines> {
    let id = super::id(&args.session_id)?;
    let client = Client::to(cx, args.server.as_deref())?;
    lines(&client, SESSIONS, id, args.level, args.limit)
}

/// Shows the log of a session's work on one machine, the newest lines first.
#[tool(
    read_only,
    idempotent,
    open_world = false,
    title = "Log of one machine"
)]
pub(crate) fn sessions_task_log(cx: &Context, args: TaskLogArgs) -> Result<LogLines> {
    let id = super::id(&args.task_id)?;
    let client = Client::to(cx, args.server.as_deref())?;
    client.needs(
        Feature::TaskSessions,
        "read the log of the whole session with sessions_log",
    )?;
    lines(&client, "/api/v1/taskSessions", id, args.level, args.limit)
}

fn lines(
    client: &Client<'_>,
    place: &str,
    id: &str,
    level: Level,
    limit: usize,
) -> Result<LogLines> {
    let log = client.log(place, id, level, limit)?;
    Ok(LogLines {
        server: client.server().label(),
        lines: log.lines,
        total: log.matching,
    })
}
