//! `repositories_list`: the repositories with their state and capacity.

use toolward_sdk::prelude::*;
use vbr::page::Span;
use vbr::{Client, Revision};

use super::list;
use crate::repository::{Repository, STATES};

/// Which repositories to list; all of them when nothing is said.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ListArgs {
    /// A part of the repository's name: several words, in any case, with or without accents.
    name: Option<String>,
    /// The type of repository, such as `WinLocal`, `LinuxHardened`, `Smb`, `S3Compatible`, `ExtendableRepository`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Only those that can be reached, or only those that cannot. Servers before 12.2 do not tell.
    online: Option<bool>,
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

/// Repositories, and where the list goes on.
#[answer]
pub(crate) struct RepositoryList {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The repositories, by name.
    repositories: Vec<Repository>,
    /// How many match in all, where that is known.
    total: Option<u64>,
    /// There is more: call again with this as `skip`.
    next_skip: Option<u64>,
}

/// Lists backup repositories, scale-out ones and their extents included, with state, capacity and free space.
#[tool(read_only, idempotent, open_world = false, title = "Repositories")]
pub(crate) fn repositories_list(cx: &Context, args: ListArgs) -> Result<RepositoryList> {
    let client = Client::to(cx, args.server.as_deref())?;
    let span = Span {
        skip: args.skip,
        limit: args.limit,
    };
    let kind = args
        .kind
        .as_deref()
        .map(str::trim)
        .filter(|kind| !kind.is_empty());
    let part = list(&client, span, args.name.as_deref(), |http, revision| {
        if args.online.is_some() && revision < Revision::V1_2Rev0 {
            return Err(ToolError::unsupported(format!(
                "revision {revision} of the backup server's API does not tell which repositories are online. hint: \
                 leave `online` out; repositories_managed_servers tells which servers can be reached"
            ))
            .into());
        }
        Ok(http
            .get(STATES)
            .query("orderColumn", "Name")
            .query("orderAsc", true)
            .query_opt("typeFilter", kind)
            .query_opt("isOnlineFilter", args.online))
    })?;
    Ok(RepositoryList {
        server: client.server().label(),
        repositories: part.data.iter().map(Repository::of).collect(),
        total: part.total,
        next_skip: part.next_skip,
    })
}
