//! Texts that a person picks to begin with: what to find out, with which tools, and how to tell it.

use toolward_sdk::Message;
use toolward_sdk::prelude::*;

/// Where to look.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Where {
    /// Which backup server; all or the first one if nothing is said.
    server: Option<String>,
}

/// Which job to look into.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct WhichJob {
    /// The job's name, or a part of it.
    job: String,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

/// How far back to look.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Since {
    /// Since when: `last 24 hours`, `7 days`, `2026-11-20`.
    since: Option<String>,
    /// Which backup server; all or the first one if nothing is said.
    server: Option<String>,
}

fn on(server: Option<&str>) -> String {
    match server.map(str::trim).filter(|server| !server.is_empty()) {
        Some(server) => format!(" Ask the backup server {server:?} only (argument `server`)."),
        None => String::new(),
    }
}

fn since(asked: Option<String>, otherwise: &str) -> String {
    asked
        .filter(|since| !since.trim().is_empty())
        .unwrap_or_else(|| otherwise.to_owned())
}

/// A summary of how the backups are: what failed, what runs, what is disabled, how full the repositories are.
#[prompt(title = "Backup health")]
pub(crate) fn backup_health(args: Where) -> Result<Vec<Message>> {
    Ok(vec![Message::user(format!(
        "How are our backups?{} Use backup_jobs_list with last_result failed, then warning, and with status disabled; \
         backup_jobs_running; sessions_failed for the last 24 hours; repositories_below for repositories that are nearly \
         full; repositories_license. Begin with one sentence: healthy, or what needs somebody today. Then a \
         short table of what failed, since when, and the cause where backup_jobs_why names one. Then repositories and \
         licence, only where they need attention. Do not start or change anything.",
        on(args.server.as_deref())
    ))])
}

/// Looks into why a job failed, and proposes what to do.
#[prompt(title = "Why did a job fail?")]
pub(crate) fn investigate_failed_job(args: WhichJob) -> Result<Vec<Message>> {
    Ok(vec![Message::user(format!(
        "Why did the backup job {:?} fail?{} Begin with backup_jobs_why. Where single machines failed, read their logs \
         with sessions_task_log. Look at the repository it writes to (repositories_list) and at the proxies \
         (repositories_proxies) if the messages point there. Tell the cause in one sentence, the evidence (quoted log \
         lines with their times), which machines have no fresh restore point, and what to do, in order. \
         If trying again may help, propose backup_jobs_retry or backup_jobs_start and wait for a yes.",
        args.job,
        on(args.server.as_deref())
    ))])
}

/// A report of one day: what ran, what failed, what comes next.
#[prompt(title = "Daily backup report")]
pub(crate) fn daily_backup_report(args: Since) -> Result<Vec<Message>> {
    let since = since(args.since, "last 24 hours");
    Ok(vec![Message::user(format!(
        "Write the backup report for this time: {since}.{} Use sessions_list with since {since:?} and, by result, \
         the totals it gives; sessions_failed; backup_jobs_why for each job that failed and has not recovered; \
         repositories_list for space; backup_jobs_next for what is due. Form: a headline with the number of runs, \
         successes, warnings and failures; a table of failures with cause and state now; space of the repositories; the \
         next runs. No more than one page.",
        on(args.server.as_deref())
    ))])
}

/// How many runs went well, job by job, against a target.
#[prompt(title = "Success rate and SLA")]
pub(crate) fn backup_success_rate(args: Since) -> Result<Vec<Message>> {
    let since = since(args.since, "last 30 days");
    Ok(vec![Message::user(format!(
        "What share of our backup runs went well in this time: {since}?{} Use sessions_list with type \
         BackupJob (Job on servers of version 12.0 and 12.1) and limit 1, once for each result: `total` is the number \
         of runs. Then find the jobs with most failures with sessions_failed. Tell the share as a percentage with \
         its numbers, count a warning as a success but name how many there were, list the jobs below 95 %, and for \
         each the age of its last successful run. Say so where a number is an estimate.",
        on(args.server.as_deref())
    ))])
}

/// What is protected, what is not, and what has no fresh restore point.
#[prompt(title = "Protection coverage")]
pub(crate) fn protection_coverage(args: Where) -> Result<Vec<Message>> {
    Ok(vec![Message::user(format!(
        "What do our backups cover, and where are gaps?{} Use backup_jobs_list with status disabled, and with \
         not_since `7 days`; backup_jobs_objects for what jobs protect; repositories_objects with its count of restore \
         points; repositories_restore_points for machines that look old; backup_jobs_copies for what has a second \
         copy. Tell: machines without a restore point of the last week, jobs that are disabled or never ran, and what \
         exists in one place only. The API does not know machines that no job names: say so.",
        on(args.server.as_deref())
    ))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_leaves_no_trace() {
        assert_eq!(on(None), "");
        assert_eq!(on(Some(" ")), "");
        assert!(on(Some("vbr02")).contains("\"vbr02\""));
        assert_eq!(since(Some(String::new()), "last week"), "last week");
    }
}
