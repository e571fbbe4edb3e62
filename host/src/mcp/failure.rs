//! What went wrong, as clients are told: an error of the protocol, or a result that the model reads.

use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

use crate::plugin::wit::values::{Capability, Cause, Failure, RequestError};
use crate::plugin::{Answer, CallError};

/// For prompts, resources and completions: every failure is a protocol error.
pub(super) fn protocol<T>(ended: Result<Answer<T>, CallError>) -> Result<T, ErrorData> {
    match ended {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Failure::Request(error))) => Err(request_error(error)),
        Ok(Err(Failure::Tool(error))) => Err(ErrorData::internal_error(error.message, None)),
        Ok(Err(Failure::Cancelled)) => Err(ErrorData::internal_error(
            CallError::Cancelled.to_string(),
            None,
        )),
        Err(error) => Err(ErrorData::internal_error(error.to_string(), None)),
    }
}

/// A protocol error in the plugin's words.
pub(super) fn request_error(error: RequestError) -> ErrorData {
    let data = error.data.and_then(|text| serde_json::from_str(&text).ok());
    match error.cause {
        Cause::InvalidParams => ErrorData::invalid_params(error.message, data),
        Cause::NotFound => ErrorData::resource_not_found(error.message, data),
        Cause::Missing(missing) => {
            let needed: serde_json::Map<String, Value> =
                missing.iter().map(|one| capability(*one)).collect();
            let needed = serde_json::from_value(Value::Object(needed)).unwrap_or_default();
            ErrorData::missing_required_client_capability(needed)
        }
        Cause::Unavailable | Cause::Internal => ErrorData::internal_error(error.message, data),
    }
}

/// A capability as clients declare it.
fn capability(what: Capability) -> (String, Value) {
    let (name, value) = match what {
        Capability::Form => ("elicitation", json!({ "form": {} })),
        Capability::Visit => ("elicitation", json!({ "url": {} })),
        Capability::Sample => ("sampling", json!({})),
        Capability::SampleTools => ("sampling", json!({ "tools": {} })),
        Capability::Roots => ("roots", json!({})),
        Capability::Jobs => ("extensions", json!({ "io.modelcontextprotocol/tasks": {} })),
    };
    (name.to_owned(), value)
}

/// MCP 2026-07-28, «Resource not found»: the URI is in the error's data.
pub(super) fn with_uri(mut error: ErrorData, uri: &str) -> ErrorData {
    if error.code == rmcp::model::ErrorCode::RESOURCE_NOT_FOUND && error.data.is_none() {
        error.data = Some(json!({ "uri": uri }));
    }
    error
}

pub(super) fn no_resource(uri: &str) -> ErrorData {
    let text = format!("no resource has the URI {:?}", shorten(uri));
    ErrorData::resource_not_found(text, Some(json!({ "uri": uri })))
}

pub(super) fn unknown(what: &str, name: &str) -> ErrorData {
    ErrorData::invalid_params(format!("unknown {what}: {:?}", shorten(name)), None)
}

/// A result that tells the model what went wrong.
pub(super) fn told(text: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}

pub(super) fn shorten(name: &str) -> String {
    name.chars().take(64).collect()
}
