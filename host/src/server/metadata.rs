//! Protected-resource metadata (RFC 9728): where clients learn which authorization server to ask for a token.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use url::Url;

use super::challenge::usual_scopes;
use crate::config::OAuthServer;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Where it is, however a client guesses.
pub(super) fn paths(oauth: &OAuthServer) -> BTreeSet<String> {
    [
        WELL_KNOWN.to_owned(),
        format!("{WELL_KNOWN}/mcp"),
        path(&oauth.resource),
    ]
    .into()
}

/// The document. It names no plugin: anybody may read it.
pub(super) fn document(oauth: &OAuthServer) -> Value {
    json!({
        "resource": oauth.resource.as_str(),
        "authorization_servers": [oauth.issuer],
        "scopes_supported": usual_scopes().split(' ').collect::<Vec<_>>(),
        "bearer_methods_supported": ["header"],
        "resource_name": "toolward",
    })
}

/// Where clients find it: the well-known path goes before the resource's own.
pub(super) fn url(resource: &Url) -> String {
    let mut url = resource.clone();
    url.set_path(&path(resource));
    url.into()
}

/// The path of that.
fn path(resource: &Url) -> String {
    format!("{WELL_KNOWN}{}", resource.path().trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_path_goes_before_the_resources_own() {
        for (resource, expected) in [
            (
                "https://a.example/mcp",
                "https://a.example/.well-known/oauth-protected-resource/mcp",
            ),
            (
                "https://a.example:8443/",
                "https://a.example:8443/.well-known/oauth-protected-resource",
            ),
            (
                "https://a.example/x/mcp",
                "https://a.example/.well-known/oauth-protected-resource/x/mcp",
            ),
        ] {
            assert_eq!(url(&Url::parse(resource).unwrap()), expected);
        }
    }
}
