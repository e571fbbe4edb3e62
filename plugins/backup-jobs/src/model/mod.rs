//! What of the API's answers is kept, written alike for every revision.
//!
//! Read tolerantly: a property that is optional may be absent or null; the nil UUID means that there is none;
//! names of states and results differ in case by revision and may be new ones, so they are text, in small letters.
//! Times are passed on as they came, in RFC 3339.

mod configuration;
mod schedule;

use serde::Deserializer;
use toolward_sdk::prelude::*;

pub(crate) use configuration::Configuration;

const NIL: &str = "00000000-0000-0000-0000-000000000000";

/// Text that may be absent, null, empty or the nil UUID, all of which mean that there is none.
fn some_text(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty() && text != NIL)
}

fn small(text: Option<String>) -> Option<String> {
    some_text(text).map(|text| text.to_ascii_lowercase())
}

/// One page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) data: Vec<T>,
    pub(crate) pagination: Pagination,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Pagination {
    pub(crate) total: u64,
}

/// A job and how it fares.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct JobState {
    /// The job's id.
    pub(crate) id: String,
    /// The job's name.
    pub(crate) name: String,
    /// What kind of job it is, such as `VSphereBackup` (`Backup` before 1.3).
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// What it is doing: `running`, `inactive`, `disabled`; from 1.3 on also `stopped`, `starting`, `stopping`,
    /// `enabled`.
    pub(crate) status: String,
    /// How its last run ended: `success`, `warning`, `failed`; `none` while it runs or if it never ran.
    pub(crate) last_result: String,
    /// When its last run began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_run: Option<String>,
    /// When it runs next by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_run: Option<String>,
    /// Why there is no next run, such as `<Disabled>` or `After [other job]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_run_policy: Option<String>,
    /// How far the run is, in percent; only while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) progress_percent: Option<i64>,
    /// The name of the repository that it writes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) repository: Option<String>,
    /// How many machines, shares or other objects it protects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) objects: Option<i64>,
    /// Its latest run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StateAnswer {
    id: String,
    name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    status: Option<String>,
    last_result: Option<String>,
    last_run: Option<String>,
    next_run: Option<String>,
    next_run_policy: Option<String>,
    progress_percent: Option<i64>,
    repository_name: Option<String>,
    objects_count: Option<i64>,
    session_id: Option<String>,
}

// By hand: with `serde(from)`, schemars would want a schema of the API's answer.
impl<'de> Deserialize<'de> for JobState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        StateAnswer::deserialize(deserializer).map(Self::from)
    }
}

impl From<StateAnswer> for JobState {
    fn from(answer: StateAnswer) -> Self {
        let status = small(answer.status).unwrap_or_else(|| "unknown".to_owned());
        let next_run = some_text(answer.next_run);
        Self {
            progress_percent: answer.progress_percent.filter(|_| is_busy(&status)),
            // Where there is a time, this says the same in the console's words.
            next_run_policy: some_text(answer.next_run_policy).filter(|_| next_run.is_none()),
            id: answer.id,
            name: answer.name,
            kind: some_text(answer.kind).unwrap_or_else(|| "Unknown".to_owned()),
            last_result: small(answer.last_result).unwrap_or_else(|| "none".to_owned()),
            last_run: some_text(answer.last_run),
            next_run,
            repository: some_text(answer.repository_name),
            objects: answer.objects_count,
            session_id: some_text(answer.session_id),
            status,
        }
    }
}

fn is_busy(status: &str) -> bool {
    matches!(status, "running" | "starting" | "stopping")
}

impl JobState {
    /// Whether a run is under way.
    pub(crate) fn is_running(&self) -> bool {
        is_busy(&self.status)
    }

    /// Whether certainly none is: a status we have never heard of is the server's to judge.
    pub(crate) fn is_at_rest(&self) -> bool {
        matches!(
            self.status.as_str(),
            "inactive" | "stopped" | "disabled" | "enabled"
        )
    }
}

