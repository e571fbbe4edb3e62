//! Connections and exchanges: TLS, HTTP, counting, faults, and the bytes of an answer.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::answer::{Answer, Body};
use crate::auth::Tokens;
use crate::faults::{Damage, Faults, Instead, Met};
use crate::model::World;
use crate::options::Licence;
use crate::render::Quirks;
use crate::revision::Revision;
use crate::routes;
use crate::stats::{Recorded, Stats};

/// No request of this API is larger.
const LARGEST_REQUEST: usize = 1024 * 1024;

/// How many requests are kept for tests to look at.
const RECORDED: usize = 512;

pub(crate) struct Shared {
    pub(crate) revisions: Vec<Revision>,
    pub(crate) latency: Duration,
    pub(crate) quirks: Quirks,
    pub(crate) licence: Licence,
    #[cfg(feature = "openapi")]
    pub(crate) checkers: Vec<crate::openapi::Checker>,
    pub(crate) world: Mutex<World>,
    pub(crate) tokens: Arc<Mutex<Tokens>>,
    pub(crate) faults: Faults,
    pub(crate) stats: Mutex<Stats>,
    pub(crate) recorded: Mutex<VecDeque<Recorded>>,
}

impl Shared {
    pub(crate) fn count(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut self.stats.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn record(&self, recorded: Recorded) {
        let mut all = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == RECORDED {
            all.pop_front();
        }
        all.push_back(recorded);
    }
}

/// Serves until `stop` says so; then lets what is being answered end.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    listener: TcpListener,
    tls: TlsAcceptor,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection(
                    Arc::clone(&shared),
                    stream,
                    tls.clone(),
                    stop.clone(),
                ));
            }
            // Out of file descriptors, most often: the next moment may be better.
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Returns once the server is to stop, or nobody is left to say so.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

async fn connection(
    shared: Arc<Shared>,
    stream: TcpStream,
    tls: TlsAcceptor,
    mut stop: watch::Receiver<bool>,
) {
    let _slower_without = stream.set_nodelay(true);
    let accepted = tokio::select! {
        accepted = tls.accept(stream) => accepted,
        () = stopped(&mut stop) => return,
    };
    let Ok(stream) = accepted else {
        shared.count(|stats| stats.failed_handshakes += 1);
        return;
    };
    shared.count(|stats| stats.connections += 1);
    let service = service_fn(|request| exchange(Arc::clone(&shared), request));
    let mut serving = std::pin::pin!(
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service)
    );
    // How a connection ends is the client's affair, or that of an injected fault.
    let _ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stopped(&mut stop) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("dropped by an injected fault")]
struct Dropped;

/// Counts a request for as long as it is being answered, whatever way that ends.
struct InFlight(Arc<Shared>);

impl InFlight {
    fn new(shared: Arc<Shared>) -> Self {
        shared.count(|stats| {
            stats.in_flight += 1;
            stats.in_flight_max = stats.in_flight_max.max(stats.in_flight);
        });
        Self(shared)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.count(|stats| stats.in_flight -= 1);
    }
}

async fn exchange(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Payload>, Dropped> {
    let _in_flight = InFlight::new(Arc::clone(&shared));
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LARGEST_REQUEST).collect().await else {
        return Ok(respond(
            &Answer::bad_request("The body is too large or broken"),
            None,
        ));
    };
    let body = body.to_bytes();
    note(&shared, &parts, &body);

    if !shared.latency.is_zero() {
        tokio::time::sleep(shared.latency).await;
    }
    let damage = match shared.faults.meet(&parts.method, parts.uri.path()).await {
        Met::Nothing => None,
        Met::Damage(damage) => Some(damage),
        Met::Instead(Instead::Drop) => return Err(Dropped),
        Met::Instead(Instead::Status { code, retry_after }) => {
            let mut answer = Answer::trouble(status(code));
            answer.retry_after = retry_after;
            return Ok(respond(&answer, None));
        }
        Met::Instead(Instead::Proxy(code)) => {
            let body = Body::Html("<html><body><h1>Bad gateway</h1></body></html>");
            let answer = Answer {
                status: status(code),
                body,
                retry_after: None,
            };
            return Ok(respond(&answer, None));
        }
    };
    let answer = routes::answer(&shared, &parts, &body).unwrap_or_else(|refusal| refusal);
    #[cfg(feature = "openapi")]
    check(&shared, &parts, &body, &answer);
    let response = respond(&answer, damage);
    let size = http_body::Body::size_hint(response.body()).exact();
    shared.count(|stats| stats.sent += size.unwrap_or(0));
    Ok(response)
}

