//! `repositories_server_info`: the backup servers themselves.

use toolward_sdk::prelude::*;
use vbr::servers::{Unreachable, ask_all};
use vbr::{Client, Moment, moment, read};

/// Of which server.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct InfoArgs {
    /// Only this backup server; all of them if nothing is said.
    server: Option<String>,
}

/// A backup server.
#[answer]
pub(crate) struct Info {
    /// As the argument `server` of the tools takes it.
    server: String,
    /// Its name for people, as the operator wrote it.
    title: Option<String>,
    /// Its own name.
    name: String,
    /// The version of Veeam Backup & Replication.
    build: String,
    /// Patches that are installed.
    patches: Vec<String>,
    /// The revision of its API that is spoken here.
    revision: String,
    /// `windows` or `linux`; from 1.3 on.
    platform: Option<String>,
    /// Its database, such as `PostgreSQL 15.8`.
    database: Option<String>,
    /// The time of its clock.
    time: Option<Moment>,
    /// Its zone.
    time_zone: Option<String>,
    /// By how many seconds its clock differs from this host's; only where it is more than a minute.
    clock_off_by_seconds: Option<i64>,
    /// Whether it can be looked at only.
    read_only: bool,
}

/// The backup servers.
#[answer]
pub(crate) struct Infos {
    /// The servers.
    servers: Vec<Info>,
    /// Servers that could not be asked.
    unreachable: Vec<Unreachable>,
}

/// Shows the backup servers: name, version, revision of the API, database, time and zone.
///
/// Asks all of them; one that does not answer is named and does not hide the others.
#[tool(read_only, idempotent, open_world = false, title = "Backup servers")]
pub(crate) fn repositories_server_info(cx: &Context, args: InfoArgs) -> Result<Infos> {
    let all = ask_all(cx, args.server.as_deref(), info)?;
    Ok(Infos {
        servers: all.answers.into_iter().map(|(_, info)| info).collect(),
        unreachable: all.unreachable,
    })
}

fn info(client: &Client<'_>) -> Result<Info> {
    let answer = client.get(|http, _| Ok(http.get("/api/v1/serverInfo")))?;
    let time = client.get(|http, _| Ok(http.get("/api/v1/serverTime")))?;
    let at = read::text(&time, "serverTime");
    let at = at.and_then(|at| moment::parse(&at, time::UtcOffset::UTC));
    let off = at.map(|at| (at - moment::now()).whole_seconds());
    let server = client.server();
    Ok(Info {
        server: server.name.clone(),
        title: server.title.clone(),
        name: read::always(&answer, "name"),
        build: read::always(&answer, "buildVersion"),
        patches: answer["patches"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(read::text_of)
            .collect(),
        revision: client.revision().to_string(),
        platform: read::word(&answer, "platform"),
        database: read::text(&answer, "sqlServerVersion")
            .or_else(|| read::text(&answer, "databaseVendor")),
        time: at.map(Moment::of),
        time_zone: read::text(&time, "timeZone"),
        clock_off_by_seconds: off.filter(|off| off.abs() > 60),
        read_only: server.read_only,
    })
}
