//! Clients that open streams and do not read them.

use e2e::control::eventually;
use e2e::session::Session;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::Cx;

/// A request whose answer nobody reads, as long as the connection is held.
async fn unread(cx: &Cx, session: &Session, body: &str) -> TcpStream {
    let address = cx.host.url().strip_prefix("http://").unwrap();
    let address = address.strip_suffix("/mcp").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let method = if body.is_empty() { "GET" } else { "POST" };
    let head = format!(
        "{method} /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\nMcp-Session-Id: {}\r\nContent-Length: {}\r\n\r\n{body}",
        session.id,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Megabytes of memory that the process holds.
fn resident(cx: &Cx) -> u64 {
    let path = format!("/proc/{}/status", cx.host.process_id());
    let status = std::fs::read_to_string(path).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let number = line.unwrap().split_whitespace().nth(1).unwrap();
    number.parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_holds_nobody_up_and_costs_little() {
    let bounds = "[server.sessions]\nmax-events = 50\nmax-events-size = \"64 KiB\"";
    let cx = Cx::start("keep-alive = \"100 ms\"", bounds).await;
    let (slow, other) = (
        Session::open(cx.host.url()).await,
        Session::open(cx.host.url()).await,
    );
    let mut heard = other.listen().await;
    let mut standalone = unread(&cx, &slow, "").await;
    // Forty megabytes of lines, more than any buffer between here and there.
    let tale = json!({ "steps": 10_000, "size": 4000, "pause": 0 });
    let params =
        json!({ "name": "erratic_tell", "arguments": tale, "_meta": { "progressToken": 1 } });
    let call = json!({ "jsonrpc": "2.0", "id": "long", "method": "tools/call", "params": params });
    let before = resident(&cx);
    let unread = unread(&cx, &slow, &call.to_string()).await;
    eventually("the call ends although nobody reads", async || {
        let sessions = cx.sessions().await;
        assert!(
            sessions
                .iter()
                .all(|one| one["events"].as_u64() <= Some(51))
        );
        sessions.iter().any(|one| one["events"].as_u64() > Some(10))
            && sessions.iter().all(|one| one["requests_under_way"] == 0)
    })
    .await;
    let after = resident(&cx);
    assert!(
        after < before + 40,
        "{before} MiB before, {after} MiB after"
    );
    // Whoever reads is told of every change, and whoever does not of each once.
    for _ in 0..30 {
        let what = json!({ "what": ["tools"], "times": 1 });
        other.call("erratic_announce", what).await.unwrap();
        let told = heard.message().await.unwrap();
        assert_eq!(told["method"], "notifications/tools/list_changed");
    }
    assert!(slow.is_open().await);
    // Whoever takes nothing for some keep-alives is cut off, and is whoever reads too late.
    eventually("the unread answer's connection is closed", async || {
        let sessions = cx.sessions().await;
        sessions.iter().all(|one| one["readers"] == 1)
    })
    .await;
    drop(unread);
    let mut text = String::new();
    while !text.contains("list_changed") {
        let mut bytes = [0; 4096];
        let read = standalone.read(&mut bytes).await.unwrap();
        assert!(read > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
}
