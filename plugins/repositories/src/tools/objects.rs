//! `repositories_objects`: the machines and other things that have backups.

use toolward_sdk::prelude::*;
use vbr::page::Span;
use vbr::{Client, Size, read};

use super::list;

/// Which objects to list; all of them when nothing is said.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ObjectsArgs {
    /// A part of the machine's name: several words, in any case, with or without accents.
    name: Option<String>,
    /// Only those of one backup: its id, its name, or a part of it.
    backup: Option<String>,
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

/// A machine, share or other thing that has backups.
#[answer]
pub(crate) struct Object {
    /// Its id, for `repositories_restore_points`.
    id: String,
    /// Its name.
    name: String,
    /// What it is, such as `VM`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Where it runs, such as `VMware`.
    platform: Option<String>,
    /// How many restore points it has.
    restore_points: Option<i64>,
    /// Whether its last backup failed; from 1.3 on, and only where it did.
    last_run_failed: Option<bool>,
    /// Where it is in the inventory.
    path: Option<String>,
    /// How large it is.
    size: Option<Size>,
}

/// Things that have backups.
#[answer]
pub(crate) struct ObjectList {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The objects.
    objects: Vec<Object>,
    /// How many match in all, where that is known.
    total: Option<u64>,
    /// There is more: call again with this as `skip`.
    next_skip: Option<u64>,
}

/// Lists machines and other things that have backups, with the number of their restore points.
#[tool(
    read_only,
    idempotent,
    open_world = false,
    title = "Backed-up machines"
)]
pub(crate) fn repositories_objects(cx: &Context, args: ObjectsArgs) -> Result<ObjectList> {
    let client = Client::to(cx, args.server.as_deref())?;
    let span = Span {
        skip: args.skip,
        limit: args.limit,
    };
    let part = match args
        .backup
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
    {
        None => list(&client, span, args.name.as_deref(), |http, _| {
            Ok(http
                .get("/api/v1/backupObjects")
                .query("orderColumn", "Name")
                .query("orderAsc", true))
        })?,
        Some(backup) => of_backup(&client, backup, span, args.name.as_deref())?,
    };
    let objects = part.data.iter().map(|object| Object {
        id: read::always(object, "id"),
        name: read::always(object, "name"),
        kind: read::text(object, "viType").or_else(|| read::text(object, "type")),
        platform: read::text(object, "platformName"),
        restore_points: object["restorePointsCount"].as_i64(),
        last_run_failed: object["lastRunFailed"].as_bool().filter(|failed| *failed),
        path: read::text(object, "path"),
        size: Size::read(object, "size"),
    });
    Ok(ObjectList {
        server: client.server().label(),
        objects: objects.collect(),
        total: part.total,
        next_skip: part.next_skip,
    })
}

/// The objects of one backup. Before 1.3 they come all at once, and nowhere can they be filtered there.
fn of_backup(
    client: &Client<'_>,
    backup: &str,
    span: Span,
    name: Option<&str>,
) -> Result<vbr::page::Part> {
    let (id, _) = super::files::find(client, backup)?;
    let answer = client.get(|http, revision| {
        let request = http.get("/api/v1/backups").segment(&id).segment("objects");
        Ok(if revision.filters_by_several() {
            request.query("limit", 10_000)
        } else {
            request
        })
    })?;
    let wanted = name.and_then(vbr::names::Wanted::new);
    let mut all: Vec<Value> = answer["data"].as_array().cloned().unwrap_or_default();
    all.retain(|object| {
        let name = object["name"].as_str().unwrap_or_default();
        wanted
            .as_ref()
            .is_none_or(|wanted| wanted.fit(name).is_some())
    });
    let total = all.len() as u64;
    let skip = usize::try_from(span.skip).unwrap_or(usize::MAX);
    let limit = usize::try_from(span.limit).unwrap_or(usize::MAX);
    let next = span.skip + span.limit;
    Ok(vbr::page::Part {
        data: all.into_iter().skip(skip).take(limit).collect(),
        total: Some(total),
        next_skip: (next < total).then_some(next),
    })
}
