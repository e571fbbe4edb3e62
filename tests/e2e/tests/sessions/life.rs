//! How sessions begin and end.

use std::time::Duration;

use e2e::control::eventually;
use e2e::mcp;
use e2e::session::{Opening, Session};
use e2e::sse::Events;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Cx, header};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_an_unguessable_id_and_ends_when_the_client_says_so() {
    let cx = Cx::start("", "").await;
    let (one, two) = (
        Session::open(cx.host.url()).await,
        Session::open(cx.host.url()).await,
    );
    for session in [&one, &two] {
        assert_eq!(session.id.len(), 32, "{}", session.id);
        assert!(session.id.chars().all(|c| c.is_ascii_hexdigit()));
    }
    assert_ne!(one.id, two.id);
    let mut listening = one.listen().await;
    assert!(listening.next().await.unwrap().id.is_some());
    cx.control.hold("/slow");
    let (_, mut call) = one
        .start_call("erratic_get", json!({ "path": "/slow" }))
        .await;
    cx.control.asked("/slow", 1).await;

    // What takes 200 or 204 for success, and nothing else, is a client in Python.
    assert_eq!(one.end().await, 204);
    // Its streams end, and so does the work for it: nobody could have the answer.
    assert_eq!(listening.next().await, None);
    while call.next().await.is_some() {}
    cx.control.hung_up("/slow").await;
    assert_eq!(one.end().await, 404);
    assert!(!one.is_open().await);
    assert!(two.is_open().await, "the other one is another one");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_session_ends_and_one_in_use_does_not() {
    let cx = Cx::start("", "[server.sessions]\nidle-timeout = \"2 s\"").await;
    let (idle, listening, working) = (
        Session::open(cx.host.url()).await,
        Session::open(cx.host.url()).await,
        Session::open(cx.host.url()).await,
    );
    let events = listening.listen().await;
    cx.control.hold("/slow");
    let (_, call) = working
        .start_call("erratic_get", json!({ "path": "/slow" }))
        .await;
    cx.control.asked("/slow", 1).await;
    // Looking does not count as use.
    eventually("the idle one ends", async || cx.sessions().await.len() == 2).await;
    assert!(!idle.is_open().await);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(cx.sessions().await.len(), 2, "{:?}", cx.sessions().await);
    drop(events);
    cx.control.release("/slow");
    assert!(!call.rest().await.is_empty());
    eventually("the others end", async || cx.sessions().await.is_empty()).await;
    assert!(!listening.is_open().await && !working.is_open().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_is_kept_alive() {
    let cx = Cx::start("keep-alive = \"50 ms\"", "").await;
    let session = Session::open(cx.host.url()).await;
    let mut events = session.listen().await;
    while events.comments < 3 {
        events.come(Duration::from_millis(100)).await;
    }
    cx.control.hold("/slow");
    let (_, mut call) = session
        .start_call("erratic_get", json!({ "path": "/slow" }))
        .await;
    while call.comments < 3 {
        call.come(Duration::from_millis(100)).await;
    }
    cx.control.release("/slow");
    assert!(call.message().await.unwrap()["result"].is_object());
}

/// What is no use of a session: the request, the status it gets, and a part of the answer.
fn refusals(cx: &Cx, session: &Session) -> Vec<(&'static str, RequestBuilder, u16, &'static str)> {
    let http = mcp::http();
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "e2e", "version": "0" },
    } });
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    let bare = |method: Method| {
        let request = http.request(method, cx.host.url());
        request.header("accept", "application/json, text/event-stream")
    };
    let of_session = |method: Method| session.request_of(method);
    vec![
        (
            "no session",
            bare(Method::POST).json(&list),
            400,
            "send initialize first",
        ),
        (
            "no session",
            bare(Method::GET),
            400,
            "send initialize first",
        ),
        (
            "no session",
            bare(Method::DELETE),
            400,
            "send initialize first",
        ),
        (
            "a guessed id",
            bare(Method::POST)
                .header("mcp-session-id", "0123456789abcdef0123456789abcdef")
                .json(&list),
            404,
            "no such session",
        ),
        (
            "a session in a session",
            of_session(Method::POST).json(&initialize),
            400,
            "opened already",
        ),
        (
            "one revision in the header, another in the body",
            bare(Method::POST)
                .header("mcp-protocol-version", "2025-06-18")
                .json(&initialize),
            400,
            "revision in the header",
        ),
        (
            "another method in the header",
            bare(Method::POST)
                .header("mcp-method", "tools/list")
                .json(&initialize),
            400,
            "-32020",
        ),
        (
            "a revision that never was",
            bare(Method::POST)
                .header("mcp-session-id", &session.id)
                .header("mcp-protocol-version", "1999-01-01")
                .json(&list),
            400,
            "not supported",
        ),
        (
            "a client that takes no events",
            http.post(cx.host.url())
                .header("accept", "application/json")
                .json(&initialize),
            406,
            "text/event-stream",
        ),
        (
            "a client that takes no events",
            http.get(cx.host.url())
                .header("mcp-session-id", &session.id)
                .header("accept", "application/json"),
            406,
            "text/event-stream",
        ),
        (
            "no message",
            of_session(Method::POST).json(&json!({ "jsonrpc": "2.0" })),
            400,
            "no message",
        ),
        (
            "initialize without what it needs",
            bare(Method::POST).json(&json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize" })),
            400,
            "no message",
        ),
        ("another method of HTTP", of_session(Method::PUT), 405, ""),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_use_of_a_session_is_refused_with_a_reason() {
    let cx = Cx::start("", "").await;
    let session = Session::open(cx.host.url()).await;
    let mut wrong = Vec::new();
    for (what, request, status, body) in refusals(&cx, &session) {
        let response = request.send().await.unwrap();
        let got = response.status().as_u16();
        if got == 405 {
            assert_eq!(header(&response, "allow"), "GET, POST, DELETE");
        }
        let text = response.text().await.unwrap();
        if got != status || !text.contains(body) {
            wrong.push(format!("{what}: {got} {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // None of that opened or ended a session.
    assert_eq!(cx.sessions().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_id_has_one_answer() {
    let cx = Cx::start("", "").await;
    let session = Session::open(cx.host.url()).await;
    cx.control.hold("/slow");
    let call = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {
        "name": "erratic_get", "arguments": { "path": "/slow" },
    } });
    let first = session.send(&call).await;
    let second = session.send(&call).await;
    assert_eq!(second.status(), 400);
    let text = second.text().await.unwrap();
    assert!(text.contains("with this id is under way"), "{text}");
    cx.control.release("/slow");
    let answered = first.text().await.unwrap();
    assert!(answered.contains("\"id\":7"), "{answered}");
    assert_eq!(session.send(&call).await.status(), 200, "it is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_revision_of_the_old_era_is_spoken_in_its_own_way() {
    let cx = Cx::start("", "").await;
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let opening = Opening {
            version,
            ..Opening::default()
        };
        let session = Session::open_as(cx.host.url(), opening).await;
        let tools = session.request("tools/list", json!({})).await;
        assert_eq!(tools["result"]["tools"].as_array().unwrap().len(), 5);
        assert_eq!(tools["result"]["resultType"], Value::Null, "{tools}");
        let (_, mut call) = session
            .start_call("erratic_sleep", json!({ "milliseconds": 1 }))
            .await;
        let first = call.next().await.unwrap();
        // Older clients take an event without content for a message, and fail.
        let expected = (version == "2025-11-25").then_some(3000);
        assert_eq!(first.retry, expected, "{version}: {first:?}");
        assert_eq!(first.message.is_none(), expected.is_some(), "{first:?}");
        assert_eq!(session.end().await, 204);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stops_lets_calls_finish_and_listeners_go() {
    let cx = Cx::start("", "").await;
    let session = Session::open(cx.host.url()).await;
    let listening = session.listen().await;
    let modern = mcp::Client::new(cx.host.url());
    let filter = json!({ "notifications": { "toolsListChanged": true } });
    let listener = Events::of(modern.send("subscriptions/listen", filter).await);
    cx.control.hold("/slow");
    let slow = json!({ "path": "/slow" });
    let (id, old) = session.start_call("erratic_get", slow.clone()).await;
    let new = tokio::spawn(async move { modern.call("erratic_get", slow).await });
    cx.control.asked("/slow", 2).await;
    let stopping = tokio::spawn(cx.host.terminate());
    listening.rest().await;
    listener.rest().await;
    assert!(!stopping.is_finished(), "two calls are under way");
    cx.control.release("/slow");
    assert_eq!(old.rest().await.last().unwrap()["id"], id);
    let answer = new.await.unwrap().unwrap();
    assert_eq!(mcp::text(&answer), "{}");
    let log = stopping.await.unwrap();
    assert!(!log.contains("cut off"), "{log}");
}
