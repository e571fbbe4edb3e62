//! Asking: a plugin's questions as requests of MCP, and the replies judged against what was asked.
//!
//! Whoever answers is told which plugin asks. A reply that does not fit its question never reaches the plugin.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rmcp::model::{
    ClientCapabilities, CreateMessageRequest, CreateMessageRequestParams, ElicitRequest,
    ElicitRequestParams, InputRequest, ListRootsRequest,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::catalog::Schema;
use crate::config::Grant;
use crate::plugin::wit::values::{self, Ask};
use crate::plugin::{Abilities, Plugin, Reply};
use crate::policy::{self, AskRefused};

/// Questions of one round.
const MAX_QUESTIONS: usize = 20;

/// Of what is shown before a confirmation, so much is kept for the audit log.
const SHOWN: usize = 1000;

/// What was asked, as far as it is needed to judge the reply and to record it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub(super) enum Question {
    /// A form; the reply's content must fit.
    Form {
        /// JSON Schema text.
        schema: String,
    },
    /// A confirmation.
    Confirm {
        /// What is shown, for the audit log.
        shown: String,
        /// Whether a yes needs a reason.
        reason_required: bool,
    },
    /// A link.
    Visit,
    /// The client's model.
    Sample,
    /// The client's roots.
    Roots,
}

impl Question {
    /// What is kept of an ask. `None`: of a kind that this host does not know.
    pub(super) fn of(ask: &Ask) -> Option<Self> {
        Some(match ask {
            Ask::Form(form) => Self::Form {
                schema: form.schema.clone(),
            },
            Ask::Confirm(confirm) => Self::Confirm {
                shown: shown(confirm).chars().take(SHOWN).collect(),
                reason_required: confirm.reason_required,
            },
            Ask::Visit(_) => Self::Visit,
            Ask::Sample(_) => Self::Sample,
            Ask::Roots => Self::Roots,
            Ask::Other(_) => return None,
        })
    }
}

/// Why a question is not asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum AskError {
    /// The plugin may not.
    #[error(transparent)]
    Refused(#[from] AskRefused),
    /// The client cannot do it.
    #[error("the client cannot be asked for it")]
    Client(Box<ClientCapabilities>),
}

/// What the client can be asked for, by its own word.
pub(super) fn client_abilities(client: &ClientCapabilities) -> Abilities {
    let elicitation = client.elicitation.as_ref();
    Abilities {
        // Before 2025-11-25 the capability had no parts and meant forms.
        form: elicitation.is_some_and(|can| can.form.is_some() || can.url.is_none()),
        visit: elicitation.is_some_and(|can| can.url.is_some()),
        sample: client.sampling.is_some(),
        sample_tools: client
            .sampling
            .as_ref()
            .is_some_and(|can| can.tools.is_some()),
        roots: client.roots.is_some(),
        jobs: false,
    }
}

/// What the plugin may ask for: what it was granted and the client can do.
pub(super) fn abilities(plugin: &Plugin, client: Abilities) -> Abilities {
    let sample = plugin.may_ask(Grant::Sample);
    Abilities {
        form: client.form && plugin.may_ask(Grant::Form),
        visit: client.visit && plugin.may_ask(Grant::Visit),
        sample: client.sample && sample,
        sample_tools: client.sample_tools && sample,
        roots: client.roots && plugin.may_ask(Grant::Roots),
        jobs: client.jobs,
    }
}

/// A question, ready to be asked.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) question: Question,
    pub(super) request: InputRequest,
}

/// Judges what a plugin wants to ask. The requests go to the client, the questions are kept for the replies.
pub(super) fn questions(
    plugin: &Plugin,
    client: Abilities,
    asked: Vec<values::InputRequest>,
) -> Result<BTreeMap<String, Ready>, AskError> {
    if asked.len() > MAX_QUESTIONS {
        return Err(malformed(
            plugin,
            format!("has more than {MAX_QUESTIONS} parts"),
        ));
    }
    asked
        .into_iter()
        .map(|one| Ok((one.key, question(plugin, client, one.ask)?)))
        .collect()
}

/// What is kept of questions until they are answered.
pub(super) fn kept(ready: &BTreeMap<String, Ready>) -> BTreeMap<String, Question> {
    let questions = ready.iter();
    questions
        .map(|(key, one)| (key.clone(), one.question.clone()))
        .collect()
}

fn malformed(plugin: &Plugin, problem: impl Into<String>) -> AskError {
    AskError::Refused(AskRefused::Malformed {
        plugin: plugin.name().clone(),
        problem: problem.into(),
    })
}

