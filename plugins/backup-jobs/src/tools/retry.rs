//! `backup_jobs_retry`.

use toolward_sdk::prelude::*;

use super::{Ordered, find, refuse_running};
use crate::client::Client;

/// Which job to retry.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct RetryArgs {
    /// The job's id, or its exact name.
    job: String,
    /// Starts the jobs that are to run after this one, too, when it has ended.
    #[serde(default)]
    start_chained_jobs: bool,
}

/// Retries a backup job whose last run failed.
///
/// Only what failed is processed again. Needs a server of version 13; on older ones, start the job instead.
/// Returns as soon as the server has begun the run: follow it with `backup_jobs_get`.
#[tool(
    read_only = false,
    idempotent = false,
    open_world = false,
    title = "Retry a backup job"
)]
pub(crate) fn backup_jobs_retry(cx: &Context, args: RetryArgs) -> Result<Ordered> {
    let client = Client::new(cx)?;
    // Said before anything is sent, where that is possible.
    if client.is_settled() {
        refuse_old(&client)?;
    }
    let job = find(&client, &args.job)?;
    refuse_old(&client)?;
    refuse_running(&job)?;
    if matches!(job.last_result.as_str(), "success" | "none") {
        return Err(ToolError::conflict(format!(
            "job {:?} has no failed run to retry: its last result is {}. hint: start it with backup_jobs_start",
            job.name, job.last_result
        ))
        .into());
    }
    let body = json!({ "startChainedJobs": args.start_chained_jobs });
    let run = client.order(&job.id, "retry", &body)?;
    Ok(Ordered::new(job, run))
}

fn refuse_old(client: &Client<'_>) -> Result<()> {
    let revision = client.revision();
    if revision.has_retry() {
        return Ok(());
    }
    Err(ToolError::unsupported(format!(
        "revision {revision} of the backup server's API has no retry. hint: start the job with backup_jobs_start \
         instead"
    ))
    .into())
}
