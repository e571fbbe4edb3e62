//! Calls over one kept-alive HTTP/1.1 connection. No pool, no redirects, no retries: nothing to measure by mistake.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use super::message::{self, Call, OLD_VERSION, VERSION};
use super::{CallError, Caller};

/// By which road a call goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Road {
    /// A message of MCP that stands alone.
    Stateless,
    /// A message in a session of the old era, which is opened with the connection.
    Session,
    /// Plain HTTP.
    Rest,
    /// Not a call: the list of tools.
    List,
    /// Not a call: what the host says of itself.
    State,
}

/// What is sent over and over.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) call: Call,
    pub(crate) road: Road,
    /// Who calls, where the server asks.
    pub(crate) token: Option<String>,
}

impl Request {
    /// The call that almost everything is measured with.
    pub(crate) fn echo(token: Option<&str>) -> Self {
        Self::of(Call::echo(), token)
    }

    /// Another call.
    pub(crate) fn of(call: Call, token: Option<&str>) -> Self {
        Self {
            call,
            road: Road::Stateless,
            token: token.map(str::to_owned),
        }
    }

    /// The list of tools.
    pub(crate) fn list() -> Self {
        Self {
            call: Call::list(),
            road: Road::List,
            token: None,
        }
    }

    /// What the host says of itself.
    pub(crate) fn state() -> Self {
        Self {
            road: Road::State,
            ..Self::list()
        }
    }

    /// The same call by another road.
    pub(crate) fn by(self, road: Road) -> Self {
        Self { road, ..self }
    }

    fn to(&self, address: SocketAddr) -> http::Result<http::Request<Full<Bytes>>> {
        let path = match self.road {
            Road::Stateless | Road::Session | Road::List => "/mcp".to_owned(),
            Road::Rest => format!("/api/tools/{}", self.call.tool),
            Road::State => "/ready".to_owned(),
        };
        let method = match self.road {
            Road::State => Method::GET,
            _ => Method::POST,
        };
        let mut request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", address.to_string())
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = match self.road {
            Road::Stateless => {
                request = request
                    .header("mcp-protocol-version", VERSION)
                    .header("mcp-method", "tools/call")
                    .header("mcp-name", &*self.call.tool);
                self.call.message(1)
            }
            Road::List => {
                request = request
                    .header("mcp-protocol-version", VERSION)
                    .header("mcp-method", "tools/list");
                message::list()
            }
            // Each message of a session has an id of its own.
            Road::Session | Road::State => String::new(),
            Road::Rest => self.call.arguments().to_owned(),
        };
        request.body(Full::new(Bytes::from(body)))
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// The same for every call, but for the body in a session: stateless requests need no ids of their own.
    request: http::Request<Full<Bytes>>,
    call: Call,
    road: Road,
    /// In a session.
    calls: u64,
    _driver: AbortOnDropHandle<hyper::Result<()>>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr, request: &Request) -> Result<Self, CallError> {
        let stream = TcpStream::connect(address).await.map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
        let mut connection = Self {
            sender,
            request: request.to(address).map_err(lost)?,
            call: request.call.clone(),
            road: request.road,
            calls: 0,
            _driver: AbortOnDropHandle::new(tokio::spawn(driver)),
        };
        if connection.road == Road::Session {
            connection.initialize().await?;
        }
        Ok(connection)
    }

    /// Opens a session, and keeps its id for all that follows.
    pub(crate) async fn initialize(&mut self) -> Result<(), CallError> {
        let headers = self.request.headers_mut();
        headers.remove("mcp-session-id");
        headers.remove("mcp-protocol-version");
        let (status, headers, body) = self.send(message::initialize()).await?;
        let Some(id) = headers.get("mcp-session-id") else {
            return Err(wrong(status, &body));
        };
        let headers = self.request.headers_mut();
        headers.insert("mcp-session-id", id.clone());
        headers.insert(
            "mcp-protocol-version",
            HeaderValue::from_static(OLD_VERSION),
        );
        let (status, _, body) = self.send(message::initialized()).await?;
        if status.is_success() {
            Ok(())
        } else {
            Err(wrong(status, &body))
        }
    }

    /// Listens to what the server has to say in this session; the connection is of no other use then. The answer's
    /// body is kept open with it.
    pub(crate) async fn listen(&mut self) -> Result<hyper::body::Incoming, CallError> {
        let mut request = self.request.clone();
        *request.method_mut() = Method::GET;
        request.headers_mut().insert(
            http::header::ACCEPT,
            HeaderValue::from_static("text/event-stream"),
        );
        *request.body_mut() = Full::default();
        self.sender.ready().await.map_err(lost)?;
        let response = self.sender.send_request(request).await.map_err(lost)?;
        if response.status() == StatusCode::OK {
            return Ok(response.into_body());
        }
        let status = response.status();
        let body = response.into_body().collect().await.map_err(lost)?;
        Err(wrong(status, &body.to_bytes()))
    }

    /// Ends the session, if there is one.
    pub(crate) async fn close(mut self) -> Result<(), CallError> {
        if self.road == Road::Session {
            *self.request.method_mut() = Method::DELETE;
            self.send(String::new()).await?;
        }
        Ok(())
    }

    /// Sends the request and waits for the answer, whatever it is.
    pub(crate) async fn knock(&mut self) -> Result<(StatusCode, Bytes), CallError> {
        let request = if self.road == Road::Session {
            self.calls += 1;
            let body = self.call.in_session(self.calls);
            let (status, _, answer) = self.send(body).await?;
            return Ok((status, answer));
        } else {
            self.request.clone()
        };
        let (status, _, answer) = self.exchange(request).await?;
        Ok((status, answer))
    }

    async fn send(&mut self, body: String) -> Result<(StatusCode, HeaderMap, Bytes), CallError> {
        let mut request = self.request.clone();
        *request.body_mut() = Full::new(Bytes::from(body));
        self.exchange(request).await
    }

    async fn exchange(
        &mut self,
        request: http::Request<Full<Bytes>>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), CallError> {
        self.sender.ready().await.map_err(lost)?;
        let response = self.sender.send_request(request).await.map_err(lost)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(lost)?;
        Ok((parts.status, parts.headers, body.to_bytes()))
    }
}

impl Caller for Connection {
    async fn call(&mut self) -> Result<(), CallError> {
        let (status, body) = self.knock().await?;
        if status == StatusCode::OK && self.call.is_right(&body) {
            return Ok(());
        }
        Err(wrong(status, &body))
    }
}

fn wrong(status: StatusCode, body: &[u8]) -> CallError {
    CallError::Wrong(format!("{status}: {}", message::excerpt(body)))
}

fn lost(error: impl std::error::Error + Send + Sync + 'static) -> CallError {
    CallError::Lost(Box::new(error))
}
