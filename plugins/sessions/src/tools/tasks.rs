//! `sessions_tasks`: what a session did with each machine.

use toolward_sdk::prelude::*;
use vbr::page::Span;
use vbr::revision::Feature;
use vbr::session::TIMES;
use vbr::{Client, Moment, Size, moment, read};

use super::list::SessionResult;

/// Which session, and which of its machines.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct TasksArgs {
    /// The session's id.
    session_id: String,
    /// Only machines with this result.
    result: Option<SessionResult>,
    /// How many to return at most.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 200))]
    limit: u64,
    /// How many to skip: `next_skip` of the previous answer.
    #[serde(default)]
    skip: u64,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

fn default_limit() -> u64 {
    50
}

/// What a session did with one machine.
#[answer]
pub(crate) struct OneMachine {
    /// The id of this part, for `sessions_task_log`.
    task_id: String,
    /// The machine.
    name: String,
    /// `backup`, `restore`, `replica`, `antivirus`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// What it is doing.
    state: String,
    /// How it ended; `none` before that.
    result: String,
    /// What the server says about the result.
    message: Option<String>,
    /// When the session came to it.
    started: Option<Moment>,
    /// How long it took.
    took: Option<String>,
    /// `full`, `increment`, `synthetic`.
    algorithm: Option<String>,
    /// How far it is, in percent; only until it has ended.
    progress_percent: Option<i64>,
    /// What held it up most, such as `source`, `network`, `target`.
    bottleneck: Option<String>,
    /// How much was looked at.
    processed: Option<Size>,
    /// How much was read.
    read: Option<Size>,
    /// How much went over the network.
    transferred: Option<Size>,
}

/// What a session did with its machines.
#[answer]
pub(crate) struct TaskList {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The machines.
    tasks: Vec<OneMachine>,
    /// How many there are in all.
    total: Option<u64>,
    /// There is more: call again with this as `skip`.
    next_skip: Option<u64>,
}

/// Shows what a session did with each machine: result, duration, amounts, what held it up.
///
/// Needs a server of version 12.2 or newer.
#[tool(
    read_only,
    idempotent,
    open_world = false,
    title = "Machines of a session"
)]
pub(crate) fn sessions_tasks(cx: &Context, args: TasksArgs) -> Result<TaskList> {
    let id = super::id(&args.session_id)?;
    let client = Client::to(cx, args.server.as_deref())?;
    client.needs(
        Feature::TaskSessions,
        "read the log of the session with sessions_log: it names the machines",
    )?;
    let span = Span {
        skip: args.skip,
        limit: args.limit,
    };
    let part = client.part(
        span,
        true,
        |_| true,
        |http, _| {
            Ok(http
                .get("/api/v1/taskSessions")
                .query("sessionIdFilter", id)
                .query("orderColumn", "Name")
                .query("orderAsc", true)
                .query_opt("resultFilter", args.result.map(SessionResult::word)))
        },
    )?;
    let zone = client.zone_of(&part.data, &TIMES)?;
    Ok(TaskList {
        server: client.server().label(),
        tasks: part.data.iter().map(|task| of(task, zone)).collect(),
        total: part.total,
        next_skip: part.next_skip,
    })
}

fn of(task: &Value, zone: time::UtcOffset) -> OneMachine {
    let state = read::word_or(task, "state", "unknown");
    let progress = &task["progress"];
    let bottleneck = read::word(progress, "bottleneck");
    OneMachine {
        task_id: read::always(task, "id"),
        name: read::always(task, "name"),
        kind: read::word(task, "type"),
        result: read::word_or(&task["result"], "result", "none"),
        message: read::text(&task["result"], "message"),
        started: Moment::read(task, "creationTime", zone),
        took: moment::lasted(&task["creationTime"], &task["endTime"], zone),
        algorithm: read::word(task, "algorithm").filter(|algorithm| algorithm != "none"),
        progress_percent: progress["progressPercent"]
            .as_i64()
            .filter(|_| vbr::session::is_running(&state)),
        bottleneck: bottleneck.filter(|what| what != "notdefined" && what != "none"),
        processed: Size::read(progress, "processedSize"),
        read: Size::read(progress, "readSize"),
        transferred: Size::read(progress, "transferredSize"),
        state,
    }
}
