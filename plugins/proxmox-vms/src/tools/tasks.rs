//! Tasks of the cluster: list, look at, wait for, abort.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;
use toolward_sdk::prelude::*;

use super::{Away, across, away_lines};
use crate::api::{self, ApiError, Cluster};
use crate::guard::{self, Word};
use crate::guest;
use crate::loose::Loose;
use crate::path;
use crate::run;
use crate::show;
use crate::upid::Upid;

/// Which tasks. Without anything, the latest of every node.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct TasksArgs {
    /// Only those about this guest: number, name, or node/name.
    guest: Option<String>,
    /// Only those of this node.
    node: Option<String>,
    /// Only this cluster.
    cluster: Option<String>,
    /// Only those of this type, such as vzdump or qmigrate.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Only those that run.
    running: bool,
    /// Only those that did not end well.
    errors: bool,
    /// How many at most: 25 unless said otherwise.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
}

/// Tasks, the latest first.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct Tasks {
    /// The tasks.
    tasks: Vec<Task>,
    /// Clusters that do not answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<Away>,
}

/// A task.
#[derive(Clone, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Task {
    /// The cluster.
    cluster: String,
    /// Its name, for `pve_task`.
    upid: String,
    /// Its type.
    #[serde(rename = "type")]
    kind: String,
    /// What it is about: most often a guest's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    /// Where it runs.
    node: String,
    /// Who began it.
    user: String,
    /// When it began.
    started: String,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    /// `running`, `ok`, `warnings`, or the text of the error.
    status: String,
}

/// Lists what the cluster is doing and did lately: type, guest, node, user, how it ended; by guest, node, type, running
/// ones only, or failed ones only.
#[tool(read_only, idempotent, open_world = false, title = "Tasks")]
pub(crate) fn pve_tasks(cx: &Context, args: TasksArgs) -> Result<Rendered<Tasks>> {
    let found = match &args.guest {
        Some(wanted) => Some(guest::find(cx, args.cluster.as_deref(), wanted)?),
        None => None,
    };
    let name = found
        .as_ref()
        .map(|found| found.cluster.name.clone())
        .or(args.cluster.clone());
    let id = found.as_ref().map(|found| found.guest.id);
    let (answers, unreachable) = across(
        cx,
        name.as_deref(),
        "Sys.Audit on the nodes",
        |cluster| match (&args.node, id) {
            (None, Some(_)) => everywhere(cluster, id, &args),
            (node, id) => list(cluster, node.as_deref(), id, &args),
        },
    )?;
    let limit = args.limit.unwrap_or(25);
    let mut tasks: Vec<Task> = answers.into_iter().flat_map(|(_, tasks)| tasks).collect();
    tasks.sort_by(|a, b| b.started.cmp(&a.started));
    tasks.truncate(limit);
    let list = Tasks { tasks, unreachable };
    let mut text = if list.tasks.is_empty() {
        "no such task".to_owned()
    } else {
        String::new()
    };
    for task in &list.tasks {
        if !text.is_empty() {
            text.push('\n');
        }
        let about = task.about.as_deref().unwrap_or_default();
        let _ = write!(
            text,
            "{} {} {about} on {} by {}: {} ({})",
            task.started, task.kind, task.node, task.user, task.status, task.upid
        );
    }
    away_lines(&mut text, &list.unreachable);
    Ok(Rendered::new(list, text))
}

