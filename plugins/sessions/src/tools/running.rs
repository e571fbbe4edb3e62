//! `sessions_running`: what goes on right now, on every server.

use toolward_sdk::prelude::*;
use vbr::Client;
use vbr::page::Span;
use vbr::servers::ask_all;
use vbr::session::{RUNNING, SESSIONS, Session};

use super::FoundSessions;

/// Where to look.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct RunningArgs {
    /// How many sessions to return at most, of each server.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 200))]
    limit: u64,
    /// Only this backup server; all of them if nothing is said.
    server: Option<String>,
}

fn default_limit() -> u64 {
    50
}

/// Lists what goes on right now: backups, copies, restores and all other work, with its progress.
///
/// Asks all backup servers where there are several; one that does not answer is named and does not hide the others.
#[tool(read_only, idempotent, open_world = false, title = "Running sessions")]
pub(crate) fn sessions_running(cx: &Context, args: RunningArgs) -> Result<FoundSessions> {
    let all = ask_all(cx, args.server.as_deref(), |client| {
        running(client, args.limit)
    })?;
    Ok(FoundSessions::of(all.answers, all.unreachable))
}

/// The filter takes one state at a time.
fn running(client: &Client<'_>, limit: u64) -> Result<(Vec<Session>, u64)> {
    let mut sessions: Vec<Session> = Vec::new();
    let mut total = 0;
    for state in RUNNING {
        let page = client.page(Span { skip: 0, limit }, |http, _| {
            Ok(http
                .get(SESSIONS)
                .query("orderColumn", "CreationTime")
                .query("orderAsc", false)
                .query("stateFilter", state))
        })?;
        total += page.total;
        // One may have gone on from one state to the next in between.
        for session in super::read(client, &page.data)? {
            if !sessions
                .iter()
                .any(|known| known.session_id == session.session_id)
            {
                sessions.push(session);
            }
        }
    }
    sessions.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok((sessions, total))
}
