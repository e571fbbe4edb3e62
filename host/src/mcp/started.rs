//! A call that goes on as a job: stored first, then told, in the form that the caller can take.

use rmcp::model::{CallToolResult, ErrorData};

use super::call::{Caller, Ended, Follow};
use super::failure::told;
use super::{follow, tasks};
use crate::error;
use crate::jobs::{Details, Start, Status};

/// Begins the job and answers the call that started it.
pub(super) async fn answer(start: Start, caller: &Caller<'_>) -> Result<Ended, ErrorData> {
    let tool = start.tool.clone();
    let Some(jobs) = caller.host.jobs() else {
        let text = format!(
            "`{tool}` runs as a job, and this host cannot run jobs at the moment: its log says why"
        );
        return Ok(Ended::Broken("no_jobs", told(text)));
    };
    let job = match jobs.start(&caller.principal, start).await {
        Ok(job) => job,
        Err(error) => {
            tracing::warn!(tool, error = %error::report(&error), "a job was not kept");
            let text = format!("`{tool}` started a job that cannot be kept: {error}");
            return Ok(Ended::Broken("no_jobs", told(text)));
        }
    };
    let limit = match caller.follow {
        Follow::Task => return Ok(Ended::Task(Box::new(job))),
        Follow::Briefly(limit) | Follow::Elsewhere(limit) => limit,
        Follow::ToTheEnd => jobs.settings().max_duration,
    };
    let details = tokio::select! {
        biased;
        () = caller.cancelled.cancelled() => {
            // Nobody has heard of the job, so nobody could stop it later.
            if let Err(error) = jobs.cancel_started(&job).await {
                tracing::warn!(%error, job = %job.id, "a job of a cancelled call was not cancelled");
            }
            return Ok(Ended::Broken("cancelled", told("the call was cancelled")));
        }
        waited = jobs.wait_started(&job, limit, caller.events.as_ref()) => {
            waited.map_err(|problem| tasks::error(&problem))?
        }
    };
    if matches!(caller.follow, Follow::Elsewhere(_)) {
        match details.job.status {
            Status::Queued | Status::Running | Status::InputRequired => {
                return Ok(Ended::Task(Box::new(details.job)));
            }
            Status::Cancelled => return Ok(Ended::Broken("cancelled", follow::show(details))),
            Status::Completed | Status::Failed => {}
        }
    }
    let result = |details: Details| -> Result<CallToolResult, ErrorData> {
        if details.job.status == Status::Failed {
            tasks::result(&details.job, details.outcome)
        } else {
            Ok(follow::show(details))
        }
    };
    let result = tasks::with_outcome(caller.host, &caller.principal, details, result);
    Ok(Ended::Tool(result.await?))
}
