//! `backup_jobs_objects`: what one job protects.

use toolward_sdk::prelude::*;
use vbr::Client;

use super::shown;
use crate::model::{Object, objects};

/// Whose objects to show.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ObjectsArgs {
    /// The job's id, its name, or a part of it.
    job: String,
    /// How many to return at most.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: usize,
    /// How many to skip: `next_skip` of the previous answer.
    #[serde(default)]
    skip: usize,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

fn default_limit() -> usize {
    100
}

/// What a job protects.
#[answer]
pub(crate) struct JobObjects {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The job's id.
    job_id: String,
    /// The job's name.
    job_name: String,
    /// Machines, computers, shares, or the jobs and repositories that are copied.
    objects: Vec<Object>,
    /// How many there are in all.
    total: Option<usize>,
    /// There is more: call again with this as `skip`.
    next_skip: Option<usize>,
    /// What is missing here, and why.
    note: Option<String>,
}

/// Lists what a backup job protects or copies: machines, computers, shares, other jobs.
#[tool(
    read_only,
    idempotent,
    open_world = false,
    title = "What a job protects"
)]
pub(crate) fn backup_jobs_objects(cx: &Context, args: ObjectsArgs) -> Result<JobObjects> {
    let client = Client::to(cx, args.server.as_deref())?;
    let job = client.job(&args.job)?;
    let (all, note) = match shown(&client, &job)? {
        Ok(whole) => (Some(objects(&whole)), None),
        Err(note) => (None, Some(note)),
    };
    let total = all.as_ref().map(Vec::len);
    let shown: Vec<Object> = all
        .into_iter()
        .flatten()
        .skip(args.skip)
        .take(args.limit)
        .collect();
    let next = args.skip + shown.len();
    Ok(JobObjects {
        server: client.server().label(),
        job_id: job.id,
        job_name: job.name,
        next_skip: total.filter(|total| next < *total).map(|_| next),
        objects: shown,
        total,
        note,
    })
}
