//! The tools, one file each.

pub(crate) mod failed;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod restores;
pub(crate) mod running;
pub(crate) mod stop;
pub(crate) mod tasks;

use toolward_sdk::prelude::*;
use vbr::Client;
use vbr::servers::{Server, Unreachable};
use vbr::session::{Session, TIMES};

/// A session of one of several servers.
#[answer]
pub(crate) struct Found {
    /// The backup server; only where there are several.
    server: Option<String>,
    #[serde(flatten)]
    session: Session,
}

/// Sessions of all servers.
#[answer]
pub(crate) struct FoundSessions {
    /// The sessions, the newest first.
    sessions: Vec<Found>,
    /// How many there are in all.
    total: u64,
    /// Servers that could not be asked; their sessions are not here.
    unreachable: Vec<Unreachable>,
}

impl FoundSessions {
    fn of(answers: Vec<(Server, (Vec<Session>, u64))>, unreachable: Vec<Unreachable>) -> Self {
        let mut found = Self {
            sessions: Vec::new(),
            total: 0,
            unreachable,
        };
        for (server, (sessions, total)) in answers {
            found.total += total;
            let sessions = sessions.into_iter().map(|session| Found {
                server: server.label(),
                session,
            });
            found.sessions.extend(sessions);
        }
        found
    }
}

/// Sessions of answers of the API.
fn read(client: &Client<'_>, answers: &[Value]) -> Result<Vec<Session>> {
    let zone = client.zone_of(answers, &TIMES)?;
    Ok(answers
        .iter()
        .map(|answer| Session::of(answer, zone))
        .collect())
}

/// Fails where this cannot be the id of anything.
fn id(text: &str) -> Result<&str> {
    let text = text.trim();
    if vbr::read::is_id(text) {
        Ok(text)
    } else {
        Err(ToolError::invalid_input(format!(
            "{text:?} is no id of a session. hint: take one that sessions_list or backup_jobs_get shows"
        ))
        .into())
    }
}
