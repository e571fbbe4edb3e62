//! Clients that go away: nobody works for them any longer.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::Cx;

/// Far below the wall-time limit, which would end the call too.
const SOON: Duration = Duration::from_secs(20);

async fn send(cx: &Cx, tool: &str, body: &str) -> TcpStream {
    let address = cx.root().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "POST /api/tools/{tool} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Asks until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < SOON, "{what}");
    }
}

async fn instances(cx: &Cx) -> usize {
    let metrics = cx.text("/metrics").await;
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("toolward_instances "));
    line.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_ends_when_its_client_goes() {
    let limits = "grant = [\"http\"]\n[plugins.hostile.limits]\nwall-time = \"10 min\"\ncpu-time = \"10 min\"";
    let cx = Cx::with(&[("hostile", limits)]).await;
    for (tool, body) in [
        ("hostile_sleep", r#"{"milliseconds":600000}"#),
        ("hostile_loop", "{}"),
    ] {
        let stream = send(&cx, tool, body).await;
        until("the call begins", async || instances(&cx).await == 1).await;
        drop(stream);
        until("the call ends", async || instances(&cx).await == 0).await;
    }
    let metrics = cx.text("/metrics").await;
    let cancelled =
        r#"toolward_tool_calls_total{plugin="hostile",tool="hostile_sleep",outcome="cancelled"} 1"#;
    assert!(metrics.contains(cancelled), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_nobody_has_heard_of_is_stopped() {
    let cx = Cx::with(&[("jobs", "")]).await;
    let body = json!({ "steps": 100_000, "wait_ms": 50 }).to_string();
    let stream = send(&cx, "count", &body).await;
    let status = async || {
        let jobs = cx.json("/api/jobs").await;
        jobs["jobs"][0]["status"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    until("the job begins", async || status().await == "running").await;
    drop(stream);
    until("the job ends", async || status().await == "cancelled").await;
}
