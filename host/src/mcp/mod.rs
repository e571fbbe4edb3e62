//! MCP: the only place that knows rmcp, JSON-RPC and protocol revisions.
//!
//! [`Handler`] serves both eras with the same code over the host's current catalog. On HTTP of the new era one is made
//! for every request, so what outlives a request is in [`Server`]; in a session of the old era it lives as long as the
//! session, whose own things are in `session`.

// Logging, sampling and roots are deprecated in the newest revision and still spoken (SEP-2577).
#![expect(deprecated, reason = "older revisions have them, and clients use them")]

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams,
    CompleteResult, CompletionInfo, CreateTaskResult, DiscoverResult, GetPromptRequestParams,
    GetPromptResponse, GetTaskParams, GetTaskResult, InitializeRequestParams, InitializeResult,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
    LoggingLevel, MetaObject, PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams,
    ReadResourceResponse, Reference, ServerConfig, SetLevelRequestParams, SubscribeRequestParams,
    SubscriptionFilter, Tool, UnsubscribeRequestParams, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::catalog::{Catalog, List};
use crate::config::Ability;
use crate::host::{Host, Subscription};
use crate::jobs::Details;
use crate::plugin::wit::completions::Subject;
use crate::plugin::{
    Abilities, Asked, CallInfo, Changed, IdempotencyKey, Level, Plugin, Principal, Room, Until,
};

mod ask;
mod call;
mod convert;
pub mod envelope;
mod events;
mod failure;
pub mod fast_path;
mod follow;
mod info;
mod load;
mod plain;
mod record;
mod request;
mod seal;
mod session;
pub mod sessions;
mod started;
mod tasks;
mod weight;

#[cfg(any(test, fuzzing))]
pub(crate) use seal::fuzz as fuzz_seal;

pub use call::{Asking, Caller, Ended, Follow, Target, call};
use info::{capabilities, instructions, server_info};
use load::weighed;
pub use load::{Growing, Load, answered};
pub use plain::{Answer, Offered, PlainCall, Refused, Replies, offered, plain};
use request::Request;
pub use seal::Sealer;
use session::Session;
pub use weight::is_large;

/// MCP 2026-07-28, «Result metadata».
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// Resources that one listener of the new era may subscribe to.
const MAX_SUBSCRIPTIONS: usize = 1000;
/// MCP, «Completion»: values of one answer.
const MAX_COMPLETIONS: usize = 100;

/// What outlives requests and sessions.
#[derive(Debug)]
pub struct Server {
    host: Arc<Host>,
    sealer: Sealer,
    /// Cancelled when nobody is to wait for news any more.
    stop: CancellationToken,
}

impl Server {
    /// The protocol's side of a host. Whoever waits for news does so until `stop` is cancelled.
    #[must_use]
    pub fn new(host: Arc<Host>, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            host,
            sealer: Sealer::new(),
            stop,
        })
    }
}

/// How a job ended, for those who see jobs without MCP: its result as `tools/call` gives it, and its error; each is
/// null where there is none.
pub async fn job_result(host: &Host, principal: &Principal, details: Details) -> (Value, Value) {
    if !details.job.status.is_terminal() || details.outcome.is_none() {
        return (Value::Null, Value::Null);
    }
    let told = |details: Details| match tasks::result(&details.job, details.outcome) {
        Ok(result) => (json!(result), Value::Null),
        Err(error) => (Value::Null, json!(error)),
    };
    tasks::with_outcome(host, principal, details, told).await
}

/// Serves one connection, or one request.
#[derive(Clone, Debug)]
pub struct Handler {
    server: Arc<Server>,
    sender: Sender,
    /// Only the old era uses it.
    session: Arc<session::State>,
    /// What the client of a session said that it can do; otherwise each request tells, or the connection.
    abilities: Option<Abilities>,
}

/// Who sends the requests of a handler.
#[derive(Clone, Debug)]
enum Sender {
    /// Always the same.
    One(Principal),
    /// Whoever the transport found behind each request. A session's requests need not have the same scopes.
    OfRequest,
}

