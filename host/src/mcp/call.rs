//! One request that a plugin serves, whatever brought it here: looked up, checked, run round by round, answered.
//!
//! A plugin may answer with questions. Clients of the new era get them as an answer and repeat the request; clients of
//! the old era are asked while they wait; nobody else can be asked. The plugin sees the same in all cases.
//!
//! A tool may answer with a job; what becomes of that is in `started`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rmcp::model::{
    CallToolResult, ClientCapabilities, ErrorData, GetPromptResult, InputRequiredResult,
    InputResponses, JsonObject, ReadResourceResult,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::ask::{self, AskError, Question};
use super::failure::{no_resource, protocol, request_error, shorten, told, unknown, with_uri};
use super::follow::{self, OwnCall};
use super::seal::{Binding, Sealer};
use super::session::Session;
use super::{convert, record, started};
use crate::audit::{Confirmation, Trail};
use crate::catalog::{Catalog, Prompt, Tool};
use crate::config::Ability;
use crate::host::Host;
use crate::jobs::{Job, Start};
use crate::plugin::wit::prompts::PromptOutcome;
use crate::plugin::wit::resources::{Found, ReadOutcome};
use crate::plugin::wit::tools::{JobSupport, Outcome};
use crate::plugin::wit::values::{Ask, Failure, InputNeeded, InputRequest};
use crate::plugin::{
    Abilities, Answer, Asked, CallError, CallInfo, Event, IdempotencyKey, Plugin, Principal, Reply,
    is_large,
};
use crate::policy::{self, Action};
use crate::telemetry::{metrics, outcome};

/// Rounds of questions that one request of the old era may take.
const MAX_ROUNDS: usize = 10;

/// Who asks, and how they can be asked back.
#[derive(Debug)]
pub struct Caller<'a> {
    /// Who asks.
    pub principal: Principal,
    /// Cancelled when nobody wants the answer any more.
    pub cancelled: CancellationToken,
    /// W3C trace context of the request.
    pub traceparent: Option<String>,
    /// Where progress and lines go, when somebody wants them.
    pub events: Option<mpsc::Sender<Event>>,
    /// What the client can be asked for.
    pub abilities: Abilities,
    /// How.
    pub asking: Asking<'a>,
    /// Who has the jobs, and the plugins that they are of.
    pub host: &'a Host,
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
    /// In its own way: it waits a little, and then gets the job.
    Elsewhere(Duration),
    /// By waiting until it has ended.
    ToTheEnd,
}

impl Caller<'_> {
    /// Whether it can be handed a job instead of a result.
    fn follows(&self) -> bool {
        self.host.jobs().is_some() && !matches!(self.follow, Follow::Briefly(_))
    }

    /// A round of its call, as the plugin gets it.
    fn info(&self, plugin: &Plugin, asked: Asked, trail: Trail) -> CallInfo {
        CallInfo {
            principal: self.principal.clone(),
            cancelled: self.cancelled.clone(),
            deadline: Instant::now() + plugin.limits().wall_time,
            events: self.events.clone(),
            idempotency_key: IdempotencyKey::new(),
            meta: Vec::new(),
            traceparent: self.traceparent.clone(),
            abilities: Abilities {
                jobs: self.follows(),
                ..ask::abilities(plugin, self.abilities)
            },
            asked,
            trail,
        }
    }
}

/// How a client is asked.
#[derive(Debug)]
pub enum Asking<'a> {
    /// Not at all.
    Nobody,
    /// By an answer; the client repeats its request with these (new era).
    Answering {
        /// Replies, by key.
        replies: InputResponses,
        /// What the client was given to carry.
        state: Option<String>,
        /// Seals it.
        sealer: &'a Sealer,
    },
    /// By requests, while it waits (old era).
    Requests(Session),
}

/// What is to be done, looked up and checked.
#[derive(Debug)]
pub enum Target {
    /// One of the host's own tools.
    Own(OwnCall),
    /// Something that a plugin serves.
    Served(Served),
}

