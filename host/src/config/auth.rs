//! Who may call over HTTP, checked.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use url::Url;

use super::{TenantName, Tls, inline, moment};

/// Who may call: at least one of the two is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Auth {
    /// Static bearer tokens, in the order of their names.
    pub tokens: Vec<StaticToken>,
    /// The authorization server whose access tokens are taken.
    pub oauth: Option<OAuthServer>,
}

/// A static bearer token: its hash, and who bears it.
#[derive(Clone, Debug, PartialEq)]
pub struct StaticToken {
    /// The key of its table: `[auth.tokens.NAME]`.
    pub name: String,
    /// SHA-256 of the token. Plain, because a token holds 256 random bits: there is nothing to guess that salt or
    /// a slow hash would protect, and a slow hash at every request would be a way to keep the host busy.
    pub hash: [u8; 32],
    /// Whom the bearer belongs to.
    pub tenant: TenantName,
    /// What the bearer may do.
    pub scopes: Vec<String>,
    /// From when on it is refused.
    pub expires: Option<SystemTime>,
}

impl Auth {
    /// The static token of the bearer of this name, if it counts now.
    #[must_use]
    pub fn token(&self, tenant: &TenantName, subject: &str) -> Option<&StaticToken> {
        let is_it = |token: &&StaticToken| token.tenant == *tenant && token.subject() == subject;
        let found = self.tokens.iter().find(is_it);
        found.filter(|token| !token.has_expired())
    }
}

impl StaticToken {
    /// What all subjects of static tokens begin with, and no other does.
    pub const SUBJECT: &str = "token:";

    /// What its bearer is called.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("{}{}", Self::SUBJECT, self.name)
    }

    /// Whether it is refused.
    #[must_use]
    pub fn has_expired(&self) -> bool {
        let now = SystemTime::now();
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// An OAuth 2.1 authorization server, and how its access tokens are read.
#[derive(Clone, Debug, PartialEq)]
pub struct OAuthServer {
    /// Exactly the `iss` of its tokens.
    pub issuer: String,
    /// The URL of `/mcp` as clients see it.
    pub resource: Url,
    /// What `aud` must hold.
    pub audience: String,
    /// Where the keys are; `None`: what the issuer's metadata says.
    pub jwks_url: Option<Url>,
    /// How the issuer's certificate is judged: by roots or a CA file, nothing weaker.
    pub tls: Tls,
    /// The algorithms that are taken; not empty.
    pub algorithms: Vec<Algorithm>,
    /// How a token tells the tenant.
    pub tenant: TenantRule,
    /// The claim with the scopes.
    pub scopes_claim: String,
    /// How far the issuer's clock may be off.
    pub leeway: Duration,
}

/// How a token tells the tenant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TenantRule {
    /// All are of one.
    Fixed(TenantName),
    /// The claim's value is the name.
    Claim(String),
    /// The claim's value stands for one of these.
    Mapped {
        /// The claim.
        claim: String,
        /// Its values and what they stand for.
        tenants: BTreeMap<String, TenantName>,
    },
}

/// A signature algorithm with a public key, RFC 7518 and RFC 8037.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the names are those of the RFCs")]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

/// The table of a static token, to be pasted into the file. What cannot stand there is an error.
pub fn token_table(
    name: &str,
    hash: &str,
    tenant: &str,
    scopes: &[String],
    expires: Option<&str>,
) -> Result<String, String> {
    super::name::check("token", name).map_err(|error| error.to_string())?;
    let tenant: TenantName = tenant
        .parse()
        .map_err(|error: super::name::BadName| error.to_string())?;
    for scope in scopes {
        if super::scope::split(scope).is_none() {
            let known = super::Ability::ALL.map(super::Ability::scope).join(", ");
            return Err(format!("there is no scope {scope:?}; there are {known}"));
        }
    }
    let mut lines = vec![
        format!("[{}]", inline::join("auth.tokens", name)),
        format!("hash = {}", inline::string(hash)),
        format!("tenant = {}", inline::string(tenant.as_str())),
        format!("scopes = {}", inline::value(&serde_json::json!(scopes))),
    ];
    if let Some(expires) = expires {
        if moment::parse(expires).is_none() {
            return Err(format!(
                "{expires:?} is not a date, nor a time with its offset"
            ));
        }
        lines.push(format!("expires = {}", inline::string(expires)));
    }
    Ok(lines.join("\n"))
}
