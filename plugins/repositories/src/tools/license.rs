//! `repositories_license` and `repositories_license_workloads`: what is licensed, and what uses it.

use toolward_sdk::prelude::*;
use vbr::page::Span;
use vbr::revision::Feature;
use vbr::{Client, Moment, read};

use super::list;

/// Of which server.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct LicenseArgs {
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

/// So many of so many.
#[answer]
pub(crate) struct Use {
    /// What is counted: `instances`, `sockets`, `terabytes`.
    unit: String,
    /// How many are licensed.
    licensed: f64,
    /// How many are used.
    used: f64,
    /// How many are left.
    left: f64,
}

/// Of one type of workload.
#[answer]
pub(crate) struct WorkloadKind {
    /// The type of workload.
    #[serde(rename = "type")]
    kind: String,
    /// How many there are.
    count: i64,
    /// How many instances they use together.
    instances: f64,
}

/// The licence.
#[answer]
pub(crate) struct License {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// `valid`, `invalid`, `expired`.
    status: String,
    /// `community`, `standard`, `enterprise`, `enterpriseplus`.
    edition: String,
    /// `subscription`, `perpetual`, `evaluation`, `nfr`, `rental` and so on.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Whose it is.
    licensed_to: Option<String>,
    /// When it ends.
    expires: Option<Moment>,
    /// When support ends.
    support_expires: Option<Moment>,
    /// What of it is used.
    usage: Vec<Use>,
    /// What uses instances, by type.
    workloads: Vec<WorkloadKind>,
}

const INSTEAD: &str = "look at the licence in the console of the backup server";

/// Shows the licence: whether it is valid, when it ends, and how much of it is used.
///
/// Needs a server of version 12.2 or newer, and an account with the role of an administrator.
#[tool(read_only, idempotent, open_world = false, title = "Licence")]
pub(crate) fn repositories_license(cx: &Context, args: LicenseArgs) -> Result<License> {
    let client = Client::to(cx, args.server.as_deref())?;
    client.needs(Feature::Licence, INSTEAD)?;
    let answer = client.get(|http, _| Ok(http.get("/api/v1/license")))?;
    let zone = client.zone_of([&answer], &["expirationDate", "supportExpirationDate"])?;
    let instances = &answer["instanceLicenseSummary"];
    let usage = [
        usage(
            "instances",
            instances,
            "licensedInstancesNumber",
            "usedInstancesNumber",
        ),
        usage(
            "sockets",
            &answer["socketLicenseSummary"],
            "licensedSocketsNumber",
            "usedSocketsNumber",
        ),
        usage(
            "terabytes",
            &answer["capacityLicenseSummary"],
            "licensedCapacityTb",
            "usedCapacityTb",
        ),
    ];
    let objects = instances["objects"].as_array().into_iter().flatten();
    Ok(License {
        server: client.server().label(),
        status: read::word_or(&answer, "status", "unknown"),
        edition: read::word_or(&answer, "edition", "unknown"),
        kind: read::word(&answer, "type"),
        licensed_to: read::text(&answer, "licensedTo"),
        expires: Moment::read(&answer, "expirationDate", zone),
        support_expires: Moment::read(&answer, "supportExpirationDate", zone),
        usage: usage.into_iter().flatten().collect(),
        workloads: objects
            .map(|object| WorkloadKind {
                kind: read::always(object, "type"),
                count: object["count"].as_i64().unwrap_or(0),
                instances: object["usedInstancesNumber"].as_f64().unwrap_or(0.0),
            })
            .collect(),
    })
}

fn usage(unit: &str, summary: &Value, licensed: &str, used: &str) -> Option<Use> {
    let (licensed, used) = (summary[licensed].as_f64()?, summary[used].as_f64()?);
    Some(Use {
        unit: unit.to_owned(),
        licensed,
        used,
        left: ((licensed - used) * 100.0).round() / 100.0,
    })
}

/// Which workloads.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct WorkloadsArgs {
    /// A part of the machine's name.
    name: Option<String>,
    /// How many to return at most.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 200))]
    limit: u64,
    /// How many to skip: `next_skip` of the previous answer.
    #[serde(default)]
    skip: u64,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

fn default_limit() -> u64 {
    50
}

/// Something that uses the licence.
#[answer]
pub(crate) struct Workload {
    /// Its name.
    name: String,
    /// The host that it runs on.
    host: Option<String>,
    /// What it is, such as `Virtual Machine`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// How many instances it uses.
    instances: f64,
}

/// What uses the licence.
#[answer]
pub(crate) struct WorkloadList {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The workloads, by name.
    workloads: Vec<Workload>,
    /// How many match in all, where that is known.
    total: Option<u64>,
    /// There is more: call again with this as `skip`.
    next_skip: Option<u64>,
}

/// Lists the machines and other workloads that use instances of the licence.
///
/// Needs a server of version 12.2 or newer, and an account with the role of an administrator.
#[tool(
    read_only,
    idempotent,
    open_world = false,
    title = "Licensed workloads"
)]
pub(crate) fn repositories_license_workloads(
    cx: &Context,
    args: WorkloadsArgs,
) -> Result<WorkloadList> {
    let client = Client::to(cx, args.server.as_deref())?;
    client.needs(Feature::Licence, INSTEAD)?;
    let span = Span {
        skip: args.skip,
        limit: args.limit,
    };
    let part = list(&client, span, args.name.as_deref(), |http, _| {
        Ok(http.get("/api/v1/license/instances"))
    })?;
    let workloads = part.data.iter().map(|workload| Workload {
        name: read::text(workload, "displayName").unwrap_or_else(|| read::always(workload, "name")),
        host: read::text(workload, "hostName"),
        kind: read::text(workload, "type"),
        instances: workload["usedInstancesNumber"].as_f64().unwrap_or(0.0),
    });
    Ok(WorkloadList {
        server: client.server().label(),
        workloads: workloads.collect(),
        total: part.total,
        next_skip: part.next_skip,
    })
}
