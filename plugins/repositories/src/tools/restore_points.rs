//! `repositories_restore_points`: the moments to which a machine can be brought back.

use toolward_sdk::prelude::*;
use vbr::page::Span;
use vbr::{Client, Moment, Size, read, window};

use super::list;

/// Whose restore points, and which of them.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct PointsArgs {
    /// The machine: its name, a part of it, or the `id` that `repositories_objects` shows. All machines if nothing is said.
    machine: Option<String>,
    /// Only those of one backup, by its id.
    backup_id: Option<String>,
    /// Only what was made since then: `7 days`, `last night`, `2026-11-20`, or an RFC 3339 time.
    since: Option<String>,
    /// Only what was made before then: the same words.
    until: Option<String>,
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
    20
}

/// A moment to which a machine can be brought back.
#[answer]
pub(crate) struct RestorePoint {
    /// Its id.
    id: String,
    /// The machine.
    name: String,
    /// When it was made.
    created: Option<Moment>,
    /// `full`, `increment`, `rollback`, `snapshot` and so on.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Where the machine runs, such as `VMware`.
    platform: Option<String>,
    /// The backup that holds it.
    backup_id: Option<String>,
    /// What malware detection says: `clean`, `informative`, `suspicious`, `infected`.
    malware: Option<String>,
    /// How large the machine was; from 1.3 on.
    size: Option<Size>,
    /// What can be done with it, such as `StartViVMInstantRecovery`.
    allowed_operations: Vec<String>,
}

/// Restore points.
#[answer]
pub(crate) struct RestorePointList {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The restore points, the newest first.
    restore_points: Vec<RestorePoint>,
    /// How many match in all, where that is known.
    total: Option<u64>,
    /// There is more: call again with this as `skip`.
    next_skip: Option<u64>,
}

/// Lists restore points, the newest first: to which moments a machine can be brought back.
#[tool(read_only, idempotent, open_world = false, title = "Restore points")]
pub(crate) fn repositories_restore_points(
    cx: &Context,
    args: PointsArgs,
) -> Result<RestorePointList> {
    let client = Client::to(cx, args.server.as_deref())?;
    let since = client.since(args.since.as_deref())?;
    let until = client.since(args.until.as_deref())?;
    let machine = args
        .machine
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty());
    let (id, name) = match machine {
        Some(id) if read::is_id(id) => (Some(id), None),
        name => (None, name),
    };
    let span = Span {
        skip: args.skip,
        limit: args.limit,
    };
    let part = list(&client, span, name, |http, revision| {
        Ok(http
            .get(revision.restore_points())
            .query("orderColumn", "CreationTime")
            .query("orderAsc", false)
            .query_opt("backupObjectIdFilter", id)
            .query_opt("backupIdFilter", args.backup_id.as_ref())
            .query_opt("createdAfterFilter", since.map(window::filter))
            .query_opt("createdBeforeFilter", until.map(window::filter)))
    })?;
    let zone = client.zone_of(&part.data, &["creationTime"])?;
    let points = part.data.iter().map(|point| RestorePoint {
        id: read::always(point, "id"),
        name: read::always(point, "name"),
        created: Moment::read(point, "creationTime", zone),
        kind: read::word(point, "type"),
        platform: read::text(point, "platformName"),
        backup_id: read::text(point, "backupId"),
        malware: read::word(point, "malwareStatus"),
        size: Size::read(point, "originalSize"),
        allowed_operations: point["allowedOperations"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(read::text_of)
            .collect(),
    });
    Ok(RestorePointList {
        server: client.server().label(),
        restore_points: points.collect(),
        total: part.total,
        next_skip: part.next_skip,
    })
}
