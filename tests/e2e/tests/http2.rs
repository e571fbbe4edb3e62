//! HTTP/2 in clear text: what is served over HTTP/1.1 is served over it, within the same bounds, and a hostile client gains
//! nothing by it.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::time::Duration;

use e2e::control::eventually;
use e2e::session::{Opening, Session};
use e2e::{Deployment, Host, PATIENCE, mcp};
use reqwest::Version;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
/// `:status: 200`, as HPACK writes it.
const OK: u8 = 0x88;

fn deployment(server: &str) -> Deployment {
    let plugin = |name: &str, grants: &str| {
        let component = e2e::plugin(name);
        format!(
            "[plugins.{name}]\ncomponent = \"{}\"\ngrant = {grants}\n",
            component.display()
        )
    };
    let tables = [plugin("echo", "[]"), plugin("hostile", "[\"http\"]")].concat();
    let deployment = Deployment::new(&tables);
    let head = std::fs::read_to_string(deployment.config()).unwrap();
    let set = format!("[server]\n{server}\n");
    deployment.write("toolward.toml", &head.replace("[server]\n", &set));
    deployment
}

/// A host, and what it is made of.
async fn host(server: &str) -> (Deployment, Host) {
    let deployment = deployment(server);
    let host = Host::start(&deployment).await;
    (deployment, host)
}

fn client(host: &Host) -> mcp::Client {
    mcp::Client::new(host.url()).over_http2()
}

async fn sleeps(client: &mcp::Client, milliseconds: u64) -> reqwest::Response {
    let arguments = json!({ "milliseconds": milliseconds });
    let params = json!({ "name": "hostile_sleep", "arguments": arguments });
    client.send("tools/call", params).await
}

async fn is_well(host: &Host) {
    for client in [mcp::Client::new(host.url()), client(host)] {
        let said = client.call("echo", json!({ "text": "here" })).await;
        assert_eq!(mcp::text(&said.unwrap()), "here");
    }
    eventually("nothing is under way", async || {
        let url = host.url().replace("/mcp", "/metrics");
        let text = mcp::http().get(url).send().await.unwrap().text().await;
        let text = text.unwrap();
        ["instances", "waiting_calls", "large_bodies"]
            .iter()
            .all(|name| text.contains(&format!("\ntoolward_{name} 0\n")))
    })
    .await;
}

/// A client that writes its frames itself.
struct Raw {
    stream: TcpStream,
    authority: String,
}

impl Raw {
    async fn begin(host: &Host, settings: &[u8]) -> Self {
        let authority = host.url().replace("http://", "").replace("/mcp", "");
        let stream = TcpStream::connect(&authority).await.unwrap();
        let mut raw = Self { stream, authority };
        raw.write(PREFACE).await;
        raw.write(&frame(SETTINGS, 0, 0, settings)).await;
        raw
    }

    /// Whether it was taken: a host that has had enough no longer reads.
    async fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// A request without a body.
    fn get(&self, stream: u32, path: &str, authority: &str) -> Vec<u8> {
        // `:method: GET`, `:scheme: http`; then literals with names from the static table.
        let mut block = vec![0x82, 0x86];
        for (name, value) in [(4, path), (1, authority)] {
            block.push(name);
            block.push(u8::try_from(value.len()).unwrap());
            block.extend_from_slice(value.as_bytes());
        }
        assert!(self.authority.contains(':'));
        frame(HEADERS, 0x4 | 0x1, stream, &block)
    }

    /// The next frame: its kind, stream and payload. Nothing: the connection is over.
    async fn next(&mut self) -> Option<(u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        let read = async {
            self.stream.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            self.stream.read_exact(&mut payload).await.ok()?;
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            Some((head[3], stream, payload))
        };
        let read = tokio::time::timeout(PATIENCE, read).await;
        read.expect("the host says something, or ends the connection")
    }

