//! What stands in for the backends: one server on loopback for each. It answers from a recording, or asks the real
//! backend by the road of every plugin's request, login and scrubbing included, and notes what passed.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::recording::{Answer, Body, Exchange};
use crate::egress::{Deadlines, Egress, Origin};

/// Largest body of a request or an answer.
const MAX_BODY: usize = 32 * 1024 * 1024;
/// Where a stand-in lets the trial's host log in, when the plugin works with logins only.
pub(super) const LOGIN: &str = "/.toolward-test/login";
/// What of an answer's head a plugin may look at.
const KEPT_HEADERS: [&str; 3] = ["content-type", "etag", "retry-after"];
/// What the trial's own client puts on a request; the real one puts it there itself.
const OWN_HEADERS: [&str; 7] = [
    "connection",
    "content-length",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// A stand-in always has an answer.
type Answered = Result<Response<Full<Bytes>>, Infallible>;

/// Where answers come from.
pub(super) enum Source {
    /// A recording.
    Recorded,
    /// The real backends, as this plugin reaches them.
    Real { egress: Egress, origin: Origin },
}

/// What happened, and what is still expected.
#[derive(Default)]
struct Ledger {
    expected: Vec<Exchange>,
    passed: Vec<Exchange>,
    unexpected: Vec<String>,
}

/// The running stand-ins. They stop when this is dropped.
pub(super) struct StandIns {
    ledger: Arc<Mutex<Ledger>>,
    /// By the plugin's name for the backend.
    pub(super) urls: BTreeMap<String, String>,
    _serving: JoinSet<()>,
}

impl StandIns {
    pub(super) async fn start(
        backends: impl Iterator<Item = String>,
        source: Source,
        expected: Vec<Exchange>,
    ) -> std::io::Result<Self> {
        let ledger = Arc::new(Mutex::new(Ledger {
            expected,
            ..Ledger::default()
        }));
        let source = Arc::new(source);
        let mut serving = JoinSet::new();
        let mut urls = BTreeMap::new();
        for backend in backends {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            urls.insert(
                backend.clone(),
                format!("http://{}", listener.local_addr()?),
            );
            serving.spawn(serve(listener, backend, source.clone(), ledger.clone()));
        }
        Ok(Self {
            ledger,
            urls,
            _serving: serving,
        })
    }

    /// What passed, in order.
    pub(super) fn passed(&self) -> Vec<Exchange> {
        lock(&self.ledger).passed.clone()
    }

    /// Requests that nobody expected, and those that were expected and never came.
    pub(super) fn complaints(&self) -> Vec<String> {
        let ledger = lock(&self.ledger);
        let missing = ledger.expected.iter().map(|one| {
            format!(
                "`{} {}` to {} was not sent",
                one.method, one.path, one.backend
            )
        });
        ledger.unexpected.iter().cloned().chain(missing).collect()
    }
}

fn lock(ledger: &Mutex<Ledger>) -> std::sync::MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(
    listener: TcpListener,
    backend: String,
    source: Arc<Source>,
    ledger: Arc<Mutex<Ledger>>,
) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (backend, source, ledger) = (backend.clone(), source.clone(), ledger.clone());
        connections.spawn(async move {
            let service = service_fn(move |request| -> BoxFuture<'static, Answered> {
                let (backend, source, ledger) = (backend.clone(), source.clone(), ledger.clone());
                Box::pin(async move { answer(request, &backend, &source, &ledger).await })
            });
            let http = hyper::server::conn::http1::Builder::new();
            if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%error, "a connection to a stand-in ended badly");
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    backend: &str,
    source: &Source,
    ledger: &Mutex<Ledger>,
) -> Answered {
    let (head, body) = request.into_parts();
    let path = head
        .uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str)
        .to_owned();
    if head.uri.path() == LOGIN {
        let token = r#"{"access_token":"test","token_type":"bearer","expires_in":3600}"#;
        return Ok(plain(StatusCode::OK, token));
    }
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return Ok(plain(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too large",
        ));
    };
    let body = body.to_bytes();
    let method = head.method.to_string();
    match source {
        Source::Recorded => Ok(replay(ledger, backend, &method, &path, &Body::of(&body))),
        Source::Real { egress, origin } => {
            let answered = forward(egress, origin, backend, head, &path, body.clone()).await;
            let answer = match answered {
                Ok(answer) => answer,
                Err(problem) => {
                    lock(ledger).unexpected.push(problem.clone());
                    return Ok(plain(StatusCode::BAD_GATEWAY, &problem));
                }
            };
            let response = response(&answer);
            lock(ledger).passed.push(Exchange {
                backend: backend.to_owned(),
                method,
                path,
                body: Body::of(&body),
                answer,
            });
            Ok(response)
        }
    }
}

/// The first expected exchange that fits: requests may be made at the same time, in any order.
fn replay(
    ledger: &Mutex<Ledger>,
    backend: &str,
    method: &str,
    path: &str,
    body: &Body,
) -> Response<Full<Bytes>> {
    let mut ledger = lock(ledger);
    let fits = |one: &Exchange| {
        one.backend == backend && one.method == method && one.path == path && one.body == *body
    };
    if let Some(at) = ledger.expected.iter().position(fits) {
        return response(&ledger.expected.remove(at).answer);
    }
    let near = ledger
        .expected
        .iter()
        .find(|one| one.backend == backend && one.method == method && one.path == path);
    let why = if near.is_some() {
        "is not recorded with this body"
    } else {
        "is not recorded"
    };
    let problem = format!("`{method} {path}` to {backend} {why}");
    ledger.unexpected.push(problem.clone());
    plain(StatusCode::NOT_IMPLEMENTED, &problem)
}

async fn forward(
    egress: &Egress,
    origin: &Origin,
    backend: &str,
    head: http::request::Parts,
    path: &str,
    body: Bytes,
) -> Result<Answer, String> {
    let mut request = Request::builder()
        .method(head.method)
        .uri(format!("http://{backend}{path}"));
    for (name, value) in &head.headers {
        let is_default = name == "accept" && value == "*/*";
        if !OWN_HEADERS.contains(&name.as_str()) && !is_default {
            request = request.header(name, value);
        }
    }
    let body = Full::new(body)
        .map_err(|never: Infallible| match never {})
        .boxed_unsync();
    let request = request.body(body).map_err(|error| error.to_string())?;
    let answer = egress
        .send(origin, request, Deadlines::default())
        .await
        .map_err(|refusal| refusal.to_string())?;
    let (head, body) = answer.into_parts();
    let body = collected(body).await?;
    let headers = head.headers.iter().filter_map(|(name, value)| {
        let kept = KEPT_HEADERS.contains(&name.as_str());
        kept.then(|| Some((name.to_string(), value.to_str().ok()?.to_owned())))?
    });
    Ok(Answer {
        status: head.status.as_u16(),
        headers: headers.collect(),
        body: Body::of(&body),
    })
}

async fn collected(mut body: crate::egress::Body) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.to_string())?;
        bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        if bytes.len() > MAX_BODY {
            return Err(format!("an answer has more than {MAX_BODY} bytes"));
        }
    }
    Ok(bytes)
}

fn response(answer: &Answer) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    response
        .body(Full::new(answer.body.bytes().into()))
        .unwrap_or_else(|_| {
            plain(
                StatusCode::NOT_IMPLEMENTED,
                "the recording holds an answer that is none",
            )
        })
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.to_owned().into()));
    *response.status_mut() = status;
    response
}
