//! `sessions_failed`: what went wrong lately, on every server.

use toolward_sdk::prelude::*;
use vbr::page::Span;
use vbr::servers::ask_all;
use vbr::session::{SESSIONS, Session};
use vbr::{Client, window};

use super::FoundSessions;

/// How far back to look.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct FailedArgs {
    /// Only what ended since then: `last 24 hours`, `7 days`, `last night`, `2026-11-20`, or an RFC 3339 time.
    #[serde(default = "default_since")]
    since: String,
    /// Adds what ended with a warning.
    #[serde(default)]
    warnings: bool,
    /// How many sessions to return at most, of each server and each result.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 200))]
    limit: u64,
    /// Only this backup server; all of them if nothing is said.
    server: Option<String>,
}

fn default_since() -> String {
    "last 24 hours".to_owned()
}

fn default_limit() -> u64 {
    20
}

/// Lists sessions that failed lately, with what the server says about each, the newest first.
///
/// Asks all backup servers where there are several; one that does not answer is named and does not hide the others.
#[tool(read_only, idempotent, open_world = false, title = "Failed sessions")]
pub(crate) fn sessions_failed(cx: &Context, args: FailedArgs) -> Result<FoundSessions> {
    // Before anybody is asked: one mistake is told once.
    if !window::is_local(&args.since) {
        window::since(&args.since, vbr::moment::now(), time::UtcOffset::UTC)?;
    }
    let all = ask_all(cx, args.server.as_deref(), |client| failed(client, &args))?;
    Ok(FoundSessions::of(all.answers, all.unreachable))
}

fn failed(client: &Client<'_>, args: &FailedArgs) -> Result<(Vec<Session>, u64)> {
    let since = client.since(Some(&args.since))?;
    let results: &[&str] = if args.warnings {
        &["Failed", "Warning"]
    } else {
        &["Failed"]
    };
    let mut sessions = Vec::new();
    let mut total = 0;
    for result in results {
        let page = client.page(
            Span {
                skip: 0,
                limit: args.limit,
            },
            |http, _| {
                Ok(http
                    .get(SESSIONS)
                    .query("orderColumn", "EndTime")
                    .query("orderAsc", false)
                    .query("resultFilter", result)
                    .query_opt("endedAfterFilter", since.map(window::filter)))
            },
        )?;
        total += page.total;
        sessions.extend(super::read(client, &page.data)?);
    }
    Ok((sessions, total))
}
