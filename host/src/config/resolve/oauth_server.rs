//! `[auth.oauth]`.

use std::collections::BTreeMap;
use std::time::Duration;

use ::url::Url;

use super::value::Key;
use super::{Cx, auth, tls, url};
use crate::config::at::At;
use crate::config::{Algorithm, OAuthServer, TenantName, TenantRule, Tls, defaults, inline, raw};

const TABLE: &str = "auth.oauth";
const MOST_LEEWAY: Duration = Duration::from_mins(5);

fn key(name: &'static str) -> Key<'static> {
    Key { table: TABLE, name }
}

pub(super) fn resolve(cx: &mut Cx<'_>, at: &At<raw::OAuth>) -> Option<OAuthServer> {
    let raw = &at.value;
    let issuer = cx
        .required(
            raw.issuer.as_ref(),
            &at.span,
            key("issuer"),
            "\"https://login.example\"",
        )
        .filter(|issuer| secure_url(cx, issuer, "issuer = \"https://login.example\"").is_some());
    let resource = cx
        .required(
            raw.resource.as_ref(),
            &at.span,
            key("resource"),
            "\"https://tools.example/mcp\"",
        )
        .and_then(|at| resource(cx, at));
    let jwks_url = match &raw.jwks_url {
        None => Some(None),
        Some(at) => secure_url(cx, at, "jwks-url = \"https://login.example/certs\"").map(Some),
    };
    let tls = match &raw.ca_file {
        None => Some(Tls::SystemRoots),
        Some(at) => ca_file(cx, at),
    };
    let algorithms = algorithms(cx, raw.algorithms.as_ref());
    let tenant = tenant(cx, raw);
    cx.origins.default(
        &key("scopes-claim").path(),
        inline::string(defaults::SCOPES_CLAIM),
    );
    let scopes_claim = raw
        .scopes_claim
        .as_ref()
        .map_or_else(|| defaults::SCOPES_CLAIM.to_owned(), |at| at.value.clone());
    let leeway = cx.duration(
        key("clock-leeway"),
        raw.clock_leeway.as_ref(),
        defaults::CLOCK_LEEWAY,
    );
    if let Some(at) = raw.clock_leeway.as_ref().filter(|_| leeway > MOST_LEEWAY) {
        cx.findings
            .error(
                &at.span,
                "an expired token would be taken for more than 5 min",
            )
            .hint("clock-leeway = \"30 s\"");
    }
    let (issuer, resource) = (issuer?.value.clone(), resource?);
    let audience = raw
        .audience
        .as_ref()
        .map_or_else(|| resource.as_str().to_owned(), |at| at.value.clone());
    Some(OAuthServer {
        issuer,
        resource,
        audience,
        jwks_url: jwks_url?,
        tls: tls?,
        algorithms,
        tenant: tenant?,
        scopes_claim,
        leeway,
    })
}

/// A URL that nobody on the way can answer for: `https:`, or loopback.
fn secure_url(cx: &mut Cx<'_>, at: &At<String>, hint: &str) -> Option<Url> {
    let parsed = Url::parse(&at.value)
        .ok()
        .filter(|parsed| parsed.username().is_empty() && parsed.password().is_none())
        .filter(|parsed| parsed.query().is_none() && parsed.fragment().is_none());
    let problem = match &parsed {
        None => "not a URL, or one with a user, a query or a fragment",
        Some(parsed) if parsed.scheme() == "https" => return Some(parsed.clone()),
        Some(parsed) if parsed.scheme() == "http" && url::is_loopback(parsed) => {
            return Some(parsed.clone());
        }
        Some(_) => {
            "whoever stands in between could hand out keys of his own: `https:`, or loopback"
        }
    };
    cx.findings.error(&at.span, problem).hint(hint);
    None
}

/// What clients call `/mcp`. Behind a proxy its path may be another.
fn resource(cx: &mut Cx<'_>, at: &At<String>) -> Option<Url> {
    let url = secure_url(cx, at, "resource = \"https://tools.example/mcp\"")?;
    if url.as_str() == at.value {
        return Some(url);
    }
    // Tokens name the resource letter by letter.
    cx.findings
        .error(&at.span, "not as clients write it")
        .hint(format!("resource = {}", inline::string(url.as_str())));
    None
}

fn ca_file(cx: &mut Cx<'_>, at: &At<String>) -> Option<Tls> {
    let path = cx.path(&at.value);
    match tls::read_certificates(&path) {
        Ok(pem) => Some(Tls::CaFile { path, pem }),
        Err(problem) => {
            let message = format!("CA file `{}` cannot be used: {problem}", path.display());
            cx.findings
                .error(&at.span, message)
                .hint("put the authority's certificate there as PEM");
            None
        }
    }
}

fn algorithms(cx: &mut Cx<'_>, at: Option<&At<Vec<At<raw::Algorithm>>>>) -> Vec<Algorithm> {
    let default = defaults::ALGORITHMS.map(inline::string).join(", ");
    cx.origins
        .default(&key("algorithms").path(), format!("[{default}]"));
    let Some(at) = at else {
        return vec![Algorithm::Rs256, Algorithm::Es256];
    };
    if at.value.is_empty() {
        cx.findings
            .error(&at.span, "without an algorithm no token can be taken")
            .hint(format!("algorithms = [{default}]"));
    }
    at.value.iter().map(|at| algorithm(at.value)).collect()
}

fn algorithm(raw: raw::Algorithm) -> Algorithm {
    match raw {
        raw::Algorithm::RS256 => Algorithm::Rs256,
        raw::Algorithm::RS384 => Algorithm::Rs384,
        raw::Algorithm::RS512 => Algorithm::Rs512,
        raw::Algorithm::PS256 => Algorithm::Ps256,
        raw::Algorithm::PS384 => Algorithm::Ps384,
        raw::Algorithm::PS512 => Algorithm::Ps512,
        raw::Algorithm::ES256 => Algorithm::Es256,
        raw::Algorithm::ES384 => Algorithm::Es384,
        raw::Algorithm::EdDSA => Algorithm::EdDsa,
    }
}

fn tenant(cx: &mut Cx<'_>, raw: &raw::OAuth) -> Option<TenantRule> {
    let Some(claim) = &raw.tenant_claim else {
        if let Some(at) = &raw.tenants {
            cx.findings
                .error(&at.span, "`tenants` says what the values of a claim stand for, and there is no `tenant-claim`")
                .hint("tenant-claim = \"tid\"");
            return None;
        }
        return auth::tenant(cx, key("tenant"), raw.tenant.as_ref()).map(TenantRule::Fixed);
    };
    if let Some(at) = &raw.tenant {
        cx.findings
            .error(
                &at.span,
                "`tenant` and `tenant-claim` both say whose tenant it is",
            )
            .hint("keep one of them");
        return None;
    }
    let claim = claim.value.clone();
    let Some(at) = &raw.tenants else {
        return Some(TenantRule::Claim(claim));
    };
    let mut tenants = BTreeMap::<String, TenantName>::new();
    for (value, name) in &at.value {
        tenants.insert(value.value.clone(), cx.name(name)?);
    }
    Some(TenantRule::Mapped { claim, tenants })
}
