//! `toolward audit …`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Global;
use super::config::load;
use super::failure::Failure;
use super::output::Said;
use crate::audit::{self, Anchor, Verification};
use crate::config::Overrides;
use crate::credential;
use crate::error::Exit;

/// Look after the audit log
#[derive(Debug, clap::Subcommand)]
pub(super) enum Audit {
    /// Check every line of the log against its keyed hash, the line before it and the checkpoints
    Verify {
        /// A file with checkpoints, be it a system's log [default: audit.anchor of the configuration, where it is a file]
        #[arg(long, value_name = "FILE")]
        anchors: Option<PathBuf>,
    },
    /// Print a fresh key for the log
    Key,
}

impl Audit {
    pub(super) fn run(self, global: &Global) -> Result<Said, Failure> {
        match self {
            Self::Verify { anchors } => verify(global, anchors),
            Self::Key => {
                let key = audit::new_key().map_err(|error| {
                    Failure::of(Exit::Failure, &error)
                        .because("the operating system gives no random bytes")
                })?;
                Ok(Said::new(key.as_str(), json!({ "key": key })))
            }
        }
    }
}

fn verify(global: &Global, anchors: Option<PathBuf>) -> Result<Said, Failure> {
    let config = load(global, &Overrides::default())?;
    let Some(kept) = &config.audit else {
        let failure = Failure::new(Exit::Config, "the configuration has no audit log");
        return Err(failure.hint("add a table [audit]"));
    };
    let failed = |error: &dyn std::error::Error| Failure::of(Exit::Failure, error);
    let key = super::runtime()?
        .block_on(credential::read_secret(&kept.key))
        .map_err(|error| failed(&error))?;
    let anchors = anchors.or_else(|| match &kept.anchor {
        // No checkpoint was due yet: the file is not there, and nothing is missed.
        Some(Anchor::File(path)) => Some(path.clone()).filter(|path| path.exists()),
        Some(Anchor::Syslog) | None => None,
    });
    let found = audit::verify(&kept.folder, key.expose().as_bytes(), anchors.as_deref())
        .map_err(|error| failed(&error))?;
    let said = Said::new(shown(&found, &kept.folder), json!(found));
    Ok(if found.ok {
        said
    } else {
        said.and_exit(Exit::Tampered)
    })
}

fn shown(found: &Verification, folder: &Path) -> String {
    let anchored = match found.anchored {
        Some(seq) => format!("the last checkpoint is of line {seq}"),
        None => "there are no checkpoints: lines cut off at the end are not missed".to_owned(),
    };
    if found.ok {
        return format!(
            "{}: {} lines ({} to {}), none changed; {anchored}",
            folder.display(),
            found.lines,
            found.first,
            found.last
        );
    }
    let mut lines = vec![format!(
        "{}: CHANGED; {} lines ({} to {}); {anchored}",
        folder.display(),
        found.lines,
        found.first,
        found.last
    )];
    for one in &found.problems {
        let place = match (&one.file, one.line, one.seq) {
            (Some(file), Some(line), Some(seq)) => {
                format!("{file}:{line} (line {seq} of the log) ")
            }
            (Some(file), Some(line), None) => format!("{file}:{line} "),
            _ => String::new(),
        };
        lines.push(format!("  {place}{}", one.problem));
    }
    if found.more > 0 {
        lines.push(format!("  and {} more", found.more));
    }
    lines.join("\n")
}
