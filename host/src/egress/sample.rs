//! What tests and fuzzing begin with.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{Binding, Confirm, Credential, CredentialKind, Tls, Traffic};

/// A binding that allows nothing and has no credential.
pub(super) fn binding(url: &str) -> Binding {
    Binding {
        name: "vbr01".parse().expect("a name"),
        kind: "vbr".to_owned(),
        title: None,
        read_only: false,
        confirm: Confirm::Person,
        facts: serde_json::Map::new(),
        url: url.parse().expect("a URL"),
        tls: Tls::SystemRoots,
        credential: Arc::new(Credential {
            name: "vbr".parse().expect("a name"),
            kind: CredentialKind::None,
        }),
        allow: Vec::new(),
        deny: Vec::new(),
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(30),
        max_request_bytes: 4 << 20,
        max_response_bytes: 32 << 20,
        addresses: Vec::new(),
        traffic: traffic(),
    }
}

pub(super) fn traffic() -> Traffic {
    Traffic {
        concurrency: 32,
        requests_per_second: None,
        retries: 2,
        circuit_failures: 5,
        circuit_pause: Duration::from_secs(10),
    }
}
