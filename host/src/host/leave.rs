//! Whether somebody who came in may stay. A stream is open for hours and a session for days; the token that opened it may
//! have been taken away meanwhile, and then whoever holds the stream must hear no more.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Host;
use crate::config::{self, StaticToken, TenantName};

/// Who may call over HTTP, for those who want to know when that changes.
pub(super) type Known = watch::Sender<Option<Arc<config::Auth>>>;

/// How often it is looked whether a token has expired.
const LOOK: Duration = Duration::from_secs(10);

/// What somebody came in with. Only static tokens can be taken away: others count until they expire ([`crate::capability::Until`]).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leave(Option<Bearer>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Bearer {
    tenant: TenantName,
    subject: String,
    /// Which token; none: it was taken away before anybody looked.
    hash: Option<[u8; 32]>,
}

impl Host {
    /// What somebody of this name has come in with.
    #[must_use]
    pub fn leave(&self, tenant: &TenantName, subject: Option<&str>) -> Leave {
        let subject = subject.filter(|subject| subject.starts_with(StaticToken::SUBJECT));
        Leave(subject.map(|subject| Bearer {
            tenant: tenant.clone(),
            subject: subject.to_owned(),
            hash: self.hash(tenant, subject),
        }))
    }

    fn hash(&self, tenant: &TenantName, subject: &str) -> Option<[u8; 32]> {
        let auth = self.auth.borrow();
        let token = auth.as_ref()?.token(tenant, subject)?;
        Some(token.hash)
    }

    /// Whether that token still counts.
    #[must_use]
    pub fn may_stay(&self, leave: &Leave) -> bool {
        leave.0.as_ref().is_none_or(|bearer| {
            bearer.hash.is_some() && bearer.hash == self.hash(&bearer.tenant, &bearer.subject)
        })
    }

    /// Waits until it does not.
    pub async fn withdrawn(&self, leave: &Leave) {
        let mut known = self.callers();
        while self.may_stay(leave) {
            // The sender is part of this host.
            let _ = tokio::time::timeout(LOOK, known.changed()).await;
        }
    }

    /// Tells when it changes who may call.
    #[must_use]
    pub fn callers(&self) -> watch::Receiver<Option<Arc<config::Auth>>> {
        self.auth.subscribe()
    }
}
