//! One line of the audit log for each call, whatever brought it here and however it ends.

use std::collections::BTreeMap;

use rmcp::ErrorData;
use serde_json::Value;

use super::ask::{self, Question};
use super::call::{Caller, Served};
use crate::audit::{self, Confirmation, Event, Kind, Trail};
use crate::catalog::{Catalog, Tool};
use crate::host::Host;
use crate::jobs::Job;
use crate::plugin::{CallError, Plugin, Principal, Reply};
use crate::telemetry::{metrics, outcome};

/// The beginning of an event that is about a plugin and a principal.
pub(super) fn head(kind: Kind, plugin: &Plugin, principal: &Principal) -> Event {
    plugin
        .event(kind)
        .by(principal.tenant.as_str(), principal.subject.as_deref())
}

/// Begins the record of a call. What cannot be recorded is not done, unless the operator wants it so.
pub(super) fn begin(target: &Served, caller: &Caller<'_>) -> Result<audit::Call, ErrorData> {
    let plugin = target.plugin();
    if !plugin.audit().is_on() {
        return Ok(plugin.audit().nothing());
    }
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

/// A call of a tenant that calls too often, refused before its arguments were looked at.
pub(super) fn not_now(tool: &Tool, principal: &Principal, error: &CallError) {
    metrics()
        .call(tool.plugin.name().as_str(), &tool.name)
        .ended(error.word());
    not_begun_by(tool, principal, error.word());
}

/// A call whose arguments do not fit, which therefore does not begin. Looking at them was work as well, so it counts.
pub(super) fn misfit(catalog: &Catalog, name: &str, principal: &Principal) {
    if let Some(tool) = catalog.tool(name) {
        tool.plugin.called_in_vain(principal);
    }
    not_begun(catalog, name, principal, outcome::INVALID_ARGUMENTS);
}

/// A call that the principal may not make, refused before it was read.
pub(super) fn denied(catalog: &Catalog, name: &str, principal: &Principal) {
    not_begun(catalog, name, principal, outcome::DENIED);
}

fn not_begun(catalog: &Catalog, name: &str, principal: &Principal, word: &'static str) {
    if let Some(tool) = catalog.tool(name) {
        not_begun_by(tool, principal, word);
    }
}

fn not_begun_by(tool: &Tool, principal: &Principal, word: &'static str) {
    let event = head(Kind::Call, &tool.plugin, principal)
        .with("method", "tools/call")
        .with("tool", tool.name.as_str());
    tool.plugin.audit().record(event.outcome(word));
}

/// A line for every confirmation among the replies. A reason that came with the tool's own arguments was shown to
/// whoever was asked, and counts where they gave no other.
pub(super) fn confirmations(
    target: &Served,
    questions: &BTreeMap<String, Question>,
    replies: &BTreeMap<String, Reply>,
    trail: &Trail,
) {
    let arguments: Value = match target {
        Served::Tool { arguments, .. } => serde_json::from_str(arguments).unwrap_or_default(),
        Served::Prompt { .. } | Served::Resource { .. } => Value::Null,
    };
    for (key, reply) in replies {
        if let Some(question) = questions.get(key) {
            confirmation(question, reply, &arguments, |it| trail.confirmation(it));
        }
    }
}

/// The same for replies to what a job asked.
pub(super) fn confirmations_of_job(
    host: &Host,
    principal: &Principal,
    job: &Job,
    replies: &[(String, Reply)],
) {
    let catalog = host.catalog();
    let plugins = catalog.plugins();
    let Some(plugin) = plugins.iter().find(|plugin| *plugin.name() == job.plugin) else {
        return;
    };
    for (key, reply) in replies {
        let asked = job.unanswered().find(|request| request.key == *key);
        if let Some(question) = asked.and_then(|request| Question::of(&request.ask)) {
            confirmation(&question, reply, &Value::Null, |it| {
                let event = head(Kind::Confirmation, plugin, principal);
                let event = event.with("job", job.id.to_string());
                plugin.audit().record(it.told(event));
            });
        }
    }
}

fn confirmation(
    question: &Question,
    reply: &Reply,
    arguments: &Value,
    tell: impl FnOnce(Confirmation<'_>),
) {
    if let (Question::Confirm { shown, .. }, Reply::Accepted(content)) = (question, reply) {
        let content: Value = serde_json::from_str(content).unwrap_or_default();
        tell(Confirmation {
            by: "person",
            shown,
            reason: ask::reason(&content).or_else(|| ask::reason(arguments)),
        });
    }
}
