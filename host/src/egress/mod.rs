//! The only way out: a guest's request in, the backend's answer or a [`Refusal`] back.
//!
//! [`Egress::send`] is the whole road. The authority of a request is the name of a backend; the binding behind
//! that name decides where it goes, what may be asked and how both sides prove who they are. Nothing leaves
//! before every check has passed. This module knows neither Wasm nor MCP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{BackendName, Binding, BindingName, PluginName, TenantName};

mod refusal;

pub use refusal::{Refusal, Trouble};

/// Why a body breaks off.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request or of a response, streamed. A response's errors are [`Refusal`]s.
pub type Body = http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, BodyError>;

/// Who asks, and what it was granted. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The plugin.
    pub plugin: PluginName,
    /// Whose call this is; a credential's tokens are kept apart per tenant.
    pub tenant: TenantName,
    /// Whether the plugin has the grant `"http"`.
    pub http_granted: bool,
    /// The plugin's backends.
    pub backends: Arc<BTreeMap<BackendName, Arc<Binding>>>,
}

/// How long the guest wants to wait. Its wishes only shorten what the binding allows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deadlines {
    /// Until the connection stands.
    pub connect: Option<Duration>,
    /// From then until the head of the answer is there.
    pub first_byte: Option<Duration>,
    /// Between two pieces of the answer's body.
    pub between_bytes: Option<Duration>,
}

/// Why the way out cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The credential's own request path cannot be kept from guests because it is not a plain path.
    #[error(
        "credential `{credential}` of binding `{binding}` has the request path `{path}`: {reason}"
    )]
    CredentialPath {
        /// The binding.
        binding: BindingName,
        /// The credential.
        credential: String,
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The TLS settings do not give a client.
    #[error("cannot set up TLS for binding `{binding}`: {reason}")]
    Tls {
        /// The binding.
        binding: BindingName,
        /// What is wrong.
        reason: String,
    },
    /// The HTTP client cannot be built.
    #[error("cannot set up the HTTP client for binding `{binding}`")]
    Client {
        /// The binding.
        binding: BindingName,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
}

/// The way out of the host: one HTTP client per binding, and the tokens of all of them.
#[derive(Debug)]
pub struct Egress {
    bindings: BTreeMap<BindingName, Arc<Binding>>,
}

impl Egress {
    /// Sets up a client for each binding. Connects to nothing and reads no secret.
    pub fn new(bindings: impl Iterator<Item = Arc<Binding>>) -> Result<Self, EgressError> {
        Ok(Self {
            bindings: bindings
                .map(|binding| (binding.name.clone(), binding))
                .collect(),
        })
    }

    /// Sends a guest's request to the backend that its authority names. Dropping the future cancels the request.
    pub async fn send(
        &self,
        origin: &Origin,
        request: http::Request<Body>,
        deadlines: Deadlines,
    ) -> Result<http::Response<Body>, Refusal> {
        let _ = (request, deadlines, self.bindings.len());
        Err(Refusal::unavailable(format!(
            "plugin \"{}\" has no way out",
            origin.plugin
        )))
    }
}
