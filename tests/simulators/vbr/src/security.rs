//! The licence, what malware detection and the security analyzer say, and the backup of the configuration.

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::answer::Answer;
use crate::clock;
use crate::id::Id;
use crate::jobs::{self, Key};
use crate::model::{Job, Kind, Protected, Work, World};
use crate::options::Licence;
use crate::render;
use crate::routes::Request;

fn licensed(world: &World) -> impl Iterator<Item = (&Job, &Protected)> {
    let jobs = world.jobs().iter();
    jobs.filter(|job| job.kind == Kind::VSphere)
        .flat_map(|job| job.protected.iter().map(move |one| (job, one)))
}

pub(crate) fn licence(
    world: &World,
    request: &Request<'_>,
    licence: Licence,
) -> Result<Answer, Answer> {
    jobs::administrator(request)?;
    let cx = request.cx;
    let used = licensed(world).count();
    let day = time::Duration::days(1);
    let (status, expires) = match licence {
        Licence::Valid => ("Valid", cx.now + day * 200),
        Licence::Expired => ("Expired", cx.now - day * 3),
        Licence::Community => ("Valid", cx.now + day * 10_000),
    };
    let mut answer = json!({
        "status": status,
        "type": "Subscription",
        "edition": "EnterprisePlus",
        "licensedTo": "Example Ltd \"Größe\"",
        "supportId": "01234567",
        "expirationDate": clock::text(expires),
        "autoUpdateEnabled": true,
        "freeAgentInstanceConsumptionEnabled": false,
        "cloudConnect": "Disabled",
    });
    if licence == Licence::Community {
        answer["edition"] = "Community".into();
        answer["type"] = "Free".into();
    } else {
        answer["supportExpirationDate"] = clock::text(expires).into();
        answer["instanceLicenseSummary"] = json!({
            "licensedInstancesNumber": 500.0,
            "usedInstancesNumber": used,
            "newInstancesNumber": 2.0,
            "rentalInstancesNumber": 0.0,
            "package": "Suite",
            "objects": [{ "type": "VMware", "count": used, "multiplier": 1.0, "usedInstancesNumber": used }],
        });
    }
    if cx.revision.is_1_3() {
        answer["IsMultiSection"] = false.into();
        answer["proactiveSupportEnabled"] = true.into();
    }
    Ok(Answer::ok(answer))
}

pub(crate) fn workloads(world: &World, request: &Request<'_>) -> Result<Answer, Answer> {
    jobs::administrator(request)?;
    let cx = request.cx;
    let name = request.query.pattern("nameFilter")?;
    let page = request.query.page()?;
    let found: Vec<&Protected> = licensed(world)
        .map(|(_, one)| one)
        .filter(|one| name.as_ref().is_none_or(|name| name.matches(&one.name)))
        .collect();
    Ok(page.envelope(&found, |one| {
        let mut workload = json!({
            "name": one.name,
            "hostName": "vcenter01.example",
            "usedInstancesNumber": 1.0,
            "type": "Virtual Machine",
            "instanceId": one.id.derived(4).to_string(),
        });
        if cx.revision.is_1_3() {
            workload["displayName"] = one.name.clone().into();
            workload["platformType"] = "VMware".into();
            workload["canBeRevoked"] = true.into();
        }
        workload
    }))
}

/// Something that malware detection has found.
struct Event<'a> {
    id: Id,
    machine: &'a Protected,
    kind: &'static str,
    severity: &'static str,
    open: bool,
    at: OffsetDateTime,
}

fn events(world: &World, now: OffsetDateTime) -> Vec<Event<'_>> {
    let kinds = [
        ("EncryptedData", "Suspicious", true),
        ("RansomwareNotes", "Infected", true),
        ("MalwareExtensions", "Suspicious", false),
    ];
    licensed(world)
        .zip(kinds.iter().cycle())
        .take(12)
        .enumerate()
        .map(|(at, ((_, machine), (kind, severity, open)))| Event {
            id: machine.id.derived(5),
            machine,
            kind,
            severity,
            open: *open,
            at: now - time::Duration::hours(7 * i64::try_from(at).unwrap_or(0) + 1),
        })
        .collect()
}

