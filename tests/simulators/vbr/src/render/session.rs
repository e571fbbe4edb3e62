//! A session and its log.

use serde_json::{Value, json};

use super::{Cx, result, session_state, session_type};
use crate::clock;
use crate::model::{Job, Kind, Record, RecordStatus, Session};
use crate::revision::Revision;

/// `job` is absent for what no job does, and where the job is gone.
pub(crate) fn session(cx: Cx, session: &Session, job: Option<&Job>) -> Value {
    let kind = job.map(|job| job.kind);
    // The oldest revision has another name for it.
    let job_id = match cx.revision {
        Revision::V1_1Rev0 => "activityId",
        _ => "jobId",
    };
    let view = session.view(cx.now);
    let Value::Object(mut rendered) = json!({
        "id": session.id.to_string(),
        "name": session.name,
        (job_id): session.job.to_string(),
        "sessionType": session_type(cx.revision, session.work, kind),
        "creationTime": clock::text(session.created),
        "state": session_state(view.state),
        "progressPercent": view.progress,
        "result": {
            "result": result(view.outcome),
            "message": view.message,
            "isCanceled": view.cancelled,
        },
        "usn": session.usn,
        "platformName": platform(cx.revision, kind.unwrap_or(Kind::VSphere)),
    }) else {
        return Value::Null;
    };
    cx.extend(
        &mut rendered,
        [
            ("endTime", view.ended.map(|at| clock::text(at).into())),
            ("resourceId", None),
            ("resourceReference", None),
            ("parentSessionId", None),
        ],
    );
    if cx.revision.is_1_3() {
        cx.extend(
            &mut rendered,
            [
                ("initiatedBy", Some(session.initiated_by.clone().into())),
                ("relatedSessionId", None),
            ],
        );
    }
    Value::Object(rendered)
}

pub(crate) fn platform(revision: Revision, kind: Kind) -> &'static str {
    match (revision.is_1_3(), kind) {
        (_, Kind::VSphere | Kind::Replica | Kind::BackupCopy) => "VMware",
        (_, Kind::HyperV) => "HyperV",
        (_, Kind::WindowsAgent) => "WindowsPhysical",
        (_, Kind::FileCopy) => "UnstructuredData",
        (false, Kind::CloudAws) => "CustomPlatform",
        (true, Kind::CloudAws) => "AWSEC2",
    }
}

/// Not paged, unlike every other list of the API.
pub(crate) fn log(cx: Cx, records: &[Record]) -> Value {
    let records: Vec<Value> = records.iter().map(|one| record(cx, one)).collect();
    json!({ "totalRecords": records.len(), "records": records })
}

fn record(cx: Cx, record: &Record) -> Value {
    let Value::Object(mut rendered) = json!({
        "id": record.id,
        "status": record_status(record.status),
        "startTime": clock::text(record.started),
        "updateTime": clock::text(record.updated),
        "title": record.title,
        "description": record.description,
    }) else {
        return Value::Null;
    };
    if cx.revision.is_1_3() {
        cx.extend(&mut rendered, [("additionalInfo", None)]);
    }
    Value::Object(rendered)
}

pub(crate) fn record_status(status: RecordStatus) -> &'static str {
    match status {
        RecordStatus::Running => "None",
        RecordStatus::Succeeded => "Succeeded",
        RecordStatus::Warning => "Warning",
        RecordStatus::Failed => "Failed",
    }
}
