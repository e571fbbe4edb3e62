//! `repositories_managed_servers`: the machines that the backup server works with.

use toolward_sdk::prelude::*;
use vbr::page::Span;
use vbr::{Client, read};

use super::list;

/// Which servers to list; all of them when nothing is said.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ServersArgs {
    /// A part of the server's name.
    name: Option<String>,
    /// What it is: `WindowsHost`, `LinuxHost`, `ViHost` (a vCenter or a host), `CloudDirectorHost`; from 1.3 on also
    /// `HvServer`, `HvCluster`, `SCVMM`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Only those that cannot be reached.
    #[serde(default)]
    unavailable: bool,
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

/// A server that the backup server works with.
#[answer]
pub(crate) struct ManagedServer {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// What it is.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// `available` or `unavailable`.
    status: String,
    /// What somebody wrote about it.
    description: Option<String>,
    /// Whether it is the backup server itself; from 1.3 on, and only where it is.
    is_backup_server: Option<bool>,
}

/// Servers that the backup server works with.
#[answer]
pub(crate) struct ManagedServers {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The servers.
    servers: Vec<ManagedServer>,
    /// How many match in all, where that is known.
    total: Option<u64>,
    /// There is more: call again with this as `skip`.
    next_skip: Option<u64>,
}

/// Lists the servers that the backup server works with, and whether they can be reached: hypervisors, Windows and Linux
/// hosts.
#[tool(read_only, idempotent, open_world = false, title = "Managed servers")]
pub(crate) fn repositories_managed_servers(
    cx: &Context,
    args: ServersArgs,
) -> Result<ManagedServers> {
    let client = Client::to(cx, args.server.as_deref())?;
    let kind = args
        .kind
        .as_deref()
        .map(str::trim)
        .filter(|kind| !kind.is_empty());
    let span = Span {
        skip: args.skip,
        limit: args.limit,
    };
    let ask = |span: Span| {
        list(&client, span, args.name.as_deref(), |http, _| {
            Ok(http
                .get("/api/v1/backupInfrastructure/managedServers")
                .query("orderColumn", "Name")
                .query("orderAsc", true)
                .query_opt("typeFilter", kind))
        })
    };
    if args.unavailable {
        // Not every revision has a filter for it, and there are seldom many.
        let all = ask(Span {
            skip: 0,
            limit: 10_000,
        })?;
        let gone: Vec<ManagedServer> = all
            .data
            .iter()
            .map(of)
            .filter(|server| server.status != "available")
            .collect();
        let total = gone.len() as u64;
        let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
        let skip = usize::try_from(args.skip).unwrap_or(usize::MAX);
        let next = args.skip + args.limit;
        return Ok(ManagedServers {
            server: client.server().label(),
            servers: gone.into_iter().skip(skip).take(limit).collect(),
            total: Some(total),
            next_skip: (next < total).then_some(next),
        });
    }
    let part = ask(span)?;
    Ok(ManagedServers {
        server: client.server().label(),
        servers: part.data.iter().map(of).collect(),
        total: part.total,
        next_skip: part.next_skip,
    })
}

fn of(server: &Value) -> ManagedServer {
    ManagedServer {
        id: read::always(server, "id"),
        name: read::always(server, "name"),
        kind: read::text(server, "type"),
        status: read::word_or(server, "status", "unknown"),
        description: read::text(server, "description"),
        is_backup_server: server["isBackupServer"].as_bool().filter(|is| *is),
    }
}
