//! Large bodies and large results: they are read and written beside the threads that serve I/O, each tenant waits behind
//! itself, and what waits takes no memory. Nothing is timed here; the benchmark does that.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use e2e::control::eventually;
use e2e::session::{Opening, Session};
use e2e::{Deployment, Host, mcp};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Large bodies of one tenant at once; see `plugin/large.rs`.
const OF_TENANT: usize = 16;
const LARGE: usize = 1 << 20;
/// Memory that a flood may make the host hold, megabytes. Sixteen bodies with all that becomes of them are a third of it.
const GROWTH: u64 = 400;

/// A host and the tokens of two of its tenants.
struct Cx {
    host: Host,
    flooding: String,
    quiet: String,
    _deployment: Deployment,
}

impl Cx {
    async fn start() -> Self {
        let (flooding, first) = token("flooding");
        let (quiet, second) = token("quiet");
        let tables = format!(
            "\n[plugins.echo]\ncomponent = \"{echo}\"\n\n[plugins.hostile]\ncomponent = \"{hostile}\"\ngrant = [\"http\"]\n\n\
             [plugins.conformance]\ncomponent = \"{conformance}\"\ngrant = [\"changes\", \"form\", \"sample\", \"roots\"]\n{first}\n{second}",
            echo = e2e::plugin("echo").display(),
            hostile = e2e::plugin("hostile").display(),
            conformance = e2e::plugin("conformance").display(),
        );
        let deployment = Deployment::new(&tables);
        let head = std::fs::read_to_string(deployment.config()).unwrap();
        let head = head.replace("[server]\n", "[server]\nmetrics = \"everybody\"\n");
        deployment.write("toolward.toml", &head);
        let host = Host::start(&deployment).await;
        Self {
            host,
            flooding,
            quiet,
            _deployment: deployment,
        }
    }

    fn client(&self, token: &str) -> mcp::Client {
        mcp::Client::new(self.host.url()).with_token(token)
    }

    async fn session(&self, token: &str) -> Session {
        let opening = Opening {
            token: Some(token.to_owned()),
            ..Opening::default()
        };
        Session::open_as(self.host.url(), opening).await
    }

    async fn metric(&self, begins: &str) -> usize {
        let url = self.host.url().replace("/mcp", "/metrics");
        let text = mcp::http().get(url).send().await.unwrap().text().await;
        let text = text.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(begins));
        let line = line.unwrap_or_else(|| panic!("no {begins:?} in\n{text}"));
        line.trim().parse().unwrap()
    }

    async fn is_at_rest(&self) {
        eventually("nothing is under way", async || {
            self.metric("toolward_large_bodies ").await == 0
                && self.metric("toolward_instances ").await == 0
                && self.metric("toolward_waiting_calls ").await == 0
        })
        .await;
    }

    /// Megabytes of memory that the host holds.
    fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.host.process_id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS"));
        let number = line.unwrap().split_whitespace().nth(1).unwrap();
        number.parse::<u64>().unwrap() / 1024
    }

    /// Begins a large request over a connection of its own, and says a part of it.
    async fn begin(&self, token: &str) -> TcpStream {
        let address = self.host.url().replace("http://", "");
        let address = address.trim_end_matches("/mcp");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\ncontent-length: {LARGE}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&[b' '; 100]).await.unwrap();
        stream
    }
}

/// A token of a tenant, and the table for the configuration.
fn token(tenant: &str) -> (String, String) {
    let made = Command::new(e2e::binary())
        .args(["token", "new", tenant, "--json", "--tenant", tenant])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let text = |key: &str| made[key].as_str().unwrap().to_owned();
    (text("token"), text("toml"))
}

/// A text that is told apart from others, with characters that JSON escapes.
fn long(number: usize) -> String {
    format!("{number} \u{e9} \"quoted\"\n").repeat(LARGE / 16)
}

