//! `backup_jobs_stop`.

use toolward_sdk::prelude::*;

use super::{Ordered, find};
use crate::client::Client;
use crate::revision::Revision;

/// Which job to stop, and how.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct StopArgs {
    /// The job's id, or its exact name.
    job: String,
    /// Lets it finish what it is copying right now, so that those machines get their restore point. False stops at
    /// once, and what is unfinished is lost.
    #[serde(default = "default_graceful")]
    graceful: bool,
    /// Stops the jobs that were to run after this one, too. Servers before 13 cannot.
    #[serde(default)]
    cancel_chained_jobs: bool,
}

fn default_graceful() -> bool {
    true
}

/// Stops a running backup job.
///
/// Returns as soon as the server has taken the order; a graceful stop may take a while: follow it with
/// `backup_jobs_get`.
#[tool(
    read_only = false,
    destructive,
    open_world = false,
    title = "Stop a backup job"
)]
pub(crate) fn backup_jobs_stop(cx: &Context, args: StopArgs) -> Result<Ordered> {
    let client = Client::new(cx)?;
    let job = find(&client, &args.job)?;
    if job.is_at_rest() {
        return Err(ToolError::conflict(format!(
            "job {:?} is not running: it is {}, and its last result is {}",
            job.name, job.status, job.last_result
        ))
        .into());
    }
    let run = client.order(&job.id, "stop", &body(client.revision(), &args)?)?;
    Ok(Ordered::new(job, run))
}

fn body(revision: Revision, args: &StopArgs) -> Result<Value> {
    let mut body = json!({ "gracefulStop": args.graceful });
    if revision.stops_chains() {
        body["cancelChainedJobs"] = args.cancel_chained_jobs.into();
    } else if args.cancel_chained_jobs {
        return Err(ToolError::unsupported(format!(
            "revision {revision} of the backup server's API cannot stop the jobs that follow. hint: leave out \
             cancel_chained_jobs, and stop those that have started one by one"
        ))
        .into());
    }
    Ok(body)
}
