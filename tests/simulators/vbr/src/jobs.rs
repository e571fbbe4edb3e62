//! `/api/v1/jobs`: lists, states, configurations, and what can be done to a job.

use serde_json::Value;

use crate::answer::Answer;
use crate::auth::Role;
use crate::id::Id;
use crate::lists;
use crate::model::{Job, Refusal, Schedule, Session, Start, View, World};
use crate::query::Pattern;
use crate::render::{self, Cx};
use crate::revision::Revision;
use crate::routes::Request;

/// A sort key of any column; what has no value comes first.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Key {
    Nothing,
    Number(i128),
    Text(String),
}

pub(crate) fn list(world: &World, request: &Request<'_>) -> Result<Answer, Answer> {
    let (cx, query) = (request.cx, &request.query);
    let name = query.pattern("nameFilter")?;
    let kind = query.choice("typeFilter", lists::job_types(cx.revision))?;
    let order = query.order(lists::job_columns())?;
    let page = query.page()?;
    let mut found: Vec<&Job> = world
        .jobs()
        .iter()
        .filter(|job| {
            let own = render::job_type(cx.revision, job.kind);
            own.is_some()
                && kind.is_none_or(|kind| own == Some(kind))
                && name
                    .as_ref()
                    .is_none_or(|name| name.matches(&job.name) || name.matches(&job.description))
                && render::configuration(cx, job).is_some()
        })
        .collect();
    if let Some(order) = order {
        order.sort(&mut found, |job, column| match column {
            "Type" => Key::Text(
                render::job_type(cx.revision, job.kind)
                    .unwrap_or_default()
                    .to_owned(),
            ),
            "Description" => Key::Text(job.description.to_lowercase()),
            _ => Key::Text(job.name.to_lowercase()),
        });
    }
    Ok(page.envelope(&found, |job| {
        render::configuration(cx, job).unwrap_or_default()
    }))
}

/// A job with what its states are filtered, sorted and rendered by.
struct Row<'a> {
    job: &'a Job,
    kind: &'static str,
    latest: Option<(&'a Session, View)>,
}

impl Row<'_> {
    fn view(&self) -> Option<&View> {
        self.latest.as_ref().map(|(_, view)| view)
    }

    fn status(&self, cx: Cx) -> &'static str {
        render::status(cx.revision, self.job, self.view())
    }

    fn result(&self) -> &'static str {
        render::result(self.view().and_then(|view| view.outcome))
    }
}

pub(crate) fn states(world: &World, request: &Request<'_>) -> Result<Answer, Answer> {
    let (cx, query) = (request.cx, &request.query);
    let keep = StatesFilter::read(request)?;
    let order = query.order(lists::state_columns(cx.revision))?;
    let page = query.page()?;
    let mut found: Vec<Row<'_>> = world
        .jobs()
        .iter()
        .filter_map(|job| {
            let kind = render::job_type(cx.revision, job.kind)?;
            Some(Row {
                job,
                kind,
                latest: world.latest(job.id, cx.now),
            })
        })
        .filter(|row| keep.keeps(cx, row))
        .collect();
    if let Some(order) = order {
        order.sort(&mut found, |row, column| states_key(cx, row, column));
    }
    Ok(page.envelope(&found, |row| {
        render::job_state(cx, row.kind, row.job, row.latest.clone())
    }))
}

struct StatesFilter {
    id: Option<Id>,
    name: Option<Pattern>,
    kind: Option<&'static str>,
    result: Option<&'static str>,
    status: Option<&'static str>,
    workload: Option<&'static str>,
    after: Option<time::OffsetDateTime>,
    before: Option<time::OffsetDateTime>,
    high_priority: Option<bool>,
    repository: Option<Id>,
    objects: Option<usize>,
    after_job: Option<Id>,
    after_job_name: Option<Pattern>,
}

