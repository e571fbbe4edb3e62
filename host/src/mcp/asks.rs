//! What a job asks for, as MCP's input requests, and what came back.
//!
//! The person sees who asks: the host puts the plugin's name first. The reply is checked against what was asked
//! before the plugin sees it.

use rmcp::model::InputRequest;
use serde_json::{Value, json};

use crate::catalog::Schema;
use crate::config::PluginName;
use crate::plugin::wit::values::{Ask, Confirm, Reply};

/// What is asked for, in MCP's words. `None`: something that this host does not let plugins ask for.
pub(super) fn request(plugin: &PluginName, ask: &Ask) -> Option<InputRequest> {
    let message = match ask {
        Ask::Form(form) => form.message.clone(),
        Ask::Confirm(confirm) => confirm_text(confirm),
        Ask::Visit(_) | Ask::Sample(_) | Ask::Roots | Ask::Other(_) => return None,
    };
    let request = json!({
        "method": "elicitation/create",
        "params": {
            "mode": "form",
            "message": format!("Plugin `{plugin}` asks: {message}"),
            "requestedSchema": schema(ask)?,
        },
    });
    serde_json::from_value(request).ok()
}

fn confirm_text(confirm: &Confirm) -> String {
    let details = confirm.details.iter();
    details.fold(confirm.message.clone(), |text, (label, value)| {
        format!("{text}\n{label}: {value}")
    })
}

/// The schema of what is filled in.
fn schema(ask: &Ask) -> Option<Value> {
    match ask {
        Ask::Form(form) => serde_json::from_str(&form.schema).ok(),
        Ask::Confirm(confirm) => {
            let mut schema = json!({
                "type": "object",
                "properties": { "reason": { "type": "string", "title": "Reason", "maxLength": 1000 } },
            });
            if confirm.reason_required {
                schema["required"] = json!(["reason"]);
            }
            Some(schema)
        }
        Ask::Visit(_) | Ask::Sample(_) | Ask::Roots | Ask::Other(_) => None,
    }
}

/// The reply to an ask: an `ElicitResult`. `Err` says what is wrong with it.
pub(super) fn reply(ask: &Ask, value: &Value) -> Result<Reply, String> {
    match value["action"].as_str() {
        Some("accept") => {}
        Some("decline") => return Ok(Reply::Declined),
        Some("cancel") => return Ok(Reply::Cancelled),
        _ => return Err("has no `action` of accept, decline or cancel".to_owned()),
    }
    let content = value.get("content").cloned().unwrap_or_else(|| json!({}));
    if !content.is_object() {
        return Err("has a `content` that is no object".to_owned());
    }
    let schema = schema(ask).ok_or("was not asked for by this host")?;
    let schema = Schema::parse(&schema.to_string())
        .map_err(|error| format!("was asked for with a schema that {error}"))?;
    schema
        .check(&content)
        .map_err(|violations| format!("does not fit what was asked for: {violations}"))?;
    Ok(Reply::Accepted(content.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::wit::values::Form;

    fn form() -> Ask {
        Ask::Form(Form {
            message: "How many?".to_owned(),
            schema: r#"{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}"#
                .to_owned(),
        })
    }

    #[test]
    fn a_request_names_who_asks() {
        let request = request(&"counter".parse().unwrap(), &form()).unwrap();
        let request = serde_json::to_value(request).unwrap();
        assert_eq!(request["method"], "elicitation/create");
        assert_eq!(
            request["params"]["message"],
            "Plugin `counter` asks: How many?"
        );
        assert_eq!(
            request["params"]["requestedSchema"]["required"],
            json!(["n"])
        );
    }

    #[test]
    fn what_may_not_be_asked_is_not_translated() {
        assert!(request(&"counter".parse().unwrap(), &Ask::Roots).is_none());
    }

    #[test]
    fn only_a_reply_that_fits_reaches_the_plugin() {
        let check = |value: Value| reply(&form(), &value);
        assert!(matches!(
            check(json!({ "action": "accept", "content": { "n": 3 } })),
            Ok(Reply::Accepted(text)) if text == r#"{"n":3}"#
        ));
        assert!(matches!(
            check(json!({ "action": "decline" })),
            Ok(Reply::Declined)
        ));
        assert!(matches!(
            check(json!({ "action": "cancel" })),
            Ok(Reply::Cancelled)
        ));
        for bad in [
            json!({}),
            json!("accept"),
            json!({ "action": "accept" }),
            json!({ "action": "accept", "content": [] }),
            json!({ "action": "accept", "content": { "n": "three" } }),
        ] {
            assert!(check(bad.clone()).is_err(), "{bad}");
        }
    }
}
