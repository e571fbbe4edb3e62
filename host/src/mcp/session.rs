//! What belongs to one client of the old era for as long as it is connected: a level of log lines, subscriptions to
//! resources; and asking it while it waits for an answer. Over standard input and output the connection is the session;
//! over HTTP, `sessions` keeps one for each session id.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::try_join_all;
use rmcp::model::{
    ClientResult, InputRequest, PromptListChangedNotification, ResourceListChangedNotification,
    ResourceUpdatedNotification, ResourceUpdatedNotificationParam, ServerNotification,
    ServerRequest, ToolListChangedNotification,
};
use rmcp::service::{Peer, PeerRequestOptions, RoleServer, ServiceError};
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::task::AbortOnDropHandle;

use super::ask::Ready;
use super::call::judged;
use super::seal::LIFETIME;
use crate::config::TenantName;
use crate::host::{Host, Subscription};
use crate::plugin::{Changed, Level, Reply};

/// Resources that one session may subscribe to.
const MAX_SUBSCRIPTIONS: usize = 1000;

/// What a session keeps, whatever carries its messages. Everything of it ends when the last handle is dropped.
#[derive(Debug)]
pub(super) struct State {
    level: Mutex<Level>,
    subscriptions: Mutex<HashMap<String, Subscription>>,
    /// Passes on news, where the messages have one connection.
    news: Mutex<Option<AbortOnDropHandle<()>>>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            // Before the client says otherwise: MCP leaves it to the server.
            level: Mutex::new(Level::Info),
            subscriptions: Mutex::default(),
            news: Mutex::default(),
        }
    }
}

impl State {
    /// The least important line that the client wants.
    pub(super) fn level(&self) -> Level {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_level(&self, level: Level) {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = level;
    }

    fn subscriptions(&self) -> MutexGuard<'_, HashMap<String, Subscription>> {
        self.subscriptions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_subscribed(&self, uri: &str) -> bool {
        self.subscriptions().contains_key(uri)
    }

    /// Resources it subscribed to.
    pub(super) fn subscribed(&self) -> usize {
        self.subscriptions().len()
    }

    /// Everything that may change for this session: for who missed what did.
    pub(super) fn everything(&self) -> Vec<Changed> {
        let uris: Vec<String> = self.subscriptions().keys().cloned().collect();
        [Changed::Tools, Changed::Prompts, Changed::Resources]
            .into_iter()
            .chain(uris.into_iter().map(Changed::Resource))
            .collect()
    }

    /// Subscribes; a second time changes nothing. `false`: there are too many.
    pub(super) fn subscribe(&self, uri: String, subscription: Subscription) -> bool {
        let mut subscriptions = self.subscriptions();
        if subscriptions.len() >= MAX_SUBSCRIPTIONS && !subscriptions.contains_key(&uri) {
            return false;
        }
        subscriptions.insert(uri, subscription);
        true
    }

    pub(super) fn unsubscribe(&self, uri: &str) {
        self.subscriptions().remove(uri);
    }

    /// The session has ended: nobody looks for it any more, whoever still holds a part of it.
    pub(super) fn end(&self) {
        self.subscriptions().clear();
    }

    /// Begins to tell the client at the other end of a connection what changes.
    pub(super) fn hear_news(
        self: &Arc<Self>,
        host: &Host,
        tenant: TenantName,
        peer: Peer<RoleServer>,
    ) {
        let mut news = host.news();
        let state = Arc::downgrade(self);
        let task = async move {
            loop {
                let heard = news.recv().await;
                let Some(state) = state.upgrade() else {
                    return;
                };
                let changed = match heard {
                    Ok(news) if news.concerns(&tenant) => vec![news.what],
                    Ok(_) => continue,
                    // It missed some: anything may have changed.
                    Err(RecvError::Lagged(_)) => state.everything(),
                    Err(RecvError::Closed) => return,
                };
                for changed in changed {
                    if let Changed::Resource(uri) = &changed
                        && !state.is_subscribed(uri)
                    {
                        continue;
                    }
                    if peer.send_notification(notification(changed)).await.is_err() {
                        return;
                    }
                }
            }
        };
        // A client that says twice that it is ready hears of each change once.
        let task = AbortOnDropHandle::new(tokio::spawn(task));
        *self.news.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }
}

/// How a client is told of a change.
pub(super) fn notification(changed: Changed) -> ServerNotification {
    match changed {
        Changed::Tools => {
            ServerNotification::ToolListChangedNotification(ToolListChangedNotification::default())
        }
        Changed::Prompts => ServerNotification::PromptListChangedNotification(
            PromptListChangedNotification::default(),
        ),
        Changed::Resources => ServerNotification::ResourceListChangedNotification(
            ResourceListChangedNotification::default(),
        ),
        Changed::Resource(uri) => ServerNotification::ResourceUpdatedNotification(
            ResourceUpdatedNotification::new(ResourceUpdatedNotificationParam::new(uri)),
        ),
    }
}

/// A session's client, as one of its requests can ask it.
#[derive(Clone, Debug)]
pub struct Session(Peer<RoleServer>);

impl Session {
    pub(super) fn new(peer: Peer<RoleServer>) -> Self {
        Self(peer)
    }

    /// Asks the client everything at once and judges its replies. The error is for the model.
    pub(super) async fn ask(
        &self,
        ready: BTreeMap<String, Ready>,
    ) -> Result<BTreeMap<String, Reply>, String> {
        let asked = ready.into_iter().map(|(key, one)| async move {
            let reply = self.ask_one(one.request).await?;
            let reply = judged(&one.question, &reply)
                .map_err(|problem| format!("the client's reply does not fit: {problem}"))?;
            Ok::<_, String>((key, reply))
        });
        Ok(try_join_all(asked).await?.into_iter().collect())
    }

    async fn ask_one(&self, request: InputRequest) -> Result<Value, String> {
        let request = match request {
            InputRequest::CreateMessage(request) => ServerRequest::CreateMessageRequest(request),
            InputRequest::Elicitation(request) => ServerRequest::ElicitRequest(request),
            InputRequest::ListRoots(request) => ServerRequest::ListRootsRequest(request),
            _ => return Err("the client cannot be asked for this".to_owned()),
        };
        // When nobody answers in time the client is told that the question is moot.
        let options = PeerRequestOptions::with_timeout(LIFETIME);
        let asked = self.0.send_request_with_option(request, options).await;
        let result = match asked {
            Ok(handle) => handle.await_response().await,
            Err(error) => Err(error),
        };
        let result: ClientResult = result.map_err(|error| match error {
            ServiceError::Timeout { .. } => "nobody answered in time".to_owned(),
            error => format!("the client could not be asked: {error}"),
        })?;
        serde_json::to_value(result)
            .map_err(|error| format!("the client's reply is not JSON: {error}"))
    }
}