/// By every way there is: the fast path, rmcp's, a session's, and without MCP.
async fn echoed(cx: &Cx, token: &str, way: usize, text: &str) -> String {
    let params = json!({ "name": "echo", "arguments": { "text": text } });
    match way % 4 {
        0 => {
            let answer = cx.client(token).request("tools/call", params).await;
            mcp::text(&answer.unwrap())
        }
        1 => {
            let mut params = params;
            params["_meta"] = json!({ "progressToken": "a" });
            let answer = cx.client(token).request("tools/call", params).await;
            mcp::text(&answer.unwrap())
        }
        2 => {
            let session = cx.session(token).await;
            let answer = session.request("tools/call", params).await;
            mcp::text(&answer["result"])
        }
        _ => {
            let url = cx.host.url().replace("/mcp", "/api/tools/echo");
            let sent = mcp::http().post(url).bearer_auth(token);
            let answer = sent.json(&params["arguments"]).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            mcp::text(&answer.json().await.unwrap())
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_large_bodies_is_served_and_bounded_and_others_are_served_too() {
    let cx = Arc::new(Cx::start().await);
    assert_eq!(echoed(&cx, &cx.quiet, 0, "here").await, "here");
    let before = cx.resident();
    let (over, served) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let mut flood = JoinSet::new();
    for number in 0..32 {
        let (cx, over, served) = (cx.clone(), over.clone(), served.clone());
        flood.spawn(async move {
            let text = long(number);
            let mut round = number;
            while !over.load(Ordering::Relaxed) {
                let said = echoed(&cx, &cx.flooding, round, &text).await;
                assert!(said == text, "way {}: {} bytes", round % 4, said.len());
                served.fetch_add(1, Ordering::Relaxed);
                round += 1;
            }
        });
    }
    let mut most = 0;
    for round in 0..40 {
        let text = format!("{round}");
        assert_eq!(echoed(&cx, &cx.quiet, round, &text).await, text);
        most = most.max(cx.metric("toolward_large_bodies ").await);
    }
    // Its own large ones too.
    for way in 0..4 {
        let text = long(way);
        assert!(
            echoed(&cx, &cx.quiet, way, &text).await == text,
            "way {way}"
        );
    }
    eventually("the flood was served", async || {
        served.load(Ordering::Relaxed) >= 32
    })
    .await;
    let held = cx.resident();
    over.store(true, Ordering::Relaxed);
    flood.join_all().await;
    // Of the quiet tenant, there is one at most.
    assert!(most <= OF_TENANT + 1, "{most} large bodies at once");
    assert!(
        held <= before + GROWTH,
        "{before} MB before, {held} MB during the flood"
    );
    cx.is_at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_their_time_with_large_bodies_takes_it_from_nobody_else() {
    let cx = Cx::start().await;
    let mut slow = Vec::new();
    for _ in 0..3 * OF_TENANT {
        slow.push(cx.begin(&cx.flooding).await);
    }
    eventually("it has all the room that it gets", async || {
        cx.metric("toolward_large_bodies ").await == OF_TENANT
    })
    .await;
    for way in 0..4 {
        let text = long(way);
        assert!(
            echoed(&cx, &cx.quiet, way, &text).await == text,
            "way {way}"
        );
        // What is small needs no room.
        assert_eq!(echoed(&cx, &cx.flooding, way, "small").await, "small");
    }
    assert_eq!(cx.metric("toolward_large_bodies ").await, OF_TENANT);
    // They hang up in the middle: nothing is lost, and there is room again.
    drop(slow);
    cx.is_at_rest().await;
    for way in 0..4 {
        let text = long(way);
        assert!(
            echoed(&cx, &cx.flooding, way, &text).await == text,
            "way {way}"
        );
    }
    // Whoever is not known is not heard.
    let mut unknown = cx.begin("nobody").await;
    let mut answer = String::new();
    unknown.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    cx.is_at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_ends_its_large_calls() {
    let cx = Cx::start().await;
    let asleep = json!({ "milliseconds": 3_600_000 });
    let mut calls = JoinSet::new();
    for number in 0..8 {
        let client = cx.client(&cx.flooding);
        let mut params = json!({ "name": "hostile_sleep", "arguments": asleep });
        params["_meta"] = json!({ "padding": "x".repeat(LARGE) });
        if number % 2 == 1 {
            params["_meta"]["progressToken"] = json!("a");
        }
        calls.spawn(async move {
            let answer = client.request("tools/call", params).await;
            panic!("it was to sleep: {answer:?}");
        });
    }
    eventually("all of them sleep", async || {
        cx.metric("toolward_instances ").await == 8
            && cx.metric("toolward_large_bodies ").await == 0
    })
    .await;
    calls.shutdown().await;
    cx.is_at_rest().await;
    assert_eq!(echoed(&cx, &cx.quiet, 0, "here").await, "here");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_do_not_say_how_long_they_are() {
    let cx = Cx::start().await;
    for (bytes, status) in [(10, 200), (70_000, 200), (3 << 20, 200), (5 << 20, 413)] {
        let address = cx.host.url().replace("http://", "");
        let address = address.trim_end_matches("/mcp");
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut reading, mut writing) = stream.into_split();
        let head = format!(
            "POST /api/tools/echo HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
            cx.quiet
        );
        let body = json!({ "text": "x".repeat(bytes) }).to_string();
        let sending = async move {
            let mut chunks = head.into_bytes();
            for piece in body.as_bytes().chunks(10_000) {
                chunks.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                chunks.extend_from_slice(piece);
                chunks.extend_from_slice(b"\r\n");
            }
            chunks.extend_from_slice(b"0\r\n\r\n");
            // It is refused in the middle where it is too long.
            let _ = writing.write_all(&chunks).await;
            writing
        };
        let answered = async move {
            let mut answer = Vec::new();
            // Whoever is refused while it sends may find the connection reset.
            let _ = reading.read_to_end(&mut answer).await;
            answer
        };
        let (_writing, answer) = tokio::join!(sending, answered);
        let answer = String::from_utf8_lossy(&answer);
        let line = answer.lines().next().unwrap_or_default();
        assert!(
            line.starts_with(&format!("HTTP/1.1 {status}")) || (status == 413 && line.is_empty()),
            "{bytes}: {line}"
        );
        assert_eq!(
            answer.matches('x').count() >= bytes,
            status == 200,
            "{bytes}"
        );
        cx.is_at_rest().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_results_come_by_every_way() {
    let cx = Cx::start().await;
    for bytes in [60_000, 70_000, 3 << 20] {
        let params = json!({ "name": "hostile_big_result", "arguments": { "amount": bytes } });
        let client = cx.client(&cx.quiet);
        let fast = client.request("tools/call", params.clone()).await.unwrap();
        let mut with_progress = params.clone();
        with_progress["_meta"] = json!({ "progressToken": 1 });
        let slow = client.request("tools/call", with_progress).await.unwrap();
        assert!(fast == slow, "{bytes}");
        let session = cx.session(&cx.quiet).await;
        let old = session.request("tools/call", params.clone()).await;
        let url = cx
            .host
            .url()
            .replace("/mcp", "/api/tools/hostile_big_result");
        let sent = mcp::http().post(url).bearer_auth(&cx.quiet);
        let plain = sent.json(&params["arguments"]).send().await.unwrap();
        let plain = plain.json().await.unwrap();
        for result in [&fast, &old["result"], &plain] {
            assert_eq!(mcp::text(result).len(), bytes);
        }
    }
    let text = "x".repeat(LARGE);
    let failed = cx.client(&cx.quiet);
    let failed = failed.call("fail", json!({ "message": text })).await;
    assert_eq!(mcp::text(&failed.unwrap()), text);
    let url = cx.host.url().replace("/mcp", "/api/tools/fail");
    let sent = mcp::http().post(url).bearer_auth(&cx.quiet);
    let sent = sent.json(&json!({ "message": text })).send().await.unwrap();
    assert_eq!(sent.status(), 422);
    let told: Value = sent.json().await.unwrap();
    assert_eq!(told["error"]["message"], text);
    cx.is_at_rest().await;
}
