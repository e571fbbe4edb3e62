//! Sessions: what the backup server calls a run of a job, a restore, or any other work of its own.

use time::UtcOffset;
use toolward_sdk::prelude::*;

use crate::client::Client;
use crate::moment::{self, Moment};
use crate::page::Span;
use crate::{Revision, read};

/// Where sessions are.
pub const SESSIONS: &str = "/api/v1/sessions";

/// The times of a session.
pub const TIMES: [&str; 2] = ["creationTime", "endTime"];

/// A run of a job, a restore, or any other work of the backup server.
#[answer]
#[derive(Clone, Debug)]
pub struct Session {
    /// The session's id.
    pub session_id: String,
    /// Its name: that of the job, mostly.
    pub name: String,
    /// What is done, such as `BackupJob`, `ReplicaJob`, `RestoreVm`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The job that runs.
    pub job_id: Option<String>,
    /// `starting`, `working`, `postprocessing`, `stopping`, `stopped` and others; `stopped` is one that has ended.
    pub state: String,
    /// How it ended: `success`, `warning`, `failed`; `none` before that.
    pub result: String,
    /// What the server says about the result.
    pub message: Option<String>,
    /// Whether somebody stopped it; absent where nobody did.
    pub cancelled: Option<bool>,
    /// When it began.
    pub started: Option<Moment>,
    /// When it ended.
    pub ended: Option<Moment>,
    /// How long it took, such as `26 min 4 s`.
    pub took: Option<String>,
    /// How far it is, in percent; only until it has ended.
    pub progress_percent: Option<i64>,
    /// Who started it; from 1.3 on.
    pub started_by: Option<String>,
}

impl Session {
    /// Of an answer of the API.
    #[must_use]
    pub fn of(answer: &Value, zone: UtcOffset) -> Self {
        let state = read::word_or(answer, "state", "unknown");
        let result = &answer["result"];
        let active = is_running(&state);
        Self {
            session_id: read::always(answer, "id"),
            name: read::always(answer, "name"),
            kind: read::text(answer, "sessionType"),
            // The oldest revision has another name for it.
            job_id: read::text(answer, "jobId").or_else(|| read::text(answer, "activityId")),
            result: read::word_or(result, "result", "none"),
            message: read::text(result, "message"),
            cancelled: (result["isCanceled"] == true).then_some(true),
            started: Moment::read(answer, "creationTime", zone),
            ended: Moment::read(answer, "endTime", zone).filter(|_| !active),
            took: moment::lasted(&answer["creationTime"], &answer["endTime"], zone)
                .filter(|_| !active),
            progress_percent: answer["progressPercent"].as_i64().filter(|_| active),
            started_by: read::text(answer, "initiatedBy"),
            state,
        }
    }

    /// Whether it goes on.
    #[must_use]
    pub fn is_running(&self) -> bool {
        is_running(&self.state)
    }
}

/// Whether a session in this state goes on: every state but two, also one that nobody has heard of.
#[must_use]
pub fn is_running(state: &str) -> bool {
    !matches!(state, "stopped" | "idle")
}

/// The states of sessions that go on, as the API names them in filters.
pub const RUNNING: [&str; 9] = [
    "Starting",
    "Working",
    "Postprocessing",
    "Stopping",
    "Pausing",
    "Resuming",
    "WaitingTape",
    "WaitingRepository",
    "WaitingSlot",
];

impl Client<'_> {
    /// The latest runs of a job, newest first.
    pub fn latest_runs(&self, job: &str, count: u64) -> Result<Vec<Session>> {
        let span = Span {
            skip: 0,
            limit: count,
        };
        let page = self.page(span, |http, _| {
            Ok(http
                .get(SESSIONS)
                .query("jobIdFilter", job)
                .query("orderColumn", "CreationTime")
                .query("orderAsc", false))
        })?;
        let zone = self.zone_of(&page.data, &TIMES)?;
        // A server that ignores the filter must not make us tell of another job.
        let own = |answer: &&Value| {
            let of = read::text(answer, "jobId").or_else(|| read::text(answer, "activityId"));
            of.is_none_or(|of| of.eq_ignore_ascii_case(job))
        };
        let runs = page.data.iter().filter(own);
        Ok(runs.map(|answer| Session::of(answer, zone)).collect())
    }

    /// One session.
    pub fn session(&self, id: &str) -> Result<Session> {
        let answer = self.get(|http, _| Ok(http.get(SESSIONS).segment(id)))?;
        let zone = self.zone_of([&answer], &TIMES)?;
        Ok(Session::of(&answer, zone))
    }
}

