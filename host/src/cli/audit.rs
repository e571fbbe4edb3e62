//! `toolward audit …`.

use std::path::{Path, PathBuf};

use super::config::load;
use super::{Global, fail, print};
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
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a fresh key for the log
    Key,
}

impl Audit {
    pub(super) fn run(self, global: &Global) -> Exit {
        match self {
            Self::Verify { anchors, json } => verify(global, anchors, json),
            Self::Key => match audit::new_key() {
                Ok(key) => print(&key),
                Err(error) => {
                    eprintln!("error: the operating system gives no random bytes: {error}");
                    Exit::Failure
                }
            },
        }
    }
}

fn verify(global: &Global, anchors: Option<PathBuf>, json: bool) -> Exit {
    let config = match load(global, &Overrides::default()) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let Some(kept) = &config.audit else {
        eprintln!("error: the configuration has no audit log\nhint: add a table [audit]");
        return Exit::Config;
    };
    let runtime = match super::runtime() {
        Ok(runtime) => runtime,
        Err(error) => return fail(Exit::Failure, &error),
    };
    let key = match runtime.block_on(credential::read_secret(&kept.key)) {
        Ok(key) => key,
        Err(error) => return fail(Exit::Failure, &error),
    };
    let anchors = anchors.or_else(|| match &kept.anchor {
        // No checkpoint was due yet: the file is not there, and nothing is missed.
        Some(Anchor::File(path)) => Some(path.clone()).filter(|path| path.exists()),
        Some(Anchor::Syslog) | None => None,
    });
    let found = audit::verify(&kept.folder, key.expose().as_bytes(), anchors.as_deref());
    match found {
        Ok(found) => tell(&found, &kept.folder, json),
        Err(error) => fail(Exit::Failure, &error),
    }
}

fn tell(found: &Verification, folder: &Path, json: bool) -> Exit {
    let text = if json {
        serde_json::to_string(found).unwrap_or_default()
    } else {
        shown(found, folder)
    };
    match print(&text) {
        Exit::Success if !found.ok => Exit::Tampered,
        exit => exit,
    }
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