/// What a plugin is to do.
#[derive(Debug)]
pub enum Served {
    /// `tools/call`
    Tool {
        /// The tool.
        tool: Arc<Tool>,
        /// Its arguments, which fit its schema, as JSON text.
        arguments: String,
    },
    /// `prompts/get`
    Prompt {
        /// The prompt.
        prompt: Arc<Prompt>,
        /// Its arguments.
        arguments: Vec<(String, String)>,
    },
    /// `resources/read`
    Resource {
        /// Who reads it.
        plugin: Arc<Plugin>,
        /// The resource.
        uri: String,
    },
}

/// How a request ended.
#[derive(Debug)]
pub enum Ended {
    /// A tool's result; a call that failed is a result with `isError`, which the model reads.
    Tool(CallToolResult),
    /// The same where the host ended it and not the tool: what for, in one word.
    Broken(&'static str, CallToolResult),
    /// A prompt.
    Prompt(GetPromptResult),
    /// What was read.
    Resource(ReadResourceResult),
    /// Questions, for the client to answer.
    InputRequired(InputRequiredResult),
    /// A job, for a caller that follows it.
    Task(Box<Job>),
}

impl Target {
    /// A tool and its arguments. `Err(Ok(..))`: the arguments do not fit, which the model should read.
    pub fn tool(
        catalog: &Catalog,
        name: &str,
        arguments: JsonObject,
    ) -> Result<Self, Result<CallToolResult, ErrorData>> {
        if let Some(own) = OwnCall::of(name, &arguments) {
            return own.map(Self::Own).map_err(|misfit| Ok(told(misfit)));
        }
        let Some(tool) = catalog.tool(name) else {
            return Err(Err(unknown("tool", name)));
        };
        let arguments = Value::Object(arguments);
        if let Err(violations) = tool.input.check(&arguments) {
            metrics()
                .call(tool.plugin.name().as_str(), &tool.name)
                .ended(outcome::INVALID_ARGUMENTS);
            return Err(Ok(told(format!(
                "the arguments do not fit the input schema of `{}`: {violations}",
                tool.name
            ))));
        }
        Ok(Self::Served(Served::Tool {
            tool: tool.clone(),
            arguments: arguments.to_string(),
        }))
    }

    /// A prompt and its arguments, which must be texts; those that are required must be there.
    pub fn prompt(catalog: &Catalog, name: &str, arguments: JsonObject) -> Result<Self, ErrorData> {
        let prompt = catalog
            .prompt(name)
            .ok_or_else(|| unknown("prompt", name))?;
        let known = &prompt.listed.arguments;
        if let Some(missing) = known
            .iter()
            .find(|one| one.required && !arguments.contains_key(&one.name))
        {
            let text = format!("prompt `{name}` needs the argument `{}`", missing.name);
            return Err(ErrorData::invalid_params(text, None));
        }
        let arguments = arguments.into_iter().map(|(key, value)| match value {
            Value::String(text) if known.iter().any(|one| one.name == key) => Ok((key, text)),
            Value::String(_) => Err(format!(
                "prompt `{name}` has no argument {:?}",
                shorten(&key)
            )),
            _ => Err(format!(
                "the argument {:?} of prompt `{name}` is not a text",
                shorten(&key)
            )),
        });
        let arguments = arguments
            .collect::<Result<_, _>>()
            .map_err(|text| ErrorData::invalid_params(text, None))?;
        Ok(Self::Served(Served::Prompt {
            prompt: prompt.clone(),
            arguments,
        }))
    }

    /// A resource that somebody reads.
    pub fn resource(catalog: &Catalog, uri: String) -> Result<Self, ErrorData> {
        match catalog.reader(&uri) {
            Some(plugin) => Ok(Self::Served(Served::Resource {
                plugin: plugin.clone(),
                uri,
            })),
            None => Err(no_resource(&uri)),
        }
    }
}

impl Served {
    pub(super) fn plugin(&self) -> &Arc<Plugin> {
        match self {
            Self::Tool { tool, .. } => &tool.plugin,
            Self::Prompt { prompt, .. } => &prompt.plugin,
            Self::Resource { plugin, .. } => plugin,
        }
    }

    fn ability(&self) -> Ability {
        match self {
            Self::Tool { .. } => Ability::CallTools,
            Self::Prompt { .. } => Ability::GetPrompts,
            Self::Resource { .. } => Ability::ReadResources,
        }
    }

