//! A plugin that changes its lists, or takes its time over it, beside one that does not.

use e2e::mcp;
use serde_json::json;

use crate::support::{Cx, list};

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_list_cannot_push_a_neighbour_out() {
    let cx = Cx::start("").await;
    let client = cx.client();
    cx.control.answer("/list", r#"["erratic://mine"]"#);
    let mut listener = cx.listener(json!({ "resourcesListChanged": true })).await;
    cx.announce(&["resources"], 1).await;
    listener.message().await.unwrap();
    // The neighbour comes later by name, and had it first.
    cx.control
        .answer("/list", r#"["erratic://mine","neighbour://thing"]"#);
    cx.announce(&["resources"], 1).await;
    listener.message().await.unwrap();
    let read = client
        .request("resources/read", json!({ "uri": "neighbour://thing" }))
        .await
        .unwrap();
    assert_eq!(read["contents"][0]["text"], "This is the neighbour's.");
    let listed = client.request("resources/list", json!({})).await.unwrap();
    let uris: Vec<_> = listed["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["uri"].as_str().unwrap())
        .collect();
    assert_eq!(uris, ["erratic://mine", "neighbour://thing"]);
    let called = client.call("neighbour_announce", json!({})).await.unwrap();
    assert_ne!(called["isError"], true, "{called}");
    let called = client
        .call("erratic_sleep", json!({ "milliseconds": 1 }))
        .await;
    assert_eq!(mcp::text(&called.unwrap()), "slept well");
    let log = cx.host.stop().await;
    assert!(
        log.contains("collides with what is on offer and is not taken"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_takes_its_time_holds_up_no_neighbours_changes() {
    let cx = Cx::start("").await;
    let mut listener = cx
        .listener(json!({ "toolsListChanged": true, "promptsListChanged": true }))
        .await;
    cx.control.hold("/list");
    let before = cx.control.requests("/list").len();
    cx.announce(&["prompts"], 1).await;
    cx.control.asked("/list", before + 1).await;
    // It lists, and lists, and meanwhile says more than there is room for.
    let flood: Vec<String> = (0..400)
        .map(|number| format!("erratic://{number}"))
        .collect();
    let flood: Vec<&str> = flood.iter().map(String::as_str).collect();
    cx.announce(&flood, 3).await;
    for _ in 0..5 {
        let client = cx.client();
        client.call("neighbour_announce", json!({})).await.unwrap();
        let told = listener.message().await.unwrap();
        assert_eq!(told["method"], list("tools"));
    }
    assert_eq!(
        cx.control.requests("/list").len(),
        before + 1,
        "one turn at a time"
    );
    cx.control.release("/list");
    let told = listener.message().await.unwrap();
    assert_eq!(told["method"], list("prompts"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_takes_its_time_holds_up_nobody_elses_resources() {
    let cx = Cx::start("").await;
    cx.control.hold("/look");
    let (stalling, well) = ("erratic://a", "neighbour://thing");
    cx.control.answer("/look", r#"{"erratic://a":"1"}"#);
    let mut listener = cx
        .listener(json!({ "resourceSubscriptions": [stalling, well] }))
        .await;
    cx.control.asked("/look", 1).await;
    for version in ["2", "3", "4"] {
        // At least one look at the version before, so that the next one is seen as a change.
        let looks = cx.control.requests("/neighbour").len();
        cx.control.asked("/neighbour", looks + 2).await;
        cx.control.answer("/neighbour", version);
        let told = listener.message().await.unwrap();
        assert_eq!(told["params"]["uri"], well, "{told}");
    }
    assert_eq!(cx.control.requests("/look").len(), 1, "one turn at a time");
    cx.control.release("/look");
    cx.control.asked("/look", 3).await;
    cx.control.answer("/look", r#"{"erratic://a":"2"}"#);
    let told = listener.message().await.unwrap();
    assert_eq!(told["params"]["uri"], stalling, "{told}");
}
