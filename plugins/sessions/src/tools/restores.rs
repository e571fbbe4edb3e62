//! `sessions_restores`: what was restored.

use toolward_sdk::prelude::*;
use vbr::page::Span;
use vbr::session::{SESSIONS, Session};
use vbr::{Client, Revision, window};

/// How far back to look.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct RestoresArgs {
    /// Only what began since then: `last 24 hours`, `30 days`, `2026-11-20`, or an RFC 3339 time.
    #[serde(default = "default_since")]
    since: String,
    /// How many to return at most.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 200))]
    limit: u64,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

fn default_since() -> String {
    "30 days".to_owned()
}

fn default_limit() -> u64 {
    20
}

/// Restores.
#[answer]
pub(crate) struct Restores {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The sessions, the newest first.
    sessions: Vec<Session>,
    /// How many there are in all, where that is known.
    total: Option<u64>,
    /// Whether there are more than these.
    more: bool,
}

/// The types of sessions that restore, in all revisions since 1.2.
const TYPES: [&str; 9] = [
    "RestoreVm",
    "InstantRecovery",
    "FileLevelRestore",
    "LinuxFileLevelRestore",
    "FirstClassDiskInstantRestore",
    "CloudDirectorVmRestore",
    "CloudDirectorVAppRestore",
    "EntraIdRestore",
    "NasRestore",
];

/// Lists restores of machines, disks and files, the newest first.
#[tool(read_only, idempotent, open_world = false, title = "Restores")]
pub(crate) fn sessions_restores(cx: &Context, args: RestoresArgs) -> Result<Restores> {
    let client = Client::to(cx, args.server.as_deref())?;
    let since = client.since(Some(&args.since))?.map(window::filter);
    // Which way to go depends on the revision, so it has to be certain.
    client.zone()?;
    let span = Span {
        skip: 0,
        limit: args.limit,
    };
    let list = |types: &[&str]| {
        let keep =
            |session: &Value| is_restore(session["sessionType"].as_str().unwrap_or_default());
        client.part(span, !types.is_empty(), keep, |http, _| {
            let mut request = http
                .get(SESSIONS)
                .query("orderColumn", "CreationTime")
                .query("orderAsc", false)
                .query_opt("createdAfterFilter", since.as_ref());
            for kind in types {
                request = request.query("typeFilter", kind);
            }
            Ok(request)
        })
    };
    let parts = if client.revision().filters_by_several() {
        vec![list(&TYPES)?]
    } else if client.revision() >= Revision::V1_2Rev0 {
        TYPES
            .iter()
            .map(|kind| list(&[kind]))
            .collect::<Result<Vec<_>>>()?
    } else {
        // Its types are not all known: those that sound like it.
        vec![list(&[])?]
    };
    let total: Option<u64> = parts.iter().map(|part| part.total).sum();
    let mut more = parts.iter().any(|part| part.next_skip.is_some());
    let mut found: Vec<Value> = parts.into_iter().flat_map(|part| part.data).collect();
    found.sort_by_cached_key(|session| {
        let at = session["creationTime"].as_str().unwrap_or_default();
        let at = vbr::moment::parse(at, time::UtcOffset::UTC);
        std::cmp::Reverse(at.map(time::OffsetDateTime::unix_timestamp_nanos))
    });
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    more |= found.len() > limit;
    found.truncate(limit);
    Ok(Restores {
        server: client.server().label(),
        sessions: super::read(&client, &found)?,
        total,
        more,
    })
}

fn is_restore(kind: &str) -> bool {
    TYPES.contains(&kind) || kind.contains("Restore") || kind.contains("Recovery")
}