pub(crate) fn malware(world: &World, request: &Request<'_>) -> Result<Answer, Answer> {
    let (cx, query) = (request.cx, &request.query);
    let severities = query.all("severityFilter");
    let states = query.all("stateFilter");
    let after = query.time("detectedAfterTimeUtcFilter")?;
    let order = query.order(&["Type", "DetectionTimeUtc", "State", "Source", "Severity"])?;
    let page = query.page()?;
    let state = |event: &Event<'_>| {
        if event.open {
            "Created"
        } else {
            "FalsePositive"
        }
    };
    let mut found = events(world, cx.now);
    found.retain(|event| {
        (severities.is_empty() || severities.contains(&event.severity))
            && (states.is_empty() || states.contains(&state(event)))
            && after.is_none_or(|after| event.at >= after)
    });
    if let Some(order) = order {
        order.sort(&mut found, |event, _| {
            Key::Number(event.at.unix_timestamp_nanos())
        });
    }
    Ok(page.envelope(&found, |event| {
        let at = clock::text(event.at);
        let mut rendered = json!({
            "id": event.id.to_string(),
            "type": event.kind,
            "detectionTimeUtc": at,
            "machine": {
                "displayName": event.machine.name,
                "uuid": event.machine.id.to_string(),
                "backupObjectId": event.machine.id.to_string(),
            },
            "state": state(event),
            "details": "Found in guest files",
            "source": "InternalVeeamDetector",
            "severity": event.severity,
            "createdBy": "SYSTEM",
            "engine": "Guest indexing scan",
        });
        if cx.revision.is_1_3() {
            rendered["creationTimeUtc"] = at.into();
        }
        rendered
    }))
}

pub(crate) fn best_practices(world: &World) -> Answer {
    let practices = [
        ("MFAEnabled", "OK", None),
        ("BackupServerNotInDomain", "Violation", None),
        ("ConfigurationBackupEncryption", "Violation", None),
        (
            "ReverseIncrementalInUse",
            "Suppressed",
            Some("Accepted by «IT», see ticket"),
        ),
        ("SmbSigning", "UnableToCheck", None),
    ];
    let seed = world.estate().hosts.first().map_or(Id::NIL, |host| host.id);
    let items: Vec<Value> = practices
        .into_iter()
        .zip(6..)
        .map(|((name, status, note), salt)| {
            let mut item = json!({ "id": seed.derived(salt).to_string(), "bestPractice": name, "status": status });
            if let Some(note) = note {
                item["note"] = note.into();
            }
            item
        })
        .collect();
    Answer::ok(json!({ "items": items }))
}

pub(crate) fn last_analysis(world: &World, request: &Request<'_>) -> Result<Answer, Answer> {
    let mut sessions = world.sessions().iter().rev();
    let session = sessions
        .find(|session| session.work == Work::Analyzer)
        .ok_or_else(|| Answer::not_found(Id::NIL))?;
    Ok(Answer::ok(render::session(request.cx, session, None)))
}

pub(crate) fn config_backup(world: &World, request: &Request<'_>) -> Answer {
    let repository = world
        .estate()
        .stores
        .first()
        .map_or(Id::NIL, |store| store.id);
    let now = request.cx.now;
    let mut answer = json!({
        "isEnabled": true,
        "backupRepositoryId": repository.to_string(),
        "restorePointsToKeep": 10,
        "notifications": { "SNMPEnabled": false },
        "schedule": { "isEnabled": true },
        "lastSuccessfulBackup": {
            "lastSuccessfulTime": clock::text(now - time::Duration::hours(11)),
            "sessionId": repository.derived(7).to_string(),
        },
        "encryption": { "isEnabled": false, "passwordId": Id::NIL.to_string() },
    });
    if world.jobs().is_empty() {
        answer["lastSuccessfulBackup"] = json!({});
        answer["isEnabled"] = false.into();
    }
    Answer::ok(answer)
}
