//! Who subscribes to a job or to a log is told when it changes.

use std::time::Duration;

use e2e::mcp;
use serde_json::json;
use vbr_simulator::Simulator;

use crate::{Setting, Site, options, well};

#[tokio::test(flavor = "multi_thread")]
async fn a_running_jobs_changes_are_told_to_who_listens() {
    let simulator = Simulator::start(options(16)).await.unwrap();
    let setting = Setting {
        binding: "confirm = \"model\"".to_owned(),
        ..Setting::default()
    };
    let site = Site::start(&[&simulator], &setting).await;
    let id = simulator.jobs()[0].0.to_string();
    let order = json!({ "job": id, "confirm": true, "reason": "a test" });
    let started = well(site.client().call("backup_jobs_start", order).await);
    let session = started["run"]["session_id"].as_str().unwrap();
    let uris = [
        format!("vbr://vbr/jobs/{id}"),
        "vbr://vbr/jobs".to_owned(),
        format!("vbr://vbr/sessions/{session}/log"),
    ];
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": {
        "notifications": { "resourceSubscriptions": uris },
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "e2e", "version": "0" },
        },
    } });
    let mut stream = mcp::http()
        .post(site.host.url())
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "subscriptions/listen")
        .json(&body)
        .send()
        .await
        .unwrap();
    // The run ends within seconds; each look is a few seconds after the last.
    let heard = async {
        let mut text = String::new();
        let told = |text: &str, uri: &String| {
            let mut lines = text.lines();
            lines.any(|line| {
                line.contains("notifications/resources/updated") && line.contains(uri.as_str())
            })
        };
        while !uris.iter().all(|uri| told(&text, uri)) {
            let Some(chunk) = stream.chunk().await.unwrap() else {
                panic!("the stream ended: {text}");
            };
            text += &String::from_utf8_lossy(&chunk);
        }
    };
    tokio::time::timeout(Duration::from_mins(1), heard)
        .await
        .expect("all three are told of");
}
