//! `toolward call`: one call by the same road as a client's, without a server.
//!
//! To the plugin it is a client of the new era, run by whoever sits at the terminal: what the plugin asks is answered
//! there, and without a terminal nobody can be asked.

use std::io::{IsTerminal as _, Read as _};
use std::sync::Arc;

use rmcp::model::{CallToolResult, ErrorCode, ErrorData, InputResponses, JsonObject};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::config::load;
use super::failure::Failure;
use super::loading::{self, Loading};
use super::output::{Audience, Said};
use super::{Global, runtime, signals, tools};
use crate::catalog::OWN_TOOLS;
use crate::config::Overrides;
use crate::error::Exit;
use crate::host::{Host, local_principal};
use crate::mcp::{self, Asking, Caller, Ended, Follow, Sealer, Target};
use crate::plugin::wit::tools::JobSupport;
use crate::plugin::{Abilities, Event};

mod field;
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
/// If the tool asks something, such as a confirmation, you are asked at the terminal; where standard input or standard
/// error is no terminal, nobody can be asked, and the call ends with exit code 7.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  toolward call backup_jobs_list
  toolward call backup_jobs_list --args '{\"limit\": 3}'
  toolward call backup_jobs_start --args @start.json
  jq '{id: .jobs[0].id}' jobs.json | toolward call backup_jobs_get --args -
  toolward call backup_jobs_list --json | jq .structuredContent.total

`toolward tools TOOL` says which arguments a tool takes.")]
pub(super) struct Call {
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

impl Call {
    pub(super) fn run(self, global: &Global, loading: Option<Loading>) -> Result<Said, Failure> {
        let arguments = arguments(&self.args)?;
        let config = load(global, &Overrides::default())?;
        let audience = global.audience();
        let runtime = runtime()?;
        let called = runtime.block_on(async {
            let host = loading::start(&config, loading).await?;
            if may_start_job(&host, &self.tool) {
                host.start_jobs(&config).await;
            }
            call(&host, &self.tool, arguments, audience).await
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

/// Also the host's own tools need the store. It is locked by whoever opens it, so it is opened when it is needed.
fn may_start_job(host: &Host, name: &str) -> bool {
    let catalog = host.catalog();
    let tool = catalog.tool(name);
    OWN_TOOLS.contains(&name) || tool.is_some_and(|tool| tool.jobs != JobSupport::Never)
}

/// Looks the tool up and calls it, until it has ended or a signal comes.
async fn call(
    host: &Arc<Host>,
    tool: &str,
    arguments: JsonObject,
    audience: Audience,
) -> Result<CallToolResult, Failure> {
    let catalog = host.catalog();
    tools::find(host, &catalog, tool)?;
    let target = match Target::tool(&catalog, tool, arguments) {
        Ok(target) => target,
        Err(Ok(misfit)) => return Ok(misfit),
        Err(Err(error)) => return Err(refused(tool, &error)),
    };
    let cancelled = CancellationToken::new();
    let (events, heard) = mpsc::channel(WAITING);
    let running = async {
        // Both end when the call has: it holds the only sender.
        tokio::join!(
            rounds(host, &target, tool, &cancelled, events),
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
    cancelled.cancel();
    // The guest is stopped, and its requests are dropped, before this returns.
    let _ = running.await;
    Err(signal.failure(&format!("the call of `{tool}` was cancelled")))
}

/// Calls, answers what is asked, and calls again with the answers.
async fn rounds(
    host: &Host,
    target: &Target,
    tool: &str,
    cancelled: &CancellationToken,
    events: mpsc::Sender<Event>,
) -> Result<CallToolResult, Failure> {
    let sealer = Sealer::default();
    let person = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let mut replies = InputResponses::new();
    let mut state = None;
    for _ in 0..MAX_ROUNDS {
        let caller = Caller {
            principal: local_principal(),
            cancelled: cancelled.clone(),
            traceparent: None,
            events: Some(events.clone()),
            abilities: Abilities {
                form: person,
                visit: person,
                ..Abilities::default()
            },
            asking: Asking::Answering {
                replies: std::mem::take(&mut replies),
                state: state.take(),
                sealer: &sealer,
            },
            host,
            follow: Follow::ToTheEnd,
        };
        let ended = mcp::call(target, caller).await;
        let needed = match ended.map_err(|error| refused(tool, &error))? {
            Ended::Tool(result) | Ended::Broken(_, result) => return Ok(result),
            Ended::InputRequired(needed) => needed,
            Ended::Prompt(_) | Ended::Resource(_) | Ended::Task(_) => {
                let told = "the call was answered as if it were another";
                return Err(Failure::new(Exit::Failure, told));
            }
        };
        for (key, request) in needed.input_requests.into_iter().flatten() {
            let request = serde_json::to_value(request)
                .map_err(|error| Failure::of(Exit::Failure, &error).because("cannot ask"))?;
            let reply = tokio::select! {
                reply = person::answer(&request) => reply?,
                // Whatever this returns, nobody waits for it.
                () = cancelled.cancelled() => Value::Null,
            };
            replies.insert(key, reply);
        }
        state = needed.request_state;
    }
    Err(Failure::new(
        Exit::Failure,
        format!("`{tool}` asked more than {MAX_ROUNDS} times"),
    ))
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
    let asked = &data["requiredCapabilities"];
    let (what, hint) = if asked.get("elicitation").is_some() {
        (
            "asks for an answer, and nobody is there to give it",
            "call it at a terminal, with standard input and standard error connected to it",
        )
    } else {
        (
            "asks for what only an MCP client has: its model, its roots, or tasks",
            "`toolward serve`, and call it from a client that offers this",
        )
    };
    Failure::new(Exit::Nobody, format!("`{tool}` {what}"))
        .hint(hint)
        .detail("code", error.code.0)
        .detail("data", data)
}
