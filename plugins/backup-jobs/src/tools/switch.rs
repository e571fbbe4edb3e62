//! `backup_jobs_enable` and `backup_jobs_disable`.

use toolward_sdk::prelude::*;
use vbr::Client;
use vbr::order::{Order, Word, sent};

use super::details;

/// Which job to switch on or off.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct SwitchArgs {
    /// The job's id, its name, or a part of it.
    job: String,
    /// Why: for the person who is asked, and for the operator's log.
    reason: Option<String>,
    /// Your own confirmation, with a reason. It counts only where the operator lets models confirm; elsewhere a person
    /// is asked.
    #[serde(default)]
    confirm: bool,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

/// A job that was switched on or off.
#[answer]
pub(crate) struct Switched {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The job's id.
    job_id: String,
    /// The job's name.
    job_name: String,
    /// Whether it runs by itself now.
    enabled: bool,
    /// Whether that was so before.
    unchanged: bool,
}

/// Lets a backup job run by itself again, after somebody has confirmed it.
#[tool(
    read_only = false,
    destructive,
    idempotent,
    open_world = false,
    title = "Enable a backup job"
)]
pub(crate) fn backup_jobs_enable(cx: &Context, args: SwitchArgs) -> Result<Switched> {
    switch(cx, &args, true)
}

/// Keeps a backup job from running by itself, after somebody has confirmed it.
///
/// What it protects gets no new backups until it is enabled again. A run that is under way goes on.
#[tool(
    read_only = false,
    destructive,
    idempotent,
    open_world = false,
    title = "Disable a backup job"
)]
pub(crate) fn backup_jobs_disable(cx: &Context, args: SwitchArgs) -> Result<Switched> {
    switch(cx, &args, false)
}

fn switch(cx: &Context, args: &SwitchArgs, enabled: bool) -> Result<Switched> {
    let client = Client::to(cx, args.server.as_deref())?;
    let job = client.job(&args.job)?;
    let is_disabled = job.status == "disabled";
    let switched = Switched {
        server: client.server().label(),
        job_id: job.id.clone(),
        job_name: job.name.clone(),
        enabled,
        // While it runs, the status does not tell.
        unchanged: !job.is_running() && is_disabled != enabled,
    };
    if switched.unchanged {
        return Ok(switched);
    }
    let (verb, what) = if enabled {
        (
            "enable",
            format!("Backup job {:?} runs by itself again.", job.name),
        )
    } else {
        (
            "disable",
            format!(
                "Backup job {:?} no longer runs by itself: what it protects gets no new backups.",
                job.name
            ),
        )
    };
    let order = Order {
        server: client.server(),
        what,
        details: details(&job),
    };
    order.confirmed(
        cx,
        &Word {
            confirm: args.confirm,
            reason: args.reason.as_deref(),
        },
    )?;
    let answer =
        client.send(|http, _| Ok(http.post("/api/v1/jobs").segment(&job.id).segment(verb)));
    sent(answer, "backup_jobs_get")?;
    Ok(switched)
}
