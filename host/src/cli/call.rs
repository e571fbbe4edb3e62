//! `toolward call`: one call by the same road as a client's, without a server.

use std::io::Read as _;

use rmcp::model::{CallToolResult, ErrorData, JsonObject};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::config::load;
use super::{Global, fail, print, runtime};
use crate::catalog::OWN_TOOLS;
use crate::config::Overrides;
use crate::error::Exit;
use crate::host::{Host, local_principal};
use crate::mcp::{self, Asking, Caller, Ended, Follow, Target};
use crate::plugin::wit::tools::JobSupport;
use crate::plugin::{Abilities, Event};

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
        let (tool, json) = (self.tool, self.json);
        let called = runtime.block_on(async {
            let host = Host::start(&config)
                .await
                .map_err(|error| fail(Exit::Failure, &error))?;
            if may_start_job(&host, &tool) {
                host.start_jobs(&config).await;
            }
            match Target::tool(&host.catalog(), &tool, arguments) {
                Ok(target) => call_and_show_progress(&host, &target).await,
                Err(judged) => judged,
            }
            .map_err(|error| fail(Exit::Failure, &error))
        });
        match called {
            Ok(result) => show(&result, json),
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

/// Also the host's own tools need the store. It is locked by whoever opens it, so it is opened when it is needed.
fn may_start_job(host: &Host, name: &str) -> bool {
    let catalog = host.catalog();
    let tool = catalog.tool(name);
    OWN_TOOLS.contains(&name) || tool.is_some_and(|tool| tool.jobs != JobSupport::Never)
}

async fn call_and_show_progress(host: &Host, target: &Target) -> Result<CallToolResult, ErrorData> {
    let (events, mut heard) = mpsc::channel(32);
    let caller = Caller {
        principal: local_principal(),
        cancelled: CancellationToken::new(),
        traceparent: None,
        events: Some(events),
        abilities: Abilities::default(),
        asking: Asking::Nobody,
        jobs: host.jobs(),
        follow: Follow::ToTheEnd,
    };
    let show = async {
        while let Some(event) = heard.recv().await {
            show_event(event);
        }
    };
    match tokio::join!(mcp::call(target, caller), show).0? {
        Ended::Tool(result) => Ok(result),
        Ended::Prompt(_) | Ended::Resource(_) | Ended::InputRequired(_) | Ended::Task(_) => {
            let text = "the call was answered as if it were another";
            Err(ErrorData::internal_error(text, None))
        }
    }
}

fn show_event(event: Event) {
    match event {
        Event::Progress {
            done,
            total,
            message,
        } => {
            let of = total
                .map(|total| format!(" of {total}"))
                .unwrap_or_default();
            eprintln!("{done}{of} {}", message.unwrap_or_default());
        }
        Event::Notice { level, data, .. } => eprintln!("{level:?}: {data}"),
    }
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
