//! Changed lists.

use std::time::{Duration, Instant};

use e2e::stdio::{Pipes, new_era};
use serde_json::{Value, json};

use crate::support::{Cx, list, most, until};

/// A resource whose change is told after the lists', so that it ends what a test reads.
const LAST: &str = "erratic://last";

fn is_last(message: &Value) -> bool {
    message["params"]["uri"] == LAST
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_changes_is_gathered_and_told_to_all_in_both_eras() {
    let cx = Cx::start("").await;
    let (session, mut old) = cx.session().await;
    let subscribed = session
        .request("resources/subscribe", json!({ "uri": LAST }))
        .await;
    assert!(subscribed["result"].is_object(), "{subscribed}");
    let everything = json!({
        "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
        "resourceSubscriptions": [LAST],
    });
    let mut new = cx.listener(everything).await;
    let mut only_prompts = cx.listener(json!({ "promptsListChanged": true })).await;
    let begun = Instant::now();
    cx.announce(&["tools", "prompts", "resources"], 1000).await;
    let most = most(begun.elapsed());
    cx.announce(&[LAST], 1).await;
    for events in [&mut old, &mut new] {
        let told = until(events, is_last).await;
        for name in ["tools", "prompts", "resources"] {
            let times = told.iter().filter(|one| one["method"] == list(name));
            let times = times.count();
            assert!((1..=most).contains(&times), "{name}: {times} of {most}");
        }
    }
    // The new era says which subscription a message is of, and nothing that was not asked for.
    cx.announce(&["tools"], 1).await;
    cx.announce(&["prompts"], 1).await;
    until(&mut new, |message| message["method"] == list("prompts")).await;
    let told = only_prompts.come(Duration::from_millis(300)).await;
    assert!((2..=most + 1).contains(&told.len()), "{told:?}");
    for event in told {
        let message = event.message.unwrap();
        assert_eq!(message["method"], list("prompts"), "{message}");
        let id = &message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
        assert_eq!(*id, 1, "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_over_pipes_is_told_in_both_eras() {
    let cx = Cx::start("").await;
    let mut old = Pipes::open(&cx.deployment, json!({})).await;
    let arguments = json!({ "what": ["tools"], "times": 3 });
    let call = json!({ "name": "erratic_announce", "arguments": arguments });
    old.request("tools/call", call.clone()).await;
    assert_eq!(old.message().await["method"], list("tools"));
    old.end().await;

    let mut new = Pipes::start(&cx.deployment);
    let filter = json!({ "notifications": { "toolsListChanged": true } });
    let listening = new
        .start_request("subscriptions/listen", new_era(filter, &json!({})))
        .await;
    let first = new.message().await;
    assert_eq!(
        first["method"], "notifications/subscriptions/acknowledged",
        "{first}"
    );
    let calling = new
        .start_request("tools/call", new_era(call, &json!({})))
        .await;
    let (mut answered, mut told) = (false, 0);
    while !answered || told == 0 {
        let message = new.message().await;
        if message["id"] == calling {
            answered = true;
        } else {
            assert_eq!(message["method"], list("tools"), "{message}");
            let id = &message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
            assert_eq!(*id, listening, "{message}");
            told += 1;
        }
    }
    // It does not listen any more, and the connection is there for other things.
    let cancelled = json!({ "requestId": listening });
    new.notify("notifications/cancelled", cancelled).await;
    let listed = new
        .request("tools/list", new_era(json!({}), &json!({})))
        .await;
    assert!(listed["result"]["tools"].is_array(), "{listed}");
    new.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_listens_does_not_keep_the_host_when_the_input_ends() {
    let cx = Cx::start("").await;
    let mut pipes = Pipes::start(&cx.deployment);
    let filter = json!({ "notifications": { "toolsListChanged": true } });
    let listen = new_era(filter, &json!({}));
    pipes.start_request("subscriptions/listen", listen).await;
    pipes.message().await;
    let list = new_era(json!({}), &json!({}));
    pipes.request("tools/list", list).await;
    let begun = Instant::now();
    pipes.end().await;
    // What is under way has five seconds to finish; nothing is.
    assert!(begun.elapsed().as_secs() < 4, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_list_is_what_clients_then_find() {
    let cx = Cx::start("").await;
    let mut listener = cx.listener(json!({ "resourcesListChanged": true })).await;
    let client = cx.client();
    let uris = async || {
        let listed = client.request("resources/list", json!({})).await.unwrap();
        let listed = listed["resources"].as_array().unwrap().clone();
        let uris = listed
            .iter()
            .map(|one| one["uri"].as_str().unwrap().to_owned());
        uris.collect::<Vec<_>>()
    };
    assert_eq!(uris().await, ["neighbour://thing"]);
    cx.control
        .answer("/list", r#"["erratic://b","erratic://a"]"#);
    assert_eq!(uris().await, ["neighbour://thing"], "nobody said so yet");
    cx.announce(&["resources"], 1).await;
    let told = listener.message().await.unwrap();
    assert_eq!(told["method"], list("resources"));
    // Changed before anybody is told of it.
    assert_eq!(
        uris().await,
        ["erratic://a", "erratic://b", "neighbour://thing"]
    );
}
