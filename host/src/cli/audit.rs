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

/// Check the audit log, and make a key for it
#[derive(Debug, clap::Subcommand)]
pub(super) enum Audit {
    /// Check every line of the log against its keyed hash, the line before it and the checkpoints
    #[command(after_long_help = "\
Examples:
  toolward audit verify
  toolward audit verify --anchors /var/log/auth.log
  toolward audit verify --json | jq .problems")]
    Verify {
        /// A file with checkpoints, be it a system's log [default: audit.anchor of the configuration, where it is a file]
        #[arg(long, value_name = "FILE")]
        anchors: Option<PathBuf>,
    },
    /// Print a fresh key for the log
    #[command(after_long_help = "\
Examples:
  toolward audit key > audit.key && chmod 600 audit.key")]
    Key,
}

impl Audit {
    pub(super) fn run(self, global: &Global) -> Result<Said, Failure> {
        match self {
            Self::Verify { anchors } => verify(global, anchors),
            Self::Key => {
                let key = audit::new_key().map_err(|error| Failure::of(Exit::Failure, &error))?;
                Ok(Said::new(key.clone(), json!({ "key": key })))
            }
        }
    }
}

fn verify(global: &Global, anchors: Option<PathBuf>) -> Result<Said, Failure> {
    let config = load(global, &Overrides::default())?;
    let Some(kept) = &config.audit else {
        return Err(
            Failure::new(Exit::Config, "the configuration has no audit log")
                .hint("add a table [audit] to the configuration"),
        );
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
    let exit = if found.ok {
        Exit::Success
    } else {
        Exit::Tampered
    };
    Ok(Said::new(shown(&found, &kept.folder), json!(found)).and_exit(exit))
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
