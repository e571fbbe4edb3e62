//! `backup_jobs_get`: everything about one job.

use toolward_sdk::prelude::*;

use super::{find, find_by_id, is_id};
use crate::client::{Client, Configured};
use crate::model::{Configuration, JobState, Run};

/// Which job, and how much of it.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct GetArgs {
    /// The job's id, or its exact name.
    job: String,
    /// How many of its latest runs to show.
    #[serde(default = "default_runs")]
    #[schemars(range(min = 0, max = 50))]
    runs: u64,
    /// Adds the whole configuration as the backup server has it: long, and different for every type of job.
    #[serde(default)]
    whole_configuration: bool,
}

fn default_runs() -> u64 {
    5
}

/// A job, its configuration and its latest runs.
#[derive(Serialize, JsonSchema)]
pub(crate) struct JobDetails {
    /// The job's id.
    id: String,
    /// What it is doing.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<JobState>,
    /// What it does, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration: Option<Configuration>,
    /// Its latest runs, the newest first.
    runs: Vec<Run>,
    /// What is missing here, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The configuration as the backup server has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    whole_configuration: Option<Value>,
}

/// Shows one backup job.
///
/// Its state, what it protects, where it keeps backups and how long, its schedule, and its latest runs with their
/// results.
#[tool(read_only, idempotent, open_world = false, title = "Show a backup job")]
pub(crate) fn backup_jobs_get(cx: &Context, args: GetArgs) -> Result<JobDetails> {
    let client = Client::new(cx)?;
    let asked = args.job.trim();
    let state = if is_id(asked) {
        find_by_id(&client, asked)?
    } else {
        Some(find(&client, asked)?)
    };
    let id = state
        .as_ref()
        .map_or_else(|| asked.to_owned(), |state| state.id.clone());
    let (whole, note) = match client.configuration(&id)? {
        Configured::As(whole) => (Some(whole), None),
        Configured::NotShown(said) => (None, Some(not_shown(&client, &said))),
        Configured::NoSuchJob => {
            return Err(ToolError::not_found(format!(
                "there is no job with id {id}. hint: look it up with backup_jobs_list"
            ))
            .into());
        }
    };
    let runs = if args.runs == 0 {
        Vec::new()
    } else {
        client.latest_runs(&id, args.runs)?
    };
    Ok(JobDetails {
        id,
        state,
        configuration: whole.as_ref().map(Configuration::of),
        runs,
        note,
        whole_configuration: whole.filter(|_| args.whole_configuration),
    })
}

fn not_shown(client: &Client<'_>, said: &str) -> String {
    format!(
        "revision {} of the backup server's API does not show the configuration of this job: {said}",
        client.revision()
    )
}