fn note(shared: &Shared, parts: &http::request::Parts, body: &Bytes) {
    let path = parts.uri.path();
    let template = match routes::route(path) {
        Ok(Some(route)) => route.template,
        Ok(None) | Err(_) => path,
    };
    let operation = format!("{} {template}", parts.method);
    shared.count(|stats| *stats.requests.entry(operation).or_default() += 1);
    shared.record(Recorded {
        method: parts.method.clone(),
        path: path.to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers.clone(),
        body: body.clone(),
    });
}

#[cfg(feature = "openapi")]
fn check(shared: &Shared, parts: &http::request::Parts, body: &Bytes, answer: &Answer) {
    use crate::openapi;

    let Ok(revision) = routes::revision(shared, parts) else {
        return;
    };
    let Some(checker) = shared
        .checkers
        .iter()
        .find(|one| one.revision() == revision)
    else {
        return;
    };
    let request = openapi::Request {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body,
    };
    let mut violations = checker.check_request(&request);
    let (content_type, body) = match &answer.body {
        Body::Empty => (None, Bytes::new()),
        Body::Json(body) => (Some("application/json"), Bytes::from(body.to_string())),
        Body::Html(body) => (Some("text/html"), Bytes::from_static(body.as_bytes())),
    };
    violations.extend(checker.check_response(
        &request,
        &openapi::Response {
            status: answer.status.as_u16(),
            content_type,
            body: &body,
        },
    ));
    shared.count(|stats| stats.violations.extend(violations));
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn respond(answer: &Answer, damage: Option<Damage>) -> Response<Payload> {
    if let Some(Damage::Huge(bytes)) = damage {
        let mut response = Response::new(Payload::Endless { left: bytes });
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        return response;
    }
    let (content_type, body) = match &answer.body {
        Body::Empty => (None, Bytes::new()),
        Body::Json(body) => (
            Some("application/json; charset=utf-8"),
            Bytes::from(body.to_string()),
        ),
        Body::Html(body) => (Some("text/html"), Bytes::from_static(body.as_bytes())),
    };
    let payload = if damage == Some(Damage::Truncated) {
        Payload::Truncated {
            whole: body.len(),
            half: Some(body.slice(..body.len() / 2)),
            flushed: false,
        }
    } else {
        Payload::Whole(Some(body))
    };
    let mut response = Response::new(payload);
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    if let Some(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    if let Some(seconds) = answer.retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// The bytes of an answer, the damaged ones included.
enum Payload {
    Whole(Option<Bytes>),
    /// Announces the whole, sends half, breaks off.
    Truncated {
        whole: usize,
        half: Option<Bytes>,
        flushed: bool,
    },
    Endless {
        left: u64,
    },
}

static FILLER: [u8; 16 * 1024] = [b' '; 16 * 1024];

impl http_body::Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(match self.get_mut() {
            Self::Whole(bytes) => bytes
                .take()
                .filter(|bytes| !bytes.is_empty())
                .map(|bytes| Ok(Frame::data(bytes))),
            Self::Truncated { half, flushed, .. } => match half.take() {
                Some(half) => Some(Ok(Frame::data(half))),
                // Waiting once makes the connection send what it has; it would be lost otherwise.
                None if !*flushed => {
                    *flushed = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                None => Some(Err(io::ErrorKind::UnexpectedEof.into())),
            },
            Self::Endless { left: 0 } => None,
            Self::Endless { left } => {
                let most = u64::try_from(FILLER.len()).unwrap_or(u64::MAX);
                let size = most.min(*left);
                *left -= size;
                let size = usize::try_from(size).unwrap_or(FILLER.len());
                Some(Ok(Frame::data(Bytes::from_static(&FILLER[..size]))))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Truncated { .. } => false,
            Self::Endless { left } => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let exact = |size: usize| SizeHint::with_exact(u64::try_from(size).unwrap_or(u64::MAX));
        match self {
            Self::Whole(bytes) => exact(bytes.as_ref().map_or(0, Bytes::len)),
            Self::Truncated { whole, .. } => exact(*whole),
            Self::Endless { .. } => SizeHint::default(),
        }
    }
}
