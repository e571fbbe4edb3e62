//! Access tokens of the authorization server: JWTs as RFC 9068 has them, checked before anything in them counts.
//!
//! What a token says about how to check it is not believed: the algorithms are pinned, keys come from the issuer
//! only (never from `jwk`, `jku` or `x5u` of the header), and a header that demands more than is understood here
//! (`crit`) is refused. `jsonwebtoken` checks signature, `exp`, `nbf`, `iss` and `aud`; the rest is here.

use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde_json::{Map, Value};

use super::issuer::{Issuer, IssuerError};
use super::jwks::Jwks;
use super::{Bearer, Refusal, signature, subject};
use crate::capability::{Principal, Until};
use crate::config::{self, OAuthServer, TenantName, TenantRule};

/// Larger than tokens get, and smaller than what is worth parsing for a stranger.
const LONGEST_TOKEN: usize = 16 * 1024;
const LONGEST_KEY_ID: usize = 256;
/// Scopes of one token that are looked at.
const MOST_SCOPES: usize = 256;

#[derive(Debug)]
pub(super) struct Checker {
    jwks: Jwks,
    rules: Rules,
}

/// What a token has to be like.
#[derive(Debug)]
struct Rules {
    issuer: String,
    audience: String,
    algorithms: Vec<Algorithm>,
    leeway_seconds: u64,
    tenant: TenantRule,
    scopes_claim: String,
}

impl Checker {
    pub(super) fn new(config: &OAuthServer) -> Result<Self, IssuerError> {
        signature::install();
        let algorithms: Vec<_> = config.algorithms.iter().copied().map(algorithm).collect();
        let issuer = Issuer::new(config, algorithms.clone())?;
        Ok(Self {
            jwks: Jwks::new(Box::new(issuer)),
            rules: Rules {
                issuer: config.issuer.clone(),
                audience: config.audience.clone(),
                algorithms,
                leeway_seconds: config.leeway.as_secs(),
                tenant: config.tenant.clone(),
                scopes_claim: config.scopes_claim.clone(),
            },
        })
    }

    pub(super) async fn bearer(&self, token: &str) -> Result<Bearer, Refusal> {
        let (algorithm, key_id) = self.rules.header(token)?;
        let key = self.jwks.key(algorithm, key_id.as_deref()).await?;
        self.rules.claims(token, algorithm, &key)
    }
}

impl Rules {
    /// What the header says, if it is one that can be believed so far.
    fn header(&self, token: &str) -> Result<(Algorithm, Option<String>), Refusal> {
        if token.len() > LONGEST_TOKEN {
            return Err(Refusal::Invalid("the token is too long"));
        }
        // `none` and every algorithm that nobody knows fail here.
        let header = jsonwebtoken::decode_header(token)
            .map_err(|_| Refusal::Invalid("the token is no signed JWT"))?;
        if !self.algorithms.contains(&header.alg) {
            return Err(Refusal::Invalid(
                "the token's signature algorithm is not taken",
            ));
        }
        let demands_more = header.crit.is_some()
            || header.zip.is_some()
            || header.enc.is_some()
            || header.extras.inner().contains_key("b64");
        if demands_more {
            return Err(Refusal::Invalid(
                "the token's header demands what is not understood",
            ));
        }
        if !is_access_token(&header) {
            return Err(Refusal::Invalid("the token is no access token"));
        }
        if header
            .kid
            .as_ref()
            .is_some_and(|id| id.len() > LONGEST_KEY_ID)
        {
            return Err(Refusal::Invalid("the token's key id is too long"));
        }
        Ok((header.alg, header.kid))
    }

    fn claims(
        &self,
        token: &str,
        algorithm: Algorithm,
        key: &jsonwebtoken::DecodingKey,
    ) -> Result<Bearer, Refusal> {
        let mut validation = Validation::new(algorithm);
        validation.leeway = self.leeway_seconds;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = jsonwebtoken::decode::<Map<String, Value>>(token, key, &validation)
            .map_err(|error| Refusal::Invalid(reason(error.kind())))?
            .claims;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        // A list of issuers that has ours in it says nothing about who made the token.
        if text("iss") != Some(&self.issuer) {
            return Err(Refusal::Invalid("the token is of another issuer"));
        }
        let subject = text("sub")
            .filter(|subject| subject::may_be_issued(subject))
            .ok_or(Refusal::Invalid("the token names nobody"))?;
        let tenant = self
            .tenant(&claims)
            .ok_or(Refusal::Invalid("the token is of no tenant of this host"))?;
        // That there is one was checked, and that it has not passed.
        let until = claims.get("exp").and_then(Value::as_f64);
        let until = until.map_or_else(Until::default, |expires| {
            Until::of(expires, Duration::from_secs(self.leeway_seconds))
        });
        let principal = Principal {
            tenant,
            subject: Some(subject.to_owned()),
            scopes: scopes(claims.get(&self.scopes_claim)).into(),
        };
        Ok(Bearer { principal, until })
    }

    fn tenant(&self, claims: &Map<String, Value>) -> Option<TenantName> {
        let claim = |name: &str| claims.get(name).and_then(Value::as_str);
        match &self.tenant {
            TenantRule::Fixed(tenant) => Some(tenant.clone()),
            TenantRule::Claim(name) => claim(name)?.parse().ok(),
            TenantRule::Mapped {
                claim: name,
                tenants,
            } => tenants.get(claim(name)?).cloned(),
        }
    }
}

/// RFC 8725 section 3.11: a token for something else, a logout or a proof of possession, is no access token.
fn is_access_token(header: &Header) -> bool {
    let Some(kind) = &header.typ else { return true };
    let kind = kind.to_ascii_lowercase();
    let kind = kind.strip_prefix("application/").unwrap_or(&kind);
    matches!(kind, "jwt" | "at+jwt")
}

/// Text with spaces between (RFC 8693), or a list.
fn scopes(claim: Option<&Value>) -> Vec<String> {
    let scopes: Vec<&str> = match claim {
        Some(Value::String(text)) => text.split_ascii_whitespace().collect(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        Some(_) | None => Vec::new(),
    };
    scopes
        .into_iter()
        .take(MOST_SCOPES)
        .map(str::to_owned)
        .collect()
}

/// For whoever sent the token: what is wrong, and nothing of what would have been right.
fn reason(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidSignature => "the token's signature is wrong",
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidIssuer => "the token is of another issuer",
        ErrorKind::InvalidAudience => "the token is for another audience",
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => {
            "the token lacks a claim, or one is not of its type"
        }
        _ => "the token is no signed JWT",
    }
}

fn algorithm(configured: config::Algorithm) -> Algorithm {
    match configured {
        config::Algorithm::Rs256 => Algorithm::RS256,
        config::Algorithm::Rs384 => Algorithm::RS384,
        config::Algorithm::Rs512 => Algorithm::RS512,
        config::Algorithm::Ps256 => Algorithm::PS256,
        config::Algorithm::Ps384 => Algorithm::PS384,
        config::Algorithm::Ps512 => Algorithm::PS512,
        config::Algorithm::Es256 => Algorithm::ES256,
        config::Algorithm::Es384 => Algorithm::ES384,
        config::Algorithm::EdDsa => Algorithm::EdDSA,
    }
}

#[cfg(test)]
mod tests;
