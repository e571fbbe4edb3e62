//! `/api/v1/taskSessions`: what a session did with each machine. Nothing of it is kept: it follows from the session.

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::answer::Answer;
use crate::clock;
use crate::id::Id;
use crate::jobs::Key;
use crate::lists;
use crate::model::{Job, Outcome, Protected, Record, RecordStatus, Session, View, Work, World};
use crate::render::{self, Cx};
use crate::routes::Request;

/// What a session did with one machine.
struct Task<'a> {
    id: Id,
    session: &'a Session,
    job: &'a Job,
    machine: &'a Protected,
    view: View,
}

/// The machine that decides how a session ends is the last one.
fn of_session<'a>(
    session: &'a Session,
    job: &'a Job,
    now: OffsetDateTime,
) -> impl Iterator<Item = Task<'a>> {
    let view = session.view(now);
    let last = job.protected.len().saturating_sub(1);
    job.protected.iter().enumerate().map(move |(at, machine)| {
        let mut view = view.clone();
        if at != last && view.outcome.is_some() {
            view.outcome = Some(Outcome::Success);
            view.message = String::new();
        }
        Task {
            id: session.id.derived(at as u64 + 1),
            session,
            job,
            machine,
            view,
        }
    })
}

fn all(world: &World, now: OffsetDateTime, of: Option<Id>) -> impl Iterator<Item = Task<'_>> {
    let sessions: Box<dyn Iterator<Item = &Session>> = match of {
        Some(id) => Box::new(world.session(id).into_iter()),
        None => Box::new(world.sessions().iter()),
    };
    sessions
        .filter(|session| session.work == Work::Job)
        .filter_map(|session| Some((session, world.job(session.job)?)))
        .flat_map(move |(session, job)| of_session(session, job, now))
}

pub(crate) fn list(world: &World, request: &Request<'_>, of: Option<Id>) -> Result<Answer, Answer> {
    let (cx, query) = (request.cx, &request.query);
    let of = match of {
        Some(id) => {
            world.session(id).ok_or_else(|| Answer::not_found(id))?;
            Some(id)
        }
        None => query.id("sessionIdFilter")?,
    };
    let name = query.pattern("nameFilter")?;
    let result = query.choice("resultFilter", lists::results())?;
    let order = query.order(&["Name", "Type", "CreationTime", "EndTime", "State", "Result"])?;
    let page = query.page()?;
    let mut found: Vec<Task<'_>> = all(world, cx.now, of)
        .filter(|task| {
            name.as_ref()
                .is_none_or(|name| name.matches(&task.machine.name))
                && result.is_none_or(|result| result == render::result(task.view.outcome))
        })
        .collect();
    if let Some(order) = order {
        order.sort(&mut found, |task, column| match column {
            "CreationTime" => Key::Number(task.session.created.unix_timestamp_nanos()),
            _ => Key::Text(task.machine.name.to_lowercase()),
        });
    }
    Ok(page.envelope(&found, |task| render(cx, task)))
}

fn render(cx: Cx, task: &Task<'_>) -> Value {
    let view = &task.view;
    let ended = view.ended.unwrap_or(cx.now);
    let size = u64::from(task.machine.size_gb) << 30;
    let processed = size / 100 * u64::from(view.progress);
    let mut rendered = json!({
        "id": task.id.to_string(),
        "type": "Backup",
        "sessionId": task.session.id.to_string(),
        "sessionType": render::session_type(cx.revision, Work::Job, Some(task.job.kind)),
        "creationTime": time(cx, task.session.created),
        "name": task.machine.name,
        "algorithm": "Increment",
        "usn": task.session.usn,
        "state": render::session_state(view.state),
        "result": {
            "result": render::result(view.outcome),
            "message": view.message,
            "isCanceled": view.cancelled,
        },
        "progress": {
            "duration": clock::duration(ended - task.session.created),
            "processingRate": "118 MB/s",
            "bottleneck": "Source",
            "processedSize": processed,
            "readSize": processed / 3,
            "transferredSize": processed / 7,
        },
    });
    if cx.revision.is_1_3() {
        rendered["progress"]["progressPercent"] = view.progress.into();
    }
    if let Some(at) = view.ended {
        rendered["endTime"] = time(cx, at).into();
    }
    rendered
}

/// Without an offset, where the server is one of those.
pub(crate) fn time(cx: Cx, at: OffsetDateTime) -> String {
    let text = clock::text(at);
    if cx.quirks.local_times {
        return text.chars().take(19).collect();
    }
    text
}

fn find(world: &World, request: &Request<'_>, id: Id) -> Result<Value, Answer> {
    let task = all(world, request.cx.now, None).find(|task| task.id == id);
    task.map(|task| render(request.cx, &task))
        .ok_or_else(|| Answer::not_found(id))
}

pub(crate) fn get(world: &World, request: &Request<'_>, id: Id) -> Result<Answer, Answer> {
    find(world, request, id).map(Answer::ok)
}

pub(crate) fn logs(world: &World, request: &Request<'_>, id: Id) -> Result<Answer, Answer> {
    let task = all(world, request.cx.now, None)
        .find(|task| task.id == id)
        .ok_or_else(|| Answer::not_found(id))?;
    let filter = crate::sessions::log_filter(request)?;
    let status = match task.view.outcome {
        None => RecordStatus::Running,
        Some(Outcome::Success) => RecordStatus::Succeeded,
        Some(Outcome::Warning) => RecordStatus::Warning,
        Some(Outcome::Failed) => RecordStatus::Failed,
    };
    let line = |id, status, title: String, description: &str| Record {
        id,
        status,
        started: task.session.created,
        updated: task.view.ended.unwrap_or(request.cx.now),
        title,
        description: description.to_owned(),
    };
    let name = &task.machine.name;
    let mut records = vec![
        line(
            2,
            status,
            format!("Processing of {name}"),
            &task.view.message,
        ),
        line(
            1,
            RecordStatus::Succeeded,
            format!("Queued for processing: {name}"),
            "",
        ),
    ];
    records.retain(|one| filter.is_none_or(|filter| filter == render::record_status(one.status)));
    Ok(Answer::ok(render::log(request.cx, &records)))
}
