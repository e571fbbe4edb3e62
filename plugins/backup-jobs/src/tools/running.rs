//! `backup_jobs_running`: which jobs run right now, on every server.

use toolward_sdk::prelude::*;
use vbr::Client;
use vbr::job::{JobState, TIMES};
use vbr::page::Span;
use vbr::servers::{Unreachable, ask_all};

use super::list::Status;

/// Where to look.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct RunningArgs {
    /// How many jobs to return at most, of each server.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 200))]
    limit: u64,
    /// Only this backup server; all of them if nothing is said.
    server: Option<String>,
}

fn default_limit() -> u64 {
    50
}

/// A job that runs.
#[answer]
pub(crate) struct RunningJob {
    /// The backup server; only where there are several.
    server: Option<String>,
    #[serde(flatten)]
    state: JobState,
}

/// Jobs that run.
#[answer]
pub(crate) struct RunningJobs {
    /// The jobs.
    jobs: Vec<RunningJob>,
    /// How many run in all.
    total: u64,
    /// Servers that could not be asked; their jobs are not here.
    unreachable: Vec<Unreachable>,
}

/// Lists the backup jobs that run right now, with how far they are.
///
/// Asks all backup servers where there are several; one that does not answer is named and does not hide the others.
#[tool(read_only, idempotent, open_world = false, title = "Running jobs")]
pub(crate) fn backup_jobs_running(cx: &Context, args: RunningArgs) -> Result<RunningJobs> {
    let all = ask_all(cx, args.server.as_deref(), |client| {
        running(client, args.limit)
    })?;
    let mut answer = RunningJobs {
        jobs: Vec::new(),
        total: 0,
        unreachable: all.unreachable,
    };
    for (server, (states, total)) in all.answers {
        answer.total += total;
        let jobs = states.into_iter().map(|state| RunningJob {
            server: server.label(),
            state,
        });
        answer.jobs.extend(jobs);
    }
    Ok(answer)
}

/// The filter takes one state at a time, and new revisions tell three apart that are all under way.
fn running(client: &Client<'_>, limit: u64) -> Result<(Vec<JobState>, u64)> {
    let mut jobs: Vec<JobState> = Vec::new();
    let mut total = 0;
    for status in [Status::Running, Status::Starting, Status::Stopping] {
        if status != Status::Running && client.revision() < vbr::Revision::V1_3Rev0 {
            break;
        }
        let page = client.states(Span { skip: 0, limit }, |request, revision| {
            Ok(request
                .query("orderColumn", "LastRun")
                .query("orderAsc", false)
                .query("statusFilter", status.word(revision)?))
        })?;
        total += page.total;
        let zone = client.zone_of(&page.data, &TIMES)?;
        let states = page.data.iter().map(|state| JobState::of(state, zone));
        // One may have gone on from one state to the next in between.
        for state in states {
            if !jobs.iter().any(|known| known.id == state.id) {
                jobs.push(state);
            }
        }
    }
    jobs.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok((jobs, total))
}
