//! Fuzzing: requests to the whole HTTP side, and a client's standard input, of a host that has no plugins.
//!
//! The input is text. The first line says who is asked: `open` a host that takes everybody, `asked` one with tokens, and
//! `stdio` the other transport, to which the rest goes as it is. For HTTP the rest are requests with a line `%%` between
//! them: `METHOD PATH`, headers, an empty line, a body. What a usual client would send is there already, and
//! `Mcp-Session-Id: $` is the session of an answer before. What the open host answers outside of sessions, it answers
//! without the fast path too.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::guard::SESSION;
use super::http::{Routes, routes};
use super::stdio;
use crate::config::{self, Config, Overrides};
use crate::host::Host;

/// Requests of one input.
const MOST: usize = 8;
/// A stream that says nothing more may stay open for ever.
const PATIENCE: Duration = Duration::from_millis(5);
/// An answer that takes that long hangs.
const LONGEST: Duration = Duration::from_secs(20);

const OPEN: &str = "[server]\n";
/// The tokens are `test` and `foo`.
const ASKED: &str = r#"
[auth.tokens.test]
hash = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
scopes = ["tools:call", "jobs:read", "admin"]
[auth.tokens.foo]
hash = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
scopes = ["resources:read"]
"#;

struct World {
    runtime: Runtime,
    host: Arc<Host>,
    open: Routes,
    /// The open host again, without the fast path.
    slow: Routes,
    asked: Routes,
}

/// Hosts are expensive, so one is asked by all inputs.
static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("a runtime");
    let (served, open, slow) = runtime.block_on(host(OPEN));
    let (_, asked, _) = runtime.block_on(host(ASKED));
    World {
        runtime,
        host: served,
        open,
        slow,
        asked,
    }
});

/// The host, and its routes with the fast path and without.
async fn host(tables: &str) -> (Arc<Host>, Routes, Routes) {
    // Nothing is kept there without plugins.
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("toolward.toml");
    let few = "[runtime]\ncache-dir = \"cache\"\nstate-dir = \"state\"\nmax-instances = 1\nguest-threads = 1\n";
    std::fs::write(&path, format!("{few}{tables}")).expect("a file");
    let mut config: Config = match config::load(&path, &|_| None, &Overrides::default()) {
        Ok(config) => config,
        Err(problems) => panic!("{problems}"),
    };
    let host = Host::start(&config).await.expect("a host");
    let [fast, slow] = [true, false].map(|fast| {
        config.server.fast_path = fast;
        let address = config.server.listen;
        let routes = routes(host.clone(), &config, address, &CancellationToken::new());
        routes.expect("routes")
    });
    (host, fast, slow)
}

/// Sends everything that the input holds.
pub(crate) fn message(data: &[u8]) {
    let first = data.iter().position(|byte| *byte == b'\n');
    let (first, rest) = data.split_at(first.map_or(data.len(), |at| at + 1));
    let world = &*WORLD;
    let (routes, again) = match first {
        b"open\n" => (&world.open, Some(&world.slow)),
        b"asked\n" => (&world.asked, None),
        b"stdio\n" => {
            return world.runtime.block_on(converse(world.host.clone(), rest));
        }
        _ => return,
    };
    world.runtime.block_on(talk(routes, again, rest));
}

async fn converse(host: Arc<Host>, data: &[u8]) {
    let (mut client, input) = tokio::io::duplex(64 * 1024);
    let served = stdio::serve_on(host, input, tokio::io::sink());
    let told = async move {
        // It may have ended before it read everything.
        let _ = client.write_all(data).await;
        // rmcp serves nothing any more once the input has ended, and waits a while for those who wait for it.
        tokio::time::sleep(PATIENCE).await;
    };
    let ended = async { tokio::join!(served, told) };
    let ended = tokio::time::timeout(LONGEST, ended).await;
    let _why = ended.expect("it ends with its input");
}

async fn talk(routes: &Routes, again: Option<&Routes>, data: &[u8]) {
    let mut session = HeaderValue::from_static("none");
    let mut rest = data;
    for _ in 0..MOST {
        let (one, after) = split(rest, b"\n%%\n");
        if let Some(asked) = request(one, &session) {
            let is_apart = asked.uri().path() == "/mcp" && !asked.headers().contains_key(SESSION);
            let response = ask(routes, asked).await;
            let began = response.headers().get(SESSION).cloned();
            let said = judge(response).await;
            if let (Some(again), true, None) = (again, is_apart, &began) {
                let asked = request(one, &session).expect("a request");
                let said_again = judge(ask(again, asked).await).await;
                let text = String::from_utf8_lossy(one);
                assert_eq!(said, said_again, "the fast path and rmcp differ: {text}");
            }
            session = began.unwrap_or(session);
        }
        let Some(after) = after else { break };
        rest = after;
    }
    if session != "none" {
        let end = b"DELETE /mcp\nMcp-Session-Id: $\nAuthorization: Bearer test";
        let end = request(end, &session).expect("a request");
        judge(ask(routes, end).await).await;
    }
}

async fn ask(routes: &Routes, request: Request<Body>) -> Response {
    let answer = tokio::time::timeout(LONGEST, routes.answer(request)).await;
    let Ok(response) = answer.expect("an answer begins");
    response
}

/// No request makes the host fail, and what calls itself JSON is JSON. Gives the status, and the body unless it goes on.
async fn judge(response: Response) -> (StatusCode, Option<Bytes>) {
    let status = response.status();
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR);
    let is_json = response.headers().get(header::CONTENT_TYPE);
    let is_json = is_json.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let patience = if is_json { LONGEST } else { PATIENCE };
    let Ok(body) = tokio::time::timeout(patience, response.into_body().collect()).await else {
        return (status, None);
    };
    let body = body.expect("an answer is whole").to_bytes();
    if is_json && !body.is_empty() {
        let read: Result<serde_json::Value, _> = serde_json::from_slice(&body);
        let text = String::from_utf8_lossy(&body);
        assert!(read.is_ok(), "{status}: not JSON: {text}");
    }
    (status, is_json.then_some(body))
}

/// `None`: the library could not send it either.
fn request(text: &[u8], session: &HeaderValue) -> Option<Request<Body>> {
    let (head, body) = split(text, b"\n\n");
    let mut lines = head.split(|byte| *byte == b'\n');
    let (method, path) = split(lines.next()?, b" ");
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::HOST, "127.0.0.1:8825"),
        (header::CONTENT_TYPE, "application/json"),
        (header::ACCEPT, "application/json, text/event-stream"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let mut own: Vec<HeaderName> = Vec::new();
    for line in lines {
        let (name, value) = split(line, b":");
        let name = HeaderName::from_bytes(name).ok()?;
        let value = value.unwrap_or_default().trim_ascii();
        let value = if value == b"$" && name == SESSION {
            session.clone()
        } else {
            HeaderValue::from_bytes(value).ok()?
        };
        if own.contains(&name) {
            headers.append(name, value);
        } else {
            headers.insert(name.clone(), value);
            own.push(name);
        }
    }
    let path = path.and_then(|path| std::str::from_utf8(path).ok());
    let mut request = Request::builder()
        .method(method)
        .uri(path?)
        .body(Body::from(body.unwrap_or_default().to_vec()))
        .ok()?;
    *request.headers_mut() = headers;
    Some(request)
}

/// What stands before the first mark, and what after it.
fn split<'a>(text: &'a [u8], mark: &[u8]) -> (&'a [u8], Option<&'a [u8]>) {
    match memchr::memmem::find(text, mark) {
        Some(at) => (&text[..at], Some(&text[at + mark.len()..])),
        None => (text, None),
    }
}