/// A guest moves, its tasks stay where they ran.
fn everywhere(
    cluster: &Cluster<'_>,
    id: Option<u64>,
    args: &TasksArgs,
) -> Result<Vec<Task>, ApiError> {
    let mut all = Vec::new();
    for node in super::storage::online_nodes(cluster)? {
        match list(cluster, Some(&node), id, args) {
            Ok(tasks) => all.extend(tasks),
            // It went away a moment ago.
            Err(error) if error.is_away() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

fn list(
    cluster: &Cluster<'_>,
    node: Option<&str>,
    id: Option<u64>,
    args: &TasksArgs,
) -> Result<Vec<Task>, ApiError> {
    let fits = |task: &Task| {
        let ended_well = matches!(task.status.as_str(), "ok" | "running");
        id.is_none_or(|id| task.about.as_deref() == Some(&id.to_string()))
            && args.kind.as_deref().is_none_or(|kind| task.kind == kind)
            && (!args.running || task.status == "running")
            && (!args.errors || !ended_well)
    };
    let Some(node) = node else {
        let all = cluster.get(path!["cluster", "tasks"])?;
        let tasks = all
            .items()
            .iter()
            .filter_map(|raw| Task::read(cluster, raw));
        return Ok(tasks.filter(fits).collect());
    };
    let limit = args.limit.unwrap_or(25).to_string();
    let id = id.map(|id| id.to_string());
    let mut query = vec![
        ("limit", limit.as_str()),
        ("source", if args.running { "active" } else { "all" }),
    ];
    query.extend(id.as_deref().map(|id| ("vmid", id)));
    query.extend(args.kind.as_deref().map(|kind| ("typefilter", kind)));
    if args.errors {
        query.push(("errors", "1"));
    }
    let all = cluster.get_with(path!["nodes", node, "tasks"], &query)?;
    let tasks = all
        .items()
        .iter()
        .filter_map(|raw| Task::read(cluster, raw));
    Ok(tasks.filter(fits).collect())
}

impl Task {
    fn read(cluster: &Cluster<'_>, raw: &Value) -> Option<Self> {
        let upid = raw.text("upid")?;
        let parsed = Upid::parse(&upid).ok();
        let ended = raw.whole("endtime").map(show::time);
        let status = match raw.text("status") {
            Some(status) => end(&status),
            None if ended.is_some() => "ended, it is not known how".to_owned(),
            None => "running".to_owned(),
        };
        Some(Self {
            cluster: cluster.name.clone(),
            kind: raw.text("type")?,
            about: raw.text("id"),
            node: raw.text("node")?,
            user: parsed.as_ref().map_or_else(
                || raw.text("user").unwrap_or_default(),
                |upid| upid.user.clone(),
            ),
            started: show::time(raw.whole("starttime").unwrap_or(0)),
            ended,
            status,
            upid,
        })
    }
}

fn end(status: &str) -> String {
    match status {
        "OK" => "ok".to_owned(),
        warnings if warnings.starts_with("WARNINGS") => format!("warnings ({warnings})"),
        error => show::line(error, 300),
    }
}

/// Which task.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct TaskArgs {
    /// Its name: it begins with UPID:.
    upid: String,
    /// The cluster, where several are bound.
    cluster: Option<String>,
    /// How many lines of the end of its log: 20 unless said otherwise.
    #[schemars(range(max = 1000))]
    lines: Option<u64>,
}

/// A task and its log.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct TaskState {
    /// The cluster.
    cluster: String,
    /// Its name.
    upid: String,
    /// Its type.
    #[serde(rename = "type")]
    kind: String,
    /// What it is about.
    about: String,
    /// Where it runs.
    node: String,
    /// Who began it.
    user: String,
    /// When it began.
    started: String,
    /// `running`, `ok`, `warnings`, or the text of the error.
    status: String,
    /// The end of its log.
    log: Vec<String>,
    /// Lines that are not shown.
    #[serde(default, skip_serializing_if = "is_zero")]
    lines_before: u64,
}

#[cfg_attr(
    target_pointer_width = "64",
    expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde asks for a reference"
    )
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Shows one task: whether it runs, how it ended, and the end of its log.
#[tool(read_only, idempotent, open_world = false, title = "One task")]
pub(crate) fn pve_task(cx: &Context, args: TaskArgs) -> Result<TaskState> {
    let upid = Upid::parse(&args.upid)?;
    let cluster = cluster_of(cx, args.cluster.as_deref(), &upid)?;
    let state = state_of(&cluster, &upid)?;
    look(&cluster, upid, state, args.lines.unwrap_or(20))
}

/// Where several clusters are bound, the one that has a node of that name and knows the task.
fn cluster_of<'a>(cx: &'a Context, name: Option<&str>, upid: &Upid) -> Result<Cluster<'a>> {
    let mut clusters = api::wanted(cx, name)?;
    if clusters.len() == 1 {
        return clusters
            .pop()
            .ok_or_else(|| ToolError::not_found("no cluster").into());
    }
    let knows = |cluster: &Cluster<'_>| run::task_state(cluster, &upid.text).is_ok();
    clusters.into_iter().find(knows).ok_or_else(|| {
        ToolError::not_found(format!(
            "no cluster that answers knows task {}. hint: set `cluster`",
            upid.text
        ))
        .into()
    })
}

fn state_of(cluster: &Cluster<'_>, upid: &Upid) -> Result<Option<String>> {
    run::task_state(cluster, &upid.text)
        .map_err(|error| error.explain(&format!("Sys.Audit on /nodes/{}", upid.node)))
}

