//! `backup_jobs_next`: which jobs run next.

use toolward_sdk::prelude::*;
use vbr::job::{JobState, STATES, TIMES};
use vbr::page::Span;
use vbr::{Client, Moment, moment, read};

/// How far to look ahead.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct NextArgs {
    /// How many jobs to return at most.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 100))]
    limit: u64,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

fn default_limit() -> u64 {
    10
}

/// A run to come.
#[answer]
pub(crate) struct RunToCome {
    /// The job's id.
    job_id: String,
    /// The job's name.
    job_name: String,
    /// When it runs.
    next_run: Option<Moment>,
    /// How its last run ended.
    last_result: String,
}

/// Runs to come.
#[answer]
pub(crate) struct NextRuns {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The runs, the soonest first.
    runs: Vec<RunToCome>,
}

/// Lists the backup jobs that run next, the soonest first.
///
/// Jobs that run after others or only by hand have no time and are not here.
#[tool(read_only, idempotent, open_world = false, title = "Next runs")]
pub(crate) fn backup_jobs_next(cx: &Context, args: NextArgs) -> Result<NextRuns> {
    let client = Client::to(cx, args.server.as_deref())?;
    let now = moment::now();
    let due = |state: &Value| {
        let at = read::text(state, "nextRun");
        at.and_then(|at| moment::parse(&at, time::UtcOffset::UTC))
            // One that is being started now may be a moment late.
            .is_some_and(|at| at > now - time::Duration::hours(1))
    };
    let span = Span {
        skip: 0,
        limit: args.limit,
    };
    let part = client.part(span, false, due, |http, _| {
        Ok(http
            .get(STATES)
            .query("orderColumn", "NextRun")
            .query("orderAsc", true))
    })?;
    let zone = client.zone_of(&part.data, &TIMES)?;
    let states = part.data.iter().map(|state| JobState::of(state, zone));
    Ok(NextRuns {
        server: client.server().label(),
        runs: states
            .map(|job| RunToCome {
                job_id: job.id,
                job_name: job.name,
                next_run: job.next_run,
                last_result: job.last_result,
            })
            .collect(),
    })
}
