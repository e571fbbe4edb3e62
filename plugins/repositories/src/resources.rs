//! What can be read, and watched: the repositories of each server.

use std::fmt::Write as _;
use std::time::Duration;

use toolward_sdk::prelude::*;
use toolward_sdk::{Blank, Json, RequestError, Sighting, Suggestions, Watched};
use vbr::Client;
use vbr::names::Wanted;
use vbr::page::Span;
use vbr::servers::Server;

use crate::repository::{self, Repository};

/// Space goes slowly.
const NEXT: Duration = Duration::from_mins(5);

/// A server.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfServer {
    server: String,
}

/// The repositories of a backup server with their state, capacity and free space.
#[resource(
    "vbr://{server}/repositories",
    title = "Backup repositories",
    mime_type = "application/json"
)]
pub(crate) fn repositories(cx: &Context, of: OfServer) -> Result<Json<Vec<Repository>>> {
    Ok(Json(repository::all(&client(cx, &of.server)?)?))
}

fn client<'a>(cx: &'a Context, server: &str) -> Result<Client<'a>> {
    Client::to(cx, Some(server)).map_err(|failure| match failure {
        Failure::Tool(error) if error.kind == Trouble::NotFound => {
            RequestError::not_found(error.message).into()
        }
        other => other,
    })
}

/// Looks at the repositories that somebody watches: what is online, and what is free in whole percent.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the shape of such a function; each answer may fail by itself"
)]
pub(crate) fn look(cx: &Context, watched: &[Watched]) -> Result<Vec<Result<Sighting>>> {
    Ok(watched.iter().map(|one| look_at(cx, &one.uri)).collect())
}

fn look_at(cx: &Context, uri: &str) -> Result<Sighting> {
    let rest = uri.strip_prefix("vbr://").unwrap_or_default();
    let Some((server, "repositories")) = rest.split_once('/') else {
        return Err(RequestError::not_found(format!("there is no {uri} to watch")).into());
    };
    let mut version = 0xcbf2_9ce4_8422_2325_u64;
    let mut line = String::new();
    for one in repository::all(&client(cx, server)?)? {
        line.clear();
        let free = one.free_percent.map(f64::round);
        let _never_fails = write!(line, "{} {:?} {free:?};", one.id, one.online);
        // FNV-1a: short, and nobody gains by a collision.
        version = line.bytes().fold(version, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    }
    Ok(Sighting::new(format!("{version:016x}"), NEXT))
}

/// Suggests servers, and machines by their names.
pub(crate) fn complete(cx: &Context, blank: &Blank) -> Result<Suggestions> {
    match blank.argument.as_str() {
        "server" => {
            let servers = Server::all(cx)?;
            Ok(blank.among(servers.into_iter().map(|server| server.name)))
        }
        "machine" => {
            let client = Client::to(cx, blank.filled("server"))?;
            let wanted = Wanted::new(&blank.value);
            let name = wanted.as_ref().map(Wanted::filter);
            let page = client.page(
                Span {
                    skip: 0,
                    limit: 100,
                },
                |http, _| {
                    Ok(http
                        .get("/api/v1/backupObjects")
                        .query("orderColumn", "Name")
                        .query("orderAsc", true)
                        .query_opt("nameFilter", name.as_ref()))
                },
            )?;
            let names = page
                .data
                .iter()
                .map(|object| vbr::read::always(object, "name"));
            let fit = |name: &String| {
                wanted
                    .as_ref()
                    .is_none_or(|wanted| wanted.fit(name).is_some())
            };
            Ok(names.filter(fit).collect())
        }
        _ => Ok(Suggestions::default()),
    }
}