impl Handler {
    /// A handler for one principal: standard input and output.
    #[must_use]
    pub fn new(server: Arc<Server>, principal: Principal) -> Self {
        Self {
            server,
            sender: Sender::One(principal),
            session: Arc::default(),
            abilities: None,
        }
    }

    /// A handler for one request of a session, over HTTP.
    fn in_session(
        server: Arc<Server>,
        principal: Principal,
        session: Arc<session::State>,
        abilities: Abilities,
    ) -> Self {
        Self {
            server,
            sender: Sender::One(principal),
            session,
            abilities: Some(abilities),
        }
    }

    /// A handler for HTTP: each request carries a [`Principal`] among its extensions. One without is not served.
    #[must_use]
    pub fn of_requests(server: Arc<Server>) -> Self {
        Self {
            server,
            sender: Sender::OfRequest,
            session: Arc::default(),
            abilities: None,
        }
    }

    fn principal<'a>(
        &'a self,
        context: &'a RequestContext<RoleServer>,
    ) -> Result<&'a Principal, ErrorData> {
        match &self.sender {
            Sender::One(principal) => Ok(principal),
            Sender::OfRequest => context
                .extensions
                .get::<http::request::Parts>()
                .and_then(|parts| parts.extensions.get())
                .ok_or_else(request::nobody_knows),
        }
    }

    fn host(&self) -> &Host {
        &self.server.host
    }

    fn catalog(&self) -> Arc<Catalog> {
        self.host().catalog()
    }

    /// Those of the resources that the principal may read. A function of its own, so that nobody who listens for hours holds
    /// on to this catalog and the versions of plugins in it.
    fn readable(&self, principal: &Principal, mut uris: Vec<String>) -> Vec<String> {
        let catalog = self.catalog();
        uris.retain(|uri| {
            let reader = catalog.reader(uri);
            reader.is_some_and(|plugin| {
                call::allowed(principal, Ability::ReadResources, plugin).is_ok()
            })
        });
        uris
    }

    /// What a client is told when it opens a session.
    fn welcome(
        &self,
        request: &InitializeRequestParams,
        principal: &Principal,
    ) -> Result<InitializeResult, ErrorData> {
        let mut result = self.negotiate_initialize(request)?;
        result.instructions = instructions(&self.catalog(), principal);
        Ok(result)
    }

    /// Who asks, and how they can be asked back.
    fn caller<'a>(
        &'a self,
        request: &Request<'_>,
        replies: Option<rmcp::model::InputResponses>,
        state: Option<String>,
    ) -> Caller<'a> {
        let asking = match request.context {
            Some(context) if !request.is_new_era => {
                Asking::Requests(Session::new(context.peer.clone()))
            }
            _ => Asking::Answering {
                replies: replies.unwrap_or_default(),
                state,
                sealer: &self.server.sealer,
            },
        };
        Caller {
            principal: request.principal.clone(),
            cancelled: request.cancelled.clone(),
            traceparent: request.traceparent.clone(),
            events: None,
            abilities: self.abilities.unwrap_or_else(|| {
                let declared = request.capabilities.as_ref();
                declared.map_or_else(Abilities::default, ask::client_abilities)
            }),
            asking,
            host: self.host(),
            follow: self.follow(request),
        }
    }

    fn follow(&self, request: &Request<'_>) -> Follow {
        match self.host().jobs() {
            _ if request.follows_tasks() => Follow::Task,
            Some(jobs) => Follow::Briefly(jobs.settings().answer_within),
            None => Follow::Briefly(Duration::ZERO),
        }
    }

    /// Serves a request, and tells the client meanwhile what it asked to be told.
    async fn serve(
        &self,
        target: &Target,
        request: &Request<'_>,
        caller: Caller<'_>,
    ) -> Result<Ended, ErrorData> {
        let Some(context) = request.context else {
            return call::call(target, caller).await;
        };
        let level = if request.is_new_era {
            context.meta.log_level().map(level)
        } else {
            Some(self.session.level())
        };
        Box::pin(events::pass_on(context, level, target, caller)).await
    }

    /// `server/discover`
    fn discovered(&self, principal: &Principal) -> DiscoverResult {
        let mut info = self.get_info();
        info.instructions = instructions(&self.catalog(), principal);
        let versions = self.supported_protocol_versions().into_owned();
        DiscoverResult::from_server_info(versions, info)
    }

    /// `tools/list`
    fn listed_tools(
        &self,
        params: Option<PaginatedRequestParams>,
        request: &Request<'_>,
    ) -> Result<ListToolsResult, ErrorData> {
        one_page(params)?;
        let catalog = self.catalog();
        let mut tools = convert::tools(&catalog, request.principal);
        if self.host().jobs().is_some() {
            tools.extend(follow::tools(request.principal));
            tools.sort_by(|a, b| a.name.cmp(&b.name));
        }
        let mut result = ListToolsResult::with_all_items(tools);
        (result.ttl_ms, result.cache_scope) = convert::cache(catalog.freshness(List::Tools));
        result.meta = request.stamp(result.meta);
        Ok(result)
    }

    /// `tools/call`
    async fn called(
        &self,
        params: CallToolRequestParams,
        request: &Request<'_>,
        room: Option<Room>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = self.caller(request, params.input_responses, params.request_state);
        let catalog = self.catalog();
        if let Some(tool) = catalog.tool(&params.name) {
            // Before its arguments are looked at: with others it could not be called either.
            call::allowed(&caller.principal, Ability::CallTools, &tool.plugin)?;
            call::can_follow(tool, &caller)?;
            if let Err(error) = tool.plugin.may_call(&caller.principal) {
                record::not_now(tool, &caller.principal, &error);
                let mut refused = failure::told(error.to_string());
                refused.meta = request.stamp(refused.meta);
                return Ok(refused.into());
            }
        }
        let arguments = params.arguments.unwrap_or_default();
        let target = match Target::tool(&catalog, &params.name, arguments) {
            Ok(target) => target,
            Err(Ok(mut misfit)) => {
                record::misfit(&catalog, &params.name, request.principal);
                misfit.meta = request.stamp(misfit.meta);
                return Ok(misfit.into());
            }
            Err(Err(error)) => return Err(error),
        };
        // What waits from here on is a call, and there are bounds on calls.
        drop(room);
        match self.serve(&target, request, caller).await? {
            Ended::Tool(mut result) | Ended::Broken(_, mut result) => {
                result.meta = request.stamp(result.meta);
                Ok(request.weighed(result).into())
            }
            Ended::InputRequired(result) => Ok(request.weighed(result).into()),
            Ended::Task(job) => {
                // A task is only answered where there are jobs.
                let jobs = self.host().jobs().ok_or_else(mixed_up)?;
                let mut result = CreateTaskResult::new(tasks::task(jobs, &job));
                result.meta = request.stamp(None);
                Ok(result.into())
            }
            Ended::Prompt(_) | Ended::Resource(_) => Err(mixed_up()),
        }
    }

    fn request<'a>(
        &'a self,
        context: &'a RequestContext<RoleServer>,
    ) -> Result<Request<'a>, ErrorData> {
        Ok(Request::framed(self.principal(context)?, context))
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let catalog = self.catalog();
        let mut info = ServerConfig::new(capabilities(&catalog, self.host().jobs().is_some()));
        info.server_info = server_info();
        info
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        self.welcome(&request, self.principal(&context)?)
    }

    async fn discover(
        &self,
        context: RequestContext<RoleServer>,
    ) -> Result<DiscoverResult, ErrorData> {
        Ok(self.discovered(self.principal(&context)?))
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        // Otherwise nobody knows who listens; `sessions` passes news on there.
        if let Sender::One(principal) = &self.sender {
            let tenant = principal.tenant.clone();
            self.session.hear_news(self.host(), tenant, context.peer);
        }
    }

    async fn list_tools(
        &self,
        params: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let listed = self.listed_tools(params, &self.request(&context)?)?;
        Ok(weighed(&context, listed))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        if let (Some(own), Some(_)) = (follow::Own::named(name), self.host().jobs()) {
            return Some(own.tool());
        }
        self.catalog().tool(name).map(|tool| convert::tool(tool))
    }

    async fn call_tool(
        &self,
        params: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let (request, room) = (self.request(&context)?, load::room(&context));
        self.called(params, &request, room).await
    }

    async fn get_task(
        &self,
        params: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let principal = self.principal(&context)?;
        let mut result = tasks::get(self.host(), principal, &params, &context).await?;
        result.meta = stamp(result.meta, &context);
        Ok(weighed(&context, result))
    }

    async fn update_task(
        &self,
        params: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        tasks::update(self.host(), self.principal(&context)?, params).await
    }

    async fn cancel_task(
        &self,
        params: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        tasks::cancel(self.host(), self.principal(&context)?, &params).await
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        one_page(request)?;
        let catalog = self.catalog();
        let principal = self.principal(&context)?;
        let may = |plugin: &Plugin| call::allowed(principal, Ability::GetPrompts, plugin).is_ok();
        let prompts = catalog.prompts().filter(|prompt| may(&prompt.plugin));
        let prompts = prompts.map(|prompt| convert::prompt(prompt)).collect();
        let mut result = ListPromptsResult::with_all_items(prompts);
        (result.ttl_ms, result.cache_scope) = convert::cache(catalog.freshness(List::Prompts));
        result.meta = stamp(result.meta, &context);
        Ok(weighed(&context, result))
    }

    async fn get_prompt(
        &self,
        params: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let arguments = params.arguments.unwrap_or_default();
        let target = Target::prompt(&self.catalog(), &params.name, arguments)?;
        let request = self.request(&context)?;
        let caller = self.caller(&request, params.input_responses, params.request_state);
        match self.serve(&target, &request, caller).await? {
            Ended::Prompt(mut result) => {
                result.meta = request.stamp(result.meta);
                Ok(weighed(&context, result).into())
            }
            Ended::InputRequired(result) => Ok(weighed(&context, result).into()),
            Ended::Tool(_) | Ended::Broken(..) | Ended::Resource(_) | Ended::Task(_) => {
                Err(mixed_up())
            }
        }
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        one_page(request)?;
        let catalog = self.catalog();
        let principal = self.principal(&context)?;
        let may =
            |plugin: &Plugin| call::allowed(principal, Ability::ReadResources, plugin).is_ok();
        let resources = catalog.resources().filter(|resource| may(&resource.plugin));
        let resources = resources.map(|resource| convert::listed_resource(resource));
        let resources = resources
            .collect::<Result<Vec<_>, _>>()
            .map_err(|defect| ErrorData::internal_error(defect.to_string(), None))?;
        let mut result = ListResourcesResult::with_all_items(resources);
        (result.ttl_ms, result.cache_scope) = convert::cache(catalog.freshness(List::Resources));
        result.meta = stamp(result.meta, &context);
        Ok(weighed(&context, result))
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        one_page(request)?;
        let catalog = self.catalog();
        let principal = self.principal(&context)?;
        let may =
            |plugin: &Plugin| call::allowed(principal, Ability::ReadResources, plugin).is_ok();
        let templates = catalog.templates().filter(|template| may(&template.plugin));
        let templates = templates.map(|template| convert::listed_template(template));
        let mut result = ListResourceTemplatesResult::with_all_items(templates.collect());
        (result.ttl_ms, result.cache_scope) = convert::cache(catalog.freshness(List::Resources));
        result.meta = stamp(result.meta, &context);
        Ok(weighed(&context, result))
    }

    async fn read_resource(
        &self,
        params: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let target = Target::resource(&self.catalog(), params.uri)?;
        let request = self.request(&context)?;
        let caller = self.caller(&request, params.input_responses, params.request_state);
        match self.serve(&target, &request, caller).await? {
            Ended::Resource(mut result) => {
                result.meta = request.stamp(result.meta);
                Ok(weighed(&context, result).into())
            }
            Ended::InputRequired(result) => Ok(weighed(&context, result).into()),
            Ended::Tool(_) | Ended::Broken(..) | Ended::Prompt(_) | Ended::Task(_) => {
                Err(mixed_up())
            }
        }
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let catalog = self.catalog();
        let (plugin, subject, ability) = match request.r#ref {
            Reference::Prompt(prompt) => {
                let known = catalog.prompt(&prompt.name);
                let known = known.ok_or_else(|| failure::unknown("prompt", &prompt.name))?;
                (
                    &known.plugin,
                    Subject::Prompt(prompt.name),
                    Ability::GetPrompts,
                )
            }
            Reference::Resource(resource) => {
                let known = catalog.template(&resource.uri);
                let known =
                    known.ok_or_else(|| failure::unknown("resource template", &resource.uri))?;
                (
                    &known.plugin,
                    Subject::ResourceTemplate(resource.uri),
                    Ability::ReadResources,
                )
            }
            _ => return Err(ErrorData::invalid_params("unknown kind of reference", None)),
        };
        let filled = request
            .context
            .and_then(|context| context.arguments)
            .unwrap_or_default();
        let principal = self.principal(&context)?;
        call::allowed(principal, ability, plugin)?;
        let info = CallInfo {
            principal: principal.clone(),
            cancelled: context.ct.clone(),
            deadline: std::time::Instant::now() + plugin.limits().wall_time,
            events: None,
            idempotency_key: IdempotencyKey::new(),
            meta: Vec::new(),
            traceparent: context.meta.get_traceparent().map(str::to_owned),
            abilities: Abilities::default(),
            asked: Asked::default(),
            trail: plugin.own_trail(),
        };
        let argument = request.argument;
        let run = plugin.complete(
            info,
            subject,
            argument.name,
            argument.value,
            filled.into_iter().collect(),
        );
        let mut suggested = failure::protocol(run.await)?;
        let more = suggested.more || suggested.values.len() > MAX_COMPLETIONS;
        suggested.values.truncate(MAX_COMPLETIONS);
        let mut completion = CompletionInfo::default();
        completion.values = suggested.values;
        completion.total = suggested.total;
        completion.has_more = Some(more);
        let mut result = CompleteResult::new(completion);
        result.meta = stamp(result.meta, &context);
        Ok(weighed(&context, result))
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if is_new_era(&context) {
            return Err(ErrorData::method_not_found::<
                rmcp::model::SetLevelRequestMethod,
            >());
        }
        self.session.set_level(level(request.level));
        Ok(())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if let Some(plugin) = self.catalog().reader(&request.uri) {
            call::allowed(self.principal(&context)?, Ability::ReadResources, plugin)?;
        }
        let tenant = &self.principal(&context)?.tenant;
        let subscription = self.host().watch(&request.uri, tenant).ok_or_else(|| {
            let data = serde_json::json!({ "uri": request.uri });
            ErrorData::resource_not_found("no resource has this URI", Some(data))
        })?;
        if self.session.subscribe(request.uri, subscription) {
            Ok(())
        } else {
            Err(ErrorData::invalid_params(
                "this session has too many subscriptions",
                None,
            ))
        }
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.session.unsubscribe(&request.uri);
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let catalog = self.catalog();
        let mut accepted = requested.clone();
        if let Some(uris) = &mut accepted.resource_subscriptions {
            uris.retain(|uri| catalog.reader(uri).is_some());
            uris.truncate(MAX_SUBSCRIPTIONS);
        }
        Some(accepted)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut news = self.host().news();
        let principal = self.principal(context.request_context())?;
        let accepted = context.accepted().resource_subscriptions.clone();
        let uris = self.readable(principal, accepted.unwrap_or_default());
        // Held for as long as somebody listens.
        let _watched: Vec<Subscription> = uris
            .iter()
            .filter_map(|uri| self.host().watch(uri, &principal.tenant))
            .collect();
        let subject = principal.subject.as_deref();
        let leave = self.host().leave(&principal.tenant, subject);
        let parts = context
            .request_context()
            .extensions
            .get::<http::request::Parts>();
        let until = parts.and_then(|parts| parts.extensions.get::<Until>());
        let until = until.copied().unwrap_or_default();
        let over = async {
            tokio::select! {
                () = context.cancelled() => {}
                () = until.passed() => {}
                () = self.host().withdrawn(&leave) => {}
                () = self.server.stop.cancelled() => {}
            }
        };
        tokio::pin!(over);
        loop {
            let heard = tokio::select! {
                heard = news.recv() => heard,
                () = &mut over => return Ok(()),
            };
            let changed = match heard {
                Ok(news) if news.concerns(&principal.tenant) => vec![news.what],
                Ok(_) => continue,
                // It missed some: anything may have changed.
                Err(RecvError::Lagged(_)) => [Changed::Tools, Changed::Prompts, Changed::Resources]
                    .into_iter()
                    .chain(uris.iter().cloned().map(Changed::Resource))
                    .collect(),
                Err(RecvError::Closed) => return Ok(()),
            };
            for changed in changed {
                tokio::select! {
                    () = tell(&context, &uris, changed) => {}
                    () = &mut over => return Ok(()),
                }
            }
        }
    }
}

