//! A session of the old era: what belongs to one client for as long as it is connected.
//!
//! It hears of changes, can be asked while it waits for an answer, has a level of log lines, and subscribes to resources.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::try_join_all;
use rmcp::model::{ClientResult, InputRequest, ResourceUpdatedNotificationParam, ServerRequest};
use rmcp::service::{Peer, RoleServer};
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use super::ask::Ready;
use super::call::judged;
use super::seal::LIFETIME;
use crate::host::{Host, Subscription};
use crate::plugin::{Changed, Level, Reply};

/// Resources that one session may subscribe to.
const MAX_SUBSCRIPTIONS: usize = 1000;

/// One session. Everything of it ends when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Session(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    peer: Peer<RoleServer>,
    level: Mutex<Level>,
    subscriptions: Mutex<HashMap<String, Subscription>>,
    background: Mutex<JoinSet<()>>,
}

impl Session {
    /// A session over this connection.
    pub(super) fn new(peer: Peer<RoleServer>) -> Self {
        Self(Arc::new(Inner {
            peer,
            // Before the client says otherwise: MCP leaves it to the server.
            level: Mutex::new(Level::Info),
            subscriptions: Mutex::default(),
            background: Mutex::default(),
        }))
    }

    /// The least important line that the client wants.
    pub(super) fn level(&self) -> Level {
        *self.0.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_level(&self, level: Level) {
        *self.0.level.lock().unwrap_or_else(PoisonError::into_inner) = level;
    }

    /// Begins to tell the client what changes.
    pub(super) fn hear_news(&self, host: &Host) {
        let mut news = host.news();
        let inner = Arc::downgrade(&self.0);
        let task = async move {
            loop {
                let heard = news.recv().await;
                let Some(session) = inner.upgrade().map(Session) else {
                    return;
                };
                let told = match heard {
                    Ok(changed) => session.tell(changed).await,
                    Err(RecvError::Lagged(_)) => session.tell_all().await,
                    Err(RecvError::Closed) => return,
                };
                if told.is_err() {
                    return;
                }
            }
        };
        let mut background = self
            .0
            .background
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // A client that says twice that it is ready hears of each change once.
        background.abort_all();
        background.spawn(task);
    }

    async fn tell(&self, changed: Changed) -> Result<(), rmcp::ServiceError> {
        let peer = &self.0.peer;
        match changed {
            Changed::Tools => peer.notify_tool_list_changed().await,
            Changed::Prompts => peer.notify_prompt_list_changed().await,
            Changed::Resources => peer.notify_resource_list_changed().await,
            Changed::Resource(uri) if self.is_subscribed(&uri) => {
                let param = ResourceUpdatedNotificationParam::new(uri);
                peer.notify_resource_updated(param).await
            }
            Changed::Resource(_) => Ok(()),
        }
    }

    /// It missed some: anything may have changed.
    async fn tell_all(&self) -> Result<(), rmcp::ServiceError> {
        let uris: Vec<String> = self.subscriptions().keys().cloned().collect();
        for list in [Changed::Tools, Changed::Prompts, Changed::Resources] {
            self.tell(list).await?;
        }
        for uri in uris {
            self.tell(Changed::Resource(uri)).await?;
        }
        Ok(())
    }

    fn subscriptions(&self) -> std::sync::MutexGuard<'_, HashMap<String, Subscription>> {
        self.0
            .subscriptions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn is_subscribed(&self, uri: &str) -> bool {
        self.subscriptions().contains_key(uri)
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
        let answers = tokio::time::timeout(LIFETIME, try_join_all(asked)).await;
        let answers = answers.map_err(|_| "nobody answered in time".to_owned())??;
        Ok(answers.into_iter().collect())
    }

    async fn ask_one(&self, request: InputRequest) -> Result<Value, String> {
        let request = match request {
            InputRequest::CreateMessage(request) => ServerRequest::CreateMessageRequest(request),
            InputRequest::Elicitation(request) => ServerRequest::ElicitRequest(request),
            InputRequest::ListRoots(request) => ServerRequest::ListRootsRequest(request),
            _ => return Err("the client cannot be asked for this".to_owned()),
        };
        let result = self.0.peer.send_request(request).await;
        let result: ClientResult =
            result.map_err(|error| format!("the client could not be asked: {error}"))?;
        serde_json::to_value(result)
            .map_err(|error| format!("the client's reply is not JSON: {error}"))
    }
}