fn look(cluster: &Cluster<'_>, upid: Upid, state: Option<String>, lines: u64) -> Result<TaskState> {
    // The log has no end to count from, so it is read in large pieces until it ends; a very long one is not read whole.
    let mut log = Vec::new();
    let mut start = 0;
    while start < 20_000 {
        let piece = run::task_log(cluster, &upid.text, start)?;
        if piece.is_empty() {
            break;
        }
        start += piece.len() as u64;
        log.extend(piece);
    }
    let lines = usize::try_from(lines).unwrap_or(usize::MAX);
    let before = log.len().saturating_sub(lines);
    Ok(TaskState {
        cluster: cluster.name.clone(),
        status: state.map_or_else(|| "running".to_owned(), |exit| end(&exit)),
        started: show::time(upid.started),
        kind: upid.kind,
        about: upid.about,
        node: upid.node,
        user: upid.user,
        log: log.split_off(before),
        lines_before: before as u64,
        upid: upid.text,
    })
}

/// Which task to wait for.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct WaitArgs {
    /// Its name: it begins with UPID:.
    upid: String,
    /// The cluster, where several are bound.
    cluster: Option<String>,
    /// Longest wait: 30 seconds unless said otherwise.
    #[schemars(range(min = 1, max = 600))]
    seconds: Option<u64>,
}

/// Waits until a task has ended, or the time is over, and shows it with the end of its log. A task that still runs then
/// is no error: call again.
#[tool(read_only, idempotent, open_world = false, title = "Wait for a task")]
pub(crate) fn pve_task_wait(cx: &Context, args: WaitArgs) -> Result<TaskState> {
    let upid = Upid::parse(&args.upid)?;
    let cluster = cluster_of(cx, args.cluster.as_deref(), &upid)?;
    let left = cx.time_left().saturating_sub(Duration::from_secs(3));
    let longest = Duration::from_secs(args.seconds.unwrap_or(30)).min(left);
    let mut pause = Duration::from_millis(500);
    let mut waited = Duration::ZERO;
    let state = loop {
        let state = state_of(&cluster, &upid)?;
        if state.is_some() || waited >= longest {
            break state;
        }
        cx.progress(waited.as_secs_f64(), longest.as_secs_f64(), "the task runs");
        let next = pause
            .min(longest.saturating_sub(waited))
            .max(Duration::from_millis(50));
        cx.sleep(next)?;
        waited += next;
        pause = (pause * 2).min(Duration::from_secs(4));
    };
    look(&cluster, upid, state, 20)
}

/// Which task to abort.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct AbortArgs {
    /// Its name: it begins with UPID:.
    upid: String,
    /// The cluster, where several are bound.
    cluster: Option<String>,
    /// Yes, do it. Takes the place of asking the person where the operator allows that, together with `reason`.
    #[serde(default)]
    confirm: bool,
    /// Why; goes into the operator's log.
    reason: Option<String>,
    /// Only show what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Aborts a running task, after confirmation. What it had done so far stays: a guest may be left locked or half copied.
#[tool(destructive, idempotent, open_world = false, title = "Abort a task")]
pub(crate) fn pve_task_abort(
    cx: &Context,
    args: AbortArgs,
) -> Result<Work<Rendered<crate::report::Report>>> {
    use crate::plan::{Action, Plan};

    let upid = Upid::parse(&args.upid)?;
    let cluster = cluster_of(cx, args.cluster.as_deref(), &upid)?;
    let settings = guard::writable(cx, &cluster)?;
    if let Ok(id) = upid.about.parse() {
        guard::unprotected_id(&settings, id)?;
        let guests = guest::list(&cluster)?;
        if let Some(guest) = guests.iter().find(|guest| guest.id == id) {
            guard::unprotected(&settings, guest)?;
        }
    }
    if let Some(exit) = state_of(&cluster, &upid)? {
        return Err(
            ToolError::conflict(format!("the task has ended already: {}", end(&exit))).into(),
        );
    }
    let title = format!("abort task {} of {}", upid.kind, upid.about);
    let path = path!["nodes", upid.node, "tasks", upid.text];
    let action = Action::new(&cluster.name, "DELETE", path, title.clone()).needs(format!(
        "Sys.Modify on /nodes/{}, for tasks of others",
        upid.node
    ));
    let plan = Plan::of(title, action).note(
        "what the task has done so far stays; a guest may be left locked, or a copy incomplete",
    );
    if args.dry_run {
        return Ok(Work::Done(crate::report::Report::dry(&plan)));
    }
    let details = [
        ("Task".to_owned(), upid.text.clone()),
        ("Node".to_owned(), upid.node.clone()),
        ("Begun by".to_owned(), upid.user.clone()),
    ];
    guard::confirm(
        cx,
        &cluster.name,
        "A running task is aborted. What it has done so far stays.",
        &details,
        Word::of(args.confirm, args.reason.as_deref()),
    )?;
    run::carry_out(cx, plan, run::PATIENCE)
}
