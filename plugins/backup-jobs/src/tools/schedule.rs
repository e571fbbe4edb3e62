//! `backup_jobs_schedule`: when one job runs by itself.

use toolward_sdk::prelude::*;
use vbr::{Client, Moment};

use super::shown;
use crate::model::Schedule;

/// Whose schedule to show.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ScheduleArgs {
    /// The job's id, its name, or a part of it.
    job: String,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

/// When a job runs by itself.
#[answer]
pub(crate) struct JobSchedule {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The job's id.
    job_id: String,
    /// The job's name.
    job_name: String,
    /// When it ran last.
    last_run: Option<Moment>,
    /// When it runs next.
    next_run: Option<Moment>,
    /// Why there is no next run.
    next_run_policy: Option<String>,
    /// The schedule, in words and in parts.
    schedule: Option<Schedule>,
    /// What is missing here, and why.
    note: Option<String>,
}

/// Shows when a backup job runs by itself, in words and in parts, and when the next run is due.
#[tool(
    read_only,
    idempotent,
    open_world = false,
    title = "Show a job's schedule"
)]
pub(crate) fn backup_jobs_schedule(cx: &Context, args: ScheduleArgs) -> Result<JobSchedule> {
    let client = Client::to(cx, args.server.as_deref())?;
    let job = client.job(&args.job)?;
    let (schedule, note) = match shown(&client, &job)? {
        Ok(whole) => (Some(Schedule::of(&whole["schedule"])), None),
        Err(note) => (None, Some(note)),
    };
    Ok(JobSchedule {
        server: client.server().label(),
        job_id: job.id,
        job_name: job.name,
        last_run: job.last_run,
        next_run: job.next_run,
        next_run_policy: job.next_run_policy,
        schedule,
        note,
    })
}
