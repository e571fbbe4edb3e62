//! Texts that a person picks to begin with: what to find out, with which tools, and how to tell it.

use toolward_sdk::Message;
use toolward_sdk::prelude::*;

/// Where to look, and how far ahead.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Outlook {
    /// How many days ahead.
    days: Option<u32>,
    /// Which backup server; all or the first one if nothing is said.
    server: Option<String>,
}

/// What is to be brought back.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Lost {
    /// The machine: its name, or a part of it.
    machine: String,
    /// The moment before which it was all right, such as `yesterday` or `2026-11-20T08:00:00+01:00`.
    before: Option<String>,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

fn on(server: Option<&str>) -> String {
    match server.map(str::trim).filter(|server| !server.is_empty()) {
        Some(server) => format!(" Ask the backup server {server:?} only (argument `server`)."),
        None => String::new(),
    }
}

/// How full the repositories are, and when they will be full.
#[prompt(title = "Capacity outlook")]
pub(crate) fn capacity_outlook(args: Outlook) -> Result<Vec<Message>> {
    Ok(vec![Message::user(format!(
        "Will our backup repositories have room for the next {} days?{} Use repositories_list, repositories_scale_out and \
         repositories_below. For each repository below 30 % free, estimate its growth from repositories_backups and the sizes \
         and dates of repositories_files of its largest backups, and from retention in backup_jobs_get. Tell for each: free \
         now, growth a day, the day on which it is full, and what helps (retention, an extent, moving backups). Mark estimates \
         as such, and name repositories whose capacity is unknown instead of guessing.",
        args.days.unwrap_or(30),
        on(args.server.as_deref())
    ))])
}

/// Finds the restore point from which a machine should be brought back.
#[prompt(title = "Find a restore point")]
pub(crate) fn find_restore_point(args: Lost) -> Result<Vec<Message>> {
    let before = match args.before.filter(|before| !before.trim().is_empty()) {
        Some(before) => format!(" It was all right before {before}."),
        None => String::new(),
    };
    Ok(vec![Message::user(format!(
        "From which restore point should the machine {:?} be brought back?{before}{} Use repositories_objects to find it (ask me \
         if several have such a name), repositories_restore_points for its points, repositories_malware for what was found in it. \
         Recommend the newest point that is early enough and clean; name the two next best, each with time, type and \
         what it allows (instant recovery, whole machine, files). Restore nothing.",
        args.machine,
        on(args.server.as_deref())
    ))])
}