impl StatesFilter {
    fn read(request: &Request<'_>) -> Result<Self, Answer> {
        let (revision, query) = (request.cx.revision, &request.query);
        let only_1_3 = revision.is_1_3();
        Ok(Self {
            id: query.id("idFilter")?,
            name: query.pattern("nameFilter")?,
            kind: query.choice("typeFilter", lists::job_types(revision))?,
            result: query.choice("lastResultFilter", lists::results())?,
            status: query.choice("statusFilter", lists::job_statuses(revision))?,
            workload: query.choice("workloadFilter", lists::workloads(revision))?,
            after: query.time("lastRunAfterFilter")?,
            before: query.time("lastRunBeforeFilter")?,
            high_priority: query.flag("isHighPriorityJobFilter")?,
            repository: query.id("repositoryIdFilter")?,
            objects: query.count("objectsCountFilter")?,
            after_job: if only_1_3 {
                query.id("afterJobIdFilter")?
            } else {
                None
            },
            after_job_name: if only_1_3 {
                query.pattern("afterJobNameFilter")?
            } else {
                None
            },
        })
    }

    fn keeps(&self, cx: Cx, row: &Row<'_>) -> bool {
        let job = row.job;
        let last_run = row.latest.as_ref().map(|(session, _)| session.created);
        let repository = job.repository.as_ref();
        let (after, after_name) = match &job.schedule {
            Schedule::After { job, name } => (Some(*job), Some(name.as_str())),
            _ => (None, None),
        };
        self.id.is_none_or(|id| id == job.id)
            // "The pattern can match any state parameter."
            && self.name.as_ref().is_none_or(|name| {
                name.matches(&job.name)
                    || name.matches(&job.description)
                    || repository.is_some_and(|repository| name.matches(&repository.name))
            })
            && self.kind.is_none_or(|kind| kind == row.kind)
            && self.result.is_none_or(|result| result == row.result())
            && self.status.is_none_or(|status| status.eq_ignore_ascii_case(row.status(cx)))
            && self.workload.is_none_or(|one| one == render::workload(cx.revision, job.workload))
            && self.after.is_none_or(|after| last_run.is_some_and(|at| at >= after))
            && self.before.is_none_or(|before| last_run.is_none_or(|at| at <= before))
            && self.high_priority.is_none_or(|high| high == job.high_priority)
            && self.repository.is_none_or(|id| repository.is_some_and(|one| one.id == id))
            && self.objects.is_none_or(|count| count == job.protected.len())
            && self.after_job.is_none_or(|id| after == Some(id))
            && self.after_job_name.as_ref().is_none_or(|name| {
                after_name.is_some_and(|after| name.matches(after))
            })
    }
}

fn states_key(cx: Cx, row: &Row<'_>, column: &str) -> Key {
    let job = row.job;
    let at = |at: Option<time::OffsetDateTime>| {
        at.map_or(Key::Nothing, |at| Key::Number(at.unix_timestamp_nanos()))
    };
    let text = |text: Option<String>| text.map_or(Key::Nothing, Key::Text);
    let repository = job.repository.as_ref();
    match column {
        "Type" => Key::Text(row.kind.to_owned()),
        "Status" => Key::Text(row.status(cx).to_owned()),
        "LastRun" => at(row.latest.as_ref().map(|(session, _)| session.created)),
        "LastResult" => Key::Text(row.result().to_owned()),
        "NextRun" => at(job.next_run(cx.now)),
        "Description" => Key::Text(job.description.to_lowercase()),
        "RepositoryId" => text(repository.map(|one| one.id.to_string())),
        "RepositoryName" => text(repository.map(|one| one.name.to_lowercase())),
        "AfterJobName" => match &job.schedule {
            Schedule::After { name, .. } => Key::Text(name.to_lowercase()),
            _ => Key::Nothing,
        },
        "ObjectsCount" => Key::Number(i128::try_from(job.protected.len()).unwrap_or(i128::MAX)),
        _ => Key::Text(job.name.to_lowercase()),
    }
}

pub(crate) fn get(world: &World, request: &Request<'_>, id: Id) -> Result<Answer, Answer> {
    let job = world.job(id).ok_or_else(|| Answer::not_found(id))?;
    render::configuration(request.cx, job)
        .map(Answer::ok)
        .ok_or_else(|| Answer::bad_request("Jobs of this platform type are not supported"))
}

