//! `repositories_backups`: chains of backups, by job and repository.

use toolward_sdk::prelude::*;
use vbr::page::Span;
use vbr::{Client, Moment, read, window};

use super::list;

/// Which backups to list; all of them when nothing is said.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct BackupsArgs {
    /// A part of the backup's name: that of its job, mostly.
    name: Option<String>,
    /// Only backups of this job: its id, its name, or a part of it.
    job: Option<String>,
    /// Only what was created since then: `7 days`, `2026-11-20`.
    since: Option<String>,
    /// How many to return at most.
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

/// A backup: all restore points that a job has made in one place.
#[answer]
pub(crate) struct Backup {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// The job that made it; absent where that is gone.
    job_id: Option<String>,
    /// What it is of, such as `VMware`, `HyperV`, `WindowsPhysical`.
    platform: Option<String>,
    /// When it was created.
    created: Option<Moment>,
    /// The id of the repository that holds it.
    repository_id: Option<String>,
    /// The name of that repository; from 1.3 on.
    repository: Option<String>,
}

/// Backups.
#[answer]
pub(crate) struct BackupList {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The backups, by name.
    backups: Vec<Backup>,
    /// How many match in all, where that is known.
    total: Option<u64>,
    /// There is more: call again with this as `skip`.
    next_skip: Option<u64>,
}

/// Lists backups: for each job and repository, all that the job has made there.
#[tool(read_only, idempotent, open_world = false, title = "Backups")]
pub(crate) fn repositories_backups(cx: &Context, args: BackupsArgs) -> Result<BackupList> {
    let client = Client::to(cx, args.server.as_deref())?;
    let since = client.since(args.since.as_deref())?;
    let job = match args
        .job
        .as_deref()
        .map(str::trim)
        .filter(|job| !job.is_empty())
    {
        Some(job) if read::is_id(job) => Some(job.to_owned()),
        Some(job) => Some(client.job(job)?.id),
        None => None,
    };
    let span = Span {
        skip: args.skip,
        limit: args.limit,
    };
    let part = list(&client, span, args.name.as_deref(), |http, _| {
        Ok(http
            .get("/api/v1/backups")
            .query("orderColumn", "Name")
            .query("orderAsc", true)
            .query_opt("jobIdFilter", job.as_ref())
            .query_opt("createdAfterFilter", since.map(window::filter)))
    })?;
    let zone = client.zone_of(&part.data, &["creationTime"])?;
    let backups = part.data.iter().map(|backup| Backup {
        id: read::always(backup, "id"),
        name: read::always(backup, "name"),
        job_id: read::text(backup, "jobId"),
        platform: read::text(backup, "platformName"),
        created: Moment::read(backup, "creationTime", zone),
        repository_id: read::text(backup, "repositoryId"),
        repository: read::text(backup, "repositoryName"),
    });
    Ok(BackupList {
        server: client.server().label(),
        backups: backups.collect(),
        total: part.total,
        next_skip: part.next_skip,
    })
}
