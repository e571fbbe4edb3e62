//! `[reload]`.

use super::Cx;
use super::value::Key;
use crate::config::{Reload, defaults, raw};

const TABLE: &str = "reload";

pub(super) fn resolve(cx: &mut Cx<'_>, raw: &raw::Reload) -> Reload {
    let key = |name| Key { table: TABLE, name };
    cx.origins
        .default(&key("watch").path(), defaults::WATCH.to_string());
    Reload {
        watch: raw.watch.as_ref().map_or(defaults::WATCH, |at| at.value),
        settle_time: cx.duration(
            key("settle-time"),
            raw.settle_time.as_ref(),
            defaults::SETTLE_TIME,
        ),
        drain_time: cx.duration(
            key("drain-time"),
            raw.drain_time.as_ref(),
            defaults::DRAIN_TIME,
        ),
    }
}
