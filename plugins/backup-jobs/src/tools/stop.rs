//! `backup_jobs_stop`.

use toolward_sdk::prelude::*;
use vbr::Client;
use vbr::follow::Ordered;
use vbr::order::{Order, Word};
use vbr::revision::Feature;

use super::details;
use super::start::run;

/// Which job to stop, and how.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct StopArgs {
    /// The job's id, its name, or a part of it.
    job: String,
    /// Finishes what is being processed first. Without it, the run is broken off, and its restore point is lost.
    #[serde(default = "default_graceful")]
    graceful: bool,
    /// Keeps the jobs from starting that were to run after this one. Needs a server of version 13.
    #[serde(default)]
    cancel_chained_jobs: bool,
    /// Why: for the person who is asked, and for the operator's log.
    reason: Option<String>,
    /// Your own confirmation, with a reason. It counts only where the operator lets models confirm; elsewhere a person
    /// is asked.
    #[serde(default)]
    confirm: bool,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

fn default_graceful() -> bool {
    true
}

/// Stops a running backup job, after somebody has confirmed it.
///
/// Returns as soon as the server has taken the order: stopping may take minutes, look with `backup_jobs_get`.
#[tool(
    read_only = false,
    destructive,
    idempotent,
    open_world = false,
    title = "Stop a backup job"
)]
pub(crate) fn backup_jobs_stop(cx: &Context, args: StopArgs) -> Result<Ordered> {
    let client = Client::to(cx, args.server.as_deref())?;
    let job = client.job(&args.job)?;
    if job.is_at_rest() {
        return Err(ToolError::conflict(format!(
            "job {:?} does not run: it is {}. hint: there is nothing to stop; backup_jobs_running lists what runs",
            job.name, job.status
        ))
        .into());
    }
    let revision = client.revision();
    if args.cancel_chained_jobs {
        revision.needs(
            Feature::StopChains,
            "stop the job without cancel_chained_jobs, then those that follow one by one",
        )?;
    }
    let how = if args.graceful {
        "once what is being processed is finished"
    } else {
        "at once; what this run has backed up so far is lost"
    };
    let order = Order {
        server: client.server(),
        what: format!("The run of backup job {:?} is stopped, {how}.", job.name),
        details: details(&job),
    };
    order.confirmed(
        cx,
        &Word {
            confirm: args.confirm,
            reason: args.reason.as_deref(),
        },
    )?;
    let mut body = json!({ revision.graceful(): args.graceful });
    if args.cancel_chained_jobs {
        body["cancelChainedJobs"] = true.into();
    }
    let run = run(&client, &job.id, "stop", &body)?;
    Ok(Ordered {
        server: client.server().label(),
        job_id: Some(job.id),
        name: job.name,
        run,
    })
}
