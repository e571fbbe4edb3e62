//! Clients that lose a stream and come back.

use e2e::control::eventually;
use e2e::session::Session;
use serde_json::{Value, json};

use crate::support::Cx;

fn progress(messages: &[Value]) -> Vec<Value> {
    let told = messages
        .iter()
        .filter(|message| message["method"] == "notifications/progress");
    told.map(|message| message["params"]["progress"].clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_on_without_its_stream_and_nothing_of_it_is_lost_or_told_twice() {
    let cx = Cx::start("", "").await;
    let session = Session::open(cx.host.url()).await;
    let tale = json!({ "steps": 10, "size": 10, "pause": 30 });
    let (id, mut events) = session.start_call("erratic_tell", tale).await;
    let mut seen = Vec::new();
    let mut last = events.next().await.unwrap().id.unwrap();
    // Lost again and again, in the middle of it.
    loop {
        for _ in 0..3 {
            let Some(event) = events.next().await else {
                break;
            };
            if let Some(message) = event.message {
                seen.push(message);
                last = event.id.unwrap();
            }
        }
        if seen.last().is_some_and(|message| message["id"] == id) {
            break;
        }
        drop(events);
        events = session.resume(&last).await;
    }
    let steps: Vec<_> = (1..=10).map(|step| json!(f64::from(step))).collect();
    assert_eq!(progress(&seen), steps);
    let lines = seen
        .iter()
        .filter(|message| message["method"] == "notifications/message");
    assert_eq!(lines.count(), 10);
    let answer = seen.last().unwrap();
    assert_eq!(
        answer["result"]["content"][0]["text"], "told 10 steps",
        "{answer}"
    );
    // And once more all of it, although the call is long over.
    assert_eq!(
        session.resume(&last).await.rest().await,
        Vec::<Value>::new()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_waits_for_the_client() {
    let cx = Cx::start("", "").await;
    let session = Session::open(cx.host.url()).await;
    cx.control.hold("/slow");
    let (id, mut events) = session
        .start_call("erratic_get", json!({ "path": "/slow" }))
        .await;
    let bookmark = events.next().await.unwrap().id.unwrap();
    cx.control.asked("/slow", 1).await;
    drop(events);
    eventually("the host sees that the stream is lost", async || {
        cx.sessions().await[0]["readers"] == 0
    })
    .await;
    // In this era that stops nothing.
    assert!(!cx.control.was_hung_up_on("/slow"));
    cx.control.release("/slow");
    eventually("the call ends", async || {
        cx.sessions().await[0]["requests_under_way"] == 0
    })
    .await;
    for _ in 0..2 {
        let rest = session.resume(&bookmark).await.rest().await;
        assert_eq!(rest.len(), 1, "{rest:?}");
        assert_eq!(rest[0]["id"], id, "{rest:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_are_none_are_refused_and_lead_nowhere() {
    let cx = Cx::start("", "").await;
    let (mine, other) = (
        Session::open(cx.host.url()).await,
        Session::open(cx.host.url()).await,
    );
    let tale = json!({ "steps": 1, "size": 10, "pause": 0 });
    let (_, mut events) = other.start_call("erratic_tell", tale.clone()).await;
    let foreign = events.next().await.unwrap().id.unwrap();
    let (_, mut events) = mine.start_call("erratic_tell", tale).await;
    let own = events.next().await.unwrap().id.unwrap();
    let (tag, _) = own.split_once('-').unwrap();
    let rows = [
        foreign.as_str(),
        "",
        "0",
        "garbage",
        "../../etc/passwd",
        &format!("{tag}-0-99999"),
        &format!("{tag}-99999-99999"),
        &format!("{tag}-1--1"),
        &"9".repeat(10_000),
    ];
    for id in rows {
        let response = mine.get(Some(id)).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        assert_eq!(status, 400, "{id}: {text}");
        assert!(text.contains("no event of this session"), "{id}: {text}");
    }
    // Its own session takes it.
    assert_eq!(other.resume(&foreign).await.rest().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_kept_is_gone_and_missed_changes_are_made_up_for() {
    let cx = Cx::start("", "[server.sessions]\nmax-events = 4").await;
    let session = Session::open(cx.host.url()).await;
    let mut listening = session.listen().await;
    let too_old = listening.next().await.unwrap().id.unwrap();
    let what = json!({ "what": ["tools"], "times": 1 });
    session.call("erratic_announce", what).await.unwrap();
    assert!(listening.message().await.is_some());
    drop(listening);
    let tale = json!({ "steps": 1, "size": 10, "pause": 0 });
    let (_, mut events) = session.start_call("erratic_tell", tale.clone()).await;
    let gone = events.next().await.unwrap().id.unwrap();
    assert_eq!(events.rest().await.len(), 3);
    for _ in 0..4 {
        session
            .start_call("erratic_tell", tale.clone())
            .await
            .1
            .rest()
            .await;
    }
    let response = session.get(Some(&gone)).await;
    // Not 404, which would say that the session has ended.
    assert_eq!(response.status(), 410);
    let text = response.text().await.unwrap();
    assert!(text.contains("send the request again"), "{text}");
    let mut again = session.resume(&too_old).await;
    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(again.message().await.unwrap()["method"].clone());
    }
    assert_eq!(
        told,
        [
            "notifications/tools/list_changed",
            "notifications/prompts/list_changed",
            "notifications/resources/list_changed"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_request_asked_for_is_told_on_one_stream_and_waits_for_one() {
    let cx = Cx::start("", "").await;
    let session = Session::open(cx.host.url()).await;
    let announce = async |what: &str| {
        let what = json!({ "what": [what], "times": 1 });
        session.call("erratic_announce", what).await.unwrap();
    };
    let name = |list: &str| format!("notifications/{list}/list_changed");
    // Said while nobody listened: told to the first who does.
    announce("tools").await;
    let mut one = session.listen().await;
    assert_eq!(one.message().await.unwrap()["method"], name("tools"));
    // The newest stream is served, and only that one.
    let mut two = session.listen().await;
    let bookmark = two.next().await.unwrap().id.unwrap();
    announce("prompts").await;
    assert_eq!(two.message().await.unwrap()["method"], name("prompts"));
    // When it is lost, the other one goes on.
    drop(two);
    eventually("it is lost", async || {
        cx.sessions().await[0]["readers"] == 1
    })
    .await;
    announce("resources").await;
    assert_eq!(one.message().await.unwrap()["method"], name("resources"));
    drop(one);
    // Whoever comes back with an id gets again what came after it.
    let mut again = session.resume(&bookmark).await;
    for list in ["prompts", "resources"] {
        assert_eq!(again.message().await.unwrap()["method"], name(list));
    }
}
