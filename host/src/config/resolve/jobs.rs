//! `[jobs]`.

use std::time::Duration;

use super::Cx;
use super::value::Key;
use crate::config::at::At;
use crate::config::{Jobs, defaults, raw};

const TABLE: &str = "jobs";
const MOST_RUNNING: u32 = 10_000;
const MOST_KEPT: u32 = 1_000_000;
const MOST_ATTEMPTS: u32 = 1_000;

pub(super) fn resolve(cx: &mut Cx<'_>, raw: &raw::Jobs) -> Jobs {
    let min_wait = duration(
        cx,
        "min-wait",
        raw.min_wait.as_ref(),
        defaults::MIN_STEP_WAIT,
    );
    let max_wait = duration(
        cx,
        "max-wait",
        raw.max_wait.as_ref(),
        defaults::MAX_STEP_WAIT,
    );
    if let Some(at) = raw.max_wait.as_ref().or(raw.min_wait.as_ref())
        && max_wait < min_wait
    {
        cx.findings
            .error(&at.span, "`jobs.max-wait` is less than `jobs.min-wait`")
            .hint("max-wait = \"5 min\"");
    }
    let max_running = count(
        cx,
        "max-running",
        raw.max_running.as_ref(),
        defaults::MAX_RUNNING_JOBS,
        MOST_RUNNING,
    );
    let per_tenant = Key {
        table: TABLE,
        name: "max-running-per-tenant",
    };
    let field = raw.max_running_per_tenant.as_ref();
    Jobs {
        max_running,
        max_running_per_tenant: cx.count_or(per_tenant, field, max_running, max_running),
        max_queued: count(
            cx,
            "max-queued",
            raw.max_queued.as_ref(),
            defaults::MAX_QUEUED_JOBS,
            MOST_KEPT,
        ),
        max_kept: count(
            cx,
            "max-kept",
            raw.max_kept.as_ref(),
            defaults::MAX_KEPT_JOBS,
            MOST_KEPT,
        ),
        max_kept_bytes: cx.size(
            Key {
                table: TABLE,
                name: "max-kept-size",
            },
            raw.max_kept_size.as_ref(),
            defaults::MAX_KEPT_SIZE,
            u64::MAX,
        ),
        keep_results: duration(
            cx,
            "keep-results",
            raw.keep_results.as_ref(),
            defaults::KEEP_RESULTS,
        ),
        answer_within: duration(
            cx,
            "answer-within",
            raw.answer_within.as_ref(),
            defaults::ANSWER_WITHIN,
        ),
        min_wait,
        max_wait: max_wait.max(min_wait),
        max_attempts: count(
            cx,
            "max-attempts",
            raw.max_attempts.as_ref(),
            defaults::MAX_STEP_ATTEMPTS,
            MOST_ATTEMPTS,
        ),
        max_duration: duration(
            cx,
            "max-duration",
            raw.max_duration.as_ref(),
            defaults::MAX_JOB_DURATION,
        ),
    }
}

fn duration(
    cx: &mut Cx<'_>,
    name: &'static str,
    raw: Option<&At<raw::Duration>>,
    default: &'static str,
) -> Duration {
    cx.duration(Key { table: TABLE, name }, raw, default)
}

fn count(
    cx: &mut Cx<'_>,
    name: &'static str,
    raw: Option<&At<i64>>,
    default: u32,
    most: u32,
) -> u32 {
    let key = Key { table: TABLE, name };
    cx.origins.default(&key.path(), default.to_string());
    cx.count_or(key, raw, default, most)
}
