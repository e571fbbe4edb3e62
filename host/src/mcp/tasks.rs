//! Jobs as tasks: the extension `io.modelcontextprotocol/tasks`.

use rmcp::model::{
    CallToolResult, CancelTaskParams, ClientCapabilities, DetailedTask, GetTaskParams,
    GetTaskResult, InputRequests, JsonObject, Task, TaskPayload, TaskStatus, UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Value, json};

use super::{asks, call, convert};
use crate::host::Host;
use crate::jobs::{Details, Job, JobId, Jobs, JobsError, Outcome, Status, time};
use crate::plugin::Principal;

/// How often a client should look, milliseconds.
const POLL_MS: u64 = 1000;

/// `tasks/get`.
pub(super) async fn get(
    host: &Host,
    principal: &Principal,
    params: &GetTaskParams,
    context: &RequestContext<RoleServer>,
) -> Result<GetTaskResult, ErrorData> {
    let (jobs, id) = find(host, &params.task_id)?;
    let details = jobs
        .get(principal, &id)
        .await
        .map_err(|problem| error(&problem))?;
    if details.job.status == Status::InputRequired {
        can_be_asked(context)?;
    }
    let task = task(jobs, &details.job);
    Ok(GetTaskResult::new(DetailedTask::new(
        task,
        payload(details)?,
    )))
}

/// `tasks/update`. Replies to what is not asked, or no longer, are ignored, as the extension wants it.
pub(super) async fn update(
    host: &Host,
    principal: &Principal,
    params: UpdateTaskParams,
) -> Result<(), ErrorData> {
    let (jobs, id) = find(host, &params.task_id)?;
    let job = jobs
        .get(principal, &id)
        .await
        .map_err(|problem| error(&problem))?
        .job;
    let mut replies = Vec::new();
    for request in job.unanswered() {
        let key = outer_key(&job, &request.key);
        let Some(value) = params.input_responses.get(&key) else {
            continue;
        };
        let reply = asks::reply(&request.ask, value).map_err(|problem| {
            ErrorData::invalid_params(format!("the response to `{key}` {problem}"), None)
        })?;
        replies.push((request.key.clone(), reply));
    }
    if !replies.is_empty() {
        jobs.reply(principal, &id, replies)
            .await
            .map_err(|problem| error(&problem))?;
    }
    Ok(())
}

/// `tasks/cancel`.
pub(super) async fn cancel(
    host: &Host,
    principal: &Principal,
    params: &CancelTaskParams,
) -> Result<(), ErrorData> {
    let (jobs, id) = find(host, &params.task_id)?;
    jobs.cancel(principal, &id)
        .await
        .map_err(|problem| error(&problem))?;
    Ok(())
}

fn find<'a>(host: &'a Host, id: &str) -> Result<(&'a Jobs, JobId), ErrorData> {
    let jobs = host.jobs().ok_or_else(|| error(&JobsError::NotFound))?;
    let id = id.parse().map_err(|_| error(&JobsError::NotFound))?;
    Ok((jobs, id))
}

/// Why an operation on a job was not done, as a protocol error.
pub(super) fn error(error: &JobsError) -> ErrorData {
    match error {
        JobsError::Store(source) => {
            tracing::error!("{}", crate::error::report(source));
            ErrorData::internal_error(error.to_string(), None)
        }
        JobsError::NotFound
        | JobsError::Denied(_)
        | JobsError::Full(_)
        | JobsError::Conflict { .. }
        | JobsError::Invalid(_) => ErrorData::invalid_params(error.to_string(), None),
    }
}

/// MCP: a client is asked only for what it declared.
fn can_be_asked(context: &RequestContext<RoleServer>) -> Result<(), ErrorData> {
    let able = context
        .client_capabilities()
        .is_some_and(|capabilities| capabilities.elicitation.is_some());
    if able {
        return Ok(());
    }
    Err(ErrorData::missing_required_client_capability(
        ClientCapabilities::builder().enable_elicitation().build(),
    ))
}

/// The job without what depends on its status.
pub(super) fn task(jobs: &Jobs, job: &Job) -> Task {
    let (status, poll) = match job.status {
        Status::Queued | Status::Running => (TaskStatus::Working, Some(POLL_MS)),
        Status::InputRequired => (TaskStatus::InputRequired, Some(POLL_MS)),
        Status::Completed => (TaskStatus::Completed, None),
        Status::Failed => (TaskStatus::Failed, None),
        Status::Cancelled => (TaskStatus::Cancelled, None),
    };
    let mut task = Task::new(
        job.id.as_str(),
        status,
        time(job.created),
        time(job.updated),
    );
    let progress = &job.progress;
    task.status_message = match job.status {
        Status::Failed => job.error.clone(),
        Status::Queued if job.started.is_none() => Some(format!("{}: queued", job.title)),
        Status::Queued | Status::Running | Status::InputRequired => progress
            .message
            .clone()
            .or_else(|| progress.step.clone())
            .or_else(|| Some(job.title.clone())),
        Status::Completed | Status::Cancelled => None,
    };
    task.poll_interval_ms = poll;
    // Known once it has ended: results are kept for so long from then on.
    task.ttl_ms = job.finished.map(|finished| {
        let keep = jobs.settings().keep_results.as_millis();
        let lived = finished.saturating_sub(job.created);
        lived.saturating_add(u64::try_from(keep).unwrap_or(u64::MAX))
    });
    task
}

fn payload(details: Details) -> Result<TaskPayload, ErrorData> {
    let Details { job, outcome } = details;
    Ok(match job.status {
        Status::Queued | Status::Running => TaskPayload::Working,
        Status::Cancelled => TaskPayload::Cancelled,
        Status::InputRequired => {
            let requests = job.unanswered().filter_map(|request| {
                let asked = asks::request(&job.plugin, &request.ask)?;
                Some((outer_key(&job, &request.key), asked))
            });
            TaskPayload::InputRequired {
                input_requests: requests.collect::<InputRequests>(),
            }
        }
        Status::Completed | Status::Failed => match result(&job, outcome) {
            Ok(result) => TaskPayload::Completed {
                result: object(json!(result))?,
            },
            Err(error) => TaskPayload::Failed {
                error: object(json!(error))?,
            },
        },
    })
}

/// A plugin may use a key again in a later step; the extension wants keys that are unique in a task's life.
fn outer_key(job: &Job, key: &str) -> String {
    format!("{}.{key}", job.step)
}

fn object(value: Value) -> Result<JsonObject, ErrorData> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(ErrorData::internal_error("a result is no object", None)),
    }
}

/// The result of a job that has ended, or the protocol error that it ended with.
pub(super) fn result(job: &Job, outcome: Option<Outcome>) -> Result<CallToolResult, ErrorData> {
    let judged = match outcome {
        Some(Outcome::Done(output)) => convert::checked_output(output),
        Some(Outcome::ToolError(error)) => convert::tool_error(error),
        Some(Outcome::Error(error)) => return Err(call::request_error(error)),
        None => return Ok(call::told(format!("the job was {}", job.status.as_str()))),
    };
    judged.or_else(|defect| {
        let (plugin, tool) = (&job.plugin, &job.tool);
        tracing::warn!(%plugin, tool, %defect, "a job's result was not passed on");
        Ok(call::told(format!(
            "the result of `{tool}` cannot be used: {defect}; this is a defect of plugin `{plugin}`"
        )))
    })
}
