//! What tenants may take, as written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::at::At;
use super::super::defaults;

/// One tenant.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in super::super) struct Tenant {
    /// What it may take. What is left out is as in `[tenant-limits]`.
    pub(in super::super) limits: Option<TenantLimits>,
}

/// What one tenant may take of what all share.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in super::super) struct TenantLimits {
    /// Calls of the tenant at once, over all plugins; more wait. Fewer than a plugin's own `concurrency` and than
    /// `runtime.max-instances`, or one tenant can take all there is. Without `[auth]` there is one tenant, and the default is
    /// `runtime.max-instances`.
    #[schemars(extend("default" = defaults::TENANT_CONCURRENCY, "minimum" = 1, "examples" = [24]))]
    pub(in super::super) concurrency: Option<At<i64>>,
    /// Calls of the tenant that may wait before new ones are refused. Without `[auth]` the default is `runtime.max-waiting`.
    #[schemars(extend("default" = defaults::TENANT_QUEUE, "minimum" = 1, "examples" = [256]))]
    pub(in super::super) queue: Option<At<i64>>,
    /// Calls of the tenant in a second; as many more may come at once after a pause. Default: not limited.
    #[schemars(extend("minimum" = 1, "examples" = [100]))]
    pub(in super::super) calls_per_second: Option<At<i64>>,
}
