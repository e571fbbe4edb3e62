//! Calls over one kept-alive HTTP/1.1 connection. No pool, no redirects, no retries: nothing to measure by mistake.

use std::net::SocketAddr;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use super::message::{self, TOOL, VERSION};
use super::{CallError, Caller};

/// What is sent over and over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) tool: &'a str,
    /// Who calls, where the server asks.
    pub(crate) token: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// The call that everything is measured with.
    pub(crate) fn echo(token: Option<&'a str>) -> Self {
        Self { tool: TOOL, token }
    }

    fn to(self, address: SocketAddr) -> http::Result<http::Request<Full<Bytes>>> {
        let mut request = http::Request::post("/mcp")
            .header("host", address.to_string())
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", VERSION)
            .header("mcp-method", "tools/call")
            .header("mcp-name", self.tool);
        if let Some(token) = self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request.body(Full::new(Bytes::from(message::call_of(self.tool, 1))))
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// The same for every call: stateless requests need no ids of their own.
    request: http::Request<Full<Bytes>>,
    _driver: AbortOnDropHandle<hyper::Result<()>>,
}

impl Connection {
    pub(crate) async fn open(
        address: SocketAddr,
        request: &Request<'_>,
    ) -> Result<Self, CallError> {
        let stream = TcpStream::connect(address).await.map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
        Ok(Self {
            sender,
            request: request.to(address).map_err(lost)?,
            _driver: AbortOnDropHandle::new(tokio::spawn(driver)),
        })
    }

    /// Sends a call and waits for the answer, whatever it is.
    pub(crate) async fn knock(&mut self) -> Result<(StatusCode, Bytes), CallError> {
        let request = self.request.clone();
        self.sender.ready().await.map_err(lost)?;
        let response = self.sender.send_request(request).await.map_err(lost)?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(lost)?;
        Ok((status, body.to_bytes()))
    }
}

impl Caller for Connection {
    async fn call(&mut self) -> Result<(), CallError> {
        let (status, body) = self.knock().await?;
        if status == StatusCode::OK && message::is_right(&body) {
            return Ok(());
        }
        let text = message::excerpt(&body);
        Err(CallError::Wrong(format!("{status}: {text}")))
    }
}

fn lost(error: impl std::error::Error + Send + Sync + 'static) -> CallError {
    CallError::Lost(Box::new(error))
}