fn question(plugin: &Plugin, client: Abilities, ask: Ask) -> Result<Ready, AskError> {
    policy::may_ask(plugin, &ask)?;
    let bad =
        |error: serde_json::Error| malformed(plugin, format!("is not what MCP takes: {error}"));
    let question =
        Question::of(&ask).ok_or_else(|| malformed(plugin, "this host does not know"))?;
    let form = json!({ "elicitation": { "form": {} } });
    let request = match ask {
        Ask::Form(asked) => {
            possible(client.form, form)?;
            let shown = json!({
                "mode": "form",
                "message": signed(plugin, &asked.message),
                "requestedSchema": serde_json::from_str::<Value>(&asked.schema).map_err(bad)?,
            });
            elicitation(shown).map_err(bad)?
        }
        Ask::Confirm(confirm) => {
            possible(client.form, form)?;
            elicitation(confirmation(plugin, &confirm)).map_err(bad)?
        }
        Ask::Visit(visit) => {
            possible(client.visit, json!({ "elicitation": { "url": {} } }))?;
            let shown = json!({
                "mode": "url",
                "message": signed(plugin, &visit.message),
                "url": visit.url,
                "elicitationId": crate::plugin::random_id(),
            });
            elicitation(shown).map_err(bad)?
        }
        Ask::Sample(text) => {
            possible(client.sample, json!({ "sampling": {} }))?;
            let params: CreateMessageRequestParams = serde_json::from_str(&text).map_err(bad)?;
            if params.tools.is_some() {
                possible(client.sample_tools, json!({ "sampling": { "tools": {} } }))?;
            }
            InputRequest::CreateMessage(CreateMessageRequest::new(params))
        }
        Ask::Roots => {
            possible(client.roots, json!({ "roots": {} }))?;
            InputRequest::ListRoots(ListRootsRequest::default())
        }
        Ask::Other(_) => return Err(malformed(plugin, "this host does not know")),
    };
    Ok(Ready { question, request })
}

/// Whether the client can, by its own word.
fn possible(possible: bool, needed: Value) -> Result<(), AskError> {
    if possible {
        return Ok(());
    }
    let needed = serde_json::from_value(needed).unwrap_or_default();
    Err(AskError::Client(Box::new(needed)))
}

/// People must see who asks.
fn signed(plugin: &Plugin, message: &str) -> String {
    let by = plugin.vouched_by();
    format!(
        "{message}\n\n(asked by the plugin {} of {by})",
        plugin.name()
    )
}

fn elicitation(params: Value) -> Result<InputRequest, serde_json::Error> {
    let params: ElicitRequestParams = serde_json::from_value(params)?;
    Ok(InputRequest::Elicitation(ElicitRequest::new(params)))
}

/// The plugin's sentence, and what the decision depends on.
pub(super) fn shown(confirm: &values::Confirm) -> String {
    let details = confirm.details.iter();
    details.fold(confirm.message.clone(), |mut text, (label, value)| {
        let _ = write!(text, "\n- {label}: {value}");
        text
    })
}

fn confirmation(plugin: &Plugin, confirm: &values::Confirm) -> Value {
    let mut properties = Map::new();
    let title = "Do it";
    properties.insert(
        "confirm".to_owned(),
        json!({ "type": "boolean", "title": title, "default": false }),
    );
    let mut required = vec!["confirm"];
    if confirm.reason_required {
        let mut reason =
            json!({ "type": "string", "title": "Reason", "minLength": 1, "maxLength": 1000 });
        if let Some(given) = &confirm.reason_given {
            reason["default"] = json!(given);
        }
        properties.insert("reason".to_owned(), reason);
        required.push("reason");
    }
    json!({
        "mode": "form",
        "message": signed(plugin, &shown(confirm)),
        "requestedSchema": { "type": "object", "properties": properties, "required": required },
    })
}

