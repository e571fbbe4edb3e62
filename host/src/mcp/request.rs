//! What the handler has to know of a request, whatever framing it came in: rmcp's, or none ([`fast_path`](super::fast_path)).

use rmcp::model::{ClientCapabilities, MetaObject};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::load::weighed;
use super::{SERVER_INFO, is_new_era, server_info};
use crate::plugin::Principal;

/// One request.
pub(super) struct Request<'a> {
    /// Who sends it.
    pub(super) principal: &'a Principal,
    /// W3C trace context.
    pub(super) traceparent: Option<String>,
    /// Cancelled when nobody wants the answer any more.
    pub(super) cancelled: CancellationToken,
    /// What the client declared that it can do, with the request or for its session.
    pub(super) capabilities: Option<ClientCapabilities>,
    /// Of 2026-07-28 or later.
    pub(super) is_new_era: bool,
    /// By which the client is told something before the answer. `None`: it gets the answer only.
    pub(super) context: Option<&'a RequestContext<RoleServer>>,
}

impl<'a> Request<'a> {
    /// One that rmcp read.
    pub(super) fn framed(
        principal: &'a Principal,
        context: &'a RequestContext<RoleServer>,
    ) -> Self {
        Self {
            principal,
            traceparent: context.meta.get_traceparent().map(str::to_owned),
            cancelled: context.ct.clone(),
            capabilities: context.client_capabilities(),
            is_new_era: is_new_era(context),
            context: Some(context),
        }
    }

    /// Whether the client follows tasks: they are of the new era, and only for requests that declare the extension.
    pub(super) fn follows_tasks(&self) -> bool {
        let declared = self.capabilities.as_ref();
        self.is_new_era && declared.is_some_and(ClientCapabilities::supports_tasks)
    }

    /// The answer, which rmcp is told of if it is large.
    pub(super) fn weighed<T: Serialize>(&self, answer: T) -> T {
        match self.context {
            Some(context) => weighed(context, answer),
            None => answer,
        }
    }

    /// Results of the new era name the server (MCP 2026-07-28: SHOULD); older clients never saw that key.
    pub(super) fn stamp(&self, meta: Option<MetaObject>) -> Option<MetaObject> {
        if self.is_new_era {
            Some(stamped(meta))
        } else {
            meta
        }
    }
}

/// Names the server.
pub(super) fn stamped(meta: Option<MetaObject>) -> MetaObject {
    static THIS_SERVER: std::sync::LazyLock<Value> =
        std::sync::LazyLock::new(|| serde_json::json!(server_info()));
    let mut meta = meta.unwrap_or_default();
    meta.insert(SERVER_INFO.to_owned(), THIS_SERVER.clone());
    meta
}

/// A request without its sender.
pub(super) fn nobody_knows() -> ErrorData {
    ErrorData::internal_error("nobody knows who sent this", None)
}
