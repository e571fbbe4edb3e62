//! Requests to backends: more than anybody needs, and answers that the plugin does not live to see the end of.

use e2e::control::{Control, eventually};
use e2e::mcp;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::support::{Attacked, Recorded, plugin};

/// The attacker with a backend at this address, and the binding's limits.
fn tables(port: u16, limits: &str) -> String {
    let binding = format!(
        r#"
[bindings.vbr01]
kind = "vbr"
url = "http://127.0.0.1:{port}"
allow = ["GET /**"]
{limits}
"#
    );
    let more = r#"
grant = ["http"]
backends = { vbr = "vbr01" }
limits = { wall-time = "5 s", cpu-time = "2 s" }
"#;
    binding + &plugin("hostile", more)
}

/// What came of a flood: outcome → how often.
async fn flood(attacked: &Attacked, authority: &str, amount: usize, at_once: bool) -> Value {
    let request = json!({ "authority": authority, "path": "/jobs" });
    let arguments = json!({ "request": request, "amount": amount, "at_once": at_once });
    let answer = attacked.client.call("hostile_flood", arguments).await;
    let mut answer = answer.unwrap();
    assert_ne!(answer["isError"], true, "{answer}");
    answer["structuredContent"].take()
}

/// How many of the outcomes have these words.
fn count(outcomes: &Value, words: &str) -> u64 {
    let all = outcomes.as_object().unwrap().iter();
    all.filter(|(outcome, _)| outcome.contains(words))
        .map(|(_, times)| times.as_u64().unwrap())
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_once_are_bounded_by_call_and_by_binding() {
    let control = Control::start().await;
    let limits = "timeout = \"500 ms\"\nconcurrency = 4\nretries = 0\ncircuit-pause = \"100 ms\"";
    let mut attacked = Attacked::start(&tables(control.port(), limits)).await;
    control.hold("/jobs");
    let outcomes = flood(&attacked, "vbr", 200, true).await;
    let of_call = count(&outcomes, "has 32 requests under way in this call");
    let busy = count(
        &outcomes,
        "its limit of 4 requests at once\nhint: raise bindings.vbr01.concurrency",
    );
    let late = count(&outcomes, "did not answer within 0.5 s");
    assert_eq!((of_call, busy + late), (168, 32), "{outcomes:#}");
    assert!(busy > 0 && late > 0, "{outcomes:#}");
    let sent = control.requests("/jobs").len();
    assert!((1..=32).contains(&sent), "{sent} requests arrived");
    control.release("/jobs");
    attacked
        .is_unharmed("a flood at once", Recorded::Outcome("success"))
        .await;
    // The places of the binding are free again, and the backend is tried again.
    eventually("the backend answers", async || {
        let again = flood(&attacked, "vbr", 4, true).await;
        count(&again, "200") == 4
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_a_row_are_bounded_by_the_rate_of_the_binding() {
    let control = Control::start().await;
    let limits = "requests-per-second = 50\nretries = 0";
    let mut attacked = Attacked::start(&tables(control.port(), limits)).await;
    let request = json!({ "authority": "vbr", "path": "/jobs" });
    let arguments = json!({ "request": request, "amount": 1_000_000 });
    let text = attacked.attack("hostile_flood", arguments).await;
    assert!(text.contains("wall-time limit of 5s"), "{text}");
    let sent = control.requests("/jobs").len();
    // Those of five seconds and the first lot; the margin is for a clock that others slow down.
    assert!((50..=500).contains(&sent), "{sent} requests arrived");
    attacked
        .is_unharmed("a flood in a row", Recorded::Outcome("wall_time"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_denied_requests_fills_no_log() {
    let mut attacked = Attacked::start(&tables(9, "")).await;
    let outcomes = flood(&attacked, "169.254.169.254", 2000, false).await;
    assert_eq!(count(&outcomes, "denied: "), 2000, "{outcomes:#}");
    let recorded = Recorded::Denied("169.254.169.254");
    attacked.is_unharmed("denied requests", recorded).await;
    eventually("the call is on record", async || {
        let calls = attacked.events("call");
        calls.iter().any(|call| call["denials"] == 2000)
    })
    .await;
    let lines = attacked.events("denial").len();
    assert!((1..=32).contains(&lines), "{lines} lines");
    let log = attacked.host.stop().await;
    assert!(log.len() < 64 * 1024, "{} bytes of log", log.len());
}

/// A backend that begins its answers and never ends those for `/half`. Tells when a connection of such a one was closed.
async fn backend() -> (u16, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, closed) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                if answer(stream).await.is_none() {
                    // The test is over.
                    let _ = tell.send(());
                }
            });
        }
    });
    (port, closed)
}

/// `None`: the host did not wait for the end.
async fn answer(mut stream: TcpStream) -> Option<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            // Between requests it may go.
            head.push(
                stream
                    .read_u8()
                    .await
                    .ok()
                    .or((!head.is_empty()).then_some(0))?,
            );
        }
        let is_half = head.starts_with(b"GET /half");
        let length = if is_half { 1_000_000 } else { 2 };
        let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{{}}");
        stream.write_all(text.as_bytes()).await.ok()?;
        if is_half {
            stream.write_all(&[b'x'; 10_000]).await.ok()?;
            // Until the other side closes.
            stream.read_u8().await.ok()?;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_reads_to_its_end_is_given_up() {
    let (port, mut closed) = backend().await;
    // One place: whoever keeps it keeps everybody out.
    let mut attacked = Attacked::start(&tables(port, "concurrency = 1\nretries = 0")).await;
    let half = json!({ "authority": "vbr", "path": "/half", "trap_while_reading": true });
    for round in 0..5 {
        let text = attacked.attack("hostile_request", half.clone()).await;
        assert!(text.contains("a defect of the plugin"), "{round}: {text}");
        let gone = tokio::time::timeout(e2e::PATIENCE, closed.recv()).await;
        gone.expect("the connection is closed").unwrap();
        attacked
            .is_unharmed("a trap in an answer", Recorded::Outcome("trap"))
            .await;
        let whole = json!({ "authority": "vbr", "path": "/whole" });
        let answer = attacked.client.call("hostile_request", whole).await;
        let answer = answer.unwrap();
        assert_eq!(answer["structuredContent"]["status"], 200, "{answer}");
        assert_eq!(answer["structuredContent"]["body"], "{}", "{answer}");
    }
    // The same where it is not the plugin that ends it.
    let waits = json!({ "authority": "vbr", "path": "/half" });
    let text = attacked.attack("hostile_request", waits).await;
    assert!(text.contains("wall-time limit of 5s"), "{text}");
    let gone = tokio::time::timeout(e2e::PATIENCE, closed.recv()).await;
    gone.expect("the connection is closed").unwrap();
    attacked
        .is_unharmed("an answer without end", Recorded::Outcome("wall_time"))
        .await;
    let whole = json!({ "authority": "vbr", "path": "/whole" });
    let answer = attacked.client.call("hostile_request", whole).await;
    assert!(mcp::text(&answer.unwrap()).contains("200"));
}
