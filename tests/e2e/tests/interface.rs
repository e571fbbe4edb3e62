//! Every function of the interface that is always granted, called by a component; every kind of content, seen by
//! a client. The plugin is `tests/fixtures/interface`.

use e2e::{Deployment, Host, mcp};
use serde_json::{Value, json};

/// The plugin, with a setting, and a backend that is never asked.
async fn serve() -> Host {
    let tables = format!(
        r#"
[bindings.vbr01]
kind = "vbr"
title = "Backup server"
url = "https://vbr01.example:9419"
allow = ["GET /**"]
read-only = true
facts = {{ revision = "1.2-rev1" }}

[plugins.interface]
component = "{}"
grant = ["http"]
backends = {{ vbr = "vbr01" }}
settings = {{ greeting = "hello" }}
"#,
        e2e::plugin("interface").display()
    );
    Host::start(&Deployment::new(&tables)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_context_tells_about_the_call() {
    let host = serve().await;
    let client = mcp::Client::new(host.url());
    let result = client.call("context", json!({})).await;
    let result = result.expect("`context` is served");
    let told = &result["structuredContent"];
    assert_eq!(told["cancelled"], false, "{told}");
    assert!(
        told["time_left_ms"].as_u64().is_some_and(|left| left > 0),
        "{told}"
    );
    assert!(
        told["tenant"]
            .as_str()
            .is_some_and(|tenant| !tenant.is_empty()),
        "{told}"
    );
    assert!(
        told["idempotency_key"]
            .as_str()
            .is_some_and(|key| !key.is_empty()),
        "{told}"
    );
    assert_eq!(
        told["supports"],
        json!([false, false, false, false, false, false]),
        "{told}"
    );
    assert_eq!(told["continuation"], Value::Null, "{told}");
    assert_eq!(told["answered"], false, "{told}");
    assert_eq!(told["volunteered"], false, "{told}");
    assert_eq!(told["settings"], json!({ "greeting": "hello" }), "{told}");
    assert_eq!(told["last_problem"], Value::Null, "{told}");
    let backend = json!({
        "name": "vbr",
        "answers": "vbr",
        "kind": "vbr",
        "title": "Backup server",
        "read_only": true,
        "default": true,
        "facts": { "revision": "1.2-rev1" },
    });
    assert_eq!(told["backends"], json!([backend]), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_calls_have_different_idempotency_keys() {
    let host = serve().await;
    let client = mcp::Client::new(host.url());
    let mut keys = Vec::new();
    for _ in 0..2 {
        let result = client.call("context", json!({})).await;
        let result = result.expect("`context` is served");
        keys.push(result["structuredContent"]["idempotency_key"].clone());
    }
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_content_reaches_the_client() {
    let host = serve().await;
    let client = mcp::Client::new(host.url());
    let result = client.call("contents", json!({})).await;
    let result = result.expect("`contents` is served");
    let content = result["content"].as_array().expect("there is content");
    let kinds: Vec<&str> = content
        .iter()
        .filter_map(|item| item["type"].as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "text",
            "image",
            "audio",
            "resource_link",
            "resource",
            "resource"
        ]
    );
    assert_eq!(content[0]["annotations"]["priority"], 0.5, "{result}");
    assert_eq!(content[0]["_meta"]["com.example/kind"], "text", "{result}");
    assert_eq!(content[1]["data"], "AAH+/w==", "{result}");
    assert_eq!(content[1]["mimeType"], "image/png", "{result}");
    assert_eq!(content[3]["uri"], "interface://greeting", "{result}");
    assert_eq!(content[4]["resource"]["text"], "hello", "{result}");
    assert_eq!(content[5]["resource"]["blob"], "AP8=", "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_is_listed_as_the_plugin_describes_it() {
    let host = serve().await;
    let client = mcp::Client::new(host.url());
    let list = client.request("tools/list", json!({})).await;
    let list = list.expect("tools can be listed");
    let find = |name: &str| {
        let tools = list["tools"].as_array().cloned().unwrap_or_default();
        let found = tools.into_iter().find(|tool| tool["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is not in {list}"))
    };
    let tool = find("contents");
    assert_eq!(tool["title"], "Everything a content can be", "{tool}");
    assert_eq!(
        tool["annotations"],
        json!({ "readOnlyHint": true, "destructiveHint": false }),
        "{tool}"
    );
    assert_eq!(tool["icons"][0]["theme"], "dark", "{tool}");
    assert_eq!(tool["_meta"]["com.example/kind"], "adorned", "{tool}");
    // Nothing is said where the plugin says nothing: the protocol's cautious defaults hold.
    let tool = find("fail");
    let hints = tool["annotations"].as_object().cloned().unwrap_or_default();
    assert!(hints.is_empty(), "{tool}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_for_the_model_and_a_refusal_for_the_client() {
    let host = serve().await;
    let client = mcp::Client::new(host.url());
    let failed = client.call("fail", json!({})).await;
    let failed = failed.expect("a failure is a result");
    assert_eq!(failed["isError"], true, "{failed}");
    let text = mcp::text(&failed);
    assert!(
        text.contains("it is locked") && text.contains("by somebody else"),
        "{failed}"
    );

    let refused = client.call("refuse", json!({})).await;
    let refused = refused.expect_err("a refusal is a protocol error");
    assert_eq!(refused.code, -32602, "{refused:?}");
    assert!(refused.message.contains("on purpose"), "{refused:?}");
}