    /// The frames until the connection is over. Pings are answered.
    async fn rest(&mut self) -> Vec<(u8, u32, Vec<u8>)> {
        let mut all = Vec::new();
        while let Some((kind, stream, payload)) = self.next().await {
            if kind == PING {
                self.write(&frame(PING, 1, 0, &payload)).await;
            }
            all.push((kind, stream, payload));
        }
        all
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_served_over_it() {
    let (_deployment, host) = host("").await;
    let client = client(&host);
    assert_eq!(sleeps(&client, 0).await.version(), Version::HTTP_2);
    // More at once than a connection has streams: the others wait with the client.
    let mut calls = JoinSet::new();
    for number in 0..150_usize {
        let client = client.clone();
        calls.spawn(async move {
            let text = format!("{number} ").repeat(if number % 10 == 0 { 100_000 } else { 1 });
            let mut params = json!({ "name": "echo", "arguments": { "text": text } });
            if number % 3 == 0 {
                params["_meta"] = json!({ "progressToken": "a" });
            }
            let said = client.request("tools/call", params).await;
            assert!(mcp::text(&said.unwrap()) == text, "{number}");
        });
    }
    calls.join_all().await;
    let http = mcp::http2();
    let opened = Session::try_open(&http, host.url(), Opening::default()).await;
    let session = opened.unwrap();
    let params =
        json!({ "name": "progress", "arguments": { "steps": 3 }, "_meta": { "progressToken": 1 } });
    let answer = session.request("tools/call", params).await;
    assert!(answer["result"]["isError"] != true, "{answer}");
    let plain = http.post(host.url().replace("/mcp", "/api/tools/echo"));
    let plain = plain
        .json(&json!({ "text": "plain" }))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (plain.status().as_u16(), plain.version()),
        (200, Version::HTTP_2)
    );
    let plain: Value = plain.json().await.unwrap();
    assert_eq!(mcp::text(&plain), "plain");
    let large = json!({ "text": "x".repeat(5 << 20) });
    let refused = http.post(host.url().replace("/mcp", "/api/tools/echo"));
    // It is told while it still sends, which this client may take for an end of the stream.
    if let Ok(refused) = refused.json(&large).send().await {
        assert_eq!(refused.status(), 413);
    }
    is_well(&host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_events_stays_open_and_ends_with_its_client() {
    // Shorter than it stays open: what is asked is no idle connection.
    let (_deployment, host) = host("header-timeout = \"1 s\"\nkeep-alive = \"200 ms\"").await;
    let session = Session::try_open(&mcp::http2(), host.url(), Opening::default()).await;
    let session = session.unwrap();
    let heard = session.listen().await;
    let listener = client(&host).listen().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let answer = session.request("tools/list", json!({})).await;
    assert!(answer["result"]["tools"].is_array(), "{answer}");
    drop((heard, listener));
    is_well(&host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authority_is_checked_as_the_host_is() {
    let (_deployment, host) = host("").await;
    let mut raw = Raw::begin(&host, &[]).await;
    let own = raw.authority.clone();
    for (stream, authority, served) in [(1, own.as_str(), true), (3, "evil.example", false)] {
        let request = raw.get(stream, "/api/tools", authority);
        assert!(raw.write(&request).await);
        let status = loop {
            match raw.next().await.unwrap() {
                (HEADERS, of, block) if of == stream => break block[0],
                (GOAWAY, _, payload) => panic!("{payload:?}"),
                _ => {}
            }
        };
        assert_eq!(status == OK, served, "{authority}: {status:#x}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_count_as_connections() {
    let (_deployment, host) = host("max-connections = 16").await;
    let client = client(&host);
    let mut calls = JoinSet::new();
    for _ in 0..40 {
        let client = client.clone();
        calls.spawn(async move {
            let response = sleeps(&client, 1000).await;
            (response.status().as_u16(), response.text().await.unwrap())
        });
    }
    let answers = calls.join_all().await;
    let awake = answers.iter().filter(|(status, _)| *status == 200).count();
    let busy = answers
        .iter()
        .filter(|(status, text)| *status == 503 && text.contains("max-connections"));
    assert_eq!(awake + busy.count(), 40, "{answers:?}");
    // One place is the connection's own, one that of the next. Of the others, some may have been taken twice.
    assert!((14..40).contains(&awake), "{awake}");
    drop(client);
    is_well(&host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_begins_requests_to_reset_them_is_cut_off() {
    let (_deployment, host) = host("header-timeout = \"1h\"\nkeep-alive = \"10min\"").await;
    let mut raw = Raw::begin(&host, &[]).await;
    let authority = raw.authority.clone();
    let mut frames = Vec::new();
    for number in 0..20_000 {
        let stream = 2 * number + 1;
        frames.extend(raw.get(stream, "/health", &authority));
        // CANCEL
        frames.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    // It may be cut off while it still sends.
    raw.write(&frames).await;
    let said = raw.rest().await;
    // ENHANCE_YOUR_CALM, where it can still be told.
    let told = said.iter().find(|(kind, ..)| *kind == GOAWAY);
    if let Some((_, _, payload)) = told {
        assert_eq!(payload[4..8], 11_u32.to_be_bytes());
    }
    is_well(&host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_ends_a_connection_whatever_was_said_before() {
    let (_deployment, host) = host("header-timeout = \"1 s\"\nkeep-alive = \"100 ms\"").await;
    let address = host.url().replace("http://", "").replace("/mcp", "");
    for begun in [&b""[..], &PREFACE[..10], b"GET / HT", PREFACE] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(begun).await.unwrap();
        let mut said = Vec::new();
        let over = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await;
        assert!(over.is_ok(), "{:?}", String::from_utf8_lossy(begun));
        // One that says that nothing more comes is not looked at over and over.
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(begun).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut said = Vec::new();
        let over = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await;
        assert!(over.is_ok(), "{:?}", String::from_utf8_lossy(begun));
    }
    // One that asks now and then is idle in between; one that answers pings is there, and idle all the same.
    let mut raw = Raw::begin(&host, &[]).await;
    let request = raw.get(1, "/health", &raw.authority.clone());
    assert!(raw.write(&request).await);
    let said = raw.rest().await;
    assert!(said.iter().any(|(kind, ..)| *kind == DATA), "{said:?}");
    assert!(said.iter().any(|(kind, ..)| *kind == GOAWAY), "{said:?}");
    // A head that never ends: the first part of one, and nothing after it.
    let mut raw = Raw::begin(&host, &[]).await;
    assert!(raw.write(&frame(HEADERS, 0x1, 1, &[0x82])).await);
    raw.rest().await;
    // One that takes nothing of its answer, and says so: its window is shut.
    let shut = [0, 4, 0, 0, 0, 0];
    let mut raw = Raw::begin(&host, &shut).await;
    let request = raw.get(1, "/api/tools", &raw.authority.clone());
    assert!(raw.write(&request).await);
    let said = raw.rest().await;
    assert!(said.iter().all(|(kind, ..)| *kind != DATA), "{said:?}");
    is_well(&host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stops_finishes_what_was_asked() {
    let (_deployment, host) = host("").await;
    let client = client(&host);
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { sleeps(&client, 2000).await.text().await })
        })
        .collect();
    let idle = Raw::begin(&host, &[]).await;
    eventually("they are under way", async || {
        let url = host.url().replace("/mcp", "/metrics");
        let text = mcp::http().get(url).send().await.unwrap().text().await;
        text.unwrap().contains("\ntoolward_instances 4\n")
    })
    .await;
    let log = host.terminate().await;
    assert!(!log.contains("are cut off"), "{log}");
    for call in calls {
        let answer = call.await.unwrap().unwrap();
        assert!(answer.contains("awake"), "{answer}");
    }
    drop(idle);
}
