//! Calls, jobs and watches that are under way while their plugin is replaced.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::time::Duration;

use e2e::{Host, mcp};
use serde_json::{Value, json};

use crate::support::{ECHO, Served, shop};

/// Calls `wait`, and returns once the plugin waits.
async fn wait(served: &Served, seconds: u64) -> tokio::task::JoinHandle<Value> {
    let client = served.client.clone();
    let call = tokio::spawn(async move {
        client
            .call("wait", json!({ "seconds": seconds }))
            .await
            .unwrap()
    });
    let free = "an instance is at work";
    let all = 64;
    served
        .operator
        .until(free, |status| status["free_instances"] != all)
        .await;
    call
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_flight_ends_in_the_version_that_it_began_in() {
    let served = Served::start(&shop("dialogue", "1.0.0"), "").await;
    let next = shop("echo", "2.0.0");
    let waiting = wait(&served, 10).await;
    served.put(&next);
    served.operator.until_serving("shop", "2.0.0").await;
    assert!(
        !waiting.is_finished(),
        "the new version came while it waited"
    );
    assert_eq!(served.client.tools().await, ECHO);
    let status = served.operator.status().await;
    assert_eq!(status["draining"], 1, "{status}");
    assert_eq!(mcp::text(&waiting.await.unwrap()), "waited to the end");
    given_back(&served).await;
}

/// Waits until nothing is left of older versions and what they used.
async fn given_back(served: &Served) {
    let drained = served.operator.until("given back", |status| {
        status["draining"] == 0 && status["free_instances"] == 64
    });
    drained.await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_does_not_end_is_stopped_and_told_why() {
    let component = shop("dialogue", "1.0.0");
    let served = Served::start(&component, "drain-time = \"200 ms\"").await;
    let waiting = wait(&served, 600).await;
    served.put(&shop("echo", "2.0.0"));
    served.operator.until_serving("shop", "2.0.0").await;
    let stopped = waiting.await.unwrap();
    assert_eq!(stopped["isError"], true, "{stopped}");
    let text = mcp::text(&stopped);
    assert!(text.contains("drain-time of 200ms"), "{text}");
    given_back(&served).await;
}

async fn job(host: &Host, id: &str) -> Value {
    let url = host.url().replace("/mcp", &format!("/api/jobs/{id}"));
    let response = mcp::http().get(url).send().await.unwrap();
    response.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_brings_jobs_later_can_run_them_and_they_go_on_in_the_next_version() {
    let served = Served::start(&shop("echo", "1.0.0"), "").await;
    served.put(&shop("jobs", "2.0.0"));
    served.operator.until_serving("shop", "2.0.0").await;
    let tools = served.client.tools().await;
    assert!(tools.contains(&"job_status".to_owned()), "{tools:?}");
    let client = served.client.clone().with_capabilities(json!({
        "extensions": { "io.modelcontextprotocol/tasks": {} },
    }));
    let task = client
        .call("count", json!({ "steps": 5, "wait_ms": 400 }))
        .await;
    let task = task.unwrap();
    let id = task["taskId"].as_str().unwrap();
    served.put(&shop("jobs", "3.0.0"));
    served.operator.until_serving("shop", "3.0.0").await;
    let mut seen = job(&served.host, id).await;
    while !["completed", "failed"].contains(&seen["status"].as_str().unwrap()) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        seen = job(&served.host, id).await;
    }
    assert_eq!(seen["status"], "completed", "{seen}");
    let result = client
        .request("tasks/get", json!({ "taskId": id }))
        .await
        .unwrap();
    assert_eq!(
        result["result"]["structuredContent"]["counted"], 5,
        "{result}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_goes_on_in_the_next_version() {
    let served = Served::start(&shop("conformance", "1.0.0"), "").await;
    let session = e2e::Session::open(served.host.url()).await;
    let mut listener = session.listener().await;
    let uri = json!({ "uri": "test://watched-resource" });
    let subscribed = session.request("resources/subscribe", uri).await;
    assert!(subscribed["error"].is_null(), "{subscribed}");
    listener.wait_for("notifications/resources/updated").await;
    served.put(&shop("conformance", "2.0.0"));
    served.operator.until_serving("shop", "2.0.0").await;
    // Nothing keeps the old version: not the one who listens, not the one who looks.
    let drained = served
        .operator
        .until("drained", |status| status["draining"] == 0);
    drained.await;
    listener.so_far();
    listener.wait_for("notifications/resources/updated").await;
}