pub(crate) fn start(world: &mut World, request: &Request<'_>, id: Id) -> Result<Answer, Answer> {
    administrator(request)?;
    let body = request.json()?;
    if let Some(body) = &body {
        required_flag(body, "performActiveFull")?;
        let points = body.get("syncRestorePoints").unwrap_or(&Value::Null);
        if !(points.is_null() || points == "All" || points == "Latest") {
            return Err(Answer::bad_request(
                "Value of syncRestorePoints is not valid",
            ));
        }
    }
    let start = how(request, body.as_ref())?;
    let session = world.start(id, start, request.cx.now).cloned();
    created(world, request, id, session)
}

pub(crate) fn retry(world: &mut World, request: &Request<'_>, id: Id) -> Result<Answer, Answer> {
    administrator(request)?;
    let body = request.json()?;
    let start = how(request, body.as_ref())?;
    let session = world.retry(id, start, request.cx.now).cloned();
    created(world, request, id, session)
}

pub(crate) fn stop(world: &mut World, request: &Request<'_>, id: Id) -> Result<Answer, Answer> {
    administrator(request)?;
    // The oldest revision misspells it.
    let graceful = match request.cx.revision {
        Revision::V1_1Rev0 => "gracefullStop",
        _ => "gracefulStop",
    };
    let graceful = match request.json()? {
        None => true,
        Some(body) => required_flag(&body, graceful)?,
    };
    let session = world.stop(id, graceful, request.cx.now).cloned();
    created(world, request, id, session)
}

pub(crate) fn set_disabled(
    world: &mut World,
    request: &Request<'_>,
    id: Id,
    disabled: bool,
) -> Result<Answer, Answer> {
    administrator(request)?;
    world
        .set_disabled(id, disabled)
        .map_err(|refusal| refused(&refusal, id))?;
    Ok(if request.cx.revision.is_1_3() {
        Answer::no_content()
    } else {
        Answer::ok(serde_json::json!({}))
    })
}

fn how<'a>(request: &'a Request<'_>, body: Option<&Value>) -> Result<Start<'a>, Answer> {
    let chained = match body.and_then(|body| body.get("startChainedJobs")) {
        None | Some(Value::Null) => false,
        Some(Value::Bool(chained)) => *chained,
        Some(_) => return Err(Answer::bad_request("startChainedJobs is not a boolean")),
    };
    Ok(Start {
        by: &request.caller.user,
        chained,
    })
}

fn required_flag(body: &Value, name: &str) -> Result<bool, Answer> {
    body.get(name)
        .and_then(Value::as_bool)
        .ok_or_else(|| Answer::bad_request(&format!("{name} is required and is a boolean")))
}

pub(crate) fn administrator(request: &Request<'_>) -> Result<(), Answer> {
    match request.caller.role {
        Role::Administrator => Ok(()),
        Role::Viewer => Err(Answer::forbidden()),
    }
}

fn created(
    world: &World,
    request: &Request<'_>,
    id: Id,
    session: Result<Session, Refusal>,
) -> Result<Answer, Answer> {
    let session = session.map_err(|refusal| refused(&refusal, id))?;
    let job = world.job(id).ok_or_else(|| Answer::not_found(id))?;
    let body = render::session(request.cx, &session, Some(job));
    Ok(Answer::json(http::StatusCode::CREATED, body))
}

/// The API has no code for a conflict; that it answers 400 here is not documented.
pub(crate) fn refused(refusal: &Refusal, id: Id) -> Answer {
    match refusal {
        Refusal::NoSuchJob | Refusal::NoSuchSession => Answer::not_found(id),
        Refusal::AlreadyRunning { job } => {
            Answer::bad_request(&format!("Job {job} is already running"))
        }
        Refusal::NotRunning { job } => Answer::bad_request(&format!("Job {job} is not running")),
        Refusal::NothingToRetry { job } => {
            Answer::bad_request(&format!("Job {job} has no failed session to retry"))
        }
    }
}
