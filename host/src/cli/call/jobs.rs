//! The job that a call starts. It is the call's own: kept in a folder that is gone with the call, so that no server is
//! disturbed and none goes on with it later; followed to its end; stopped when the call is cancelled.

use std::time::Duration;

use rmcp::model::{CallToolResult, JsonObject};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::failure::Failure;
use crate::config::Config;
use crate::error::Exit;
use crate::host::{Host, local_principal};
use crate::jobs::{JobId, Jobs, Status};

/// The host's own tool that waits for a job and asks what it asks.
pub(super) const WAIT: &str = "job_wait";
/// How long a job of a cancelled call may take to stop: its plugin may have to tell a backend.
const STOPPING: Duration = Duration::from_secs(10);

/// Has the configuration keep jobs in a folder of this call's own.
pub(super) fn keep_apart(config: &mut Config) -> Result<TempDir, Failure> {
    let folder = tempfile::tempdir().map_err(|error| {
        Failure::of(Exit::Failure, &error).because("cannot make a folder for the call's job")
    })?;
    config.runtime.state_dir = folder.path().join("jobs");
    Ok(folder)
}

/// The job that this result says goes on, with what [`WAIT`] takes. A plugin's own result may look the same: then there is
/// no such job.
pub(super) async fn going_on(
    host: &Host,
    result: &CallToolResult,
) -> Option<(JobId, Status, JsonObject)> {
    let told = &result.structured_content.as_ref()?["job"];
    let id: JobId = told["id"].as_str()?.parse().ok()?;
    let job = host.jobs()?.get(&local_principal(), &id).await.ok()?.job;
    let Value::Object(arguments) = json!({ "job_id": id.as_str() }) else {
        return None;
    };
    (!job.status.is_terminal()).then_some((id, job.status, arguments))
}

/// Stops what is not finished, and waits until it has stopped, for a while.
pub(super) async fn stop(host: &Host) {
    let Some(jobs) = host.jobs() else {
        return;
    };
    if tokio::time::timeout(STOPPING, stop_all(jobs))
        .await
        .is_err()
    {
        tracing::error!("the job did not stop in time; what it began at a backend may go on there");
    }
}

async fn stop_all(jobs: &Jobs) {
    let principal = local_principal();
    let Ok(page) = jobs.list(&principal, None, None, 1).await else {
        return;
    };
    for job in page.jobs.iter().filter(|job| !job.status.is_terminal()) {
        // One that ended meanwhile cannot be cancelled, and need not be.
        let _ = jobs.cancel(&principal, &job.id).await;
        let _ = jobs.wait(&principal, &job.id, STOPPING, None).await;
    }
}
