//! `[server.sessions]`.

use super::Cx;
use super::limits::to_usize;
use super::value::Key;
use crate::config::{Sessions, defaults, raw};

const TABLE: &str = "server.sessions";
const MOST: u32 = 1_000_000;
const MOST_EVENTS: u32 = 100_000;
const MOST_EVENTS_SIZE: u64 = 1 << 30;
const MOST_IN_ALL: u64 = 1 << 40;

pub(super) fn resolve(cx: &mut Cx<'_>, raw: &raw::Sessions) -> Sessions {
    let key = |name| Key { table: TABLE, name };
    let mut count = |name, field: &Option<_>, default: u32, most| {
        cx.origins.default(&key(name).path(), default.to_string());
        cx.count_or(key(name), field.as_ref(), default, most) as usize
    };
    let max = count("max", &raw.max, defaults::MAX_SESSIONS, MOST);
    let max_per_principal = count(
        "max-per-principal",
        &raw.max_per_principal,
        defaults::MAX_SESSIONS_PER_PRINCIPAL,
        MOST,
    );
    let max_events = count(
        "max-events",
        &raw.max_events,
        defaults::MAX_EVENTS,
        MOST_EVENTS,
    );
    let mut size = |name, field: &Option<_>, default, most| {
        to_usize(cx.size(key(name), field.as_ref(), default, most))
    };
    let max_event_bytes = size(
        "max-events-size",
        &raw.max_events_size,
        defaults::MAX_EVENTS_SIZE,
        MOST_EVENTS_SIZE,
    );
    let max_event_bytes_in_all = size(
        "max-events-size-in-all",
        &raw.max_events_size_in_all,
        defaults::MAX_EVENTS_SIZE_IN_ALL,
        MOST_IN_ALL,
    );
    Sessions {
        idle_timeout: cx.duration(
            key("idle-timeout"),
            raw.idle_timeout.as_ref(),
            defaults::SESSION_IDLE_TIMEOUT,
        ),
        max,
        max_per_principal,
        max_events,
        max_event_bytes,
        max_event_bytes_in_all,
    }
}
