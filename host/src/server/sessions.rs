//! Whose session it is. A session of the old era belongs to the principal that opened it: to everybody else it does
//! not exist, however they came by its id.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::Stream;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::common::server_side_http::{ServerSseMessage, SessionId};
use rmcp::transport::streamable_http_server::SessionManager;

use crate::config::TenantName;
use crate::plugin::Principal;

/// Who opened which session that still lives.
#[derive(Clone, Debug, Default)]
pub(super) struct Owners(Arc<Mutex<HashMap<SessionId, Option<Owner>>>>);

/// Scopes are none of it: a new token of the same caller goes on with the session.
#[derive(Debug, Eq, PartialEq)]
struct Owner {
    tenant: TenantName,
    subject: Option<String>,
}

impl From<&Principal> for Owner {
    fn from(principal: &Principal) -> Self {
        Self {
            tenant: principal.tenant.clone(),
            subject: principal.subject.clone(),
        }
    }
}

impl Owners {
    /// Remembers who opened a session. One that has ended meanwhile stays forgotten.
    pub(super) fn opened_by(&self, session: &str, principal: &Principal) {
        if let Some(owner) = self.all().get_mut(session) {
            owner.get_or_insert_with(|| principal.into());
        }
    }

    pub(super) fn is_of(&self, session: &str, principal: &Principal) -> bool {
        let all = self.all();
        matches!(all.get(session), Some(Some(owner)) if *owner == principal.into())
    }

    /// Sessions that live.
    pub(super) fn count(&self) -> usize {
        self.all().len()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<SessionId, Option<Owner>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells [`Owners`] which sessions live.
#[derive(Debug)]
pub(super) struct Owned<M> {
    pub(super) inner: M,
    pub(super) owners: Owners,
}

impl<M: SessionManager> SessionManager for Owned<M> {
    type Error = M::Error;
    type Transport = M::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        let (id, transport) = self.inner.create_session().await?;
        self.owners.all().insert(id.clone(), None);
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        self.inner.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        self.inner.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.owners.all().remove(id);
        self.inner.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.inner.create_stream(id, message).await
    }

    async fn accept_message(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<(), Self::Error> {
        self.inner.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.inner.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.inner.resume(id, last_event_id).await
    }

    async fn restore_session(
        &self,
        id: SessionId,
    ) -> Result<
        rmcp::transport::streamable_http_server::session::RestoreOutcome<Self::Transport>,
        Self::Error,
    > {
        self.inner.restore_session(id).await
    }

    fn event_store(
        &self,
    ) -> Option<Arc<dyn rmcp::transport::streamable_http_server::session::EventStore>> {
        self.inner.event_store()
    }
}
