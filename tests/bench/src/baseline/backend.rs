//! A backend, the least that one can be: HTTPS, a login that gives a token, and one answer for whoever has it.
//!
//! Not a simulator of `tests/simulators`, whose own work would be most of what is measured.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::load::message::{BACKEND_PATH, BACKEND_TEXT};

/// The token that opens it.
pub(crate) const SECRET: &str = "a-token-of-the-benchmark-that-opens-nothing-else";
/// Where a login goes.
pub(crate) const LOGIN: &str = "/token";
/// The file that its certificate is written to.
pub(crate) const CERTIFICATE: &str = "backend.pem";

/// Serves until it is killed.
pub(super) async fn serve(folder: &Path) -> io::Result<()> {
    let tls = TlsAcceptor::from(identity(folder)?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("a backend on https://{}/", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        // Ends with its connection, or with the process.
        tokio::spawn(connection(stream, tls.clone()));
    }
}

/// A client that goes away, and one that does not trust us, are seen on the other side.
async fn connection(stream: TcpStream, tls: TlsAcceptor) {
    let _best_effort = stream.set_nodelay(true);
    if let Ok(stream) = tls.accept(stream).await {
        let served = http1::Builder::new().serve_connection(
            TokioIo::new(stream),
            service_fn(|request| async move { Ok::<_, Infallible>(answer(&request)) }),
        );
        let _gone = served.await;
    }
}

fn answer(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if path == LOGIN {
        let text = format!(
            "{{\"access_token\":\"{SECRET}\",\"token_type\":\"bearer\",\"expires_in\":86400}}"
        );
        return response(StatusCode::OK, "application/json", Bytes::from(text));
    }
    let given = request.headers().get(AUTHORIZATION);
    let given = given.and_then(|given| given.as_bytes().strip_prefix(b"Bearer "));
    if given != Some(SECRET.as_bytes()) {
        return response(StatusCode::UNAUTHORIZED, "text/plain", Bytes::new());
    }
    if path == BACKEND_PATH {
        let text = Bytes::from_static(BACKEND_TEXT.as_bytes());
        return response(StatusCode::OK, "text/plain", text);
    }
    // What a plugin asks when it lists what it offers.
    response(
        StatusCode::OK,
        "application/json",
        Bytes::from_static(b"[]"),
    )
}

fn response(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// Self-signed, made now; the certificate goes to a file for those who are to trust it.
fn identity(folder: &Path) -> io::Result<Arc<rustls::ServerConfig>> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
    fs::write(folder.join(CERTIFICATE), made.cert.pem())?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .map_err(io::Error::other)?;
    Ok(Arc::new(config))
}
