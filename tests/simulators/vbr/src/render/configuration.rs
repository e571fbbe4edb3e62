//! A job's configuration: another shape for every kind of job, and some of them differ by revision.

use serde_json::{Map, Value, json};

use super::{Cx, job_type};
use crate::id::Id;
use crate::model::{Job, Kind, Protected, Schedule};

/// `None` where the revision has no shape for this kind, whether it lists such jobs or not.
pub(crate) fn configuration(cx: Cx, job: &Job) -> Option<Value> {
    let own = match job.kind {
        Kind::VSphere => vsphere(cx, job),
        Kind::HyperV => hyper_v(cx, job),
        Kind::Replica => replica(cx, job),
        Kind::BackupCopy => backup_copy(job),
        Kind::FileCopy => file_copy(cx, job),
        Kind::WindowsAgent => windows_agent(cx, job),
        Kind::CloudAws => return None,
    };
    let Value::Object(mut rendered) = own else {
        return None;
    };
    let common = [
        ("id", Value::from(job.id.to_string())),
        ("name", job.name.clone().into()),
        ("type", job_type(cx.revision, job.kind)?.into()),
        ("isDisabled", job.disabled.into()),
    ];
    rendered.extend(common.map(|(name, value)| (name.to_owned(), value)));
    Some(Value::Object(rendered))
}

fn vsphere(cx: Cx, job: &Job) -> Value {
    json!({
        "description": job.description,
        "isHighPriority": job.high_priority,
        "virtualMachines": {
            "includes": machines(cx, job),
            "excludes": {
                "vms": [],
                "disks": [],
                "templates": { "isEnabled": true, "excludeFromIncremental": true },
            },
        },
        "storage": storage(job, &json!({ "autoSelectEnabled": true, "proxyIds": [] })),
        "guestProcessing": guest_processing(),
        "schedule": schedule(cx, job),
    })
}

fn hyper_v(cx: Cx, job: &Job) -> Value {
    json!({
        "description": job.description,
        "isHighPriority": job.high_priority,
        "virtualMachines": { "includes": machines(cx, job) },
        "storage": storage(job, &json!({ "proxyType": "OnHost" })),
        "guestProcessing": guest_processing(),
        "schedule": schedule(cx, job),
    })
}

fn replica(cx: Cx, job: &Job) -> Value {
    let place = |kind: &str, name: &str| {
        let place = Protected {
            id: Id::NIL,
            name: name.to_owned(),
            reference: format!("{}-1", kind.to_lowercase()),
            size_gb: 0,
        };
        inventory_object(cx, job.kind, kind, &place)
    };
    json!({
        "description": job.description,
        "isHighPriority": job.high_priority,
        "virtualMachines": { "includes": machines(cx, job) },
        "destination": {
            "host": place("Host", "esx-dr.example"),
            "resourcePool": place("ResourcePool", "Resources"),
            "folder": place("Folder", "vm"),
            "datastore": place("Datastore", "ds-dr"),
        },
        "schedule": schedule(cx, job),
    })
}

fn backup_copy(job: &Job) -> Value {
    let source = job.source.as_ref();
    let jobs: Vec<Value> = source
        .map(|(id, name)| json!({ "id": id.to_string(), "name": name, "type": "VSphereBackup" }))
        .into_iter()
        .collect();
    json!({
        "description": job.description,
        "mode": "Immediate",
        "sourceObjects": { "includes": { "jobs": jobs, "repositories": [] }, "enableTransactionLogCopy": false },
        "target": {
            "backupRepositoryId": repository(job),
            "retentionPolicy": { "type": "RestorePoints", "quantity": 14 },
        },
        "schedule": { "type": "Immediate", "scheduleMode": "Continuous" },
    })
}

fn file_copy(cx: Cx, job: &Job) -> Value {
    let source = job.source.as_ref().map_or(Id::NIL, |(id, _)| *id);
    let mut own = Map::new();
    cx.extend(
        &mut own,
        [
            ("primaryJobId", Some(source.to_string().into())),
            ("backupRepositoryId", Some(repository(job))),
            ("useCustomRetention", Some(true.into())),
            (
                "retentionPolicy",
                Some(json!({ "type": "Days", "quantity": 28 })),
            ),
            ("schedule", Some(json!({ "type": "Continuous" }))),
        ],
    );
    Value::Object(own)
}

