//! The tools, one file each, and how all of them find the job that is meant.

pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod retry;
pub(crate) mod start;
pub(crate) mod stop;

use toolward_sdk::prelude::*;

use crate::client::Client;
use crate::model::{JobState, Run};

/// More jobs of one name than these are not told apart here.
const NAMESAKES: u64 = 50;

/// What came of an order: the server has taken it, and the run goes on by itself.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Ordered {
    /// The job's id.
    job_id: String,
    /// The job's name.
    job_name: String,
    /// The run that the order began or ended, as it is now.
    run: Run,
}

impl Ordered {
    fn new(job: JobState, run: Run) -> Self {
        Self {
            job_id: job.id,
            job_name: job.name,
            run,
        }
    }
}

/// The job that is meant: by its id, or by its name when exactly one has it.
fn find(client: &Client<'_>, job: &str) -> Result<JobState> {
    let job = job.trim();
    if job.is_empty() {
        return Err(ToolError::invalid_input("which job? give its id or its exact name").into());
    }
    if let Some(state) = find_by_id(client, job)? {
        return Ok(state);
    }
    if is_id(job) {
        return Err(ToolError::not_found(format!(
            "revision {} of the backup server's API lists no job with id {job}. hint: look the job up \
             with backup_jobs_list",
            client.revision()
        ))
        .into());
    }
    find_by_name(client, job)
}

/// `None` also where `job` is not an id at all.
fn find_by_id(client: &Client<'_>, job: &str) -> Result<Option<JobState>> {
    if !is_id(job) {
        return Ok(None);
    }
    let page = client.states((0, 1), |request, _| Ok(request.query("idFilter", job)))?;
    // A server that ignores the filter must not make us take another job for this one.
    Ok(page
        .data
        .into_iter()
        .find(|state| state.id.eq_ignore_ascii_case(job)))
}

fn find_by_name(client: &Client<'_>, name: &str) -> Result<JobState> {
    let page = client.states((0, NAMESAKES), |request, _| {
        Ok(request.query("nameFilter", name))
    })?;
    // The filter may have matched another property, or the name may hold an asterisk.
    let wanted = name.to_lowercase();
    let mut found: Vec<JobState> = page
        .data
        .into_iter()
        .filter(|state| state.name.to_lowercase() == wanted)
        .collect();
    if found.iter().filter(|state| state.name == name).count() == 1 {
        found.retain(|state| state.name == name);
    }
    match found.len() {
        0 => Err(ToolError::not_found(format!(
            "there is no job named {name:?}. hint: backup_jobs_list finds jobs by a part of their name"
        ))
        .into()),
        1 => Ok(found.remove(0)),
        _ => {
            let ids: Vec<&str> = found.iter().map(|state| state.id.as_str()).collect();
            let ids = ids.join(", ");
            Err(ToolError::conflict(format!(
                "{} jobs are named {name:?}. hint: say which by its id: {ids}",
                found.len()
            ))
            .into())
        }
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The error of an order that makes no sense while the job runs.
fn refuse_running(job: &JobState) -> Result<()> {
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
