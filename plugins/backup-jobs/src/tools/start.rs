//! `backup_jobs_start`.

use toolward_sdk::prelude::*;

use super::{Ordered, find, refuse_running};
use crate::client::Client;

/// Which job to start, and how.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct StartArgs {
    /// The job's id, or its exact name.
    job: String,
    /// Makes a full backup instead of an increment: slow, and it takes as much space as all the data.
    #[serde(default)]
    full: bool,
    /// Starts the jobs that are to run after this one, too, when it has ended.
    #[serde(default)]
    start_chained_jobs: bool,
}

/// Starts a backup job now.
///
/// Returns as soon as the server has begun the run, which then takes minutes or hours: follow it with
/// `backup_jobs_get`.
#[tool(
    read_only = false,
    idempotent = false,
    open_world = false,
    title = "Start a backup job"
)]
pub(crate) fn backup_jobs_start(cx: &Context, args: StartArgs) -> Result<Ordered> {
    let client = Client::new(cx)?;
    let job = find(&client, &args.job)?;
    refuse_running(&job)?;
    let body =
        json!({ "performActiveFull": args.full, "startChainedJobs": args.start_chained_jobs });
    let run = client.order(&job.id, "start", &body)?;
    Ok(Ordered::new(job, run))
}