fn windows_agent(cx: Cx, job: &Job) -> Value {
    let computers: Vec<Value> = job
        .protected
        .iter()
        .map(|one| {
            json!({
                "platform": "Agent",
                "id": one.id.to_string(),
                "name": one.name,
                "type": "WindowsComputer",
                "protectionGroupId": one.id.to_string(),
            })
        })
        .collect();
    json!({
        "description": job.description,
        "isHighPriority": job.high_priority,
        "agentType": "Server",
        "computers": computers,
        "backupMode": "EntireComputer",
        "storage": {
            "backupRepositoryId": repository(job),
            "retentionPolicy": { "type": "Days", "quantity": 7 },
        },
        "schedule": schedule(cx, job),
    })
}

fn repository(job: &Job) -> Value {
    job.repository
        .as_ref()
        .map_or(Id::NIL, |repository| repository.id)
        .to_string()
        .into()
}

fn storage(job: &Job, proxies: &Value) -> Value {
    json!({
        "backupRepositoryId": repository(job),
        "backupProxies": proxies,
        "retentionPolicy": { "type": "Days", "quantity": 7 },
        "gfsPolicy": { "isEnabled": false },
        "advancedSettings": {
            "backupModeType": "Incremental",
            // Misspelled by the vendor.
            "synthenticFulls": { "isEnabled": true },
            "activeFulls": { "isEnabled": false },
        },
    })
}

fn guest_processing() -> Value {
    json!({
        "appAwareProcessing": { "isEnabled": false },
        "guestFSIndexing": { "isEnabled": false },
    })
}

fn machines(cx: Cx, job: &Job) -> Value {
    let nested = cx.quirks.nested_includes && cx.revision.is_1_3();
    let machines = job.protected.iter().map(|one| {
        let size = format!("{} GB", one.size_gb);
        let mut object = inventory_object(cx, job.kind, "VirtualMachine", one);
        if nested {
            if let Value::Object(object) = &mut object {
                object.remove("platform");
            }
            return json!({ "inventoryObject": object, "size": size });
        }
        object["size"] = size.into();
        object
    });
    machines.collect()
}

fn inventory_object(cx: Cx, kind: Kind, object_type: &str, object: &Protected) -> Value {
    let platform = match (kind, cx.revision.is_1_3()) {
        (Kind::HyperV, _) => "HyperV",
        (_, false) => "VMware",
        (_, true) => "VSphere",
    };
    json!({
        "platform": platform,
        "type": object_type,
        "hostName": "vcenter01.example",
        "name": object.name,
        "objectId": object.reference,
    })
}

fn schedule(cx: Cx, job: &Job) -> Value {
    let day = |name: &'static str| super::spelled(cx.revision, name);
    let (daily, hourly, after) = match &job.schedule {
        Schedule::Manual => (None, None, None),
        Schedule::Daily { hour, minute } => (Some(format!("{hour}:{minute:02}")), None, None),
        Schedule::Hourly { every } => (None, Some(*every), None),
        Schedule::After { name, .. } => (None, None, Some(name)),
    };
    let mut after_this = json!({ "isEnabled": after.is_some() });
    if let Some(name) = after {
        after_this["jobName"] = name.clone().into();
    }
    json!({
        "runAutomatically": job.schedule != Schedule::Manual,
        "daily": {
            "isEnabled": daily.is_some(),
            "localTime": daily.unwrap_or_else(|| "22:00".to_owned()),
            "dailyKind": "Everyday",
            "days": [day("Monday"), day("Tuesday"), day("Wednesday"), day("Thursday"), day("Friday"), day("Saturday"), day("Sunday")],
        },
        "monthly": {
            "isEnabled": false,
            "localTime": "22:00",
            "dayOfWeek": day("Saturday"),
            "dayNumberInMonth": "Fourth",
            "months": ["January", "July"],
        },
        "periodically": {
            "isEnabled": hourly.is_some(),
            "periodicallyKind": "Hours",
            "frequency": hourly.unwrap_or(1),
        },
        "continuously": { "isEnabled": false },
        "afterThisJob": after_this,
        "retry": { "isEnabled": true, "retryCount": 3, "awaitMinutes": 10 },
        "backupWindow": { "isEnabled": false },
    })
}
