//! For clients that know no tasks: what they get when a call outlives its request, and the host's own tools by which
//! they follow the job. Listed only where a plugin has jobs.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use rmcp::ErrorData;
use rmcp::model::{
    CallToolResult, ContentBlock, InputRequiredResult, JsonObject, Tool, ToolAnnotations,
};
use serde_json::{Value, json};

use super::ask::AskError;
use super::call::{Asking, Caller, Ended};
use super::failure::{told, unknown};
use super::{record, tasks};
use crate::catalog::OWN_TOOLS;
use crate::config::Ability;
use crate::jobs::{Details, Job, JobId, Jobs, JobsError, Status};
use crate::plugin::{Principal, Reply};
use crate::policy::{self, Action};

/// Longest and usual time that `job_wait` waits.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
const USUAL_WAIT: Duration = Duration::from_secs(30);

/// One of the host's own tools.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Own {
    Cancel,
    Status,
    Wait,
}

impl Own {
    const ALL: [Self; 3] = [Self::Cancel, Self::Status, Self::Wait];

    /// The tool of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.name() == name)
    }

    fn name(self) -> &'static str {
        let [cancel, status, wait] = OWN_TOOLS;
        match self {
            Self::Cancel => cancel,
            Self::Status => status,
            Self::Wait => wait,
        }
    }

    /// What a scope has to allow.
    pub(super) fn ability(self) -> Ability {
        match self {
            Self::Cancel => Ability::CancelJobs,
            Self::Status | Self::Wait => Ability::ReadJobs,
        }
    }

    /// As `tools/list` shows it.
    pub(super) fn tool(self) -> Tool {
        let (title, description) = match self {
            Self::Cancel => (
                "Cancel a job",
                "Asks for a job to be stopped. Stopping may take a while: job_status tells when it is cancelled.",
            ),
            Self::Status => (
                "Status of a job",
                "Tells how far a job is that another tool has started, and its result once it has ended.",
            ),
            Self::Wait => (
                "Wait for a job",
                "Waits until a job has ended, at most a minute, and tells its result or how far it is. Asks you what the job asks. Call it again while the job runs.",
            ),
        };
        let mut properties = json!({
            "job_id": {
                "type": "string",
                "description": "The id that the tool gave which started the job.",
                "pattern": "^[0-9a-f]{32}$",
            },
        });
        if self == Self::Wait {
            properties["timeout_seconds"] = json!({
                "type": "integer",
                "description": "How long to wait.",
                "minimum": 1,
                "maximum": LONGEST_WAIT.as_secs(),
                "default": USUAL_WAIT.as_secs(),
            });
        }
        let schema = json!({
            "type": "object",
            "properties": properties,
            "required": ["job_id"],
            "additionalProperties": false,
        });
        let mut tool = Tool::default();
        tool.name = self.name().into();
        tool.title = Some(title.to_owned());
        tool.description = Some(description.into());
        tool.input_schema = std::sync::Arc::new(schema.as_object().cloned().unwrap_or_default());
        let reads = self != Self::Cancel;
        tool.annotations = Some(ToolAnnotations::from_raw(
            None,
            Some(reads),
            Some(!reads),
            Some(true),
            Some(false),
        ));
        tool
    }
}

/// Those of the host's own tools that the principal may use.
pub(super) fn tools(principal: &Principal) -> impl Iterator<Item = Tool> {
    let may = |own: &Own| {
        let action = Action {
            ability: own.ability(),
            plugin: None,
        };
        policy::may(principal, action).is_ok()
    };
    Own::ALL.into_iter().filter(may).map(Own::tool)
}

/// A call of one of the host's own tools, its arguments checked.
#[derive(Debug)]
pub struct OwnCall {
    own: Own,
    id: JobId,
    limit: Duration,
}

impl OwnCall {
    /// `None`: the host has no tool of that name. The error is for the model.
    pub(super) fn of(name: &str, given: &JsonObject) -> Option<Result<Self, String>> {
        let own = Own::named(name)?;
        let checked = arguments(own, given).map(|(id, limit)| Self { own, id, limit });
        Some(checked.map_err(|problem| {
            format!("the arguments do not fit the input schema of `{name}`: {problem}")
        }))
    }
}

/// Calls one of the host's own tools.
pub(super) async fn call(call: &OwnCall, caller: &Caller<'_>) -> Result<Ended, ErrorData> {
    let jobs = caller.host.jobs();
    let jobs = jobs.ok_or_else(|| unknown("tool", call.own.name()))?;
    let (principal, id) = (&caller.principal, &call.id);
    let asked = match call.own {
        Own::Cancel => jobs.cancel(principal, id).await.map(|_| None),
        Own::Status => Ok(None),
        Own::Wait => wait(jobs, call, caller).await,
    };
    let details = match asked {
        Ok(Some(ended)) => return Ok(ended),
        Ok(None) => jobs.get(principal, id).await,
        Err(error) => Err(error),
    };
    match details {
        Ok(details) => {
            let shown = tasks::with_outcome(caller.host, principal, details, show);
            Ok(Ended::Tool(shown.await))
        }
        Err(error @ JobsError::Store(_)) => Err(tasks::error(&error)),
        Err(error) => Ok(Ended::Tool(told(error.to_string()))),
    }
}

