//! Tools for clients that speak no MCP: the same list and the same road, with an end that HTTP can tell.
//!
//! A client that is asked something gets the questions as an answer and comes again with its replies, as clients of
//! the new era do; what it carries between the two is sealed in the same way. It can follow a job by the job's id.

use std::sync::Arc;
use std::time::Duration;

use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ErrorCode, InputResponses, JsonObject, Tool};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::call::{Asking, Caller, Ended, Follow, Target, call};
use super::failure::told;
use super::{Server, convert, envelope, follow, is_large, record};
use crate::catalog::Catalog;
use crate::config::{Ability, PluginName};
use crate::host::Host;
use crate::plugin::wit::tools::JobSupport;
use crate::plugin::{Abilities, CallError, Principal, Room};
use crate::policy::Missing;
use crate::telemetry::outcome;

/// A tool that somebody may use.
#[derive(Debug)]
pub struct Offered {
    /// Whose it is. `None`: the host's own.
    pub plugin: Option<PluginName>,
    /// As MCP lists it.
    pub tool: Tool,
    /// What a call gives that has ended, when the tool says so.
    pub output: Option<Arc<JsonObject>>,
    /// Whether a call may go on as a job.
    pub starts_jobs: bool,
}

/// The tools that the principal may use, in the order of their names.
#[must_use]
pub fn offered(host: &Host, principal: &Principal) -> Vec<Offered> {
    let catalog = host.catalog();
    let may = |plugin| super::call::allowed(principal, Ability::CallTools, plugin).is_ok();
    let tools = catalog.tools().filter(|tool| may(&tool.plugin));
    let mut offered: Vec<_> = tools
        .map(|tool| Offered {
            plugin: Some(tool.plugin.name().clone()),
            tool: convert::tool(tool),
            output: output(&catalog, &tool.name),
            starts_jobs: tool.jobs != JobSupport::Never,
        })
        .collect();
    if host.jobs().is_some() {
        offered.extend(follow::tools(principal).map(|tool| Offered {
            plugin: None,
            tool,
            output: None,
            starts_jobs: false,
        }));
        offered.sort_by(|a, b| a.tool.name.cmp(&b.tool.name));
    }
    offered
}

fn output(catalog: &Catalog, tool: &str) -> Option<Arc<JsonObject>> {
    let schema = catalog.tool(tool)?.output.as_ref()?;
    Some(schema.json.clone())
}

/// A call.
#[derive(Debug)]
pub struct PlainCall {
    /// Who calls.
    pub principal: Principal,
    /// The tool's name.
    pub tool: String,
    /// Its arguments.
    pub arguments: JsonObject,
    /// To what the tool asked in the call before.
    pub replies: Option<Replies>,
    /// W3C trace context of the request.
    pub traceparent: Option<String>,
    /// Cancelled when nobody wants the answer any more.
    pub cancelled: CancellationToken,
    /// That of a large body.
    pub room: Option<Room>,
}

/// Replies to what was asked.
#[derive(Debug)]
pub struct Replies {
    /// What the client was given to carry.
    pub state: String,
    /// By the keys of the questions.
    pub replies: InputResponses,
}

/// What became of a call.
#[derive(Debug)]
pub enum Answer {
    /// The result: the structured content itself where the tool says what that is; else all content.
    Done(Value),
    /// It goes on as this job.
    Job {
        /// The job's id.
        id: String,
        /// The job as programs see it.
        view: Value,
    },
    /// Somebody is asked something.
    Asks {
        /// The questions by key: requests of MCP.
        requests: Value,
        /// To be sent back with the replies.
        state: String,
    },
    /// It ran and failed.
    Failed {
        /// Who or what ended it, in one word.
        why: &'static str,
        /// For the model.
        message: String,
        /// `content` and perhaps `structuredContent`.
        details: Map<String, Value>,
    },
    /// It did not run: too many wait.
    Busy(String),
}

/// Why there was no call.
#[derive(Debug)]
pub enum Refused {
    /// A scope is missing.
    Scope(Missing),
    /// There is no such tool, or nothing of the kind that it was asked for.
    Unknown(String),
    /// The arguments or replies do not fit.
    Invalid(String),
    /// The tool needs a client that can do more.
    Unsupported(String),
}

