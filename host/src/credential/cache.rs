//! The tokens of all bindings and tenants.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::Endpoint;
use super::error::LoginFailure;
use super::slot::Slot;
use super::token::Token;
use crate::audit::Audit;
use crate::config::{BindingName, TenantName};

/// One token per binding and tenant, in memory only.
///
/// However many requests need a token, there is one login at a time per key; dropping the cache ends it.
#[derive(Default)]
pub struct Cache {
    audit: Audit,
    slots: Mutex<HashMap<(BindingName, TenantName), Arc<Slot>>>,
}

impl Cache {
    /// An empty cache, whose logins are recorded.
    #[must_use]
    pub fn new(audit: Audit) -> Self {
        Self {
            audit,
            slots: Mutex::default(),
        }
    }

    /// The token for a request: the one at hand, or that of a login, which the request then waits for. After a
    /// failed login, every request fails at once until it is time to try again.
    pub async fn token(
        &self,
        endpoint: &Endpoint,
        tenant: &TenantName,
    ) -> Result<Arc<Token>, LoginFailure> {
        self.slot(endpoint, tenant).token(endpoint).take().await
    }

    /// The token to repeat a request with after the backend refused `rejected` (401), or nothing when there is
    /// none that the backend would treat otherwise.
    pub async fn replace(
        &self,
        endpoint: &Endpoint,
        tenant: &TenantName,
        rejected: &Token,
    ) -> Result<Option<Arc<Token>>, LoginFailure> {
        let Some(step) = self.slot(endpoint, tenant).replace(endpoint, rejected) else {
            return Ok(None);
        };
        let token = step.take().await?;
        Ok((!token.is_same_as(rejected)).then_some(token))
    }

    /// Like [`Self::replace`], for a request that cannot be repeated: the next one finds a new token. Tells
    /// whether there is hope for that.
    pub fn discard(&self, endpoint: &Endpoint, tenant: &TenantName, rejected: &Token) -> bool {
        self.slot(endpoint, tenant)
            .replace(endpoint, rejected)
            .is_some()
    }

    fn slot(&self, endpoint: &Endpoint, tenant: &TenantName) -> Arc<Slot> {
        let key = (endpoint.binding.name.clone(), tenant.clone());
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots
            .entry(key)
            .or_insert_with(|| Slot::new(tenant.clone(), self.audit.clone()));
        Arc::clone(slot)
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}
