//! Jobs as tasks: the extension `io.modelcontextprotocol/tasks`.

use std::collections::BTreeMap;

use rmcp::model::{
    CallToolResult, CancelTaskParams, DetailedTask, GetTaskParams, GetTaskResult, InputRequests,
    InputResponses, JsonObject, Task, TaskPayload, TaskStatus, UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Value, json};

use super::ask::{self, AskError, Question, Ready};
use super::{convert, failure, record};
use crate::host::Host;
use crate::jobs::{Details, Job, JobId, Jobs, JobsError, Outcome, Status, time};
use crate::plugin::{Abilities, LARGE, Principal, Reply, Sizable as _};

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
    let known = async || {
        let found = jobs.get(principal, &id).await;
        found.map_err(|problem| error(&problem))
    };
    let details = known().await?;
    let payload = if details.job.status == Status::InputRequired {
        let client = context.client_capabilities();
        let client = client
            .as_ref()
            .map_or_else(Abilities::default, ask::client_abilities);
        match asked(host, &details.job, client) {
            Ok(asked) => TaskPayload::InputRequired {
                input_requests: asked
                    .into_iter()
                    .map(|(key, one)| (key, one.request))
                    .collect(),
            },
            Err(AskError::Client(needed)) => {
                return Err(ErrorData::missing_required_client_capability(*needed));
            }
            Err(AskError::Refused(refused)) => {
                let told = jobs.cannot_ask(principal, &id, refused.to_string()).await;
                told.map_err(|problem| error(&problem))?;
                return ended(host, principal, known().await?).await;
            }
        }
    } else {
        return ended(host, principal, details).await;
    };
    let task = task(jobs, &details.job);
    Ok(GetTaskResult::new(DetailedTask::new(task, payload)))
}

/// `tasks/get` of a job that asks nothing.
async fn ended(
    host: &Host,
    principal: &Principal,
    details: Details,
) -> Result<GetTaskResult, ErrorData> {
    let payload = move |details: Details| (ended_payload(&details), details.job);
    let (payload, job) = with_outcome(host, principal, details, payload).await;
    let jobs = host.jobs().ok_or_else(|| error(&JobsError::NotFound))?;
    let task = task(jobs, &job);
    Ok(GetTaskResult::new(DetailedTask::new(task, payload?)))
}

/// Does this with a job and its outcome: a large one is taken apart where it holds up nobody.
pub(super) async fn with_outcome<T: Send + 'static>(
    host: &Host,
    principal: &Principal,
    details: Details,
    work: impl FnOnce(Details) -> T + Send + 'static,
) -> T {
    let bytes = match &details.outcome {
        Some(Outcome::Done(output)) => output.bytes(),
        Some(Outcome::ToolError(error)) => error.bytes(),
        Some(Outcome::Error(_)) | None => 0,
    };
    if bytes <= LARGE {
        return work(details);
    }
    Box::pin(host.large().run(principal, move || work(details))).await
}

/// What the job still asks, by a key that is unique in its life, for a client that can be asked.
pub(super) fn asked(
    host: &Host,
    job: &Job,
    client: Abilities,
) -> Result<BTreeMap<String, Ready>, AskError> {
    let catalog = host.catalog();
    let plugins = catalog.plugins();
    let Some(plugin) = plugins.iter().find(|plugin| *plugin.name() == job.plugin) else {
        // Nobody can say who asks. Once the plugin is there again, it goes on.
        return Ok(BTreeMap::new());
    };
    let ready = ask::questions(plugin, client, job.unanswered().cloned().collect())?;
    Ok(ready
        .into_iter()
        .map(|(key, one)| (outer_key(job, &key), one))
        .collect())
}

/// Those replies that fit what the job still asks.
pub(super) fn fitting(job: &Job, given: &InputResponses) -> Vec<(String, Reply)> {
    let mut fitting = Vec::new();
    for request in job.unanswered() {
        let key = outer_key(job, &request.key);
        let (Some(value), Some(question)) = (given.get(&key), Question::of(&request.ask)) else {
            continue;
        };
        match ask::judge(&question, value) {
            Ok(reply) => fitting.push((request.key.clone(), reply)),
            Err(problem) => tracing::debug!(job = %job.id, key, problem, "a reply does not fit"),
        }
    }
    fitting
}

/// `tasks/update`. Replies to what is not asked, or no longer, and those that do not fit are ignored, as the extension
/// wants it: what was asked stays open.
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
    let replies = fitting(&job, &params.input_responses);
    if !replies.is_empty() {
        jobs.reply(principal, &id, replies.clone())
            .await
            .map_err(|problem| error(&problem))?;
        record::confirmations_of_job(host, principal, &job, &replies);
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
        | JobsError::NoRoom(_)
        | JobsError::Conflict { .. }
        | JobsError::Invalid(_) => ErrorData::invalid_params(error.to_string(), None),
    }
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

/// The payload of a job that asks nothing.
fn ended_payload(details: &Details) -> Result<TaskPayload, ErrorData> {
    let job = &details.job;
    Ok(match job.status {
        Status::Queued | Status::Running => TaskPayload::Working,
        Status::Cancelled => TaskPayload::Cancelled,
        Status::InputRequired => TaskPayload::InputRequired {
            input_requests: InputRequests::new(),
        },
        Status::Completed | Status::Failed => match result(job, details.outcome.clone()) {
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
pub(super) fn outer_key(job: &Job, key: &str) -> String {
    format!("{}.{key}", job.step)
}

/// The plugin's own key again. `None`: of another step.
pub(super) fn inner_key(job: &Job, key: &str) -> Option<String> {
    let (step, key) = key.split_once('.')?;
    (step == job.step.to_string()).then(|| key.to_owned())
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
        Some(Outcome::Error(error)) => return Err(failure::request_error(error)),
        None => {
            return Ok(failure::told(format!(
                "the job was {}",
                job.status.as_str()
            )));
        }
    };
    judged.or_else(|defect| {
        let (plugin, tool) = (&job.plugin, &job.tool);
        tracing::warn!(%plugin, tool, %defect, "a job's result was not passed on");
        Ok(failure::told(format!(
            "the result of `{tool}` cannot be used: {defect}; this is a defect of plugin `{plugin}`"
        )))
    })
}
