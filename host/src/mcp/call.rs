//! One `tools/call`, whatever brought it here: looked up, checked, run, answered.

use std::time::{Duration, Instant};

use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ClientCapabilities, ContentBlock, JsonObject};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{convert, follow, tasks};
use crate::catalog::Tool;
use crate::host::{Host, random_id};
use crate::jobs::{Job, Start, Status};
use crate::plugin::wit::tools::{JobSupport, NewJob, Outcome};
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
    /// What becomes of a call that outlives its request.
    pub follow: Follow,
}

/// How a caller follows a job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Follow {
    /// As a task.
    Task,
    /// It cannot: it waits a little, and then gets the job's id.
    Briefly(Duration),
    /// By waiting until it has ended.
    ToTheEnd,
}

/// How a call was answered.
#[derive(Debug)]
pub enum Answer {
    /// With a result.
    Result(CallToolResult),
    /// With a job, for a caller that follows it as a task.
    Task(Box<Job>),
}

/// Calls a tool.
///
/// A call that failed is a result with `isError`, which the model reads; an [`ErrorData`] says that the request
/// itself cannot be served.
pub async fn call(host: &Host, call: ToolCall) -> Result<Answer, ErrorData> {
    if let (Some(own), Some(jobs)) = (follow::Own::named(&call.name), host.jobs()) {
        return follow::call(jobs, own, &call).await.map(Answer::Result);
    }
    let catalog = host.catalog();
    let Some(tool) = catalog.tool(&call.name) else {
        let name: String = call.name.chars().take(64).collect();
        return Err(ErrorData::invalid_params(
            format!("unknown tool: {name:?}"),
            None,
        ));
    };
    if tool.jobs == JobSupport::Required {
        if matches!(call.follow, Follow::Briefly(_)) {
            return Err(ErrorData::missing_required_client_capability(
                ClientCapabilities::builder().enable_tasks().build(),
            ));
        }
        if host.jobs().is_none() {
            return Ok(Answer::Result(told(no_jobs(tool))));
        }
    }
    let arguments = Value::Object(call.arguments);
    if let Err(violations) = tool.input.check(&arguments) {
        return Ok(Answer::Result(told(format!(
            "the arguments do not fit the input schema of `{}`: {violations}",
            tool.name
        ))));
    }
    let info = CallInfo {
        principal: call.principal.clone(),
        cancelled: call.cancelled.clone(),
        deadline: Instant::now() + tool.plugin.limits().wall_time,
        events: call.events.clone(),
        jobs: host.jobs().is_some() && !matches!(call.follow, Follow::Briefly(_)),
        answers: Vec::new(),
        idempotency_key: random_id(),
        meta: Vec::new(),
        traceparent: call.traceparent,
    };
    let text = arguments.to_string();
    match tool.plugin.call_tool(info, tool.name.clone(), text).await {
        Ok(Ok(Outcome::Started(job))) => {
            let caller = Caller {
                principal: call.principal,
                cancelled: call.cancelled,
                events: call.events,
                follow: call.follow,
            };
            started(host, tool, arguments, job, caller).await
        }
        ended => answer(tool, ended).map(Answer::Result),
    }
}

/// Who waits for a job.
struct Caller {
    principal: Principal,
    cancelled: CancellationToken,
    events: Option<mpsc::Sender<Event>>,
    follow: Follow,
}

/// The call goes on as a job: stored first, then told.
async fn started(
    host: &Host,
    tool: &Tool,
    arguments: Value,
    job: NewJob,
    caller: Caller,
) -> Result<Answer, ErrorData> {
    let Some(jobs) = host.jobs() else {
        return Ok(Answer::Result(told(no_jobs(tool))));
    };
    if tool.jobs == JobSupport::Never {
        let (plugin, name) = (tool.plugin.name(), &tool.name);
        return Ok(Answer::Result(told(format!(
            "`{name}` started a job, and says that it never does; this is a defect of plugin `{plugin}`"
        ))));
    }
    let start = Start {
        tool: tool.name.clone(),
        arguments,
        plugin: tool.plugin.name().clone(),
        version: tool.plugin.manifest.version.to_string(),
        digest: tool.plugin.digest.clone(),
        job,
    };
    let job = match jobs.start(&caller.principal, start).await {
        Ok(job) => job,
        Err(error) => {
            let name = &tool.name;
            let told_error = told(format!(
                "`{name}` started a job that cannot be kept: {error}"
            ));
            tracing::warn!(tool = name, error = %crate::error::report(&error), "a job was not kept");
            return Ok(Answer::Result(told_error));
        }
    };
    let limit = match caller.follow {
        Follow::Task => return Ok(Answer::Task(Box::new(job))),
        Follow::Briefly(limit) => limit,
        Follow::ToTheEnd => jobs.settings().max_duration,
    };
    let waited = jobs.wait(&caller.principal, &job.id, limit, caller.events.as_ref());
    tokio::select! {
        biased;
        () = caller.cancelled.cancelled() => {
            // Nobody has heard of the job, so nobody could stop it later.
            if let Err(error) = jobs.cancel(&caller.principal, &job.id).await {
                tracing::warn!(%error, job = %job.id, "a job of a cancelled call was not cancelled");
            }
            return Ok(Answer::Result(told("the call was cancelled")));
        }
        waited = waited => waited.map_err(|error| tasks::error(&error))?,
    };
    let details = jobs
        .get(&caller.principal, &job.id)
        .await
        .map_err(|error| tasks::error(&error))?;
    if details.job.status == Status::Failed {
        return tasks::result(&details.job, details.outcome).map(Answer::Result);
    }
    Ok(Answer::Result(follow::show(details)))
}

fn no_jobs(tool: &Tool) -> String {
    format!(
        "`{}` runs as a job, and this host cannot run jobs at the moment: its log says why",
        tool.name
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
        Ok(Ok(Outcome::Started(_))) => return Ok(told(no_jobs(tool))),
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
pub(super) fn request_error(error: RequestError) -> ErrorData {
    let data = error.data.and_then(|text| serde_json::from_str(&text).ok());
    match error.cause {
        Cause::InvalidParams | Cause::NotFound => ErrorData::invalid_params(error.message, data),
        Cause::Missing(_) | Cause::Unavailable | Cause::Internal => {
            ErrorData::internal_error(error.message, data)
        }
    }
}

/// A result that tells the model what went wrong.
pub(super) fn told(text: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}
