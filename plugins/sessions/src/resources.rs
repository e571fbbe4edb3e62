//! The log of a session, to be read and watched.

use std::time::Duration;

use toolward_sdk::prelude::*;
use toolward_sdk::{Blank, Json, RequestError, Sighting, Suggestions, Watched};
use vbr::Client;
use vbr::page::Span;
use vbr::servers::Server;
use vbr::session::{Level, LogLine, SESSIONS};

/// Lines of one document at most: the newest.
const LINES: usize = 500;

/// A log that grows is looked at often; one that is complete does not change.
const SOON: Duration = Duration::from_secs(5);
const SELDOM: Duration = Duration::from_mins(10);

/// A session of a server.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct OfSession {
    server: String,
    id: String,
}

/// The log of a session, the newest lines first.
#[resource(
    "vbr://{server}/sessions/{id}/log",
    title = "Log of a session",
    mime_type = "application/json"
)]
pub(crate) fn session_log(cx: &Context, of: OfSession) -> Result<Json<Vec<LogLine>>> {
    let client = client(cx, &of.server, &of.id)?;
    let log = client.log(SESSIONS, &of.id, Level::All, LINES);
    Ok(Json(log.map_err(missing)?.lines))
}

fn client<'a>(cx: &'a Context, server: &str, id: &str) -> Result<Client<'a>> {
    if !vbr::read::is_id(id) {
        return Err(RequestError::not_found(format!("{id:?} is no id of a session")).into());
    }
    Client::to(cx, Some(server)).map_err(missing)
}

fn missing(failure: Failure) -> Failure {
    match failure {
        Failure::Tool(error) if error.kind == Trouble::NotFound => {
            RequestError::not_found(error.message).into()
        }
        other => other,
    }
}

/// Looks at the sessions whose logs are watched: a log changes as long as its session goes on.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the shape of such a function; each answer may fail by itself"
)]
pub(crate) fn look(cx: &Context, watched: &[Watched]) -> Result<Vec<Result<Sighting>>> {
    Ok(watched.iter().map(|one| look_at(cx, &one.uri)).collect())
}

fn look_at(cx: &Context, uri: &str) -> Result<Sighting> {
    let parts: Vec<&str> = uri
        .strip_prefix("vbr://")
        .unwrap_or_default()
        .split('/')
        .collect();
    let [server, "sessions", id, "log"] = parts.as_slice() else {
        return Err(RequestError::not_found(format!("there is no {uri} to watch")).into());
    };
    let client = client(cx, server, id)?;
    let session = client.session(id).map_err(missing)?;
    let log = client.log(SESSIONS, id, Level::All, 1).map_err(missing)?;
    let next = if session.is_running() { SOON } else { SELDOM };
    let progress = session.progress_percent.unwrap_or(100);
    Ok(Sighting::new(
        format!(
            "{} {} {progress} {}",
            session.state, session.result, log.matching
        ),
        next,
    ))
}

/// Suggests servers, and the latest sessions.
pub(crate) fn complete(cx: &Context, blank: &Blank) -> Result<Suggestions> {
    match blank.argument.as_str() {
        "server" => {
            let servers = Server::all(cx)?;
            Ok(blank.among(servers.into_iter().map(|server| server.name)))
        }
        "id" => {
            let client = Client::to(cx, blank.filled("server"))?;
            let page = client.page(
                Span {
                    skip: 0,
                    limit: 100,
                },
                |http, _| {
                    Ok(http
                        .get(SESSIONS)
                        .query("orderColumn", "CreationTime")
                        .query("orderAsc", false))
                },
            )?;
            let ids = page
                .data
                .iter()
                .map(|session| vbr::read::always(session, "id"));
            Ok(blank.among(ids))
        }
        _ => Ok(Suggestions::default()),
    }
}
