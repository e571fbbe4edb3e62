//! One `tools/call`, whatever brought it here: looked up, checked, run, answered.

use std::time::Instant;

use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::convert;
use crate::catalog::Tool;
use crate::host::{Host, random_id};
use crate::plugin::wit::tools::Outcome;
use crate::plugin::wit::values::{Cause, Failure, RequestError};
use crate::plugin::{CallError, CallInfo, Event, Principal};

/// What is asked.
#[derive(Debug)]
pub struct ToolCall {
    /// The tool.
    pub name: String,
    /// Its arguments.
    pub arguments: JsonObject,
    /// Who asks.
    pub principal: Principal,
    /// Cancelled when nobody wants the answer any more.
    pub cancelled: CancellationToken,
    /// W3C trace context of the request.
    pub traceparent: Option<String>,
    /// Where the plugin's progress goes, when somebody wants it.
    pub events: Option<mpsc::Sender<Event>>,
}

/// Calls a tool.
///
/// A call that failed is a result with `isError`, which the model reads; an [`ErrorData`] says that the request
/// itself cannot be served.
pub async fn call(host: &Host, call: ToolCall) -> Result<CallToolResult, ErrorData> {
    let catalog = host.catalog();
    let Some(tool) = catalog.tool(&call.name) else {
        let name: String = call.name.chars().take(64).collect();
        return Err(ErrorData::invalid_params(
            format!("unknown tool: {name:?}"),
            None,
        ));
    };
    let arguments = Value::Object(call.arguments);
    if let Err(violations) = tool.input.check(&arguments) {
        return Ok(told(format!(
            "the arguments do not fit the input schema of `{}`: {violations}",
            tool.name
        )));
    }
    let info = CallInfo {
        principal: call.principal,
        cancelled: call.cancelled,
        deadline: Instant::now() + tool.plugin.limits().wall_time,
        events: call.events,
        jobs: false,
        answers: Vec::new(),
        idempotency_key: random_id(),
        meta: Vec::new(),
        traceparent: call.traceparent,
    };
    answer(
        tool,
        tool.plugin
            .call_tool(info, tool.name.clone(), arguments.to_string())
            .await,
    )
}

/// The plugin's answer, or what became of the call instead of one.
fn answer(
    tool: &Tool,
    ended: Result<Result<Outcome, Failure>, CallError>,
) -> Result<CallToolResult, ErrorData> {
    let judged = match ended {
        Ok(Ok(Outcome::Done(output))) => convert::output(tool, output),
        Ok(Err(Failure::Tool(error))) => convert::tool_error(error),
        Ok(Err(Failure::Request(error))) => return Err(request_error(error)),
        Ok(Err(Failure::Cancelled)) => return Ok(told("the call was cancelled")),
        Ok(Ok(Outcome::InputNeeded(_))) => {
            return Ok(told(format!(
                "`{}` needs to ask somebody, and this host cannot ask",
                tool.name
            )));
        }
        Ok(Ok(Outcome::Started(_))) => {
            return Ok(told(format!(
                "`{}` started a job, and this host runs no jobs",
                tool.name
            )));
        }
        Err(error) => return Ok(told(error.to_string())),
    };
    judged.or_else(|defect| {
        let (plugin, name) = (tool.plugin.name(), &tool.name);
        tracing::warn!(%plugin, tool = name, %defect, "a plugin's result was not passed on");
        Ok(told(format!(
            "the result of `{name}` cannot be used: {defect}; this is a defect of plugin `{plugin}`"
        )))
    })
}

/// A protocol error in the plugin's words.
fn request_error(error: RequestError) -> ErrorData {
    let data = error.data.and_then(|text| serde_json::from_str(&text).ok());
    match error.cause {
        Cause::InvalidParams | Cause::NotFound => ErrorData::invalid_params(error.message, data),
        Cause::Missing(_) | Cause::Unavailable | Cause::Internal => {
            ErrorData::internal_error(error.message, data)
        }
    }
}

/// A result that tells the model what went wrong.
fn told(text: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}
