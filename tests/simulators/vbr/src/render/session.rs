//! A session and its log.

use serde_json::{Value, json};

use super::{Cx, result, session_state, session_type};
use crate::clock;
use crate::model::{Job, Kind, Record, RecordStatus, Session};
use crate::revision::Revision;

pub(crate) fn session(cx: Cx, session: &Session, job: &Job) -> Value {
    let view = session.view(cx.now);
    let Value::Object(mut rendered) = json!({
        "id": session.id.to_string(),
        "name": session.name,
        "jobId": session.job.to_string(),
        "sessionType": session_type(cx.revision, job.kind),
        "creationTime": clock::text(session.created),
        "state": session_state(view.state),
        "progressPercent": view.progress,
        "result": {
            "result": result(view.outcome),
            "message": view.message,
            "isCanceled": view.cancelled,
        },
        "usn": session.usn,
        "platformName": platform(cx.revision, job.kind),
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
    if cx.revision == Revision::V1_3Rev1 {
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

fn platform(revision: Revision, kind: Kind) -> &'static str {
    match (revision, kind) {
        (_, Kind::VSphere | Kind::Replica | Kind::BackupCopy) => "VMware",
        (_, Kind::HyperV) => "HyperV",
        (_, Kind::WindowsAgent) => "WindowsPhysical",
        (_, Kind::FileCopy) => "UnstructuredData",
        (Revision::V1_2Rev1, Kind::CloudAws) => "CustomPlatform",
        (Revision::V1_3Rev1, Kind::CloudAws) => "AWSEC2",
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
    if cx.revision == Revision::V1_3Rev1 {
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
