//! One line of the audit log for each call, whatever brought it here and however it ends.

use rmcp::ErrorData;

use super::call::{Caller, Ended, Served};
use crate::audit::{self, Event, Kind};
use crate::catalog::Catalog;
use crate::plugin::{Plugin, Principal};

/// The beginning of an event that is about a plugin and a principal.
pub(super) fn head(kind: Kind, plugin: &Plugin, principal: &Principal) -> Event {
    plugin
        .event(kind)
        .by(principal.tenant.as_str(), principal.subject.as_deref())
}

/// Begins the record of a call. What cannot be recorded is not done, unless the operator wants it so.
pub(super) fn begin(target: &Served, caller: &Caller<'_>) -> Result<audit::Call, ErrorData> {
    let plugin = target.plugin();
    let (method, name, arguments) = target.identity();
    let event = head(Kind::Call, plugin, &caller.principal)
        .with("method", method)
        .with(
            if method == "tools/call" {
                "tool"
            } else {
                "name"
            },
            name,
        )
        .with("trace", caller.traceparent.as_deref());
    let mut record = plugin
        .audit()
        .begin(event)
        .map_err(|unavailable| ErrorData::internal_error(unavailable.to_string(), None))?;
    record.arguments(name, &arguments);
    Ok(record)
}

/// A call whose arguments do not fit, which therefore does not begin.
pub(super) fn misfit(catalog: &Catalog, name: &str, principal: &Principal) {
    not_begun(catalog, name, principal, "misfit");
}

/// A call that the principal may not make, refused before it was read.
pub(super) fn denied(catalog: &Catalog, name: &str, principal: &Principal) {
    not_begun(catalog, name, principal, "denied");
}

fn not_begun(catalog: &Catalog, name: &str, principal: &Principal, outcome: &'static str) {
    if let Some(tool) = catalog.tool(name) {
        let event = head(Kind::Call, &tool.plugin, principal)
            .with("method", "tools/call")
            .with("tool", name);
        tool.plugin.audit().record(event.outcome(outcome));
    }
}

/// The word for how a call ended.
pub(super) fn outcome(ended: &Result<Ended, ErrorData>) -> &'static str {
    match ended {
        Ok(Ended::Tool(result)) if result.is_error == Some(true) => "tool-error",
        Ok(Ended::Broken(..)) => "tool-error",
        Ok(Ended::InputRequired(_)) => "input-required",
        Ok(_) => "ok",
        Err(_) => "error",
    }
}
