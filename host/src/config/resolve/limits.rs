//! `[limits]` and `[plugins.NAME.limits]`.

use super::Cx;
use super::value::Key;
use crate::config::{Limits, defaults, inline, quantity, raw};

/// All that a 32-bit guest can address.
const MOST_MEMORY: u64 = 4 << 30;
/// Larger answers, results and host memories than this are a mistake in the unit.
const MOST_BYTES: u64 = 4 << 30;
const MOST_CONCURRENCY: u32 = 10_000;

/// `[limits]`, over the built-in defaults.
pub(super) fn defaults(cx: &mut Cx<'_>, raw: &raw::Limits) -> Limits {
    let shown = [
        ("memory", inline::string(defaults::MEMORY)),
        ("host-memory", inline::string(defaults::HOST_MEMORY)),
        ("cpu-time", inline::string(defaults::CPU_TIME)),
        ("wall-time", inline::string(defaults::WALL_TIME)),
        ("concurrency", defaults::CONCURRENCY.to_string()),
        ("result-size", inline::string(defaults::RESULT_SIZE)),
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
        "result-size",
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
        result_bytes: to_usize(cx.size_or(
            key("result-size"),
            raw.result_size.as_ref(),
            base.result_bytes as u64,
            MOST_BYTES,
        )),
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
        result_bytes: size(defaults::RESULT_SIZE),
    }
}

/// Sizes are checked to be at most 4 GiB before.
pub(super) fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
