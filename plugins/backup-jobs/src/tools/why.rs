//! `backup_jobs_why`: why a job failed, from everything that the server knows about it.

use toolward_sdk::prelude::*;
use vbr::Client;
use vbr::page::Span;
use vbr::revision::Feature;
use vbr::session::{Level, LogLine, SESSIONS, Session};
use vbr::{Moment, moment, read};

use crate::causes::{self, KnownCause};

/// How many runs back a failure is looked for.
const RUNS: u64 = 20;

/// More machines than these are only counted.
const MOST_MACHINES: usize = 20;

/// Of so many machines the log is read.
const MOST_LOGS: usize = 3;

/// Which job, and how much about it.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct WhyArgs {
    /// The job's id, its name, or a part of it.
    job: String,
    /// The run to look into, by its session id; the latest that ended with an error or a warning if nothing is said.
    session_id: Option<String>,
    /// How many lines of the log to show at most.
    #[serde(default = "default_lines")]
    #[schemars(range(min = 1, max = 200))]
    lines: usize,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

fn default_lines() -> usize {
    15
}

/// What a run did with one machine.
#[answer]
pub(crate) struct Machine {
    /// Its name.
    name: String,
    /// How it ended: `warning` or `failed`.
    result: String,
    /// What the server says about that.
    message: Option<String>,
    /// When the run came to it.
    started: Option<Moment>,
    /// How long it took.
    took: Option<String>,
    /// Warnings and errors of its own log; of the first few machines.
    problems: Vec<LogLine>,
}

/// Why a job failed.
#[answer]
pub(crate) struct Why {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The job's id.
    job_id: String,
    /// The job's name.
    job_name: String,
    /// In one sentence.
    summary: String,
    /// The run that is explained.
    run: Option<Session>,
    /// A later run that went well, if there is one: then it is over.
    recovered: Option<Session>,
    /// How many of the latest runs failed one after the other, this one included.
    failed_in_a_row: usize,
    /// Warnings and errors of the run's log, the newest first.
    problems: Vec<LogLine>,
    /// How many warnings and errors there are in all.
    problems_in_all: usize,
    /// Machines that failed or had warnings.
    machines: Vec<Machine>,
    /// How many machines more failed or had warnings.
    machines_left_out: Option<usize>,
    /// Causes that are known for such messages, with what helps.
    causes: Vec<KnownCause>,
    /// What this server cannot tell, and why.
    note: Option<String>,
}

/// Finds out why a backup job failed or ended with a warning.
///
/// Takes the latest run with a problem (or the one that is named), its warnings and errors, the results of single
/// machines, and names causes that are known for such messages.
#[tool(
    read_only,
    idempotent,
    open_world = false,
    title = "Why did a job fail?"
)]
pub(crate) fn backup_jobs_why(cx: &Context, args: WhyArgs) -> Result<Why> {
    let client = Client::to(cx, args.server.as_deref())?;
    let job = client.job(&args.job)?;
    cx.progress(1.0, 4.0, "job found");
    let runs = client.latest_runs(&job.id, RUNS)?;
    let is_bad = |run: &Session| matches!(run.result.as_str(), "failed" | "warning");
    let bad = match &args.session_id {
        Some(id) => Some(match runs.iter().find(|run| run.session_id == *id) {
            Some(run) => run.clone(),
            None => client.session(id)?,
        }),
        None => runs.iter().find(|run| is_bad(run)).cloned(),
    };
    let Some(run) = bad else {
        return Ok(nothing(&client, job.id, job.name, &runs));
    };
    let place = runs
        .iter()
        .position(|known| known.session_id == run.session_id);
    let later = &runs[..place.unwrap_or(0)];
    let recovered = later.iter().find(|run| run.result == "success").cloned();
    let earlier = &runs[place.unwrap_or(runs.len())..];
    let in_a_row = earlier
        .iter()
        .take_while(|run| run.result == "failed")
        .count();
    cx.progress(2.0, 4.0, "run found");
    let log = client.log(SESSIONS, &run.session_id, Level::Problems, args.lines)?;
    cx.progress(3.0, 4.0, "log read");
    let (machines, left_out, note) = machines(&client, &run)?;
    let messages = run
        .message
        .iter()
        .chain(
            log.lines
                .iter()
                .filter_map(|line| line.description.as_ref()),
        )
        .chain(log.lines.iter().map(|line| &line.title))
        .chain(
            machines
                .iter()
                .filter_map(|machine| machine.message.as_ref()),
        );
    let causes = causes::known(messages.map(String::as_str));
    Ok(Why {
        server: client.server().label(),
        summary: summary(&job.name, &run, recovered.as_ref(), causes.first()),
        job_id: job.id,
        job_name: job.name,
        run: Some(run),
        recovered,
        failed_in_a_row: in_a_row,
        problems: log.lines,
        problems_in_all: log.matching,
        machines,
        machines_left_out: left_out,
        causes,
        note,
    })
}

