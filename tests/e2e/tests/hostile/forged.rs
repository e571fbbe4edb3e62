//! Answers that are none: broken JSON, what is the protocol's own, what belongs to another plugin.

use e2e::mcp;
use serde_json::json;

use super::support::{Attacked, Recorded, plugin};

/// How the fixture answers, and what is said of it.
const ANSWERS: [(&str, &str); 10] = [
    ("structured-broken", "its structured content is not JSON"),
    (
        "structured-deep",
        "its structured content is not JSON: recursion limit",
    ),
    (
        "structured-twice",
        "its structured content is not JSON: trailing",
    ),
    ("meta-broken", "`_meta` is not JSON"),
    ("meta-of-the-protocol", "is reserved"),
    ("block-broken", "a content item is no content block of MCP"),
    (
        "block-of-nothing",
        "a content item is no content block of MCP",
    ),
    ("block-with-the-protocols-meta", "is reserved"),
    ("document-with-the-protocols-meta", "is reserved"),
    ("error-broken", "its structured content is not JSON"),
];

fn tables() -> String {
    plugin("forger", "") + &plugin("erratic", "grant = [\"http\", \"changes\"]")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_is_not_passed_on() {
    let mut attacked = Attacked::start(&tables()).await;
    let good = attacked
        .client
        .call("forger_answer", json!({ "how": "well" }));
    assert_eq!(mcp::text(&good.await.unwrap()), "not forged");
    attacked.settle().await;
    for (how, expected) in ANSWERS {
        let arguments = json!({ "how": how });
        let answer = attacked.client.call("forger_answer", arguments).await;
        let said = match answer {
            Ok(result) => {
                assert_eq!(result["isError"], true, "{how}: {result}");
                mcp::text(&result)
            }
            Err(error) => error.message,
        };
        assert!(said.contains(expected), "{how}: {said}");
        assert!(
            said.contains("a defect of plugin `forger`"),
            "{how}: {said}"
        );
        assert!(!said.contains("another's"), "{how}: {said}");
        attacked.is_unharmed(how, Recorded::Outcome("defect")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_of_another_plugin_is_not_handed_over() {
    let mut attacked = Attacked::start(&tables()).await;
    let read = async |uri: &str| {
        let params = json!({ "uri": uri });
        attacked.client.request("resources/read", params).await
    };
    let forged = read("forger://own").await.unwrap_err().message;
    assert!(
        forged.contains("\"erratic://a\", which is of the plugin `erratic`"),
        "{forged}"
    );
    let shown = read("erratic://a").await.unwrap();
    assert_eq!(shown["contents"][0]["text"], "This is a.", "{shown}");
    let recorded = Recorded::Outcome("request_error");
    attacked.is_unharmed("a forged resource", recorded).await;
}
