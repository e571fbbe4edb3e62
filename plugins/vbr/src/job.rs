//! Jobs, as the console lists them, and how the one that is meant is found.

use time::UtcOffset;
use toolward_sdk::http::{Http, Request};
use toolward_sdk::prelude::*;

use crate::client::Client;
use crate::moment::Moment;
use crate::names::{self, Choice, Wanted};
use crate::page::{Page, Span};
use crate::{Revision, read};

/// Where jobs are listed.
pub const STATES: &str = "/api/v1/jobs/states";

/// The times of a job.
pub const TIMES: [&str; 2] = ["lastRun", "nextRun"];

/// More candidates than these are only counted.
const CANDIDATES: usize = 10;

/// A job and how it fares.
#[answer]
#[derive(Clone, Debug)]
pub struct JobState {
    /// The job's id.
    pub id: String,
    /// The job's name.
    pub name: String,
    /// What kind of job it is, such as `VSphereBackup` (`Backup` before 1.3).
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is doing: `running`, `inactive`, `disabled`; from 1.3 on also `stopped`, `starting`, `stopping`,
    /// `enabled`.
    pub status: String,
    /// How its last run ended: `success`, `warning`, `failed`; `none` while it runs or if it never ran.
    pub last_result: String,
    /// When its last run began.
    pub last_run: Option<Moment>,
    /// When it runs next by itself.
    pub next_run: Option<Moment>,
    /// Why there is no next run, such as `<Disabled>` or `After [other job]`.
    pub next_run_policy: Option<String>,
    /// How far the run is, in percent; only while it runs.
    pub progress_percent: Option<i64>,
    /// The name of the repository that it writes to.
    pub repository: Option<String>,
    /// How many machines, shares or other objects it protects.
    pub objects: Option<i64>,
    /// Its latest run.
    pub session_id: Option<String>,
}

impl JobState {
    /// Of an answer of the API.
    #[must_use]
    pub fn of(answer: &Value, zone: UtcOffset) -> Self {
        let status = read::word_or(answer, "status", "unknown");
        let next_run = Moment::read(answer, "nextRun", zone);
        Self {
            progress_percent: answer["progressPercent"]
                .as_i64()
                .filter(|_| is_busy(&status)),
            // Where there is a time, this says the same in the console's words.
            next_run_policy: read::text(answer, "nextRunPolicy").filter(|_| next_run.is_none()),
            id: read::always(answer, "id"),
            name: read::always(answer, "name"),
            kind: read::text(answer, "type").unwrap_or_else(|| "Unknown".to_owned()),
            last_result: read::word_or(answer, "lastResult", "none"),
            last_run: Moment::read(answer, "lastRun", zone),
            next_run,
            repository: read::text(answer, "repositoryName"),
            objects: answer["objectsCount"].as_i64(),
            session_id: read::text(answer, "sessionId"),
            status,
        }
    }

    /// Whether a run is under way.
    #[must_use]
    pub fn is_running(&self) -> bool {
        is_busy(&self.status)
    }

    /// Whether certainly none is: a status we have never heard of is the server's to judge.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        matches!(
            self.status.as_str(),
            "inactive" | "stopped" | "disabled" | "enabled"
        )
    }
}

fn is_busy(status: &str) -> bool {
    matches!(status, "running" | "starting" | "stopping")
}

