//! MCP: the only place that knows rmcp, JSON-RPC and protocol revisions.
//!
//! [`Handler`] serves both eras with the same code over the host's current catalog. On HTTP of the new era one is
//! made for every request, so it holds nothing but a handle to the host.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, CreateTaskResult, GetTaskParams,
    GetTaskResult, Implementation, ListToolsResult, MetaObject, PaginatedRequestParams,
    ProgressNotificationParam, ProgressToken, ProtocolVersion, ServerCapabilities, ServerConfig,
    Tool, UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tokio::sync::mpsc;

use crate::catalog;
use crate::host::Host;
use crate::jobs::Details;
use crate::plugin::{Event, Principal};

mod asks;
mod call;
mod convert;
mod follow;
mod tasks;

pub use call::{Answer, Follow, ToolCall, call};

/// Progress events that may wait for a slow client; newer ones are dropped meanwhile.
const EVENTS: usize = 32;
/// MCP 2026-07-28, «Result metadata».
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// How a job ended, for those who see jobs without MCP: its result as `tools/call` gives it, and its error; each is
/// null where there is none.
#[must_use]
pub fn job_result(details: Details) -> (serde_json::Value, serde_json::Value) {
    use serde_json::{Value, json};
    if !details.job.status.is_terminal() || details.outcome.is_none() {
        return (Value::Null, Value::Null);
    }
    match tasks::result(&details.job, details.outcome) {
        Ok(result) => (json!(result), Value::Null),
        Err(error) => (Value::Null, json!(error)),
    }
}

/// Serves one session, or one request.
#[derive(Clone, Debug)]
pub struct Handler {
    host: Arc<Host>,
    principal: Principal,
}

impl Handler {
    /// A handler for one principal.
    #[must_use]
    pub fn new(host: Arc<Host>, principal: Principal) -> Self {
        Self { host, principal }
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools();
        let mut info = ServerConfig::new(match self.host.jobs() {
            Some(_) => capabilities.enable_tasks().build(),
            None => capabilities.build(),
        });
        info.server_info = server_info();
        info.instructions = instructions(&self.host.catalog());
        info
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if request.is_some_and(|request| request.cursor.is_some()) {
            return Err(ErrorData::invalid_params(
                "unknown cursor: this list has one page",
                None,
            ));
        }
        let mut tools = convert::tools(&self.host.catalog());
        if self.host.jobs().is_some() {
            tools.extend(follow::tools());
            tools.sort_by(|a, b| a.name.cmp(&b.name));
        }
        let mut result = ListToolsResult::with_all_items(tools);
        result.meta = stamp(result.meta, &context);
        Ok(result)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        if let (Some(own), Some(_)) = (follow::Own::named(name), self.host.jobs()) {
            return Some(own.tool());
        }
        self.host
            .catalog()
            .tool(name)
            .map(|tool| convert::tool(tool))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let call = ToolCall {
            name: request.name.into_owned(),
            arguments: request.arguments.unwrap_or_default(),
            principal: self.principal.clone(),
            cancelled: context.ct.clone(),
            traceparent: context.meta.get_traceparent().map(str::to_owned),
            events: None,
            follow: self.follow(&context),
        };
        let answer = match context.meta.get_progress_token() {
            Some(token) => {
                Progress { token, last: None }
                    .pass_on(&self.host, call, &context)
                    .await?
            }
            None => call::call(&self.host, call).await?,
        };
        Ok(match answer {
            Answer::Result(mut result) => {
                result.meta = stamp(result.meta, &context);
                result.into()
            }
            Answer::Task(job) => {
                // A task is only answered where there are jobs.
                let jobs = self.host.jobs().ok_or_else(no_jobs)?;
                let mut result = CreateTaskResult::new(tasks::task(jobs, &job));
                result.meta = stamp(None, &context);
                result.into()
            }
        })
    }

    async fn get_task(
        &self,
        params: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let mut result = tasks::get(&self.host, &self.principal, &params, &context).await?;
        result.meta = stamp(result.meta, &context);
        Ok(result)
    }

    async fn update_task(
        &self,
        params: UpdateTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        tasks::update(&self.host, &self.principal, params).await
    }

    async fn cancel_task(
        &self,
        params: CancelTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        tasks::cancel(&self.host, &self.principal, &params).await
    }
}

impl Handler {
    /// Tasks are of the new era, and only for requests that declare the extension.
    fn follow(&self, context: &RequestContext<RoleServer>) -> Follow {
        let declared = context
            .client_capabilities()
            .is_some_and(|capabilities| capabilities.supports_tasks());
        match self.host.jobs() {
            Some(jobs) if !(declared && is_new_era(context)) => {
                Follow::Briefly(jobs.settings().answer_within)
            }
            Some(_) => Follow::Task,
            None => Follow::Briefly(Duration::ZERO),
        }
    }
}

fn no_jobs() -> ErrorData {
    ErrorData::internal_error("this host runs no jobs", None)
}

/// MCP demands that progress grows with every notification.
struct Progress {
    token: ProgressToken,
    last: Option<f64>,
}

impl Progress {
    /// Calls the tool and tells the client meanwhile how far it is.
    async fn pass_on(
        mut self,
        host: &Host,
        mut call: ToolCall,
        context: &RequestContext<RoleServer>,
    ) -> Result<Answer, ErrorData> {
        let (events, mut heard) = mpsc::channel(EVENTS);
        call.events = Some(events);
        let called = call::call(host, call);
        tokio::pin!(called);
        let ended = loop {
            tokio::select! {
                biased;
                Some(event) = heard.recv() => self.tell(event, context).await,
                ended = &mut called => break ended,
            }
        };
        while let Ok(event) = heard.try_recv() {
            self.tell(event, context).await;
        }
        ended
    }

    async fn tell(&mut self, event: Event, context: &RequestContext<RoleServer>) {
        let Event::Progress {
            done,
            total,
            message,
        } = event;
        if self.last.is_some_and(|last| done <= last) {
            return;
        }
        self.last = Some(done);
        let mut param = ProgressNotificationParam::new(self.token.clone(), done);
        param.total = total;
        param.message = message;
        // A client that has gone away is noticed by the transport, which cancels the call.
        let _ = context.peer.notify_progress(param).await;
    }
}

/// Results of the new era name the server (MCP 2026-07-28: SHOULD); older clients never saw that key.
fn stamp(meta: Option<MetaObject>, context: &RequestContext<RoleServer>) -> Option<MetaObject> {
    if !is_new_era(context) {
        return meta;
    }
    let mut meta = meta.unwrap_or_default();
    meta.insert(SERVER_INFO.to_owned(), serde_json::json!(server_info()));
    Some(meta)
}

fn is_new_era(context: &RequestContext<RoleServer>) -> bool {
    context
        .protocol_version()
        .is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

fn server_info() -> Implementation {
    Implementation::new("toolward", env!("CARGO_PKG_VERSION"))
}

/// What the plugins say about using their tools, one paragraph each.
fn instructions(catalog: &catalog::Catalog) -> Option<String> {
    let paragraphs: Vec<String> = catalog
        .plugins()
        .into_iter()
        .filter_map(|plugin| {
            let text = plugin.manifest.instructions.as_ref()?;
            Some(format!("{}: {text}", plugin.name()))
        })
        .collect();
    (!paragraphs.is_empty()).then(|| paragraphs.join("\n\n"))
}
