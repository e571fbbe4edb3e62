//! `backup_jobs_list`: which jobs there are, and how they fare.

use toolward_sdk::prelude::*;

use crate::client::Client;
use crate::model::JobState;
use crate::revision;

/// A name that matches few of what the server sends makes for many requests: after these, the rest is
/// for the next call.
const MOST_REQUESTS: usize = 10;

/// Which jobs to list; all of them when nothing is said.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ListArgs {
    /// A part of the job's name, in any case. An asterisk at its start or end pins the other side: `SQL*` is names
    /// that start with SQL.
    name: Option<String>,
    /// The type of job, such as `VSphereBackup`, `HyperVBackup`, `BackupCopy`, `VSphereReplica`,
    /// `WindowsAgentBackup`, `FileBackupCopy`. Servers before 13 show only some of them.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// What the job is doing. Servers before 13 know only `running`, `inactive` and `disabled`.
    status: Option<Status>,
    /// How the last run ended.
    last_result: Option<LastResult>,
    /// How to sort: by name, by the last run with the newest first, or by the next run with the soonest first.
    #[serde(default)]
    sort: Sort,
    /// How many jobs to return at most.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 200))]
    limit: u64,
    /// How many to skip: `next_skip` of the previous answer.
    #[serde(default)]
    skip: u64,
}

fn default_limit() -> u64 {
    50
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Running,
    Inactive,
    Disabled,
    Enabled,
    Starting,
    Stopping,
    Stopped,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LastResult {
    None,
    Success,
    Warning,
    Failed,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sort {
    #[default]
    Name,
    LastRun,
    NextRun,
}

impl Sort {
    /// Column, and whether ascending.
    const fn order(self) -> (&'static str, bool) {
        match self {
            Self::Name => ("Name", true),
            Self::LastRun => ("LastRun", false),
            Self::NextRun => ("NextRun", true),
        }
    }
}

/// Jobs, and where the list goes on.
#[derive(Serialize, JsonSchema)]
pub(crate) struct JobList {
    /// The jobs.
    jobs: Vec<JobState>,
    /// How many jobs match in all. Not known where a name is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// There is more: call again with this as `skip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_skip: Option<u64>,
}

/// Lists backup jobs with their state.
///
/// What they are doing, how the last run ended, when the next one is due. Filters may be combined.
#[tool(read_only, idempotent, open_world = false, title = "List backup jobs")]
pub(crate) fn backup_jobs_list(cx: &Context, args: ListArgs) -> Result<JobList> {
    let client = Client::new(cx)?;
    let name = args.name.as_deref().and_then(NamePattern::new);
    let kind = args
        .kind
        .as_deref()
        .map(str::trim)
        .filter(|kind| !kind.is_empty());
    let (column, ascending) = args.sort.order();
    let wanted = usize::try_from(args.limit).unwrap_or(usize::MAX);

    let mut list = JobList {
        jobs: Vec::new(),
        total: None,
        next_skip: None,
    };
    let mut at = args.skip;
    for _ in 0..MOST_REQUESTS {
        let page = client.states((at, args.limit), |request, revision| {
            let kind = kind.map(|kind| revision.job_type(kind)).transpose()?;
            let status = args
                .status
                .map(|status| revision.status(status))
                .transpose()?;
            Ok(request
                .query("orderColumn", column)
                .query("orderAsc", ascending)
                .query_opt("nameFilter", name.as_ref().map(NamePattern::filter))
                .query_opt("typeFilter", kind)
                .query_opt("statusFilter", status)
                .query_opt(
                    "lastResultFilter",
                    args.last_result.map(revision::last_result),
                ))
        })?;
        if name.is_none() {
            list.total = Some(page.pagination.total);
        }
        let last_page = page.data.is_empty();
        for job in page.data {
            at += 1;
            // The server's filter matches any property of a job, not only its name.
            if name.as_ref().is_none_or(|name| name.matches(&job.name)) {
                list.jobs.push(job);
            }
            if list.jobs.len() == wanted {
                break;
            }
        }
        let more = !last_page && at < page.pagination.total;
        list.next_skip = more.then_some(at);
        if !more || list.jobs.len() == wanted {
            break;
        }
    }
    Ok(list)
}

/// A name as it was asked for, and as the API wants it.
struct NamePattern {
    text: String,
    from_start: bool,
    to_end: bool,
}

impl NamePattern {
    /// `None` where nothing is asked for.
    fn new(asked: &str) -> Option<Self> {
        let asked = asked.trim();
        let (open_start, open_end) = (asked.starts_with('*'), asked.ends_with('*'));
        let text = asked.trim_matches('*').to_owned();
        // Without an asterisk, it is a part of the name; with one, the other side is pinned.
        let part = open_start == open_end;
        (!text.is_empty()).then_some(Self {
            text,
            from_start: !part && !open_start,
            to_end: !part && !open_end,
        })
    }

    fn filter(&self) -> String {
        let open = |pinned: bool| if pinned { "" } else { "*" };
        format!(
            "{}{}{}",
            open(self.from_start),
            self.text,
            open(self.to_end)
        )
    }

    fn matches(&self, name: &str) -> bool {
        let (name, text) = (name.to_lowercase(), self.text.to_lowercase());
        match (self.from_start, self.to_end) {
            (true, _) => name.starts_with(&text),
            (_, true) => name.ends_with(&text),
            _ => name.contains(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_part_unless_an_asterisk_pins_it() {
        let check = |asked: &str, filter: &str, matching: &str, other: &str| {
            let pattern = NamePattern::new(asked).unwrap();
            assert_eq!(pattern.filter(), filter, "{asked}");
            assert!(pattern.matches(matching), "{asked} on {matching}");
            assert!(!pattern.matches(other), "{asked} on {other}");
        };
        check("sql", "*sql*", "MS SQL nightly", "Oracle");
        check("*sql*", "*sql*", "MS SQL nightly", "Oracle");
        check("SQL*", "SQL*", "sql-prod", "MS SQL");
        check("*nightly", "*nightly", "SQL Nightly", "nightly SQL");
        check(
            "бухгалтерия",
            "*бухгалтерия*",
            "Бухгалтерия, ежедневно",
            "Склад",
        );
        assert!(NamePattern::new(" ").is_none() && NamePattern::new("*").is_none());
    }
}
