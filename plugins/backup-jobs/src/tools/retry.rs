//! `backup_jobs_retry`.

use toolward_sdk::prelude::*;
use vbr::Client;
use vbr::follow::{Following, Ordered};
use vbr::order::{Order, Word};
use vbr::revision::Feature;

use super::start::run;
use super::{details, refuse_running};

/// Which job to retry.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct RetryArgs {
    /// The job's id, its name, or a part of it.
    job: String,
    /// Starts the jobs that are to run after this one, too, when it has ended.
    #[serde(default)]
    start_chained_jobs: bool,
    /// Why: for the person who is asked, and for the operator's log.
    reason: Option<String>,
    /// Your own confirmation, with a reason. It counts only where the operator lets models confirm; elsewhere a person
    /// is asked.
    #[serde(default)]
    confirm: bool,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

/// Retries a backup job whose last run failed, after somebody has confirmed it.
///
/// Only what failed is processed again. Needs a server of version 13; on older ones, start the job instead. Clients that
/// can follow jobs see how far the run is until it ends.
#[tool(
    read_only = false,
    destructive,
    idempotent = false,
    open_world = false,
    title = "Retry a backup job"
)]
pub(crate) fn backup_jobs_retry(cx: &Context, args: RetryArgs) -> Result<Work<Ordered>> {
    let client = Client::to(cx, args.server.as_deref())?;
    let job = client.job(&args.job)?;
    client.revision().needs(
        Feature::Retry,
        "start the job with backup_jobs_start instead",
    )?;
    refuse_running(&job)?;
    if matches!(job.last_result.as_str(), "success" | "none") {
        return Err(ToolError::conflict(format!(
            "the last run of job {:?} ended with {}: there is nothing to retry. hint: start it with \
             backup_jobs_start if it is to run again",
            job.name, job.last_result
        ))
        .into());
    }
    let order = Order {
        server: client.server(),
        what: format!(
            "What failed in the last run of backup job {:?} is tried again now.",
            job.name
        ),
        details: details(&job),
    };
    order.confirmed(
        cx,
        &Word {
            confirm: args.confirm,
            reason: args.reason.as_deref(),
        },
    )?;
    let body = json!({ "startChainedJobs": args.start_chained_jobs });
    let run = run(&client, &job.id, "retry", &body)?;
    let ordered = Ordered {
        server: client.server().label(),
        job_id: Some(job.id),
        name: job.name,
        run,
    };
    Following::begin(cx, &client, ordered)
}
