//! `backup_jobs_copies`: jobs that copy backups elsewhere.

use toolward_sdk::prelude::*;
use vbr::job::{JobState, TIMES};
use vbr::page::Span;
use vbr::revision::Feature;
use vbr::{Client, Revision};

/// How many to list.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CopiesArgs {
    /// How many jobs to return at most, of each kind of copy.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 200))]
    limit: u64,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

fn default_limit() -> u64 {
    50
}

/// Jobs that copy.
#[answer]
pub(crate) struct CopyJobs {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The jobs.
    jobs: Vec<JobState>,
    /// How many there are in all.
    total: u64,
    /// What this server cannot show, and why.
    note: Option<String>,
}

/// Lists the jobs that copy backups to another place, with their state.
#[tool(read_only, idempotent, open_world = false, title = "Backup copy jobs")]
pub(crate) fn backup_jobs_copies(cx: &Context, args: CopiesArgs) -> Result<CopyJobs> {
    let client = Client::to(cx, args.server.as_deref())?;
    // Asks for the revision, where that is not certain yet.
    let all = client.needs(Feature::AllJobTypes, "").is_ok();
    let revision = client.revision();
    let kinds = revision
        .job_types()
        .iter()
        .filter(|kind| kind.contains("Copy"));
    let mut answer = CopyJobs {
        server: client.server().label(),
        jobs: Vec::new(),
        total: 0,
        note: (!all).then(|| note(revision)),
    };
    for kind in kinds {
        let span = Span {
            skip: 0,
            limit: args.limit,
        };
        let page = client.states(span, |request, _| Ok(request.query("typeFilter", kind)))?;
        let zone = client.zone_of(&page.data, &TIMES)?;
        answer.total += page.total;
        answer
            .jobs
            .extend(page.data.iter().map(|state| JobState::of(state, zone)));
    }
    Ok(answer)
}

fn note(revision: Revision) -> String {
    let shown = if revision >= Revision::V1_2Rev0 {
        "only those that copy file backups"
    } else {
        "none"
    };
    format!(
        "revision {revision} of the backup server's API shows {shown}; backup copy jobs of machines are shown from 1.3 on. \
         Their backups are among repositories_backups all the same"
    )
}
