//! How many sessions there may be, and how much they may hold.

use e2e::control::eventually;
use e2e::mcp;
use e2e::session::{Opening, Session};
use serde_json::{Value, json};

use crate::support::{Cx, header};

/// A token as `toolward token new` prints it, and the table for the configuration.
pub(crate) fn new_token(name: &str, more: &[&str]) -> (String, String) {
    let made = std::process::Command::new(e2e::binary())
        .args(["token", "new", name, "--json"])
        .args(more)
        .output()
        .unwrap();
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let text = |key: &str| made[key].as_str().unwrap().to_owned();
    (text("token"), text("toml"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_sessions_costs_whoever_floods_and_nobody_else() {
    let (flooder, flooders_table) = new_token("flooder", &[]);
    let (neighbour, neighbours_table) = new_token("neighbour", &[]);
    let (third, thirds_table) = new_token("third", &[]);
    let tables = format!(
        "[server.sessions]\nmax = 14\nmax-per-principal = 8\n{flooders_table}\n{neighbours_table}\n{thirds_table}"
    );
    let cx = Cx::start("", &tables).await;
    let http = mcp::http();
    let open = async |token: &str| {
        let opening = Opening {
            token: Some(token.to_owned()),
            ..Opening::default()
        };
        Session::try_open(&http, cx.host.url(), opening).await
    };
    let before = open(&neighbour).await.unwrap();
    let mut flood = Vec::new();
    let mut refused = 0;
    for _ in 0..100 {
        match open(&flooder).await {
            Ok(session) => flood.push(session),
            Err(response) => {
                refused += 1;
                assert_eq!(response.status(), 429);
                assert_eq!(header(&response, "retry-after"), "60");
                let text = response.text().await.unwrap();
                assert!(text.contains("8 sessions of this caller"), "{text}");
            }
        }
    }
    assert_eq!((flood.len(), refused), (8, 92));
    assert!(before.is_open().await && flood[0].is_open().await);
    let after: Vec<_> = vec![
        open(&neighbour).await.unwrap(),
        open(&third).await.unwrap(),
        open(&third).await.unwrap(),
        open(&third).await.unwrap(),
        open(&third).await.unwrap(),
    ];
    // Now the host is full, and it is nobody's fault in particular.
    for token in [&third, &neighbour] {
        let full = open(token).await.unwrap_err();
        assert_eq!(full.status(), 503);
        assert_eq!(header(&full, "retry-after"), "60");
    }
    assert_eq!(flood.pop().unwrap().end().await, 204);
    assert!(open(&neighbour).await.is_ok());
    for session in after.iter().chain(&flood).chain([&before]) {
        assert!(session.is_open().await);
    }
    let log = cx.host.stop().await;
    // Once, with the remedy, and not for each knock.
    let warnings: Vec<_> = log
        .lines()
        .filter(|line| line.contains("a session was refused"))
        .collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("hint: raise max-per-principal"),
        "{}",
        warnings[0]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_nobody_reads_are_bounded_in_number_and_size() {
    let bounds = "[server.sessions]\nmax-events = 20\nmax-events-size = \"16 KiB\"";
    let cx = Cx::start("", bounds).await;
    let session = Session::open(cx.host.url()).await;
    // Many small ones.
    let tale = json!({ "steps": 500, "size": 10, "pause": 1 });
    let (id, mut events) = session.start_call("erratic_tell", tale).await;
    let bookmark = events.next().await.unwrap().id.unwrap();
    drop(events);
    let over = async || {
        let session = &cx.sessions().await[0];
        assert!(session["events"].as_u64().unwrap() <= 20, "{session}");
        assert!(session["event_bytes"].as_u64().unwrap() <= 16 << 10);
        session["requests_under_way"] == 0
    };
    eventually("the call ends", over).await;
    let rest = session.resume(&bookmark).await.rest().await;
    assert!(rest.len() <= 20, "{} events", rest.len());
    // The answer is what is kept longest.
    assert_eq!(rest.last().unwrap()["id"], id);
    // One that is too large to be kept for a client that is not there …
    cx.control.answer("/large", &"x".repeat(20_000));
    cx.control.hold("/large");
    let large = json!({ "path": "/large" });
    let (_, mut events) = session.start_call("erratic_get", large.clone()).await;
    let bookmark = events.next().await.unwrap().id.unwrap();
    cx.control.asked("/large", 1).await;
    drop(events);
    eventually("the stream is lost", async || {
        cx.sessions().await[0]["readers"] == 0
    })
    .await;
    cx.control.release("/large");
    eventually("the call ends", over).await;
    assert_eq!(session.get(Some(&bookmark)).await.status(), 410);
    // … and is none for one that is.
    let answer = session.call("erratic_get", large).await.unwrap();
    assert_eq!(mcp::text(&answer).len(), 20_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_session_works_on_so_much_at_once() {
    let cx = Cx::start("", "").await;
    let session = Session::open(cx.host.url()).await;
    cx.control.hold("/slow");
    // Each client is gone at once, and in this era its call goes on.
    for _ in 0..256 {
        let started = session.start_call("erratic_get", json!({ "path": "/slow" }));
        drop(started.await);
    }
    let params = json!({ "name": "erratic_get", "arguments": { "path": "/slow" } });
    let more = json!({ "jsonrpc": "2.0", "id": "x", "method": "tools/call", "params": params });
    let refused = session.send(&more).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.text().await.unwrap().contains("256 requests"));
    let other = Session::open(cx.host.url()).await;
    assert!(other.is_open().await);
    cx.control.release("/slow");
    eventually("they end", async || session.is_open().await).await;
}