impl<'a> Client<'a> {
    /// Jobs by their state, as the console lists them. `filter` adds what is wanted of them.
    pub fn states(
        &self,
        span: Span,
        filter: impl Fn(Request<'a>, Revision) -> Result<Request<'a>>,
    ) -> Result<Page> {
        self.page(span, |http, revision| filter(http.get(STATES), revision))
    }

    /// The job that is meant: by its id, or by what somebody typed of its name.
    pub fn job(&self, job: &str) -> Result<JobState> {
        let job = job.trim();
        if let Some(state) = self.job_by_id(job)? {
            return Ok(state);
        }
        if read::is_id(job) {
            return Err(ToolError::not_found(format!(
                "revision {} of the backup server's API lists no job with id {job}. hint: look the job up \
                 with backup_jobs_list",
                self.revision()
            ))
            .into());
        }
        let found = self.named(
            &Named {
                what: "job",
                typed: job,
                list: "backup_jobs_list",
            },
            |http, _| Ok(http.get(STATES)),
        )?;
        let zone = self.zone_of([&found], &TIMES)?;
        Ok(JobState::of(&found, zone))
    }

    /// `None` also where `job` is not an id at all.
    pub fn job_by_id(&self, job: &str) -> Result<Option<JobState>> {
        if !read::is_id(job) {
            return Ok(None);
        }
        let page = self.states(Span { skip: 0, limit: 1 }, |request, _| {
            Ok(request.query("idFilter", job))
        })?;
        // A server that ignores the filter must not make us take another job for this one.
        let is_it = |state: &&Value| read::always(state, "id").eq_ignore_ascii_case(job);
        let Some(found) = page.data.iter().find(is_it) else {
            return Ok(None);
        };
        let zone = self.zone_of([found], &TIMES)?;
        Ok(Some(JobState::of(found, zone)))
    }

    /// The one thing of a list that has exactly this name: whatever else has a name like it, this one is meant. Asked
    /// first, because a part of a name may be one of hundreds.
    fn whole_name(
        &self,
        typed: &str,
        list: impl Fn(&Http<'a>, Revision) -> Result<Request<'a>>,
    ) -> Result<Option<Value>> {
        // Asterisks at either end are the server's own wildcards.
        if typed.starts_with('*') || typed.ends_with('*') {
            return Ok(None);
        }
        let page = self.page(Span { skip: 0, limit: 2 }, |http, revision| {
            Ok(list(http, revision)?.query("nameFilter", typed))
        })?;
        let mut same = page.data.into_iter().filter(|one| one["name"] == typed);
        let found = same.next();
        // More of the same name are candidates; more pages of them, too.
        Ok(found.filter(|_| same.next().is_none() && page.total <= 2))
    }

    /// The one thing of a list that has this name, or a name like it.
    pub fn named(
        &self,
        named: &Named<'_>,
        list: impl Fn(&Http<'a>, Revision) -> Result<Request<'a>>,
    ) -> Result<Value> {
        let Some(wanted) = Wanted::new(named.typed) else {
            return Err(ToolError::invalid_input(format!(
                "which {}? give its id, its name or a part of it",
                named.what
            ))
            .into());
        };
        if let Some(found) = self.whole_name(named.typed.trim(), &list)? {
            return Ok(found);
        }
        match names::choose(self.fitting(&wanted, list)?) {
            Choice::One(found) => Ok(found),
            Choice::Nothing => Err(ToolError::not_found(format!(
                "no {} has a name like {:?}. hint: {} shows what there is",
                named.what,
                wanted.typed(),
                named.list
            ))
            .into()),
            Choice::Several(found) => {
                let shown: Vec<String> = found
                    .iter()
                    .take(CANDIDATES)
                    .map(|one| {
                        format!(
                            "{:?} ({})",
                            read::always(one, "name"),
                            read::always(one, "id")
                        )
                    })
                    .collect();
                let more = match found.len().saturating_sub(CANDIDATES) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                Err(ToolError::conflict(format!(
                    "{} {}s have a name like {:?}: {}{more}. hint: say which by its whole name or its id",
                    found.len(),
                    named.what,
                    wanted.typed(),
                    shown.join(", ")
                ))
                .into())
            }
        }
    }

    /// Everything of a list whose name fits, best first: what the server's own filter finds, or else what is found by
    /// looking at every name.
    pub fn fitting(
        &self,
        wanted: &Wanted,
        list: impl Fn(&Http<'a>, Revision) -> Result<Request<'a>>,
    ) -> Result<Vec<(names::Fit, Value)>> {
        let mut found = Vec::new();
        let mut take = |entry: Value| {
            if let Some(fit) = wanted.fit(entry["name"].as_str().unwrap_or_default()) {
                found.push((fit, entry));
            }
            true
        };
        self.walk(
            |http, revision| Ok(list(http, revision)?.query("nameFilter", wanted.filter())),
            &mut take,
        )?;
        if found.is_empty() {
            let mut take = |entry: Value| {
                if let Some(fit) = wanted.fit(entry["name"].as_str().unwrap_or_default()) {
                    found.push((fit, entry));
                }
                true
            };
            self.walk(list, &mut take)?;
        }
        found.sort_by(|(left, _), (right, _)| right.cmp(left));
        Ok(found)
    }
}

/// Something that is looked for by its name.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// What it is, in one word.
    pub what: &'static str,
    /// What was typed.
    pub typed: &'a str,
    /// The tool that lists such things.
    pub list: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_read_alike() {
        let read = |status: &str| {
            let answer = json!({ "id": "1", "name": "a", "status": status, "progressPercent": 40 });
            JobState::of(&answer, UtcOffset::UTC)
        };
        assert_eq!(read("running").status, read("Running").status);
        assert_eq!(read("Running").progress_percent, Some(40));
        assert_eq!(read("Stopped").progress_percent, None);
    }

    #[test]
    fn a_status_nobody_has_heard_of_is_neither_running_nor_at_rest() {
        let answer = json!({ "id": "1", "name": "a", "status": "Hibernating" });
        let state = JobState::of(&answer, UtcOffset::UTC);
        assert_eq!(state.status, "hibernating");
        assert!(!state.is_running() && !state.is_at_rest());
    }
}