/// A line of a log.
#[answer]
#[derive(Clone, Debug)]
pub struct LogLine {
    /// `info`, `running`, `warning`, `error`.
    pub level: String,
    /// When.
    pub at: Option<Moment>,
    /// What.
    pub title: String,
    /// More about it.
    pub description: Option<String>,
}

/// Which lines of a log are wanted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// All lines.
    #[default]
    All,
    /// What went well, and what goes on.
    Info,
    /// Warnings.
    Warning,
    /// Errors.
    Error,
    /// Warnings and errors.
    Problems,
}

impl Level {
    fn keeps(self, status: &str) -> bool {
        let (warning, failed) = (status == "warning", status == "failed");
        match self {
            Self::All => true,
            Self::Info => !warning && !failed,
            Self::Warning => warning,
            Self::Error => failed,
            Self::Problems => warning || failed,
        }
    }

    /// The server's own filter, where it has one for this.
    fn filter(self, revision: Revision) -> Option<&'static str> {
        match self {
            _ if !revision.has(crate::revision::Feature::LogFilter) => None,
            Self::Warning => Some("Warning"),
            Self::Error => Some("Failed"),
            Self::All | Self::Info | Self::Problems => None,
        }
    }
}

/// Lines of a log.
#[derive(Debug)]
pub struct Log {
    /// The newest lines of that level, the newest first.
    pub lines: Vec<LogLine>,
    /// How many lines of that level there are.
    pub matching: usize,
}

impl Client<'_> {
    /// The log of a session, or of a part of one: `path` is where it is.
    pub fn log(&self, place: &str, id: &str, level: Level, most: usize) -> Result<Log> {
        let answer = self.get(|http, revision| {
            let request = http.get(place).segment(id).segment("logs");
            Ok(request.query_opt("statusFilter", level.filter(revision)))
        })?;
        let records = answer["records"].as_array().map(Vec::as_slice);
        let mut kept: Vec<&Value> = records
            .unwrap_or_default()
            .iter()
            .filter(|record| level.keeps(&read::word_or(record, "status", "none")))
            .collect();
        let matching = kept.len();
        kept.truncate(most);
        let zone = self.zone_of(kept.iter().copied(), &["startTime"])?;
        let lines = kept.into_iter().map(|record| line(record, zone)).collect();
        Ok(Log { lines, matching })
    }
}

fn line(record: &Value, zone: UtcOffset) -> LogLine {
    let level = match read::word_or(record, "status", "none").as_str() {
        "succeeded" => "info",
        "warning" => "warning",
        "failed" => "error",
        _ => "running",
    };
    let more = [
        read::text(record, "description"),
        read::text(record, "additionalInfo"),
    ];
    let more: Vec<String> = more.into_iter().flatten().collect();
    LogLine {
        level: level.to_owned(),
        at: Moment::read(record, "startTime", zone),
        title: read::always(record, "title"),
        description: (!more.is_empty()).then(|| more.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_is_nested_and_may_be_missing() {
        let session = Session::of(
            &json!({
                "id": "1", "name": "a", "state": "Stopped", "progressPercent": 100,
                "creationTime": "2026-11-20T22:00:04.4+01:00", "endTime": "2026-11-20T22:26:08.4+01:00",
                "result": { "result": "Failed", "message": "no space", "isCanceled": true },
            }),
            UtcOffset::UTC,
        );
        assert_eq!(
            (session.result.as_str(), session.cancelled),
            ("failed", Some(true))
        );
        assert_eq!(
            (session.took.as_deref(), session.progress_percent),
            (Some("26 min 4 s"), None)
        );
        let session = Session::of(
            &json!({ "id": "1", "state": "Starting", "result": null, "endTime": null, "activityId": "7" }),
            UtcOffset::UTC,
        );
        assert_eq!((session.result.as_str(), session.message), ("none", None));
        assert_eq!(session.job_id.as_deref(), Some("7"));
    }

    #[test]
    fn levels_are_those_of_people() {
        let titles = |level: Level| {
            ["None", "Succeeded", "Warning", "Failed"]
                .into_iter()
                .filter(|status| level.keeps(&status.to_lowercase()))
                .count()
        };
        assert_eq!(
            [
                Level::All,
                Level::Info,
                Level::Warning,
                Level::Error,
                Level::Problems
            ]
            .map(titles),
            [4, 2, 1, 1, 2]
        );
    }
}
