//! Backups, what is in them, and to which moments it can be brought back. Nothing of it is kept: it follows from the jobs
//! and their sessions, when somebody looks.

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::answer::Answer;
use crate::clock;
use crate::id::Id;
use crate::jobs::Key;
use crate::model::{Job, Kind, Outcome, Protected, Session, World};
use crate::render::{self, Cx};
use crate::revision::Revision;
use crate::routes::Request;
use crate::tasks;

const BACKUP: u64 = 1001;
const POINT: u64 = 2002;
const FILE: u64 = 3003;

fn backup_id(job: &Job) -> Id {
    job.id.derived(BACKUP)
}

/// Jobs that have a backup: those of machines that have run.
fn with_backup(world: &World) -> impl Iterator<Item = &Job> {
    world.jobs().iter().filter(|job| {
        job.kind == Kind::VSphere && job.repository.is_some() && world.runs(job.id).next().is_some()
    })
}

fn find(world: &World, id: Id) -> Result<&Job, Answer> {
    with_backup(world)
        .find(|job| backup_id(job) == id)
        .ok_or_else(|| Answer::not_found(id))
}

/// Runs that left something behind.
fn good<'a>(world: &'a World, job: &Job, now: OffsetDateTime) -> Vec<&'a Session> {
    let kept = |session: &&Session| {
        let view = session.view(now);
        view.outcome
            .is_some_and(|outcome| outcome != Outcome::Failed)
    };
    world.runs(job.id).filter(kept).collect()
}

fn platform_id() -> &'static str {
    "00000000-0000-0000-0000-000000000000"
}

pub(crate) fn list(world: &World, request: &Request<'_>) -> Result<Answer, Answer> {
    let query = &request.query;
    let name = query.pattern("nameFilter")?;
    let of = query.id("jobIdFilter")?;
    let after = query.time("createdAfterFilter")?;
    let order = query.order(&["Name", "CreationTime", "PlatformId", "JobId", "PolicyTag"])?;
    let page = query.page()?;
    let mut found: Vec<&Job> = with_backup(world)
        .filter(|job| {
            of.is_none_or(|of| of == job.id)
                && name.as_ref().is_none_or(|name| name.matches(&job.name))
                && after.is_none_or(|after| created(world, job).is_some_and(|at| at >= after))
        })
        .collect();
    if let Some(order) = order {
        order.sort(&mut found, |job, column| match column {
            "CreationTime" => created(world, job)
                .map_or(Key::Nothing, |at| Key::Number(at.unix_timestamp_nanos())),
            _ => Key::Text(job.name.to_lowercase()),
        });
    }
    Ok(page.envelope(&found, |job| backup(request.cx, world, job)))
}

fn created(world: &World, job: &Job) -> Option<OffsetDateTime> {
    world.runs(job.id).next().map(|session| session.created)
}

fn backup(cx: Cx, world: &World, job: &Job) -> Value {
    let repository = job.repository.as_ref();
    let mut backup = json!({
        "id": backup_id(job).to_string(),
        "jobId": job.id.to_string(),
        "name": job.name,
        "platformName": render::platform(cx.revision, job.kind),
        "platformId": platform_id(),
        "creationTime": clock::text(created(world, job).unwrap_or(cx.now)),
        "repositoryId": repository.map_or(Id::NIL, |one| one.id).to_string(),
    });
    if cx.revision.is_1_3() {
        backup["repositoryName"] = repository.map_or("", |one| one.name.as_str()).into();
        backup["jobType"] = render::job_type(cx.revision, job.kind).into();
    }
    if cx.revision == Revision::V1_1Rev0 {
        backup["policyTag"] = "".into();
    }
    backup
}

pub(crate) fn get(world: &World, request: &Request<'_>, id: Id) -> Result<Answer, Answer> {
    let job = find(world, id)?;
    Ok(Answer::ok(backup(request.cx, world, job)))
}

pub(crate) fn files(world: &World, request: &Request<'_>, id: Id) -> Result<Answer, Answer> {
    let job = find(world, id)?;
    let order = request.query.order(&["Name", "DataSize", "CreationTime"])?;
    let page = request.query.page()?;
    let mut found = good(world, job, request.cx.now);
    if let Some(order) = order {
        order.sort(&mut found, |session, _| {
            Key::Number(session.created.unix_timestamp_nanos())
        });
    }
    let oldest = world.runs(job.id).next().map(|session| session.id);
    Ok(page.envelope(&found, |session| {
        let data = (session.id.number() % 900 + 100) << 24;
        let (dedup, compress) = (81, 53);
        let point = session.id.derived(POINT).to_string();
        let ending = if oldest == Some(session.id) {
            "vbk"
        } else {
            "vib"
        };
        let mut file = json!({
            "id": session.id.derived(FILE).to_string(),
            "name": format!("D:\\Backups\\{}\\{}.{ending}", job.name, session.usn),
            "backupId": id.to_string(),
            "objectId": job.protected.first().map_or(Id::NIL, |one| one.id).to_string(),
            "restorePointIds": [point],
            "dataSize": data,
            "backupSize": data * dedup / 100 * compress / 100,
            "dedupRatio": dedup,
            "compressRatio": compress,
            "creationTime": tasks::time(request.cx, session.created),
            "gfsPeriods": ["None"],
        });
        if !request.cx.revision.is_1_3() {
            // Required before 1.3, and described nowhere.
            file["restorePointId"] = point.into();
        }
        file
    }))
}

