//! `addresses` of a binding, and what its URL itself says.

use std::net::IpAddr;

use url::{Host, Url};

use super::Cx;
use crate::config::at::At;
use crate::config::{AddressKind, AddressRule, inline, judge_address, raw};

/// The rules. `None`: something is wrong and was reported.
pub(super) fn resolve(
    cx: &mut Cx<'_>,
    table: &str,
    raw: &raw::Binding,
    server: Option<&Url>,
) -> Option<Vec<AddressRule>> {
    cx.origins.default(&inline::join(table, "addresses"), "[]");
    // All of them first: every mistake is reported.
    let written: Vec<_> = raw
        .addresses
        .iter()
        .flatten()
        .map(|at| rule(cx, at))
        .collect();
    let mut rules = written.into_iter().collect::<Option<Vec<_>>>()?;
    let (Some(server), Some(at)) = (server, &raw.url) else {
        return Some(rules);
    };
    let literal: IpAddr = match server.host()? {
        Host::Domain(name) => {
            // RFC 6761: the name means this machine, so it says so.
            if name == "localhost" || name.ends_with(".localhost") {
                rules.push(AddressRule::Kind(AddressKind::Loopback));
            }
            return Some(rules);
        }
        Host::Ipv4(address) => address.into(),
        Host::Ipv6(address) => address.into(),
    };
    match judge_address(&rules, literal) {
        Ok(()) => {}
        Err(AddressKind::Loopback | AddressKind::Private) => {
            rules.push(AddressRule::Network(literal.to_canonical().into()));
        }
        // Nobody runs a backend there; a typing error and an attack look the same.
        Err(kind) => {
            cx.findings
                .error(
                    &at.span,
                    format!(
                        "the URL's address is a {kind} address, which the binding does not allow"
                    ),
                )
                .hint(format!("addresses = [{}]", inline::string(kind.as_str())));
            return None;
        }
    }
    Some(rules)
}

fn rule(cx: &mut Cx<'_>, at: &At<String>) -> Option<AddressRule> {
    match at.value.parse() {
        Ok(rule) => Some(rule),
        Err(bad) => {
            cx.findings
                .error(&at.span, bad.to_string())
                .hint("addresses = [\"private\"] or [\"10.1.0.0/16\"]");
            None
        }
    }
}
