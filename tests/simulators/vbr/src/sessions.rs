//! `/api/v1/sessions`: runs of jobs and their logs.

use serde_json::json;

use crate::answer::Answer;
use crate::id::Id;
use crate::jobs::{self, Key};
use crate::lists;
use crate::model::{Job, Session, View, World};
use crate::render;
use crate::revision::Revision;
use crate::routes::Request;

struct Row<'a> {
    session: &'a Session,
    job: Option<&'a Job>,
    view: View,
}

pub(crate) fn list(world: &World, request: &Request<'_>) -> Result<Answer, Answer> {
    let (cx, query) = (request.cx, &request.query);
    let name = query.pattern("nameFilter")?;
    let created = (
        query.time("createdAfterFilter")?,
        query.time("createdBeforeFilter")?,
    );
    let ended = (
        query.time("endedAfterFilter")?,
        query.time("endedBeforeFilter")?,
    );
    let state = query.choice("stateFilter", lists::session_states())?;
    let job = query.id("jobIdFilter")?;
    let types = several(request, "typeFilter", lists::session_types(cx.revision))?;
    let results = several(request, "resultFilter", lists::results())?;
    let order = query.order(lists::session_columns(cx.revision))?;
    let page = query.page()?;

    let mut found: Vec<Row<'_>> = world
        .sessions()
        .iter()
        .filter(|session| job.is_none_or(|job| job == session.job))
        .map(|session| Row {
            session,
            job: world.job(session.job),
            view: session.view(cx.now),
        })
        .filter(|row| {
            let kind = kind(cx.revision, row);
            let ended_at = row.view.ended;
            name.as_ref()
                .is_none_or(|name| name.matches(&row.session.name))
                && created.0.is_none_or(|after| row.session.created >= after)
                && created.1.is_none_or(|before| row.session.created <= before)
                && ended
                    .0
                    .is_none_or(|after| ended_at.is_some_and(|at| at >= after))
                && ended
                    .1
                    .is_none_or(|before| ended_at.is_some_and(|at| at <= before))
                && state.is_none_or(|state| state == render::session_state(row.view.state))
                && (types.is_empty() || types.contains(&kind))
                && (results.is_empty() || results.contains(&render::result(row.view.outcome)))
        })
        .collect();
    if let Some(order) = order {
        order.sort(&mut found, |row, column| key(request, row, column));
    }
    Ok(page.envelope(&found, |row| render::session(cx, row.session, row.job)))
}

/// A list from 1.3 on, one value before.
pub(crate) fn several(
    request: &Request<'_>,
    name: &str,
    allowed: &[&'static str],
) -> Result<Vec<&'static str>, Answer> {
    if request.cx.revision.is_1_3() {
        request.query.choices(name, allowed)
    } else {
        Ok(request.query.choice(name, allowed)?.into_iter().collect())
    }
}

fn key(request: &Request<'_>, row: &Row<'_>, column: &str) -> Key {
    let at = |at: time::OffsetDateTime| Key::Number(at.unix_timestamp_nanos());
    let kind = kind(request.cx.revision, row);
    match column {
        "Name" => Key::Text(row.session.name.to_lowercase()),
        "SessionType" => Key::Text(kind.to_owned()),
        "EndTime" => row.view.ended.map_or(Key::Nothing, at),
        "State" => Key::Text(render::session_state(row.view.state).to_owned()),
        "Result" => Key::Text(render::result(row.view.outcome).to_owned()),
        "InitiatedBy" => Key::Text(row.session.initiated_by.to_lowercase()),
        _ => at(row.session.created),
    }
}

fn kind(revision: Revision, row: &Row<'_>) -> &'static str {
    render::session_type(revision, row.session.work, row.job.map(|job| job.kind))
}

fn find(world: &World, id: Id) -> Result<(&Session, Option<&Job>), Answer> {
    let session = world.session(id).ok_or_else(|| Answer::not_found(id))?;
    Ok((session, world.job(session.job)))
}

/// The filter of a log, which came with 1.3.
pub(crate) fn log_filter(request: &Request<'_>) -> Result<Option<&'static str>, Answer> {
    if request.cx.revision.is_1_3() {
        request
            .query
            .choice("statusFilter", lists::record_statuses())
    } else {
        Ok(None)
    }
}

pub(crate) fn get(world: &World, request: &Request<'_>, id: Id) -> Result<Answer, Answer> {
    let (session, job) = find(world, id)?;
    Ok(Answer::ok(render::session(request.cx, session, job)))
}

pub(crate) fn logs(world: &World, request: &Request<'_>, id: Id) -> Result<Answer, Answer> {
    let (session, job) = find(world, id)?;
    let status = log_filter(request)?;
    let mut records = session.records(job.map_or(&[], |job| &job.protected), request.cx.now);
    records.retain(|one| status.is_none_or(|status| status == render::record_status(one.status)));
    Ok(Answer::ok(render::log(request.cx, &records)))
}

pub(crate) fn stop(world: &mut World, request: &Request<'_>, id: Id) -> Result<Answer, Answer> {
    jobs::administrator(request)?;
    world
        .stop_session(id, request.cx.now)
        .map_err(|refusal| jobs::refused(&refusal, id))?;
    Ok(Answer::ok(json!({})))
}