/// Waits for the job, and meanwhile lets it ask whoever waits. `None`: it has ended, or time is up.
async fn wait(
    jobs: &Jobs,
    call: &OwnCall,
    caller: &Caller<'_>,
) -> Result<Option<Ended>, JobsError> {
    let (principal, id) = (&caller.principal, &call.id);
    if let Asking::Answering { replies, .. } = &caller.asking
        && !replies.is_empty()
    {
        let job = jobs.get(principal, id).await?.job;
        answer(jobs, caller, &job, tasks::fitting(&job, replies)).await?;
    }
    let deadline = Instant::now() + call.limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = jobs.wait(principal, id, left, caller.events.as_ref());
        let job = tokio::select! {
            biased;
            () = caller.cancelled.cancelled() => return Ok(None),
            waited = waited => waited?,
        };
        // Only whoever started the job answers for it.
        if job.status != Status::InputRequired || job.subject != principal.subject {
            return Ok(None);
        }
        let asked = match tasks::asked(caller.host, &job, caller.abilities) {
            Ok(asked) if asked.is_empty() => return Ok(None),
            Ok(asked) => asked,
            Err(AskError::Client(_)) => return Ok(None),
            Err(AskError::Refused(refused)) => {
                jobs.cannot_ask(principal, id, refused.to_string()).await?;
                return Ok(None);
            }
        };
        match &caller.asking {
            Asking::Nobody => return Ok(None),
            // The job remembers what it asked: the client has nothing to carry.
            Asking::Answering { .. } => {
                let requests = asked.into_iter().map(|(key, one)| (key, one.request));
                let result = InputRequiredResult::new(Some(requests.collect()), None);
                return Ok(Some(Ended::InputRequired(result)));
            }
            Asking::Requests(session) => {
                let answers = tokio::select! {
                    answers = session.ask(asked) => answers,
                    () = caller.cancelled.cancelled() => return Ok(None),
                };
                match answers {
                    Ok(answers) => {
                        let inner = |(key, reply): (String, Reply)| {
                            Some((tasks::inner_key(&job, &key)?, reply))
                        };
                        let answers = answers.into_iter().filter_map(inner).collect();
                        answer(jobs, caller, &job, answers).await?;
                    }
                    Err(problem) => return Ok(Some(Ended::Tool(told(problem)))),
                }
            }
        }
    }
}

async fn answer(
    jobs: &Jobs,
    caller: &Caller<'_>,
    job: &Job,
    replies: Vec<(String, Reply)>,
) -> Result<(), JobsError> {
    if !replies.is_empty() {
        let (host, principal) = (caller.host, &caller.principal);
        jobs.reply(principal, &job.id, replies.clone()).await?;
        record::confirmations_of_job(host, principal, job, &replies);
    }
    Ok(())
}

fn arguments(own: Own, given: &JsonObject) -> Result<(JobId, Duration), String> {
    let mut limit = USUAL_WAIT;
    for (key, value) in given {
        match (own, key.as_str()) {
            (_, "job_id") => {}
            (Own::Wait, "timeout_seconds") => {
                limit = whole(value)
                    .map(Duration::from_secs)
                    .filter(|limit| (Duration::from_secs(1)..=LONGEST_WAIT).contains(limit))
                    .ok_or("`timeout_seconds` is a whole number from 1 to 60")?;
            }
            _ => {
                let key: String = key.chars().take(64).collect();
                return Err(format!("{key:?} is not known"));
            }
        }
    }
    let id = given
        .get("job_id")
        .and_then(Value::as_str)
        .ok_or("`job_id` is missing or no text")?;
    let id = id.parse().map_err(|error| format!("`job_id`: {error}"))?;
    Ok((id, limit))
}

/// JSON Schema: `2.0` is an integer.
fn whole(value: &Value) -> Option<u64> {
    let number = value.as_f64()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "nothing is lost in this range"
    )]
    ((0.0..1e9).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}

/// A job that goes on, or the result of one that has ended.
pub(super) fn show(details: Details) -> CallToolResult {
    let Details { job, outcome } = details;
    match job.status {
        Status::Completed | Status::Failed => {
            // Also one that could not go on is told to the model: the request for its status was in order.
            tasks::result(&job, outcome).unwrap_or_else(|error| told(error.message))
        }
        Status::Queued | Status::Running | Status::InputRequired | Status::Cancelled => {
            going_on(&job)
        }
    }
}

fn going_on(job: &Job) -> CallToolResult {
    let (id, title) = (&job.id, &job.title);
    let mut text = match job.status {
        Status::Cancelled => format!("Job {id} ({title}) was cancelled."),
        Status::InputRequired => format!(
            "Job {id} ({title}) waits for answers of whoever started it. job_wait asks for them, if this client can be asked; job_cancel stops it."
        ),
        Status::Queued | Status::Running | Status::Completed | Status::Failed => format!(
            "Job {id} ({title}) goes on in the background, status {}. Follow it with job_wait or job_status, stop it with job_cancel.",
            job.status.as_str()
        ),
    };
    if let Some(percent) = job.percent() {
        let _ = write!(text, " {percent} % done.");
    }
    if let Some(step) = job.progress.message.as_ref().or(job.progress.step.as_ref()) {
        let _ = write!(text, " {step}");
    }
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = Some(json!({ "job": job.view() }));
    result
}
