//! `backup_jobs_get`: everything about one job.

use toolward_sdk::prelude::*;
use vbr::job::JobState;
use vbr::session::Session;
use vbr::{Client, read};

use super::{Configured, configuration, gone};
use crate::model::Configuration;

/// Which job, and how much of it.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct GetArgs {
    /// The job's id, its name, or a part of it.
    job: String,
    /// How many of its latest runs to show.
    #[serde(default = "default_runs")]
    #[schemars(range(min = 0, max = 50))]
    runs: u64,
    /// Adds the whole configuration as the backup server has it: long, and different for every type of job.
    #[serde(default)]
    whole_configuration: bool,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

fn default_runs() -> u64 {
    5
}

/// A job, its configuration and its latest runs.
#[answer]
pub(crate) struct JobDetails {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The job's id.
    id: String,
    /// What it is doing.
    state: Option<JobState>,
    /// What it does, and when.
    configuration: Option<Configuration>,
    /// Its latest runs, the newest first.
    runs: Vec<Session>,
    /// What is missing here, and why.
    note: Option<String>,
    /// The configuration as the backup server has it.
    whole_configuration: Option<Value>,
}

/// Shows one backup job.
///
/// Its state, what it protects, where it keeps backups and how long, its schedule, and its latest runs with their
/// results.
#[tool(read_only, idempotent, open_world = false, title = "Show a backup job")]
pub(crate) fn backup_jobs_get(cx: &Context, args: GetArgs) -> Result<JobDetails> {
    let client = Client::to(cx, args.server.as_deref())?;
    details(&client, &args.job, args.runs, args.whole_configuration)
}

/// The same, for a resource.
pub(crate) fn details(
    client: &Client<'_>,
    asked: &str,
    runs: u64,
    whole_configuration: bool,
) -> Result<JobDetails> {
    let asked = asked.trim();
    // A job of a kind that a revision does not list may still be shown by its id.
    let state = if read::is_id(asked) {
        client.job_by_id(asked)?
    } else {
        Some(client.job(asked)?)
    };
    let id = state
        .as_ref()
        .map_or_else(|| asked.to_owned(), |state| state.id.clone());
    let (whole, note) = match configuration(client, &id)? {
        Configured::As(whole) => (Some(whole), None),
        Configured::NotShown(note) => (None, Some(note)),
        Configured::NoSuchJob => return Err(gone(&id)),
    };
    let runs = if runs == 0 {
        Vec::new()
    } else {
        client.latest_runs(&id, runs)?
    };
    Ok(JobDetails {
        server: client.server().label(),
        id,
        state,
        configuration: whole.as_ref().map(Configuration::of),
        runs,
        note,
        whole_configuration: whole.filter(|_| whole_configuration),
    })
}
