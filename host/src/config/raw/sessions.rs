//! `[server.sessions]` as written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Duration, Size};
use crate::config::at::At;
use crate::config::defaults;

/// Sessions of clients that speak a protocol revision before 2026-07-28. Each belongs to the principal that opened it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct Sessions {
    /// How long a session may be idle, without a request and without an open stream, before it ends.
    #[schemars(extend("default" = defaults::SESSION_IDLE_TIMEOUT, "examples" = ["15 min"]))]
    pub(in crate::config) idle_timeout: Option<At<Duration>>,
    /// Sessions at once.
    #[schemars(extend("default" = defaults::MAX_SESSIONS, "minimum" = 1, "examples" = [10000]))]
    pub(in crate::config) max: Option<At<i64>>,
    /// Sessions of one principal at once. Whoever opens more ends the longest idle of its own; while none of them has been
    /// idle for a minute, it is refused.
    #[schemars(extend("default" = defaults::MAX_SESSIONS_PER_PRINCIPAL, "minimum" = 1, "examples" = [1000]))]
    pub(in crate::config) max_per_principal: Option<At<i64>>,
    /// Events that one session keeps for clients that lose a stream and come back (`Last-Event-ID`).
    #[schemars(extend("default" = defaults::MAX_EVENTS, "minimum" = 1, "examples" = [256]))]
    pub(in crate::config) max_events: Option<At<i64>>,
    /// Bytes of these events.
    #[schemars(extend("default" = defaults::MAX_EVENTS_SIZE, "examples" = ["1 MiB"]))]
    pub(in crate::config) max_events_size: Option<At<Size>>,
    /// Bytes of such events over all sessions.
    #[schemars(extend("default" = defaults::MAX_EVENTS_SIZE_IN_ALL, "examples" = ["256 MiB"]))]
    pub(in crate::config) max_events_size_in_all: Option<At<Size>>,
}
