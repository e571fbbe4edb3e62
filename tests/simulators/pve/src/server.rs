//! Connections: TLS, HTTP, and the bytes of an answer.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::answer::Answer;
use crate::api::{self, Cluster};

/// No request of this API is larger.
const LARGEST_REQUEST: usize = 1024 * 1024;

/// Serves until it is dropped.
pub(crate) async fn serve(cluster: Cluster, listener: TcpListener, tls: TlsAcceptor) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = listener.accept().await;
        while connections.try_join_next().is_some() {}
        // An error is about file descriptors, most often: the next moment may be better.
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection(cluster.clone(), stream, tls.clone()));
            }
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
}

async fn connection(cluster: Cluster, stream: TcpStream, tls: TlsAcceptor) {
    let _slower_without = stream.set_nodelay(true);
    let Ok(stream) = tls.accept(stream).await else {
        return;
    };
    let cluster = Arc::new(cluster);
    let service = service_fn(|request| exchange(Arc::clone(&cluster), request));
    // How a connection ends is the client's affair.
    let _ended = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn exchange(
    cluster: Arc<Cluster>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_REQUEST).collect().await;
    let Ok(body) = body.map(http_body_util::Collected::to_bytes) else {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return Ok(response);
    };
    let answer = cluster.ask(&api::Request {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: &body,
    });
    Ok(respond(&answer))
}

fn respond(answer: &Answer) -> Response<Full<Bytes>> {
    let body = answer
        .body
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut response = Response::new(Full::from(body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(reason) = ReasonPhrase::try_from(answer.reason.replace('\n', " ").into_bytes()) {
        response.extensions_mut().insert(reason);
    }
    let headers = response.headers_mut();
    if answer.body.is_some() {
        let json = HeaderValue::from_static("application/json;charset=UTF-8");
        headers.insert(header::CONTENT_TYPE, json);
    }
    if answer.status >= 400 {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