    /// Method, name and arguments, for what is sealed.
    pub(super) fn identity(&self) -> (&'static str, &str, String) {
        match self {
            Self::Tool { tool, arguments } => ("tools/call", &tool.name, arguments.clone()),
            Self::Prompt { prompt, arguments } => (
                "prompts/get",
                &prompt.listed.name,
                json!(arguments).to_string(),
            ),
            Self::Resource { uri, .. } => ("resources/read", uri, String::new()),
        }
    }

    /// One round. What is large is checked and taken apart where it holds up nobody.
    async fn run(&self, info: CallInfo, caller: &Caller<'_>) -> Result<Round, ErrorData> {
        let (host, principal) = (caller.host, &caller.principal);
        match self {
            Self::Tool { tool, arguments } => {
                let run = tool
                    .plugin
                    .call_tool(info, tool.name.clone(), arguments.clone());
                let ended = run.await;
                if is_large(&ended) {
                    let (tool, arguments) = (tool.clone(), arguments.clone());
                    let round = move || tool_round(&tool, &arguments, ended);
                    return Box::pin(host.large().run(principal, round)).await;
                }
                tool_round(tool, arguments, ended)
            }
            Self::Prompt { prompt, arguments } => {
                let name = prompt.listed.name.clone();
                let run = prompt.plugin.get_prompt(info, name, arguments.clone());
                let ended = Box::pin(run).await;
                let (plugin, large) = (prompt.plugin.clone(), is_large(&ended));
                let round = move || prompt_round(&plugin, ended);
                if large {
                    return Box::pin(host.large().run(principal, round)).await;
                }
                round()
            }
            Self::Resource { plugin, uri } => {
                let run = plugin.read_resource(info, uri.clone());
                let ended = Box::pin(run).await;
                let (catalog, large) = (host.catalog(), is_large(&ended));
                let (plugin, uri) = (plugin.clone(), uri.clone());
                let round = move || resource_round(&catalog, &plugin, &uri, ended);
                if large {
                    return Box::pin(host.large().run(principal, round)).await;
                }
                round()
            }
        }
    }

