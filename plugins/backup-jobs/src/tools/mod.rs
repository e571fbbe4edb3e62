//! The tools, one file each, and what several of them share.

pub(crate) mod copies;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod next;
pub(crate) mod objects;
pub(crate) mod retry;
pub(crate) mod running;
pub(crate) mod schedule;
pub(crate) mod start;
pub(crate) mod stop;
pub(crate) mod switch;
pub(crate) mod why;

use toolward_sdk::prelude::*;
use vbr::Client;
use vbr::client::{code, said};
use vbr::job::JobState;

/// What the server says when it is asked for a job's configuration.
pub(crate) enum Configured {
    As(Value),
    /// The job is there, but this revision has no words for it: why, for an answer.
    NotShown(String),
    NoSuchJob,
}

/// A job's configuration.
pub(crate) fn configuration(client: &Client<'_>, job: &str) -> Result<Configured> {
    let answer = client.attempt(|http, _| Ok(http.get("/api/v1/jobs").segment(job)))?;
    match answer {
        Ok(answer) => Ok(Configured::As(answer.json()?)),
        Err(answer) if code(&answer).as_deref() == Some("notfound") => Ok(Configured::NoSuchJob),
        // Jobs of platforms that the revision does not support are listed, and refused here.
        Err(answer) if answer.status == 400 => Ok(Configured::NotShown(format!(
            "revision {} of the backup server's API does not show the configuration of this job: {}",
            client.revision(),
            said(&answer)
        ))),
        Err(answer) => Err(HttpError::Status(answer).into()),
    }
}

/// The configuration of a job that is there, or why it is not shown.
pub(crate) fn shown(client: &Client<'_>, job: &JobState) -> Result<Result<Value, String>> {
    match configuration(client, &job.id)? {
        Configured::As(whole) => Ok(Ok(whole)),
        Configured::NotShown(note) => Ok(Err(note)),
        Configured::NoSuchJob => Err(gone(&job.id)),
    }
}

/// There is no job of this id.
pub(crate) fn gone(id: &str) -> Failure {
    let message = format!("there is no job with id {id}. hint: look it up with backup_jobs_list");
    ToolError::not_found(message).into()
}

/// The error of an order that makes no sense while the job runs.
pub(crate) fn refuse_running(job: &JobState) -> Result<()> {
    if !job.is_running() {
        return Ok(());
    }
    let session = match &job.session_id {
        Some(session) => format!(" (session {session})"),
        None => String::new(),
    };
    Err(ToolError::conflict(format!(
        "job {:?} is already {}{session}. hint: follow it with backup_jobs_get, or end it with backup_jobs_stop",
        job.name, job.status
    ))
    .into())
}

/// What is told about a job before something is done to it.
pub(crate) fn details(job: &JobState) -> Vec<(&'static str, String)> {
    let mut details = vec![
        ("Job", job.name.clone()),
        ("Type", job.kind.clone()),
        ("Last result", job.last_result.clone()),
    ];
    if let Some(objects) = job.objects {
        details.push(("Protected objects", objects.to_string()));
    }
    details
}
