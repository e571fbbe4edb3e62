//! `toolward call`: one call by the same road as a client's, without a server.
//!
//! To the plugin it is a client of the new era, run by whoever sits at the terminal: what the plugin asks is answered
//! there, and without a terminal nobody can be asked.

use std::io::{IsTerminal as _, Read as _};

use rmcp::model::{CallToolResult, ErrorCode, ErrorData, InputResponses, JsonObject};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::config::load;
use super::failure::Failure;
use super::loading::{self, Loading};
use super::output::{Audience, Said};
use super::{Global, runtime, signals, tools};
use crate::config::Overrides;
use crate::error::Exit;
use crate::host::{Host, local_principal};
use crate::jobs::Status;
use crate::mcp::{self, Asking, Caller, Ended, Follow, Sealer, Target};
use crate::plugin::wit::tools::JobSupport;
use crate::plugin::{Abilities, Event};

mod field;
mod jobs;
mod person;
mod show;

/// Rounds of questions that one call may take.
const MAX_ROUNDS: usize = 20;
/// Events that may wait to be shown.
const WAITING: usize = 32;

/// Call one tool and print its result
///
/// The call takes the same road as a client's: grants, limits, schemas and credentials are those of the configuration. No
/// server is needed, and none that runs is disturbed. Progress and lines of the tool go to standard error. Ctrl-C cancels
/// the call.
///
/// If the tool asks something, such as a confirmation, you are asked at the terminal. With --json, and where standard input
/// or standard error is no terminal, nobody is asked, and the call ends with exit code 7.
///
/// A tool that starts a job is followed to the job's end; Ctrl-C stops the job.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  toolward call backup_jobs_list
  toolward call backup_jobs_list --args '{\"limit\": 3}'
  toolward call backup_jobs_start --args @start.json
  jq '{id: .jobs[0].id}' jobs.json | toolward call backup_jobs_get --args -
  toolward call backup_jobs_list --json | jq .structuredContent.total

`toolward tools TOOL` says which arguments a tool takes.")]
pub(super) struct CallArgs {
    /// The tool's name
    tool: String,
    /// Its arguments: a JSON object, `@FILE`, or `-` for standard input
    #[arg(
        long,
        short,
        default_value = "{}",
        value_name = "JSON|@FILE|-",
        hide_default_value = true
    )]
    args: String,
}

impl CallArgs {
    pub(super) fn run(self, global: &Global, loading: Option<Loading>) -> Result<Said, Failure> {
        let arguments = arguments(&self.args)?;
        let mut config = load(global, &Overrides::default())?;
        let audience = global.audience();
        let runtime = runtime()?;
        let called = runtime.block_on(async {
            let host = loading::start(&config, loading).await?;
            let catalog = host.catalog();
            let tool = tools::find(&host, &catalog, &self.tool)?;
            let mut folder = None;
            if tool.jobs != JobSupport::Never {
                folder = Some(jobs::keep_apart(&mut config)?);
                host.start_jobs(&config).await;
            }
            let call = Call {
                host: &host,
                tool: &tool.name,
                cancelled: CancellationToken::new(),
                person: audience == Audience::People
                    && std::io::stdin().is_terminal()
                    && std::io::stderr().is_terminal(),
            };
            let called = call.until_signal(arguments, audience).await;
            drop(folder);
            called
        });
        // A thread that waits in a read of standard input, or compiles, cannot be joined.
        runtime.shutdown_background();
        show::result(&self.tool, &called?, audience)
    }
}

fn arguments(given: &str) -> Result<JsonObject, Failure> {
    let unreadable = |what: &str, error: &std::io::Error| {
        Failure::of(Exit::Usage, error).because(format!("--args: cannot read {what}"))
    };
    let text = match given.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| unreadable(&format!("`{path}`"), &error))?,
        None if given == "-" => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| unreadable("standard input", &error))?;
            text
        }
        None => given.to_owned(),
    };
    serde_json::from_str(&text).map_err(|error| {
        Failure::of(Exit::Usage, &error)
            .because("--args is not a JSON object")
            .hint(r#"quote it for the shell, as in --args '{"limit": 3}'"#)
    })
}

/// The call under way.
struct Call<'a> {
    host: &'a Host,
    tool: &'a str,
    cancelled: CancellationToken,
    /// Whether somebody can be asked.
    person: bool,
}

/// Calls a tool for nobody in particular: nothing is shown, and nobody can be asked.
pub(super) async fn unattended(
    host: &Host,
    tool: &str,
    arguments: JsonObject,
) -> Result<CallToolResult, Failure> {
    let catalog = host.catalog();
    tools::find(host, &catalog, tool)?;
    let target = match Target::tool(&catalog, tool, arguments) {
        Ok(target) => target,
        Err(Ok(misfit)) => return Ok(misfit),
        Err(Err(error)) => return Err(refused(tool, &error)),
    };
    let caller = Caller {
        principal: local_principal(),
        cancelled: CancellationToken::new(),
        traceparent: None,
        events: None,
        abilities: Abilities::default(),
        asking: Asking::Nobody,
        host,
        follow: Follow::ToTheEnd,
    };
    match mcp::call(&target, caller).await {
        Ok(Ended::Tool(result) | Ended::Broken(_, result)) => Ok(result),
        Ok(_) => Err(Failure::new(
            Exit::Failure,
            format!("`{tool}` did not end as a tool does"),
        )),
        Err(error) => Err(refused(tool, &error)),
    }
}

