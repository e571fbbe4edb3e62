//! `repositories_below`: which repositories are nearly full, or gone, on every server.

use toolward_sdk::prelude::*;
use vbr::servers::{Unreachable, ask_all};

use crate::repository::{self, Repository};

/// How little is too little.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct BelowArgs {
    /// Repositories with less free space than this share of their capacity, in percent.
    #[serde(default = "default_percent")]
    #[schemars(range(min = 0.0, max = 100.0))]
    percent: f64,
    /// Only this backup server; all of them if nothing is said.
    server: Option<String>,
}

fn default_percent() -> f64 {
    20.0
}

/// A repository that needs attention.
#[answer]
pub(crate) struct Low {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// `critical` below 10 percent, `warning` below 15, else `low`.
    urgency: String,
    #[serde(flatten)]
    repository: Repository,
}

/// Repositories that need attention.
#[answer]
pub(crate) struct LowRepositories {
    /// Those with too little free space, the fullest first.
    below: Vec<Low>,
    /// The names of those that cannot be reached.
    offline: Vec<String>,
    /// The names of those whose capacity nobody knows, so that nothing can be said.
    unknown: Vec<String>,
    /// How many were looked at.
    looked_at: usize,
    /// Servers that could not be asked; their repositories are not here.
    unreachable: Vec<Unreachable>,
}

/// Lists repositories that are nearly full or offline, the fullest first.
///
/// Asks all backup servers where there are several; one that does not answer is named and does not hide the others.
#[tool(
    read_only,
    idempotent,
    open_world = false,
    title = "Repositories running full"
)]
pub(crate) fn repositories_below(cx: &Context, args: BelowArgs) -> Result<LowRepositories> {
    let all = ask_all(cx, args.server.as_deref(), repository::all)?;
    let mut answer = LowRepositories {
        below: Vec::new(),
        offline: Vec::new(),
        unknown: Vec::new(),
        looked_at: 0,
        unreachable: all.unreachable,
    };
    for (server, repositories) in all.answers {
        answer.looked_at += repositories.len();
        for repository in repositories {
            let name = match server.label() {
                Some(server) => format!("{} ({server})", repository.name),
                None => repository.name.clone(),
            };
            if repository.online == Some(false) {
                answer.offline.push(name);
            } else if let Some(free) = repository.free_percent {
                if free < args.percent {
                    answer.below.push(Low {
                        server: server.label(),
                        urgency: urgency(free).to_owned(),
                        repository,
                    });
                }
            } else {
                answer.unknown.push(name);
            }
        }
    }
    let free = |low: &Low| low.repository.free_percent.unwrap_or(0.0);
    answer
        .below
        .sort_by(|left, right| free(left).total_cmp(&free(right)));
    Ok(answer)
}

fn urgency(free: f64) -> &'static str {
    if free < 10.0 {
        "critical"
    } else if free < 15.0 {
        "warning"
    } else {
        "low"
    }
}