    /// A failure in the form that fits: a tool's is read by the model.
    fn refused(&self, text: String) -> Result<Ended, ErrorData> {
        match self {
            Self::Tool { .. } => Ok(Ended::Broken(outcome::NOT_ASKED, told(text))),
            Self::Prompt { .. } | Self::Resource { .. } => {
                Err(ErrorData::internal_error(text, None))
            }
        }
    }
}

/// What became of a prompt's round.
fn prompt_round(
    plugin: &Plugin,
    ended: Result<Answer<PromptOutcome>, CallError>,
) -> Result<Round, ErrorData> {
    match protocol(ended)? {
        PromptOutcome::Done(filled) => convert::prompt_result(filled)
            .map(|result| Round::Ended(Ended::Prompt(result)))
            .map_err(|defect| defective(plugin, &defect)),
        PromptOutcome::InputNeeded(needed) => Ok(Round::Asks(needed)),
    }
}

/// What became of a round of reading a resource.
fn resource_round(
    catalog: &Catalog,
    plugin: &Plugin,
    uri: &str,
    ended: Result<Answer<ReadOutcome>, CallError>,
) -> Result<Round, ErrorData> {
    match protocol(ended).map_err(|error| with_uri(error, uri))? {
        ReadOutcome::Done(found) => own_documents(catalog, plugin, &found)
            .and_then(|()| convert::read_result(found))
            .map(|result| Round::Ended(Ended::Resource(result)))
            .map_err(|defect| defective(plugin, &defect)),
        ReadOutcome::InputNeeded(needed) => Ok(Round::Asks(needed)),
    }
}

fn defective(plugin: &Plugin, defect: &convert::Defect) -> ErrorData {
    let plugin = plugin.name();
    tracing::warn!(%plugin, %defect, "a plugin's result was not passed on");
    let text =
        format!("the result cannot be used: {defect}; this is a defect of plugin `{plugin}`");
    ErrorData::internal_error(text, None)
}

/// Whoever reads one resource may be handed others along with it, but none that another plugin speaks for.
fn own_documents(catalog: &Catalog, plugin: &Plugin, found: &Found) -> Result<(), convert::Defect> {
    for document in &found.documents {
        match catalog.reader(&document.uri) {
            Some(reader) if reader.name() != plugin.name() => {
                return Err(convert::defect(format!(
                    "it holds the resource {:?}, which is of the plugin `{}`",
                    shorten(&document.uri),
                    reader.name()
                )));
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}

/// How a round ended.
enum Round {
    Ended(Ended),
    Asks(InputNeeded),
    Starts(Start),
}

/// Serves a request to its end, to the client's next round, or to the job that it goes on as.
pub async fn call(target: &Target, caller: Caller<'_>) -> Result<Ended, ErrorData> {
    match target {
        // What is rare is in a box: the frame of a call is copied on its way into a task.
        Target::Own(own) => Box::pin(follow::call(own, &caller)).await,
        Target::Served(served) => {
            let measured = match served {
                Served::Tool { tool, .. } => {
                    Some(metrics().call(tool.plugin.name().as_str(), &tool.name))
                }
                Served::Prompt { .. } | Served::Resource { .. } => None,
            };
            let (word, ended) = recorded(served, caller).await;
            if let Some(measured) = measured {
                measured.ended(word);
            }
            ended
        }
    }
}

/// Checks that it is allowed and serves it, with a line in the audit log. The word says how it ended.
async fn recorded(served: &Served, caller: Caller<'_>) -> (&'static str, Result<Ended, ErrorData>) {
    let record = match record::begin(served, &caller) {
        Ok(record) => record,
        Err(error) => return (outcome::REQUEST_ERROR, Err(error)),
    };
    let trail = record.trail();
    let (word, ended) = match allowed(&caller.principal, served.ability(), served.plugin()) {
        Ok(()) => {
            let ended = rounds(served, caller, &trail).await;
            (word(&ended), ended)
        }
        Err(error) => {
            trail.denial(&error.message);
            (outcome::DENIED, Err(error))
        }
    };
    record.end(word);
    (word, ended)
}

/// How a call ended, for metrics and the audit log.
fn word(ended: &Result<Ended, ErrorData>) -> &'static str {
    match ended {
        Ok(Ended::Tool(result)) if result.is_error == Some(true) => outcome::TOOL_ERROR,
        Ok(Ended::Tool(_) | Ended::Prompt(_) | Ended::Resource(_)) => outcome::SUCCESS,
        Ok(Ended::Broken(why, _)) => why,
        Ok(Ended::InputRequired(_)) => outcome::INPUT_REQUIRED,
        Ok(Ended::Task(_)) => outcome::JOB,
        Err(_) => outcome::REQUEST_ERROR,
    }
}

async fn rounds(target: &Served, caller: Caller<'_>, trail: &Trail) -> Result<Ended, ErrorData> {
    let plugin = target.plugin();
    if let Served::Tool { tool, .. } = target {
        can_follow(tool, &caller)?;
    }
    let mut asked = match &caller.asking {
        Asking::Answering {
            replies,
            state: None,
            ..
        } => unasked(replies),
        Asking::Answering {
            replies,
            state: Some(state),
            sealer,
        } => replied(
            target,
            &binding(target, &caller.principal),
            replies,
            state,
            sealer,
            trail,
        )?,
        Asking::Nobody | Asking::Requests(_) => Asked::default(),
    };
    for _ in 0..MAX_ROUNDS {
        let info = caller.info(plugin, asked, trail.clone());
        let needed = match target.run(info, &caller).await? {
            Round::Ended(ended) => return Ok(ended),
            Round::Asks(needed) => needed,
            Round::Starts(start) => return Box::pin(started::answer(start, &caller)).await,
        };
        if let Some(answers) = confirmed(target, &caller.principal, &needed.requests, trail) {
            asked = Asked {
                continuation: Some(needed.continuation),
                answers,
                volunteered: BTreeMap::new(),
            };
            continue;
        }
        let ready = match ask::questions(plugin, caller.abilities, needed.requests) {
            Ok(ready) => ready,
            Err(AskError::Client(capabilities)) if !matches!(caller.asking, Asking::Nobody) => {
                return Err(ErrorData::missing_required_client_capability(*capabilities));
            }
            Err(error) => return target.refused(error.to_string()),
        };
        match &caller.asking {
            Asking::Nobody => {
                return target.refused("somebody has to be asked, and nobody can be".to_owned());
            }
            Asking::Answering { sealer, .. } => {
                let questions = ask::kept(&ready);
                let identity = binding(target, &caller.principal);
                let state = sealer.seal(&identity.borrow(), &needed.continuation, questions);
                let requests = ready
                    .into_iter()
                    .map(|(key, one)| (key, one.request))
                    .collect();
                return Ok(Ended::InputRequired(InputRequiredResult::new(
                    Some(requests),
                    Some(state),
                )));
            }
            Asking::Requests(session) => {
                let questions = ask::kept(&ready);
                let answers = tokio::select! {
                    answers = Box::pin(session.ask(ready)) => answers,
                    () = caller.cancelled.cancelled() => {
                        return target.refused(CallError::Cancelled.to_string());
                    }
                };
                match answers {
                    Ok(answers) => {
                        record::confirmations(target, &questions, &answers, trail);
                        asked = Asked {
                            continuation: Some(needed.continuation),
                            answers,
                            volunteered: BTreeMap::new(),
                        };
                    }
                    Err(text) => return target.refused(text),
                }
            }
        }
    }
    target.refused(format!("the call asked more than {MAX_ROUNDS} times"))
}

/// The answers to questions that are all confirmations which the caller gave in the arguments, where the operator takes
/// its word. What was confirmed, by whom and why, is written down here.
fn confirmed(
    target: &Served,
    principal: &Principal,
    requests: &[InputRequest],
    trail: &Trail,
) -> Option<BTreeMap<String, Reply>> {
    // The arguments themselves are looked at: a plugin that claims to have been told is not believed.
    let Served::Tool { arguments, .. } = target else {
        return None;
    };
    let arguments: Value = serde_json::from_str(arguments).ok()?;
    if requests.is_empty() || arguments["confirm"] != true {
        return None;
    }
    let plugin = target.plugin();
    let mut answers = BTreeMap::new();
    for request in requests {
        policy::may_ask(plugin, &request.ask).ok()?;
        let reason = policy::confirmed_by_caller(plugin, &request.ask)?;
        if arguments["reason"].as_str().map(str::trim) != Some(reason) {
            return None;
        }
        let answer = json!({ "confirm": true, "reason": reason }).to_string();
        answers.insert(request.key.clone(), Reply::Accepted(answer));
    }
    for request in requests {
        if let Ask::Confirm(confirm) = &request.ask {
            tracing::info!(
                plugin = %plugin.name(),
                tenant = %principal.tenant,
                subject = principal.subject.as_deref().unwrap_or_default(),
                what = %shorten(&confirm.message),
                reason = %shorten(confirm.reason_given.as_deref().unwrap_or_default()),
                "confirmed by the caller's own word"
            );
            trail.confirmation(Confirmation {
                by: "caller",
                shown: &ask::shown(confirm),
                reason: confirm.reason_given.as_deref(),
            });
        }
    }
    Some(answers)
}

/// A tool that always starts a job is of no use to who cannot follow one.
pub(super) fn can_follow(tool: &Tool, caller: &Caller<'_>) -> Result<(), ErrorData> {
    if tool.jobs != JobSupport::Required || !matches!(caller.follow, Follow::Briefly(_)) {
        return Ok(());
    }
    let needed = ClientCapabilities::builder().enable_tasks().build();
    Err(ErrorData::missing_required_client_capability(needed))
}

/// Whether the principal may do this with a plugin; the error names the scopes that are missing.
pub(super) fn allowed(
    principal: &Principal,
    ability: Ability,
    plugin: &Plugin,
) -> Result<(), ErrorData> {
    let action = Action {
        ability,
        plugin: Some(plugin.name()),
    };
    policy::may(principal, action).map_err(|missing| {
        let data = json!({ "requiredScopes": missing.scopes });
        ErrorData::invalid_request(format!("insufficient scope: {missing}"), Some(data))
    })
}

/// What a seal is bound to, owned.
struct Identity {
    tenant: String,
    subject: String,
    digest: String,
    method: &'static str,
    name: String,
    arguments: String,
}

impl Identity {
    fn borrow(&self) -> Binding<'_> {
        Binding {
            principal: [&self.tenant, &self.subject],
            plugin: &self.digest,
            target: [self.method, &self.name],
            arguments: &self.arguments,
        }
    }
}

fn binding(target: &Served, principal: &Principal) -> Identity {
    let (method, name, arguments) = target.identity();
    Identity {
        tenant: principal.tenant.to_string(),
        subject: principal.subject.clone().unwrap_or_default(),
        digest: target.plugin().digest.clone(),
        method,
        name: name.to_owned(),
        arguments,
    }
}

/// Replies of a client that brings nothing from an earlier round.
fn unasked(replies: &InputResponses) -> Asked {
    let volunteered = replies.iter();
    let volunteered =
        volunteered.filter_map(|(key, reply)| Some((key.clone(), ask::volunteered(reply)?)));
    Asked {
        volunteered: volunteered.collect(),
        ..Asked::default()
    }
}

/// Judges what a client of the new era replied. The seal is used up only when every reply fits.
fn replied(
    target: &Served,
    identity: &Identity,
    replies: &InputResponses,
    state: &str,
    sealer: &Sealer,
    trail: &Trail,
) -> Result<Asked, ErrorData> {
    let refused = |text: String| ErrorData::invalid_params(text, None);
    let binding = identity.borrow();
    let opened = sealer
        .open(&binding, state)
        .map_err(|error| refused(error.to_string()))?;
    let mut asked = Asked::default();
    for (key, reply) in replies {
        match opened.contents.questions.get(key) {
            Some(question) => {
                let reply = ask::judge(question, reply).map_err(|problem| {
                    refused(format!(
                        "the reply {:?} does not fit: {problem}",
                        shorten(key)
                    ))
                })?;
                asked.answers.insert(key.clone(), reply);
            }
            None => {
                if let Some(reply) = ask::volunteered(reply) {
                    asked.volunteered.insert(key.clone(), reply);
                }
            }
        }
    }
    let questions = opened.contents.questions.clone();
    asked.continuation = Some(
        opened
            .consume()
            .map_err(|error| refused(error.to_string()))?,
    );
    record::confirmations(target, &questions, &asked.answers, trail);
    Ok(asked)
}

/// A reply of a client of the old era, judged.
pub(super) fn judged(question: &Question, reply: &Value) -> Result<crate::plugin::Reply, String> {
    ask::judge(question, reply)
}

/// What became of a tool's round.
fn tool_round(
    tool: &Tool,
    arguments: &str,
    ended: Result<Answer<Outcome>, CallError>,
) -> Result<Round, ErrorData> {
    let broken = |why, text: String| Ok(Round::Ended(Ended::Broken(why, told(text))));
    let judged = match ended {
        Ok(Ok(Outcome::Done(output))) => convert::output(tool, output),
        Ok(Ok(Outcome::InputNeeded(needed))) => return Ok(Round::Asks(needed)),
        Ok(Ok(Outcome::Started(_))) if tool.jobs == JobSupport::Never => {
            let (name, plugin) = (&tool.name, tool.plugin.name());
            let text = format!(
                "`{name}` started a job, and says that it never does; this is a defect of plugin `{plugin}`"
            );
            return broken(outcome::DEFECT, text);
        }
        Ok(Ok(Outcome::Started(job))) => {
            return Ok(Round::Starts(Start {
                tool: tool.name.clone(),
                arguments: serde_json::from_str(arguments).unwrap_or_default(),
                plugin: tool.plugin.name().clone(),
                version: tool.plugin.manifest.version.to_string(),
                digest: tool.plugin.digest.clone(),
                job,
            }));
        }
        Ok(Err(Failure::Tool(error))) => convert::tool_error(error),
        Ok(Err(Failure::Request(error))) => return Err(request_error(error)),
        Ok(Err(Failure::Cancelled)) => {
            return broken(outcome::CANCELLED, "the call was cancelled".into());
        }
        Err(error) => return broken(error.word(), error.to_string()),
    };
    match judged {
        Ok(result) => Ok(Round::Ended(Ended::Tool(result))),
        Err(defect) => {
            let (plugin, name) = (tool.plugin.name(), &tool.name);
            tracing::warn!(%plugin, tool = name, %defect, "a plugin's result was not passed on");
            let text = format!(
                "the result of `{name}` cannot be used: {defect}; this is a defect of plugin `{plugin}`"
            );
            broken(outcome::DEFECT, text)
        }
    }
}
