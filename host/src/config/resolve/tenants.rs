//! `[tenant-limits]` and `[tenants.NAME]`.

use std::collections::BTreeMap;

use super::Cx;
use super::limits::{MOST_CONCURRENCY, MOST_QUEUE, rate};
use super::value::Key;
use crate::config::at::At;
use crate::config::{Runtime, TenantLimits, Tenants, defaults, inline, raw};

const USUAL: &str = "tenant-limits";

/// `several`: whether callers are told apart. Where they are not, there is nobody to leave room for.
pub(super) fn resolve(
    cx: &mut Cx<'_>,
    usual: &raw::TenantLimits,
    own: &BTreeMap<At<String>, raw::Tenant>,
    several: bool,
    runtime: &Runtime,
) -> Tenants {
    let base = if several {
        TenantLimits {
            concurrency: defaults::TENANT_CONCURRENCY,
            queue: defaults::TENANT_QUEUE,
            calls_per_second: None,
        }
    } else {
        TenantLimits {
            concurrency: runtime.max_instances,
            queue: runtime.max_waiting,
            calls_per_second: None,
        }
    };
    for (name, value) in [("concurrency", base.concurrency), ("queue", base.queue)] {
        cx.origins
            .default(&inline::join(USUAL, name), value.to_string());
    }
    let usual = over(cx, USUAL, usual, base);
    let mut tenants = Tenants {
        usual,
        own: BTreeMap::new(),
    };
    for (name, tenant) in own {
        let table = inline::join(&inline::join("tenants", &name.value), "limits");
        let limits = match &tenant.limits {
            Some(limits) => over(cx, &table, limits, usual),
            None => usual,
        };
        if let Some(name) = cx.name(name) {
            tenants.own.insert(name, limits);
        }
    }
    tenants
}

fn over(cx: &mut Cx<'_>, table: &str, raw: &raw::TenantLimits, base: TenantLimits) -> TenantLimits {
    let key = |name| Key { table, name };
    TenantLimits {
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
    }
}