/// Tells a listener of the new era. What it did not ask for is not sent, and a listener that is gone is cancelled by the
/// transport.
async fn tell(context: &SubscriptionContext, uris: &[String], changed: Changed) {
    let (sink, wanted) = (context.sink(), context.accepted());
    let sent = match changed {
        Changed::Tools if wanted.tools_list_changed == Some(true) => {
            sink.notify_tool_list_changed().await
        }
        Changed::Prompts if wanted.prompts_list_changed == Some(true) => {
            sink.notify_prompt_list_changed().await
        }
        Changed::Resources if wanted.resources_list_changed == Some(true) => {
            sink.notify_resource_list_changed().await
        }
        Changed::Resource(uri) if uris.contains(&uri) => sink.notify_resource_updated(uri).await,
        Changed::Tools | Changed::Prompts | Changed::Resources | Changed::Resource(_) => Ok(()),
    };
    if let Err(error) = sent {
        tracing::debug!(%error, "a listener was not told");
    }
}

/// The lists have one page, because they are bounded.
fn one_page(request: Option<PaginatedRequestParams>) -> Result<(), ErrorData> {
    match request.and_then(|request| request.cursor) {
        None => Ok(()),
        Some(_) => Err(ErrorData::invalid_params(
            "unknown cursor: this list has one page",
            None,
        )),
    }
}

fn is_new_era(context: &RequestContext<RoleServer>) -> bool {
    context
        .protocol_version()
        .is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

/// See [`Request::stamp`].
fn stamp(meta: Option<MetaObject>, context: &RequestContext<RoleServer>) -> Option<MetaObject> {
    if is_new_era(context) {
        Some(request::stamped(meta))
    } else {
        meta
    }
}

fn mixed_up() -> ErrorData {
    ErrorData::internal_error("the request was answered as if it were another", None)
}

fn level(level: LoggingLevel) -> Level {
    match level {
        LoggingLevel::Debug => Level::Debug,
        LoggingLevel::Info => Level::Info,
        LoggingLevel::Notice => Level::Notice,
        LoggingLevel::Warning => Level::Warning,
        LoggingLevel::Error => Level::Error,
        LoggingLevel::Critical => Level::Critical,
        LoggingLevel::Alert => Level::Alert,
        LoggingLevel::Emergency => Level::Emergency,
    }
}