/// Calls a tool.
pub async fn plain(server: &Server, given: PlainCall) -> Result<Answer, Refused> {
    let host = &server.host;
    let catalog = host.catalog();
    envelope::may_call(&catalog, &given.principal, &given.tool).map_err(Refused::Scope)?;
    if let Some(tool) = catalog.tool(&given.tool)
        && let Err(error) = tool.plugin.may_call(&given.principal)
    {
        record::not_now(tool, &given.principal, &error);
        return Ok(Answer::Busy(error.to_string()));
    }
    let target = match Target::tool(&catalog, &given.tool, given.arguments) {
        Ok(target) => target,
        Err(Ok(misfit)) => {
            record::misfit(&catalog, &given.tool, &given.principal);
            return Err(Refused::Invalid(text(&misfit)));
        }
        Err(Err(unknown)) => return Err(Refused::Unknown(unknown.message.into_owned())),
    };
    if let (Target::Own(_), None) = (&target, host.jobs()) {
        let unknown = super::failure::unknown("tool", &given.tool);
        return Err(Refused::Unknown(unknown.message.into_owned()));
    }
    // What waits from here on is a call, and there are bounds on calls.
    drop(given.room);
    let (state, replies) = match given.replies {
        Some(Replies { state, replies }) => (Some(state), replies),
        None => (None, InputResponses::default()),
    };
    let principal = given.principal.clone();
    let caller = Caller {
        principal: given.principal,
        cancelled: given.cancelled,
        traceparent: given.traceparent,
        events: None,
        // Forms and links can be shown by any client that knows what to do with 409. Of a model or of folders such a
        // client knows nothing.
        abilities: Abilities {
            form: true,
            visit: true,
            ..Abilities::default()
        },
        asking: Asking::Answering {
            replies,
            state,
            sealer: &server.sealer,
        },
        host,
        follow: Follow::Elsewhere(
            host.jobs()
                .map_or(Duration::ZERO, |jobs| jobs.settings().answer_within),
        ),
    };
    let is_structured = output(&catalog, &given.tool).is_some();
    let ended = match call(&target, caller).await {
        Ok(ended) => ended,
        Err(error) => return refused(error),
    };
    let large = match &ended {
        Ended::Tool(result) | Ended::Broken(_, result) => is_large(result),
        _ => false,
    };
    if !large {
        return Ok(told_plainly(ended, is_structured));
    }
    let told = move || told_plainly(ended, is_structured);
    Ok(host.large().run(&principal, told).await)
}

/// How a call ended, for a client that speaks no MCP.
fn told_plainly(ended: Ended, is_structured: bool) -> Answer {
    match ended {
        Ended::Tool(result) if result.is_error == Some(true) => failed(outcome::TOOL_ERROR, result),
        Ended::Tool(CallToolResult {
            structured_content: Some(structured),
            ..
        }) if is_structured => Answer::Done(structured),
        Ended::Tool(result) => Answer::Done(Value::Object(details(result))),
        Ended::Broken(why, result) if CallError::NOT_NOW.contains(&why) => {
            Answer::Busy(text(&result))
        }
        Ended::Broken(why, result) => failed(why, result),
        Ended::InputRequired(asked) => Answer::Asks {
            requests: json!(asked.input_requests),
            state: asked.request_state.unwrap_or_default(),
        },
        Ended::Task(job) => Answer::Job {
            id: job.id.to_string(),
            view: job.view(),
        },
        Ended::Prompt(_) | Ended::Resource(_) => failed(
            "internal",
            told("the request was answered as if it were another"),
        ),
    }
}

fn failed(why: &'static str, result: CallToolResult) -> Answer {
    Answer::Failed {
        why,
        message: text(&result),
        details: details(result),
    }
}

/// What a result holds besides what MCP needs.
fn details(result: CallToolResult) -> Map<String, Value> {
    let mut details = Map::new();
    details.insert("content".to_owned(), json!(result.content));
    if let Some(structured) = result.structured_content {
        details.insert("structuredContent".to_owned(), structured);
    }
    details
}

fn text(result: &CallToolResult) -> String {
    let texts = result.content.iter().filter_map(|block| block.as_text());
    let texts: Vec<&str> = texts.map(|block| block.text.as_str()).collect();
    texts.join("\n")
}

fn refused(error: ErrorData) -> Result<Answer, Refused> {
    let text = error.message.into_owned();
    match error.code {
        ErrorCode::INVALID_PARAMS | ErrorCode::INVALID_REQUEST => Err(Refused::Invalid(text)),
        ErrorCode::RESOURCE_NOT_FOUND => Err(Refused::Unknown(text)),
        ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY => Err(Refused::Unsupported(text)),
        // It ran, so it may have done something.
        _ => Ok(failed("internal", told(text))),
    }
}
