//! Whose a session is.

use crate::config::TenantName;
use crate::plugin::Principal;

/// A principal without its scopes: a new access token of the same caller goes on with the session.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Owner {
    pub(super) tenant: TenantName,
    pub(super) subject: Option<String>,
}

impl From<&Principal> for Owner {
    fn from(principal: &Principal) -> Self {
        Self {
            tenant: principal.tenant.clone(),
            subject: principal.subject.clone(),
        }
    }
}