/// A run of a job.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Run {
    /// The run's id: what the backup server calls a session.
    pub(crate) session_id: String,
    /// `starting`, `working`, `postprocessing`, `stopping`, `stopped` and others; `stopped` is a run that has ended.
    pub(crate) state: String,
    /// How it ended: `success`, `warning`, `failed`; `none` before that.
    pub(crate) result: String,
    /// What the server says about the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// Whether somebody stopped it.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) cancelled: bool,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) started: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<String>,
    /// How far it is, in percent; only until it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) progress_percent: Option<i64>,
    /// Who started it; from 1.3 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) started_by: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionAnswer {
    id: String,
    state: Option<String>,
    result: Option<ResultAnswer>,
    creation_time: Option<String>,
    end_time: Option<String>,
    progress_percent: Option<i64>,
    initiated_by: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultAnswer {
    result: Option<String>,
    message: Option<String>,
    is_canceled: Option<bool>,
}

impl<'de> Deserialize<'de> for Run {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SessionAnswer::deserialize(deserializer).map(Self::from)
    }
}

impl From<SessionAnswer> for Run {
    fn from(answer: SessionAnswer) -> Self {
        let state = small(answer.state).unwrap_or_else(|| "unknown".to_owned());
        let result = answer.result.unwrap_or_default();
        Self {
            session_id: answer.id,
            result: small(result.result).unwrap_or_else(|| "none".to_owned()),
            message: some_text(result.message),
            cancelled: result.is_canceled.unwrap_or(false),
            started: some_text(answer.creation_time),
            ended: some_text(answer.end_time),
            progress_percent: answer.progress_percent.filter(|_| state != "stopped"),
            started_by: some_text(answer.initiated_by),
            state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_null_empty_and_nil_are_all_nothing() {
        for nothing in [json!(null), json!(""), json!(NIL)] {
            let state: JobState = serde_json::from_value(json!({
                "id": "1", "name": "a", "type": "Backup", "status": "inactive",
                "sessionId": nothing, "nextRun": nothing, "repositoryName": nothing,
            }))
            .unwrap();
            assert_eq!(
                serde_json::to_value(state).unwrap(),
                json!({ "id": "1", "name": "a", "type": "Backup", "status": "inactive", "last_result": "none" })
            );
        }
    }

    #[test]
    fn both_revisions_read_alike() {
        let read = |status: &str| -> JobState {
            let answer = json!({ "id": "1", "name": "a", "status": status, "progressPercent": 40 });
            serde_json::from_value(answer).unwrap()
        };
        assert_eq!(read("running").status, read("Running").status);
        assert_eq!(read("Running").progress_percent, Some(40));
        assert_eq!(read("Stopped").progress_percent, None);
    }

    #[test]
    fn a_status_nobody_has_heard_of_is_neither_running_nor_at_rest() {
        let answer = json!({ "id": "1", "name": "a", "status": "Hibernating" });
        let state: JobState = serde_json::from_value(answer).unwrap();
        assert_eq!(state.status, "hibernating");
        assert!(!state.is_running() && !state.is_at_rest());
    }

    #[test]
    fn the_result_of_a_run_is_nested_and_may_be_missing() {
        let read = |answer: Value| serde_json::from_value::<Run>(answer).unwrap();
        let run = read(json!({
            "id": "1", "state": "Stopped", "progressPercent": 100, "endTime": "2026-11-20T22:26:08.4+01:00",
            "result": { "result": "Failed", "message": "no space", "isCanceled": true },
        }));
        assert_eq!(
            (run.result.as_str(), run.cancelled, run.progress_percent),
            ("failed", true, None)
        );
        assert_eq!(run.ended.as_deref(), Some("2026-11-20T22:26:08.4+01:00"));
        let run = read(json!({ "id": "1", "state": "Starting", "result": null, "endTime": null }));
        assert_eq!((run.result.as_str(), run.message), ("none", None));
    }
}
