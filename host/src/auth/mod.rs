//! Who is calling: from a bearer token to a [`Principal`].
//!
//! A token is either one of the static ones that [`token`] makes, recognized by its form, or an access token of the
//! configured authorization server. Nothing here knows HTTP's status codes or MCP; nothing below knows tokens.

use crate::capability::Principal;
use crate::config;

mod issuer;
mod jwks;
mod jwt;
mod keys;
mod signature;
mod subject;
pub mod token;

pub use issuer::IssuerError;

/// Knows every caller that the configuration names.
#[derive(Debug)]
pub struct Authenticator {
    tokens: token::Tokens,
    oauth: Option<jwt::Checker>,
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
    pub fn new(config: &config::Auth) -> Result<Self, IssuerError> {
        Ok(Self {
            tokens: token::Tokens::new(&config.tokens),
            oauth: config.oauth.as_ref().map(jwt::Checker::new).transpose()?,
        })
    }

    /// Who bears this token.
    pub async fn bearer(&self, token: &str) -> Result<Principal, Refusal> {
        match &self.oauth {
            _ if token::has_form(token) => self.tokens.bearer(token),
            Some(oauth) => oauth.bearer(token).await,
            None => Err(Refusal::Invalid("the token is not known")),
        }
    }
}
