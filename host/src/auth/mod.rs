//! Who is calling: from a bearer token to a [`Principal`].
//!
//! A token is either one of the static ones that [`token`] makes, recognized by its form, or an access token of the
//! configured authorization server. Nothing here knows HTTP's status codes or MCP; nothing below knows tokens.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::capability::{Principal, Until};
use crate::config;

mod issuer;
mod jwks;
mod jwt;
mod keys;
mod signature;
mod subject;
pub mod token;

pub use issuer::IssuerError;

/// Whoever bears a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bearer {
    /// Who it is.
    pub principal: Principal,
    /// Until when the token counts.
    pub until: Until,
}

/// Knows every caller that the configuration names.
#[derive(Debug)]
pub struct Authenticator {
    tokens: ArcSwap<Followed>,
    oauth: Option<jwt::Checker>,
}

/// The static tokens, and the configuration that they are of.
#[derive(Debug)]
struct Followed {
    source: Arc<config::Auth>,
    tokens: token::Tokens,
}

impl Followed {
    fn new(source: Arc<config::Auth>) -> Arc<Self> {
        Arc::new(Self {
            tokens: token::Tokens::new(&source.tokens),
            source,
        })
    }
}

/// Why a token is not taken. The reasons are for the log and for whoever sent the token; they hold nothing of it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// It is none of ours, or no longer.
    #[error("{0}")]
    Invalid(&'static str),
    /// The issuer's keys cannot be had, so that nobody can tell.
    #[error("the authorization server's keys cannot be had now")]
    Unavailable,
}

impl Authenticator {
    /// Sets up what the configuration says. Connects to nothing.
    pub fn new(config: &Arc<config::Auth>) -> Result<Self, IssuerError> {
        Ok(Self {
            tokens: ArcSwap::new(Followed::new(config.clone())),
            oauth: config.oauth.as_ref().map(jwt::Checker::new).transpose()?,
        })
    }

    /// Knows the static tokens of this configuration from now on, and no others. Cheap where it is the same as before.
    pub fn follow(&self, config: &Arc<config::Auth>) {
        if !Arc::ptr_eq(&self.tokens.load().source, config) {
            self.tokens.store(Followed::new(config.clone()));
        }
    }

    /// Who bears this token.
    pub async fn bearer(&self, token: &str) -> Result<Bearer, Refusal> {
        match &self.oauth {
            _ if token::has_form(token) => Ok(Bearer {
                principal: self.tokens.load().tokens.bearer(token)?,
                until: Until::default(),
            }),
            Some(oauth) => oauth.bearer(token).await,
            None => Err(Refusal::Invalid("the token is not known")),
        }
    }
}
