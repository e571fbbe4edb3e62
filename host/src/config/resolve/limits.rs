//! `[limits]` and `[plugins.NAME.limits]`.

use super::Cx;
use super::value::Key;
use crate::config::at::At;
use crate::config::{Limits, defaults, inline, quantity, raw};

/// All that a 32-bit guest can address.
const MOST_MEMORY: u64 = 4 << 30;
/// Larger answers, results and host memories than this are a mistake in the unit.
const MOST_BYTES: u64 = 4 << 30;
pub(super) const MOST_CONCURRENCY: u32 = 10_000;

pub(super) const MOST_QUEUE: u32 = 1_000_000;
const MOST_PER_SECOND: u32 = 1_000_000;
const EXAMPLE_RATE: u32 = 100;
const MOST_ENTRIES: u32 = 10_000;
/// What `wit/values.wit` promises to every plugin that asks something.
const LEAST_CONTINUATION: u64 = 32 << 10;

/// `[limits]`, over the built-in defaults.
pub(super) fn defaults(cx: &mut Cx<'_>, raw: &raw::Limits) -> Limits {
    let shown = [
        ("memory", inline::string(defaults::MEMORY)),
        ("host-memory", inline::string(defaults::HOST_MEMORY)),
        ("cpu-time", inline::string(defaults::CPU_TIME)),
        ("wall-time", inline::string(defaults::WALL_TIME)),
        ("concurrency", defaults::CONCURRENCY.to_string()),
        ("queue", defaults::QUEUE.to_string()),
        ("result-size", inline::string(defaults::RESULT_SIZE)),
        (
            "continuation-size",
            inline::string(defaults::CONTINUATION_SIZE),
        ),
        ("log-size", inline::string(defaults::LOG_SIZE)),
        ("max-entries", defaults::MAX_ENTRIES.to_string()),
    ];
    for (name, value) in shown {
        cx.origins.default(&inline::join("limits", name), value);
    }
    over(cx, "limits", raw, &built_in())
}

/// A plugin's limits, over those of `[limits]`.
pub(super) fn of_plugin(cx: &mut Cx<'_>, table: &str, raw: &raw::Limits, base: &Limits) -> Limits {
    for name in [
        "memory",
        "host-memory",
        "cpu-time",
        "wall-time",
        "concurrency",
        "queue",
        "calls-per-second",
        "result-size",
        "continuation-size",
        "log-size",
        "max-entries",
    ] {
        cx.origins
            .inherit(&inline::join(table, name), &inline::join("limits", name));
    }
    over(cx, table, raw, base)
}

fn over(cx: &mut Cx<'_>, table: &str, raw: &raw::Limits, base: &Limits) -> Limits {
    let key = |name| Key { table, name };
    Limits {
        memory: to_usize(cx.size_or(
            key("memory"),
            raw.memory.as_ref(),
            base.memory as u64,
            MOST_MEMORY,
        )),
        host_memory: to_usize(cx.size_or(
            key("host-memory"),
            raw.host_memory.as_ref(),
            base.host_memory as u64,
            MOST_BYTES,
        )),
        cpu_time: cx.duration_or(key("cpu-time"), raw.cpu_time.as_ref(), base.cpu_time),
        wall_time: cx.duration_or(key("wall-time"), raw.wall_time.as_ref(), base.wall_time),
        concurrency: cx.count_or(
            key("concurrency"),
            raw.concurrency.as_ref(),
            base.concurrency,
            MOST_CONCURRENCY,
        ),
        queue: cx.count_or(key("queue"), raw.queue.as_ref(), base.queue, MOST_QUEUE),
        calls_per_second: rate(
            cx,
            key("calls-per-second"),
            raw.calls_per_second.as_ref(),
            base.calls_per_second,
        ),
        result_bytes: to_usize(cx.size_or(
            key("result-size"),
            raw.result_size.as_ref(),
            base.result_bytes as u64,
            MOST_BYTES,
        )),
        continuation_bytes: continuation(cx, key("continuation-size"), raw, base),
        log_bytes: to_usize(cx.size_or(
            key("log-size"),
            raw.log_size.as_ref(),
            base.log_bytes as u64,
            MOST_BYTES,
        )),
        max_entries: cx.count_or(
            key("max-entries"),
            raw.max_entries.as_ref(),
            base.max_entries,
            MOST_ENTRIES,
        ),
    }
}

/// Never less than plugins rely on: one that remembers 32 KiB must not fail at one operator's and work at another's.
fn continuation(cx: &mut Cx<'_>, key: Key<'_>, raw: &raw::Limits, base: &Limits) -> usize {
    let field = raw.continuation_size.as_ref();
    let bytes = cx.size_or(key, field, base.continuation_bytes as u64, MOST_BYTES);
    match field {
        Some(field) if bytes < LEAST_CONTINUATION => {
            let problem = format!(
                "`{}` is less than the 32 KiB that plugins are promised",
                key.path()
            );
            let finding = cx.findings.error(&field.span, problem);
            finding.hint(format!("{} = \"32 KiB\", or leave it out", key.name));
            base.continuation_bytes
        }
        _ => to_usize(bytes),
    }
}

/// A number in a second, where there is one.
pub(super) fn rate(
    cx: &mut Cx<'_>,
    key: Key<'_>,
    field: Option<&At<i64>>,
    base: Option<u32>,
) -> Option<u32> {
    match field {
        Some(_) => Some(cx.count_or(key, field, EXAMPLE_RATE, MOST_PER_SECOND)),
        None => base,
    }
}

fn built_in() -> Limits {
    let size = |text| to_usize(quantity::size(text, MOST_BYTES).expect("a default is a size"));
    let duration = |text| quantity::duration(text).expect("a default is a duration");
    Limits {
        memory: size(defaults::MEMORY),
        host_memory: size(defaults::HOST_MEMORY),
        cpu_time: duration(defaults::CPU_TIME),
        wall_time: duration(defaults::WALL_TIME),
        concurrency: defaults::CONCURRENCY,
        queue: defaults::QUEUE,
        calls_per_second: None,
        result_bytes: size(defaults::RESULT_SIZE),
        continuation_bytes: size(defaults::CONTINUATION_SIZE),
        log_bytes: size(defaults::LOG_SIZE),
        max_entries: defaults::MAX_ENTRIES,
    }
}

/// Sizes are checked to be at most 4 GiB before.
pub(super) fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