/// Judges a reply. The error tells what does not fit.
pub(super) fn judge(question: &Question, reply: &Value) -> Result<Reply, String> {
    match question {
        Question::Form { schema } => match action(reply)? {
            Action::Accept => {
                let content = reply.get("content").cloned().unwrap_or_else(|| json!({}));
                // It compiled when it was asked.
                Schema::parse(schema)?.check(&content)?;
                Ok(Reply::Accepted(content.to_string()))
            }
            other => Ok(other.into()),
        },
        Question::Confirm {
            reason_required, ..
        } => match action(reply)? {
            Action::Accept
                if *reason_required
                    && reply["content"]["confirm"] == true
                    && reason(&reply["content"]).is_none() =>
            {
                Err("it does not say why, in `reason`".to_owned())
            }
            Action::Accept if reply["content"]["confirm"] == true => {
                Ok(Reply::Accepted(reply["content"].to_string()))
            }
            Action::Accept => Ok(Reply::Declined),
            other => Ok(other.into()),
        },
        Question::Visit => match action(reply)? {
            Action::Accept => Ok(Reply::Accepted("{}".to_owned())),
            other => Ok(other.into()),
        },
        Question::Sample if reply.get("content").is_some() && reply.get("role").is_some() => {
            Ok(Reply::Accepted(reply.to_string()))
        }
        Question::Sample => Err("it has no `role` and `content`".to_owned()),
        Question::Roots if reply["roots"].is_array() => Ok(Reply::Accepted(reply.to_string())),
        Question::Roots => Err("it has no list `roots`".to_owned()),
    }
}

/// Why somebody says yes, in an object with a `reason`.
pub(super) fn reason(content: &Value) -> Option<&str> {
    let reason = content["reason"].as_str()?.trim();
    (!reason.is_empty()).then_some(reason)
}

/// A reply that nobody asked for: only its form can be looked at. `None`: it has none.
pub(super) fn volunteered(reply: &Value) -> Option<Reply> {
    match action(reply) {
        Ok(Action::Accept) => {
            let content = reply.get("content").cloned().unwrap_or_else(|| json!({}));
            Some(Reply::Accepted(content.to_string()))
        }
        Ok(other) => Some(other.into()),
        // Of the model or the roots: those are objects without an action.
        Err(_) => reply
            .is_object()
            .then(|| Reply::Accepted(reply.to_string())),
    }
}

/// MCP, `ElicitResult.action`.
enum Action {
    Accept,
    Decline,
    Cancel,
}

impl From<Action> for Reply {
    fn from(action: Action) -> Self {
        match action {
            Action::Accept => Self::Accepted("{}".to_owned()),
            Action::Decline => Self::Declined,
            Action::Cancel => Self::Cancelled,
        }
    }
}

fn action(reply: &Value) -> Result<Action, String> {
    match reply["action"].as_str() {
        Some("accept") => Ok(Action::Accept),
        Some("decline") => Ok(Action::Decline),
        Some("cancel") => Ok(Action::Cancel),
        _ => Err("its `action` is not one of accept, decline and cancel".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_judged_against_what_was_asked() {
        let form = Question::Form {
            schema: r#"{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}"#
                .to_owned(),
        };
        let confirm = |reason_required| Question::Confirm {
            shown: "It is deleted.".to_owned(),
            reason_required,
        };
        let (confirm, confirm_why) = (confirm(false), confirm(true));
        let accepted = |text: &str| Ok(Reply::Accepted(text.to_owned()));
        let table = [
            (
                &form,
                json!({ "action": "accept", "content": { "n": 1 } }),
                accepted("{\"n\":1}"),
            ),
            (&form, json!({ "action": "decline" }), Ok(Reply::Declined)),
            (&form, json!({ "action": "cancel" }), Ok(Reply::Cancelled)),
            (
                &confirm,
                json!({ "action": "accept", "content": { "confirm": false } }),
                Ok(Reply::Declined),
            ),
            (&confirm, json!({ "action": "accept" }), Ok(Reply::Declined)),
            (
                &confirm_why,
                json!({ "action": "accept", "content": { "confirm": true, "reason": "old" } }),
                accepted("{\"confirm\":true,\"reason\":\"old\"}"),
            ),
            (
                &confirm_why,
                json!({ "action": "accept", "content": { "confirm": false } }),
                Ok(Reply::Declined),
            ),
            (
                &Question::Visit,
                json!({ "action": "accept", "content": { "x": 1 } }),
                accepted("{}"),
            ),
            (
                &Question::Roots,
                json!({ "roots": [] }),
                accepted("{\"roots\":[]}"),
            ),
        ];
        for (question, reply, expected) in table {
            assert_eq!(judge(question, &reply), expected, "{question:?} {reply}");
        }
        let misfits = [
            (
                &form,
                json!({ "action": "accept", "content": { "n": "one" } }),
            ),
            (&form, json!({ "action": "accept" })),
            (
                &confirm_why,
                json!({ "action": "accept", "content": { "confirm": true, "reason": " " } }),
            ),
            (&form, json!({ "action": "yes" })),
            (&form, json!("accept")),
            (&Question::Sample, json!({ "action": "accept" })),
            (&Question::Roots, json!({})),
        ];
        for (question, reply) in misfits {
            assert!(judge(question, &reply).is_err(), "{question:?} {reply}");
        }
    }
}
