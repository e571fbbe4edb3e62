//! The request that a plugin makes to the backend, made with reqwest instead: the TLS, the HTTP and the checks of the
//! certificate are those of the host, the connection is kept, the token is at hand.

use std::net::SocketAddr;

use reqwest::{Certificate, Client, Request};

use super::message::{self, BACKEND_PATH, BACKEND_TEXT};
use super::{CallError, Caller};
use crate::baseline::SECRET;

/// One client with one connection.
#[derive(Debug)]
pub(crate) struct Direct {
    client: Client,
    request: Request,
}

impl Direct {
    pub(crate) fn new(address: SocketAddr, certificate: &str) -> Result<Self, CallError> {
        // reqwest wants one for the process.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let certificate = Certificate::from_pem(certificate.as_bytes()).map_err(lost)?;
        let client = Client::builder()
            .no_proxy()
            .tls_certs_only([certificate])
            .build()
            .map_err(lost)?;
        let request = client
            .get(format!("https://{address}{BACKEND_PATH}"))
            .bearer_auth(SECRET)
            .build()
            .map_err(lost)?;
        Ok(Self { client, request })
    }
}

impl Caller for Direct {
    async fn call(&mut self) -> Result<(), CallError> {
        let request = self.request.try_clone();
        let request = request.ok_or_else(|| CallError::Wrong("the request has a body".into()))?;
        let response = self.client.execute(request).await.map_err(lost)?;
        let body = response.bytes().await.map_err(lost)?;
        if body == BACKEND_TEXT.as_bytes() {
            return Ok(());
        }
        Err(CallError::Wrong(message::excerpt(&body)))
    }
}

fn lost(error: reqwest::Error) -> CallError {
    CallError::Lost(Box::new(error))
}
