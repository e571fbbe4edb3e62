//! Calls over one kept-alive HTTP/1.1 connection. No pool, no redirects, no retries: nothing to measure by mistake.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use super::message::{self, TOOL, VERSION};
use super::{CallError, Caller};

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// The same for every call: stateless requests need no ids of their own.
    request: Request<Full<Bytes>>,
    _driver: AbortOnDropHandle<hyper::Result<()>>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, CallError> {
        let stream = TcpStream::connect(address).await.map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
        Ok(Self {
            sender,
            request: request(address).map_err(lost)?,
            _driver: AbortOnDropHandle::new(tokio::spawn(driver)),
        })
    }
}

impl Caller for Connection {
    async fn call(&mut self) -> Result<(), CallError> {
        let request = self.request.clone();
        self.sender.ready().await.map_err(lost)?;
        let response = self.sender.send_request(request).await.map_err(lost)?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(lost)?;
        let body = body.to_bytes();
        if status == StatusCode::OK && message::is_right(&body) {
            return Ok(());
        }
        let text = message::excerpt(&body);
        Err(CallError::Wrong(format!("{status}: {text}")))
    }
}

fn request(address: SocketAddr) -> http::Result<Request<Full<Bytes>>> {
    Request::post("/mcp")
        .header("host", address.to_string())
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", VERSION)
        .header("mcp-method", "tools/call")
        .header("mcp-name", TOOL)
        .body(Full::new(Bytes::from(message::call(1))))
}

fn lost(error: impl std::error::Error + Send + Sync + 'static) -> CallError {
    CallError::Lost(Box::new(error))
}