impl Call<'_> {
    /// Until it has ended or a signal comes.
    async fn until_signal(
        &self,
        arguments: JsonObject,
        audience: Audience,
    ) -> Result<CallToolResult, Failure> {
        let target = match Target::tool(&self.host.catalog(), self.tool, arguments) {
            Ok(target) => target,
            Err(Ok(misfit)) => return Ok(misfit),
            Err(Err(error)) => return Err(refused(self.tool, &error)),
        };
        let (events, heard) = mpsc::channel(WAITING);
        let running = async {
            // Both end when the call has: it holds the only sender.
            tokio::join!(
                self.to_the_end(&target, events),
                show::events(heard, audience)
            )
            .0
        };
        tokio::pin!(running);
        let signal = tokio::select! {
            // Signals are listened for before the call begins: none is missed.
            biased;
            signal = signals::first() => signal,
            ended = &mut running => return ended,
        };
        self.cancelled.cancel();
        // The guest is stopped, and its requests are dropped, before this returns.
        let _ = running.await;
        jobs::stop(self.host).await;
        Err(signal.failure(&format!("the call of `{}` was cancelled", self.tool)))
    }

    /// Calls; if that started a job, waits for it, and answers what it asks.
    async fn to_the_end(
        &self,
        target: &Target,
        events: mpsc::Sender<Event>,
    ) -> Result<CallToolResult, Failure> {
        let mut result = self.rounds(target, &events).await?;
        while let Some((_, status, arguments)) = jobs::going_on(self.host, &result).await {
            if self.cancelled.is_cancelled() {
                break;
            }
            if status == Status::InputRequired && !self.person {
                jobs::stop(self.host).await;
                return Err(nobody(self.tool));
            }
            let waiting = Target::tool(&self.host.catalog(), jobs::WAIT, arguments);
            let waiting = waiting.map_err(|_| {
                Failure::new(
                    Exit::Failure,
                    format!("cannot wait for the job of `{}`", self.tool),
                )
            })?;
            result = self.rounds(&waiting, &events).await?;
        }
        Ok(result)
    }

    /// Calls, answers what is asked, and calls again with the answers.
    async fn rounds(
        &self,
        target: &Target,
        events: &mpsc::Sender<Event>,
    ) -> Result<CallToolResult, Failure> {
        let sealer = Sealer::default();
        let mut replies = InputResponses::new();
        let mut state = None;
        for _ in 0..MAX_ROUNDS {
            let caller = Caller {
                principal: local_principal(),
                cancelled: self.cancelled.clone(),
                traceparent: None,
                events: Some(events.clone()),
                abilities: Abilities {
                    form: self.person,
                    visit: self.person,
                    ..Abilities::default()
                },
                asking: Asking::Answering {
                    replies: std::mem::take(&mut replies),
                    state: state.take(),
                    sealer: &sealer,
                },
                host: self.host,
                follow: Follow::ToTheEnd,
            };
            let ended = mcp::call(target, caller).await;
            let needed = match ended.map_err(|error| refused(self.tool, &error))? {
                Ended::Tool(result) | Ended::Broken(_, result) => return Ok(result),
                Ended::InputRequired(needed) => needed,
                Ended::Prompt(_) | Ended::Resource(_) | Ended::Task(_) => {
                    let told = "the call was answered as if it were another";
                    return Err(Failure::new(Exit::Failure, told));
                }
            };
            // What was told before the question is shown before it.
            while events.capacity() < events.max_capacity() {
                tokio::task::yield_now().await;
            }
            for (key, request) in needed.input_requests.into_iter().flatten() {
                let request = serde_json::to_value(request)
                    .map_err(|error| Failure::of(Exit::Failure, &error).because("cannot ask"))?;
                let reply = tokio::select! {
                    reply = person::answer(&request) => reply?,
                    // Whatever this returns, nobody waits for it.
                    () = self.cancelled.cancelled() => Value::Null,
                };
                replies.insert(key, reply);
            }
            state = needed.request_state;
        }
        let tool = self.tool;
        Err(Failure::new(
            Exit::Failure,
            format!("`{tool}` asked more than {MAX_ROUNDS} times"),
        ))
    }
}

fn nobody(tool: &str) -> Failure {
    Failure::new(
        Exit::Nobody,
        format!("`{tool}` asks for an answer, and nobody is there to give it"),
    )
    .hint("call it at a terminal, without --json, with standard input and standard error connected to it")
}

/// A protocol error in words for a person.
fn refused(tool: &str, error: &ErrorData) -> Failure {
    let message = error.message.clone().into_owned();
    let data = error.data.clone().unwrap_or_default();
    if error.code != ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY {
        return Failure::new(Exit::Refused, message)
            .because(format!("the call of `{tool}` was refused"))
            .detail("code", error.code.0)
            .detail("data", data);
    }
    let failure = if data["requiredCapabilities"].get("elicitation").is_some() {
        nobody(tool)
    } else {
        let told = "asks for what only an MCP client has: its model, its roots, or tasks";
        Failure::new(Exit::Nobody, format!("`{tool}` {told}"))
            .hint("`toolward serve`, and call it from a client that offers this")
    };
    failure.detail("code", error.code.0).detail("data", data)
}
