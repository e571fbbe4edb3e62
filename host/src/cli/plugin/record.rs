//! The audit log's line of a command that changes what is installed.
//!
//! The command writes it itself, into the same log as a host that serves meanwhile: a line is appended under a lock, after
//! whatever stands there. The host's own lines, of the reload that follows, tell what it made of the change.

use super::{PluginError, Said};
use crate::audit::{Call, Event, Kind};
use crate::config::Config;
use crate::host::audit_log;
use crate::plugin::hex;

use super::verify::Candidate;

/// Does something that is to be recorded, however it ends. Where the log cannot be opened, it is not done.
pub(super) fn recorded(
    config: &Config,
    command: &str,
    act: impl FnOnce(&mut Call) -> Result<Said, PluginError>,
) -> Result<Said, PluginError> {
    let audit = super::runtime()?.block_on(audit_log(config))?;
    let event = Event::new(Kind::Install)
        .with("act", command)
        .with("by", "command")
        .with("uid", rustix::process::getuid().as_raw());
    let mut line = audit.begin(event)?;
    let done = act(&mut line);
    if let Err(error) = &done {
        line.with("reason", error.to_string());
    }
    line.end(match &done {
        Ok(_) => "ok",
        Err(PluginError::Trust { .. } | PluginError::Component { .. }) => "refused",
        Err(_) => "failed",
    });
    match (audit.close(), done) {
        (Ok(()), done) => done,
        // What went wrong first is what is told.
        (Err(_), Err(error)) => Err(error),
        (Err(_), Ok(_)) => Err(PluginError::Unrecorded),
    }
}

/// Which plugin it is about, as soon as that is known.
pub(super) fn tell(line: &mut Call, candidate: &Candidate) {
    line.with("plugin", candidate.manifest.name.as_str());
    line.with("version", candidate.manifest.version.to_string());
    line.with("digest", hex(&candidate.digest));
}
