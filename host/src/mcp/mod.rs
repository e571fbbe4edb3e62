//! MCP: the only place that knows rmcp, JSON-RPC and protocol revisions.
//!
//! [`Handler`] serves both eras with the same code over the host's current catalog. On HTTP of the new era one is
//! made for every request, so it holds nothing but a handle to the host.

use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, DiscoverResult, Implementation,
    InitializeRequestParams, InitializeResult, ListToolsResult, MetaObject, PaginatedRequestParams,
    ProgressNotificationParam, ProgressToken, ProtocolVersion, ServerCapabilities, ServerConfig,
    Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tokio::sync::mpsc;

use crate::catalog;
use crate::config::Ability;
use crate::host::Host;
use crate::plugin::{Event, Plugin, Principal};
use crate::policy::{self, Action, Missing};

mod call;
mod convert;
pub mod envelope;

pub use call::{ToolCall, call};

/// Progress events that may wait for a slow client; newer ones are dropped meanwhile.
const EVENTS: usize = 32;
/// MCP 2026-07-28, «Result metadata».
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// Serves one session, or one request.
#[derive(Clone, Debug)]
pub struct Handler {
    host: Arc<Host>,
    caller: Caller,
}

/// Who sends the requests of a handler.
#[derive(Clone, Debug)]
enum Caller {
    /// Always the same.
    One(Principal),
    /// Whoever the transport found behind each request. A session's requests need not have the same scopes.
    OfRequest,
}

impl Handler {
    /// A handler for one principal: standard input and output.
    #[must_use]
    pub fn new(host: Arc<Host>, principal: Principal) -> Self {
        let caller = Caller::One(principal);
        Self { host, caller }
    }

    /// A handler for HTTP: each request carries a [`Principal`] among its extensions. One without is not served.
    #[must_use]
    pub fn of_requests(host: Arc<Host>) -> Self {
        let caller = Caller::OfRequest;
        Self { host, caller }
    }

    fn principal<'a>(
        &'a self,
        context: &'a RequestContext<RoleServer>,
    ) -> Result<&'a Principal, ErrorData> {
        match &self.caller {
            Caller::One(principal) => Ok(principal),
            Caller::OfRequest => context
                .extensions
                .get::<http::request::Parts>()
                .and_then(|parts| parts.extensions.get())
                .ok_or_else(|| ErrorData::internal_error("nobody knows who sent this", None)),
        }
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let mut info = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
        info.server_info = server_info();
        info
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let mut result = self.negotiate_initialize(&request)?;
        result.instructions = instructions(&self.host.catalog(), self.principal(&context)?);
        Ok(result)
    }

    async fn discover(
        &self,
        context: RequestContext<RoleServer>,
    ) -> Result<DiscoverResult, ErrorData> {
        let mut info = self.get_info();
        info.instructions = instructions(&self.host.catalog(), self.principal(&context)?);
        let versions = self.supported_protocol_versions().into_owned();
        Ok(DiscoverResult::from_server_info(versions, info))
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
        let mut result = ListToolsResult::with_all_items(convert::tools(
            &self.host.catalog(),
            self.principal(&context)?,
        ));
        result.meta = stamp(result.meta, &context);
        Ok(result)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
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
            principal: self.principal(&context)?.clone(),
            cancelled: context.ct.clone(),
            traceparent: context.meta.get_traceparent().map(str::to_owned),
            events: None,
        };
        let mut result = match context.meta.get_progress_token() {
            Some(token) => {
                Progress { token, last: None }
                    .pass_on(&self.host, call, &context)
                    .await?
            }
            None => call::call(&self.host, call).await?,
        };
        result.meta = stamp(result.meta, &context);
        Ok(result.into())
    }
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
    ) -> Result<CallToolResult, ErrorData> {
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
    let new_era = context
        .protocol_version()
        .is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
    if !new_era {
        return meta;
    }
    let mut meta = meta.unwrap_or_default();
    meta.insert(SERVER_INFO.to_owned(), serde_json::json!(server_info()));
    Some(meta)
}

fn server_info() -> Implementation {
    Implementation::new("toolward", env!("CARGO_PKG_VERSION"))
}

/// Whether the principal may call the tools of a plugin.
fn may_call(principal: &Principal, plugin: &Plugin) -> Result<(), Missing> {
    let action = Action {
        ability: Ability::CallTools,
        plugin: Some(plugin.name()),
    };
    policy::may(principal, action)
}

/// What the plugins say about using their tools, one paragraph each. Of plugins that the principal may not use it
/// hears nothing.
fn instructions(catalog: &catalog::Catalog, principal: &Principal) -> Option<String> {
    let paragraphs: Vec<String> = catalog
        .plugins()
        .into_iter()
        .filter(|plugin| may_call(principal, plugin).is_ok())
        .filter_map(|plugin| {
            let text = plugin.manifest.instructions.as_ref()?;
            Some(format!("{}: {text}", plugin.name()))
        })
        .collect();
    (!paragraphs.is_empty()).then(|| paragraphs.join("\n\n"))
}
