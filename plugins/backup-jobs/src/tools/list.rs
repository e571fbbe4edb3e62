//! `backup_jobs_list`: which jobs there are, and how they fare.

use toolward_sdk::prelude::*;
use vbr::job::{JobState, STATES, TIMES};
use vbr::names::Wanted;
use vbr::page::Span;
use vbr::{Client, Revision};

use super::{Configured, configuration};
use crate::model::Configuration;

/// Which jobs to list; all of them when nothing is said.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ListArgs {
    /// A part of the job's name: several words, in any case, with or without accents.
    name: Option<String>,
    /// The type of job, such as `VSphereBackup`, `HyperVBackup`, `BackupCopy`, `VSphereReplica`,
    /// `WindowsAgentBackup`, `FileBackupCopy`. Servers before 13 show only some of them.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// What the job is doing. Servers before 13 know only `running`, `inactive` and `disabled`.
    status: Option<Status>,
    /// How the last run ended.
    last_result: Option<LastResult>,
    /// Only jobs whose last run began since then: `last 24 hours`, `7 days`, `today`, `2026-11-20`.
    ran_since: Option<String>,
    /// Only jobs whose last run began before then, or that never ran: the same words, such as `7 days ago`.
    not_since: Option<String>,
    /// How to sort: by name, by the last run with the newest first, or by the next run with the soonest first.
    #[serde(default)]
    sort: Sort,
    /// Adds to each job what it protects, where it keeps backups, its retention and its schedule; takes a request for
    /// each job.
    #[serde(default)]
    configuration: bool,
    /// How many jobs to return at most.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 200))]
    limit: u64,
    /// How many to skip: `next_skip` of the previous answer.
    #[serde(default)]
    skip: u64,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

fn default_limit() -> u64 {
    20
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Running,
    Inactive,
    Disabled,
    Enabled,
    Starting,
    Stopping,
    Stopped,
}

impl Status {
    /// In the revision's words.
    pub(crate) fn word(self, revision: Revision) -> Result<&'static str> {
        let old = revision < Revision::V1_3Rev0;
        let (small, capital) = match self {
            Self::Running => ("running", "Running"),
            // Old revisions tell apart no more than three; a stopped job is an inactive one.
            Self::Stopped if old => ("inactive", "Inactive"),
            Self::Enabled | Self::Starting | Self::Stopping if old => {
                return Err(ToolError::unsupported(format!(
                    "revision {revision} of the backup server's API knows no such status. hint: ask for running, \
                     inactive or disabled"
                ))
                .into());
            }
            Self::Inactive => ("inactive", "Inactive"),
            Self::Disabled => ("disabled", "Disabled"),
            Self::Enabled => ("enabled", "Enabled"),
            Self::Starting => ("starting", "Starting"),
            Self::Stopping => ("stopping", "Stopping"),
            Self::Stopped => ("stopped", "Stopped"),
        };
        Ok(if revision.capitals() { capital } else { small })
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LastResult {
    None,
    Success,
    Warning,
    Failed,
}

impl LastResult {
    /// The same in all revisions.
    const fn word(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Success => "Success",
            Self::Warning => "Warning",
            Self::Failed => "Failed",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sort {
    #[default]
    Name,
    LastRun,
    NextRun,
}

impl Sort {
    /// Column, and whether ascending.
    const fn order(self) -> (&'static str, bool) {
        match self {
            Self::Name => ("Name", true),
            Self::LastRun => ("LastRun", false),
            Self::NextRun => ("NextRun", true),
        }
    }
}

/// A job of the list.
#[answer]
pub(crate) struct Listed {
    #[serde(flatten)]
    state: JobState,
    /// What it does, and when; where that was asked for.
    configuration: Option<Configuration>,
}

/// Jobs, and where the list goes on.
#[answer]
pub(crate) struct JobList {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The jobs.
    jobs: Vec<Listed>,
    /// How many jobs match in all, where that is known.
    total: Option<u64>,
    /// There is more: call again with this as `skip`.
    next_skip: Option<u64>,
}

/// Lists backup jobs with their state.
///
/// What they are doing, how the last run ended, when the next one is due. Filters may be combined.
#[tool(read_only, idempotent, open_world = false, title = "List backup jobs")]
pub(crate) fn backup_jobs_list(cx: &Context, args: ListArgs) -> Result<JobList> {
    let client = Client::to(cx, args.server.as_deref())?;
    let wanted = args.name.as_deref().and_then(Wanted::new);
    let kind = args
        .kind
        .as_deref()
        .map(str::trim)
        .filter(|kind| !kind.is_empty());
    let after = client.since(args.ran_since.as_deref())?;
    let before = client.since(args.not_since.as_deref())?;
    let (column, ascending) = args.sort.order();
    let span = Span {
        skip: args.skip,
        limit: args.limit,
    };
    let list = |name: Option<String>, keeps_all: bool| {
        client.part(
            span,
            keeps_all,
            |state| {
                let name = state["name"].as_str().unwrap_or_default();
                wanted
                    .as_ref()
                    .is_none_or(|wanted| wanted.fit(name).is_some())
            },
            |http, revision| {
                let kind = kind.map(|kind| revision.job_type(kind)).transpose()?;
                let status = args
                    .status
                    .map(|status| status.word(revision))
                    .transpose()?;
                Ok(http
                    .get(STATES)
                    .query("orderColumn", column)
                    .query("orderAsc", ascending)
                    .query_opt("nameFilter", name.as_ref())
                    .query_opt("typeFilter", kind)
                    .query_opt("statusFilter", status)
                    .query_opt("lastResultFilter", args.last_result.map(LastResult::word))
                    .query_opt("lastRunAfterFilter", after.map(vbr::window::filter))
                    .query_opt("lastRunBeforeFilter", before.map(vbr::window::filter)))
            },
        )
    };
    let mut part = list(wanted.as_ref().map(Wanted::filter), wanted.is_none())?;
    if part.data.is_empty() && args.skip == 0 && wanted.is_some() {
        // The server's filter knows no letters without their accents.
        part = list(None, false)?;
    }
    let zone = client.zone_of(&part.data, &TIMES)?;
    let mut jobs = Vec::with_capacity(part.data.len());
    for state in &part.data {
        let state = JobState::of(state, zone);
        let configuration = if args.configuration {
            configured(&client, &state)?
        } else {
            None
        };
        jobs.push(Listed {
            state,
            configuration,
        });
    }
    Ok(JobList {
        server: client.server().label(),
        jobs,
        total: part.total,
        next_skip: part.next_skip,
    })
}

/// `None` for a job that the revision does not show, or that has gone meanwhile.
fn configured(client: &Client<'_>, job: &JobState) -> Result<Option<Configuration>> {
    Ok(match configuration(client, &job.id)? {
        Configured::As(whole) => Some(Configuration::of(&whole)),
        Configured::NotShown(_) | Configured::NoSuchJob => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_written_as_the_revision_writes_it() {
        let word = |status: Status, revision| status.word(revision).unwrap();
        assert_eq!(word(Status::Running, Revision::V1_3Rev1), "Running");
        assert_eq!(word(Status::Running, Revision::V1_3Rev0), "running");
        assert_eq!(word(Status::Stopped, Revision::V1_2Rev1), "inactive");
        assert!(Status::Starting.word(Revision::V1_2Rev1).is_err());
    }
}