fn nothing(client: &Client<'_>, job_id: String, job_name: String, runs: &[Session]) -> Why {
    let summary = match runs.first() {
        None => format!("job {job_name:?} has never run, or its runs are no longer kept"),
        Some(run) if run.is_running() => {
            format!("job {job_name:?} runs right now, and none of its latest runs failed")
        }
        Some(_) => format!(
            "none of the latest {} runs of job {job_name:?} failed",
            runs.len()
        ),
    };
    Why {
        server: client.server().label(),
        job_id,
        job_name,
        summary,
        run: runs.first().cloned(),
        recovered: None,
        failed_in_a_row: 0,
        problems: Vec::new(),
        problems_in_all: 0,
        machines: Vec::new(),
        machines_left_out: None,
        causes: Vec::new(),
        note: None,
    }
}

fn summary(
    job: &str,
    run: &Session,
    recovered: Option<&Session>,
    cause: Option<&KnownCause>,
) -> String {
    let how = if run.result == "failed" {
        "failed"
    } else {
        "ended with a warning"
    };
    let when = match &run.started {
        Some(started) => format!("the run of {} ({})", started.at, started.age),
        None => "its run".to_owned(),
    };
    let why = match (&run.message, cause) {
        (_, Some(cause)) => format!(": {}", cause.cause),
        (Some(message), None) => format!(": {message}"),
        (None, None) => String::new(),
    };
    let now = match recovered {
        Some(_) => "; a later run went well",
        None => "",
    };
    format!("job {job:?}: {when} {how}{why}{now}")
}

/// Machines with problems, how many more there are, and why there are none.
type Machines = (Vec<Machine>, Option<usize>, Option<String>);

fn machines(client: &Client<'_>, run: &Session) -> Result<Machines> {
    if let Err(Failure::Tool(error)) = client
        .revision()
        .needs(Feature::TaskSessions, "the log names the machines")
    {
        return Ok((Vec::new(), None, Some(error.message)));
    }
    let mut bad = Vec::new();
    for result in ["Failed", "Warning"] {
        let span = Span {
            skip: 0,
            limit: MOST_MACHINES as u64,
        };
        let page = client.page(span, |http, _| {
            Ok(http
                .get("/api/v1/taskSessions")
                .query("sessionIdFilter", &run.session_id)
                .query("resultFilter", result))
        })?;
        bad.push(page);
    }
    let total: u64 = bad.iter().map(|page| page.total).sum();
    let tasks: Vec<Value> = bad.into_iter().flat_map(|page| page.data).collect();
    let zone = client.zone_of(&tasks, &vbr::session::TIMES)?;
    let mut machines = Vec::new();
    for task in tasks.iter().take(MOST_MACHINES) {
        let problems = if machines.len() < MOST_LOGS {
            let id = read::always(task, "id");
            client
                .log("/api/v1/taskSessions", &id, Level::Problems, 5)?
                .lines
        } else {
            Vec::new()
        };
        machines.push(Machine {
            name: read::always(task, "name"),
            result: read::word_or(&task["result"], "result", "none"),
            message: read::text(&task["result"], "message"),
            started: Moment::read(task, "creationTime", zone),
            took: moment::lasted(&task["creationTime"], &task["endTime"], zone),
            problems,
        });
    }
    let left_out = total.saturating_sub(machines.len() as u64);
    let left_out = usize::try_from(left_out).ok().filter(|count| *count > 0);
    Ok((machines, left_out, None))
}
