//! `sessions_list`: what ran, with every filter that helps.

use toolward_sdk::prelude::*;
use vbr::names::Wanted;
use vbr::page::Span;
use vbr::session::{SESSIONS, Session};
use vbr::{Client, Revision, window};

use crate::cursor::Cursor;

/// Which sessions to list; all of them when nothing is said.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ListArgs {
    /// Only runs of this job: its id, its name, or a part of it.
    job: Option<String>,
    /// A part of the session's name, in any case, with or without accents.
    name: Option<String>,
    /// How it ended; `none` is what still runs.
    result: Option<SessionResult>,
    /// What it is doing.
    state: Option<State>,
    /// What was done, such as `BackupJob` (`Job` before 1.2), `ReplicaJob`, `BackupCopyJob`, `RestoreVm`, `SureBackup`,
    /// `ConfigurationBackup`, `MalwareDetection`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Only what began since then: `last 24 hours`, `7 days`, `today`, `last night`, `2026-11-20`, or an RFC 3339 time.
    since: Option<String>,
    /// Only what began before then: the same words.
    until: Option<String>,
    /// Only what ended since then: the same words.
    ended_since: Option<String>,
    /// How many sessions to return at most.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 200))]
    limit: u64,
    /// Where to go on: `next_cursor` of the previous answer, with the same filters.
    cursor: Option<String>,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

fn default_limit() -> u64 {
    20
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SessionResult {
    None,
    Success,
    Warning,
    Failed,
}

impl SessionResult {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Success => "Success",
            Self::Warning => "Warning",
            Self::Failed => "Failed",
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Starting,
    Working,
    Postprocessing,
    Stopping,
    Stopped,
    Pausing,
    Resuming,
    Idle,
    WaitingTape,
    WaitingRepository,
    WaitingSlot,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Starting => "Starting",
            Self::Working => "Working",
            Self::Postprocessing => "Postprocessing",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Pausing => "Pausing",
            Self::Resuming => "Resuming",
            Self::Idle => "Idle",
            Self::WaitingTape => "WaitingTape",
            Self::WaitingRepository => "WaitingRepository",
            Self::WaitingSlot => "WaitingSlot",
        }
    }
}

/// Sessions, and where the list goes on.
#[answer]
pub(crate) struct SessionList {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The sessions, the newest first.
    sessions: Vec<Session>,
    /// How many match in all. Not known where a name is asked for.
    total: Option<u64>,
    /// There is more: call again with this as `cursor`.
    next_cursor: Option<String>,
}

/// Lists sessions: runs of jobs, restores, and other work of the backup server, the newest first.
///
/// Filters may be combined. To count only, ask with `limit` 1: `total` is the number.
#[tool(read_only, idempotent, open_world = false, title = "List sessions")]
pub(crate) fn sessions_list(cx: &Context, args: ListArgs) -> Result<SessionList> {
    let client = Client::to(cx, args.server.as_deref())?;
    let cursor = Cursor::read(args.cursor.as_deref())?;
    let since = client.since(args.since.as_deref())?;
    let until = client.since(args.until.as_deref())?;
    let ended = client.since(args.ended_since.as_deref())?;
    // A first page without an end has none, so that what begins this moment is there; later ones end where it began.
    let until = match args.cursor {
        Some(_) => Some(until.map_or(cursor.before, |until| until.min(cursor.before))),
        None => until,
    };
    let job = match args
        .job
        .as_deref()
        .map(str::trim)
        .filter(|job| !job.is_empty())
    {
        Some(job) if vbr::read::is_id(job) => Some(job.to_owned()),
        Some(job) => Some(client.job(job)?.id),
        None => None,
    };
    let wanted = args.name.as_deref().and_then(Wanted::new);
    let kind = args
        .kind
        .as_deref()
        .map(str::trim)
        .filter(|kind| !kind.is_empty());
    let span = Span {
        skip: cursor.skip,
        limit: args.limit,
    };
    let list = |name: Option<String>, keeps_all: bool| {
        client.part(
            span,
            keeps_all,
            |session| {
                let name = session["name"].as_str().unwrap_or_default();
                wanted
                    .as_ref()
                    .is_none_or(|wanted| wanted.fit(name).is_some())
            },
            |http, revision| {
                Ok(http
                    .get(SESSIONS)
                    .query("orderColumn", "CreationTime")
                    .query("orderAsc", false)
                    .query_opt("nameFilter", name.as_ref())
                    .query_opt("jobIdFilter", job.as_ref())
                    .query_opt("typeFilter", kind.map(|kind| type_word(revision, kind)))
                    .query_opt("stateFilter", args.state.map(State::word))
                    .query_opt("resultFilter", args.result.map(SessionResult::word))
                    .query_opt("createdAfterFilter", since.map(window::filter))
                    .query_opt("createdBeforeFilter", until.map(window::filter))
                    .query_opt("endedAfterFilter", ended.map(window::filter)))
            },
        )
    };
    let mut part = list(wanted.as_ref().map(Wanted::filter), wanted.is_none())?;
    if part.data.is_empty() && cursor.skip == 0 && wanted.is_some() {
        // The server's filter knows no letters without their accents.
        part = list(None, false)?;
    }
    Ok(SessionList {
        server: client.server().label(),
        sessions: super::read(&client, &part.data)?,
        total: part.total,
        next_cursor: part.next_skip.map(|skip| cursor.at(skip)),
    })
}

/// The same runs have another name in the oldest revisions.
pub(crate) fn type_word(revision: Revision, kind: &str) -> String {
    let backup = ["BackupJob", "Job", "Backup"];
    if backup.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
        return revision.backup_session().to_owned();
    }
    kind.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_are_named_as_the_revision_names_them() {
        assert_eq!(type_word(Revision::V1_1Rev0, "backupjob"), "Job");
        assert_eq!(type_word(Revision::V1_3Rev1, "Job"), "BackupJob");
        assert_eq!(type_word(Revision::V1_3Rev1, "RestoreVm"), "RestoreVm");
    }
}
