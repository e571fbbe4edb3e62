//! `toolward call`: one call by the same road as a client's, without a server.

use std::io::Read as _;

use rmcp::model::{CallToolResult, JsonObject};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::config::load;
use super::{Global, fail, print, runtime};
use crate::config::Overrides;
use crate::error::Exit;
use crate::host::{Host, local_principal};
use crate::mcp::{self, Answer, Follow, ToolCall};
use crate::plugin::Event;
use crate::plugin::wit::tools::JobSupport;

/// Call one tool and print its result
#[derive(Debug, clap::Args)]
pub(super) struct Call {
    /// The tool's name
    tool: String,
    /// Its arguments: a JSON object, `@FILE`, or `-` for standard input
    #[arg(long, default_value = "{}", value_name = "JSON|@FILE|-")]
    args: String,
    /// Print the whole result as JSON, as MCP has it
    #[arg(long)]
    json: bool,
}

impl Call {
    pub(super) fn run(self, global: &Global) -> Exit {
        let arguments = match arguments(&self.args) {
            Ok(arguments) => arguments,
            Err(problem) => {
                eprintln!("error: {problem}");
                return Exit::Usage;
            }
        };
        let config = match load(global, &Overrides::default()) {
            Ok(config) => config,
            Err(exit) => return exit,
        };
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return fail(Exit::Failure, &error),
        };
        let call = ToolCall {
            name: self.tool,
            arguments,
            principal: local_principal(),
            cancelled: CancellationToken::new(),
            traceparent: None,
            events: None,
            follow: Follow::ToTheEnd,
        };
        let called = runtime.block_on(async {
            let host = Host::start(&config)
                .await
                .map_err(|error| fail(Exit::Failure, &error))?;
            if may_start_job(&host, &call.name) {
                host.start_jobs(&config).await;
            }
            call_and_show_progress(&host, call)
                .await
                .map_err(|error| fail(Exit::Failure, &error))
        });
        match called {
            Ok(result) => show(&result, self.json),
            Err(exit) => exit,
        }
    }
}

fn arguments(given: &str) -> Result<JsonObject, String> {
    let text = match given.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| format!("--args: cannot read `{path}`: {error}"))?,
        None if given == "-" => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| format!("--args: cannot read standard input: {error}"))?;
            text
        }
        None => given.to_owned(),
    };
    serde_json::from_str(&text).map_err(|error| format!("--args is not a JSON object: {error}"))
}

async fn call_and_show_progress(
    host: &Host,
    mut call: ToolCall,
) -> Result<CallToolResult, rmcp::ErrorData> {
    let (events, mut heard) = mpsc::channel(32);
    call.events = Some(events);
    let show = async {
        while let Some(Event::Progress {
            done,
            total,
            message,
        }) = heard.recv().await
        {
            let of = total
                .map(|total| format!(" of {total}"))
                .unwrap_or_default();
            eprintln!("{done}{of} {}", message.unwrap_or_default());
        }
    };
    let (answer, ()) = tokio::join!(mcp::call(host, call), show);
    match answer? {
        Answer::Result(result) => Ok(result),
        // Only those who ask for tasks get one.
        Answer::Task(job) => Err(rmcp::ErrorData::internal_error(
            format!("job {} goes on", job.id),
            None,
        )),
    }
}

/// The store of jobs is locked by whoever opens it, so it is opened when it is needed.
fn may_start_job(host: &Host, tool: &str) -> bool {
    let catalog = host.catalog();
    let found = catalog.tool(tool);
    found.is_some_and(|tool| tool.jobs != JobSupport::Never)
}

fn show(result: &CallToolResult, json: bool) -> Exit {
    let text = if json {
        serde_json::to_string(result).unwrap_or_default()
    } else {
        let parts = result.content.iter().map(|block| match block.as_text() {
            Some(text) => text.text.clone(),
            None => serde_json::to_string(block).unwrap_or_default(),
        });
        parts.collect::<Vec<_>>().join("\n")
    };
    match print(&text) {
        Exit::Success if result.is_error == Some(true) => Exit::Tool,
        exit => exit,
    }
}