pub(crate) fn objects(
    world: &World,
    request: &Request<'_>,
    of: Option<Id>,
) -> Result<Answer, Answer> {
    let (cx, query) = (request.cx, &request.query);
    let name = query.pattern("nameFilter")?;
    let order = query.order(&["Name", "ObjectId", "PlatformId", "Type"])?;
    let page = query.page()?;
    let of = of.map(|id| find(world, id)).transpose()?;
    let mut found: Vec<(&Job, &Protected)> = with_backup(world)
        .filter(|job| of.is_none_or(|of| of.id == job.id))
        .flat_map(|job| job.protected.iter().map(move |one| (job, one)))
        .filter(|(_, one)| name.as_ref().is_none_or(|name| name.matches(&one.name)))
        .collect();
    if let Some(order) = order {
        order.sort(&mut found, |(_, one), _| Key::Text(one.name.to_lowercase()));
    }
    Ok(page.envelope(&found, |(job, one)| object(cx, world, job, one)))
}

fn object(cx: Cx, world: &World, job: &Job, one: &Protected) -> Value {
    let mut object = json!({
        "id": one.id.to_string(),
        "name": one.name,
        "type": "VM",
        "platformName": render::platform(cx.revision, job.kind),
        "platformId": platform_id(),
        "restorePointsCount": good(world, job, cx.now).len(),
        "objectId": one.reference,
        "viType": "VirtualMachine",
        "path": "",
    });
    if cx.revision.is_1_3() {
        let last = world.latest(job.id, cx.now);
        let failed = last.is_some_and(|(_, view)| view.outcome == Some(Outcome::Failed));
        object["lastRunFailed"] = failed.into();
    }
    object
}

/// A moment to which a machine can be brought back.
struct Point<'a> {
    job: &'a Job,
    machine: &'a Protected,
    session: &'a Session,
}

pub(crate) fn restore_points(world: &World, request: &Request<'_>) -> Result<Answer, Answer> {
    let (cx, query) = (request.cx, &request.query);
    let name = query.pattern("nameFilter")?;
    let of = query.id("backupObjectIdFilter")?;
    let of_backup = query.id("backupIdFilter")?;
    let after = query.time("createdAfterFilter")?;
    let before = query.time("createdBeforeFilter")?;
    let order = query.order(&["CreationTime", "PlatformId", "BackupId"])?;
    let page = query.page()?;
    let mut found: Vec<Point<'_>> = Vec::new();
    for job in with_backup(world) {
        if of_backup.is_some_and(|of| of != backup_id(job)) {
            continue;
        }
        let machines: Vec<&Protected> = job
            .protected
            .iter()
            .filter(|one| {
                of.is_none_or(|of| of == one.id)
                    && name.as_ref().is_none_or(|name| name.matches(&one.name))
            })
            .collect();
        if machines.is_empty() {
            continue;
        }
        for session in good(world, job, cx.now) {
            let fits = after.is_none_or(|after| session.created >= after)
                && before.is_none_or(|before| session.created <= before);
            if fits {
                let points = machines.iter().map(|&machine| Point {
                    job,
                    machine,
                    session,
                });
                found.extend(points);
            }
        }
    }
    if let Some(order) = order {
        order.sort(&mut found, |point, _| {
            Key::Number(point.session.created.unix_timestamp_nanos())
        });
    }
    Ok(page.envelope(&found, |point| restore_point(cx, point)))
}

fn restore_point(cx: Cx, point: &Point<'_>) -> Value {
    let id = point.session.id.derived(POINT ^ point.machine.id.number());
    let mut rendered = json!({
        "id": id.to_string(),
        "name": point.machine.name,
        "platformName": render::platform(cx.revision, point.job.kind),
        "platformId": platform_id(),
        "creationTime": clock::text(point.session.created),
        "backupId": backup_id(point.job).to_string(),
        "allowedOperations": ["StartViVMInstantRecovery", "StartEntireVmRestore", "StartFlrRestore"],
    });
    if cx.revision > Revision::V1_1Rev0 {
        rendered["type"] = "Increment".into();
        rendered["malwareStatus"] = "Clean".into();
    }
    if cx.revision.is_1_3() {
        rendered["originalSize"] = (u64::from(point.machine.size_gb) << 30).into();
    }
    rendered
}
