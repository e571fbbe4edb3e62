//! `[reload]` as written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::at::At;
use super::super::defaults;
use super::Duration;

/// How changes of components and of this file are taken up while the host serves.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct Reload {
    /// Whether the components and this file are watched. Without that, SIGHUP and `POST /api/admin/reload` take changes up.
    #[schemars(extend("default" = defaults::WATCH, "examples" = [false]))]
    pub(in crate::config) watch: Option<At<bool>>,
    /// How long files have to stay as they are before they are read.
    #[schemars(extend("default" = defaults::SETTLE_TIME, "examples" = ["300 ms"]))]
    pub(in crate::config) settle_time: Option<At<Duration>>,
    /// How long calls in flight may go on in a version that was replaced or removed; then they are stopped.
    #[schemars(extend("default" = defaults::DRAIN_TIME, "examples" = ["30 s"]))]
    pub(in crate::config) drain_time: Option<At<Duration>>,
}
