//! A job's state, as `/jobs/states` lists it.

use serde_json::{Map, Value, json};

use super::{Cx, result, spelled, workload};
use crate::clock;
use crate::id::Id;
use crate::model::{Job, Kind, Schedule, Session, State, View};
use crate::revision::Revision;

/// `kind` is the job's type in this revision: a job without one is not listed.
pub(crate) fn job_state(cx: Cx, kind: &str, job: &Job, latest: Option<(&Session, View)>) -> Value {
    let view = latest.as_ref().map(|(_, view)| view);
    let status = spelled(cx.revision, status(cx.revision, job, view));
    let Value::Object(mut state) = json!({
        "id": job.id.to_string(),
        "name": job.name,
        "type": kind,
        "description": job.description,
        "status": status,
        "lastResult": result(view.and_then(|view| view.outcome)),
        "workload": workload(cx.revision, job.workload),
        "objectsCount": job.protected.len(),
        // A job without a repository points at nothing, by the nil UUID, as the server does it.
        "repositoryId": job.repository.as_ref().map_or(Id::NIL, |repository| repository.id).to_string(),
    }) else {
        return Value::Null;
    };
    let next_run = job.next_run(cx.now);
    cx.extend(
        &mut state,
        [
            (
                "lastRun",
                latest
                    .as_ref()
                    .map(|(session, _)| clock::text(session.created).into()),
            ),
            ("nextRun", next_run.map(|at| clock::text(at).into())),
            (
                "repositoryName",
                job.repository
                    .as_ref()
                    .map(|repository| repository.name.clone().into()),
            ),
            (
                "sessionId",
                latest
                    .as_ref()
                    .map(|(session, _)| session.id.to_string().into()),
            ),
        ],
    );
    if cx.revision.is_1_3() {
        only_from_1_3(cx, &mut state, job, latest);
    }
    Value::Object(state)
}

fn only_from_1_3(
    cx: Cx,
    state: &mut Map<String, Value>,
    job: &Job,
    latest: Option<(&Session, View)>,
) {
    let progress = latest.as_ref().map_or(0, |(_, view)| view.progress);
    let policy = match (&job.schedule, job.next_run(cx.now)) {
        _ if job.disabled => "<Disabled>".to_owned(),
        (Schedule::After { name, .. }, _) => format!("After [{name}]"),
        (_, Some(next)) => clock::console(next),
        (_, None) => "<Not scheduled>".to_owned(),
    };
    state.insert("highPriority".to_owned(), job.high_priority.into());
    state.insert("progressPercent".to_owned(), progress.into());
    state.insert("nextRunPolicy".to_owned(), policy.into());
    state.insert("isStorageSnapshot".to_owned(), false.into());
    let after = match &job.schedule {
        Schedule::After { job, name } => Some(json!({ "jobId": job.to_string(), "jobName": name })),
        Schedule::Manual | Schedule::Daily { .. } | Schedule::Hourly { .. } => None,
    };
    let copy_mode = (job.kind == Kind::BackupCopy).then(|| "Immediate".into());
    let session_progress = latest.map(|(session, view)| progress_of(cx, job, session, &view));
    cx.extend(
        state,
        [
            ("runAfterJob", after),
            ("backupCopyMode", copy_mode),
            ("sessionProgress", session_progress),
        ],
    );
}

fn progress_of(cx: Cx, job: &Job, session: &Session, view: &View) -> Value {
    let lasted = view.ended.unwrap_or(cx.now) - session.created;
    let bytes: u64 = job
        .protected
        .iter()
        .map(|one| u64::from(one.size_gb) << 30)
        .sum();
    let processed = bytes / 100 * u64::from(view.progress);
    let ended = view.ended.is_some();
    json!({
        "duration": clock::duration(lasted),
        "processingRate": if ended { "118 MB/s" } else { "N/A" },
        "bottleneck": if ended { "Source" } else { "NotDefined" },
        "processedSize": processed,
        "readSize": processed / 3,
        "transferredSize": processed / 7,
        "progressPercent": view.progress,
    })
}

/// The status as 1.3 writes it; before, there are only three of them, and they are written small.
pub(crate) fn status(revision: Revision, job: &Job, view: Option<&View>) -> &'static str {
    let state = view.map_or(State::Stopped, |view| view.state);
    match (revision.is_1_3(), state) {
        (true, State::Starting) => "Starting",
        (true, State::Stopping) => "Stopping",
        (_, State::Starting | State::Working | State::Postprocessing | State::Stopping) => {
            "Running"
        }
        (_, State::Stopped) if job.disabled => "Disabled",
        (true, State::Stopped) if view.is_some() => "Stopped",
        (_, State::Stopped) => "Inactive",
    }
}
