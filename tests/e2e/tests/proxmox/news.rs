//! What subscribers of a guest and of a task hear, in both eras of the protocol.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

use std::time::Duration;

use e2e::Session;
use e2e::sse::Events;
use pve_simulator::Options;
use serde_json::{Value, json};

use crate::support::{Lab, with_tasks};

/// Guests are looked at every ten seconds.
const PATIENCE: Duration = Duration::from_mins(2);

/// Waits until these were told to have changed, each at least once.
async fn hear(events: &mut Events, uris: &[&str]) {
    let mut open = uris.to_vec();
    while !open.is_empty() {
        let message = tokio::time::timeout(PATIENCE, events.message()).await;
        let message = message.expect("it is told in time").unwrap();
        if message["method"] == "notifications/resources/updated" {
            open.retain(|known| message["params"]["uri"] != **known);
        }
    }
}

async fn read(lab: &Lab, uri: &str) -> Value {
    let read = lab
        .client()
        .request("resources/read", json!({ "uri": uri }))
        .await
        .unwrap();
    serde_json::from_str(read["contents"][0]["text"].as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_hear_of_a_guest_that_moves_and_of_its_task() {
    let lab = Lab::of(Options {
        task_time: Duration::from_secs(15),
        ..Options::default()
    })
    .await;
    let arguments = json!({ "guests": ["101"], "target": "pve3" });
    with_tasks(&lab.host)
        .call("pve_guest_migrate", arguments)
        .await
        .unwrap();
    let found = async || {
        let tasks = json!({ "guest": "101", "running": true });
        let tasks = lab.call("pve_tasks", tasks).await;
        tasks["tasks"][0]["upid"].as_str().map(str::to_owned)
    };
    let mut upid = found().await;
    while upid.is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        upid = found().await;
    }
    let task = format!("pve://pve/tasks/{}", upid.unwrap());
    let guest = "pve://pve/guests/101";
    assert_eq!(read(&lab, &task).await["running"], true);

    let both = [task.as_str(), guest];
    let params = json!({ "notifications": { "resourceSubscriptions": both } });
    let mut listener = Events::of(lab.client().send("subscriptions/listen", params).await);
    let session = Session::open(lab.host.url()).await;
    let mut of_session = session.listen().await;
    for uri in both {
        let answer = session
            .request("resources/subscribe", json!({ "uri": uri }))
            .await;
        assert!(answer["result"].is_object(), "{answer}");
    }
    hear(&mut listener, &both).await;
    hear(&mut of_session, &both).await;

    // It may have been told of a line of the log first.
    while read(&lab, &task).await["running"] == true {
        hear(&mut listener, &[&task]).await;
    }
    assert_eq!(read(&lab, &task).await["exit"], "OK");
    assert_eq!(read(&lab, guest).await["node"], "pve3");
}

#[tokio::test(flavor = "multi_thread")]
async fn blanks_of_resources_are_completed() {
    let lab = Lab::of(Options::default()).await;
    for (uri, blank, value, filled, expected) in [
        (
            "pve://{cluster}/guests/{id}",
            "cluster",
            "p",
            json!({}),
            "pve",
        ),
        (
            "pve://{cluster}/guests/{id}",
            "id",
            "20",
            json!({ "cluster": "pve" }),
            "200",
        ),
    ] {
        let params = json!({
            "ref": { "type": "ref/resource", "uri": uri },
            "argument": { "name": blank, "value": value },
            "context": { "arguments": filled },
        });
        let completed = lab.client().request("completion/complete", params).await;
        let values = completed.unwrap()["completion"]["values"].clone();
        assert_eq!(values[0], expected, "{uri} {blank}: {values}");
    }
}
