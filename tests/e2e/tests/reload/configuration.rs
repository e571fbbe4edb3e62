//! Configurations that are changed while the host serves: all or nothing.

use e2e::operator::plugin;
use e2e::versions;
use serde_json::json;

use crate::support::{ECHO, SHOP, Served, named, shop};

const OTHER: &str = "[plugins.other]\ncomponent = \"other.wasm\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_takes_effect_as_a_whole_or_not_at_all() {
    let served = Served::start(&shop("echo", "1.0.0"), "").await;
    let settle = "[reload]\nsettle-time = \"60 ms\"\n";
    let bad = "[plugins.bad]\ncomponent = \"bad.wasm\"\ngrant = [\"changes\"]\n";
    versions::put_version(
        &served.path("other.wasm"),
        &named("other", "dialogue", "1.0.0", ""),
    );

    // One of two new plugins is not there: neither comes, and the limits of the one that is stay as they were.
    let limits = "[plugins.shop.limits]\nresult-size = \"16 KiB\"\n";
    served.configure(&format!("{settle}{SHOP}{limits}{OTHER}{bad}"));
    served.operator.until_problem("bad", "cannot read").await;
    let refused = |status: &serde_json::Value| {
        let problem = status["configuration"]["problem"].to_string();
        problem.contains("not applied")
    };
    let status = served.operator.until("it is refused", refused).await;
    assert_eq!(plugin(&status, "other"), json!(null), "{status}");
    let echo = served.client.call("echo", json!({ "text": "still" })).await;
    assert_eq!(e2e::mcp::text(&echo.unwrap()), "still");

    // What was missing comes: now it takes effect, without anybody touching the configuration.
    versions::put_version(
        &served.path("bad.wasm"),
        &named("bad", "conformance", "1.0.0", ""),
    );
    served.operator.until_serving("bad", "1.0.0").await;
    served.operator.until_serving("other", "1.0.0").await;
    let echo = served
        .client
        .call("echo", json!({ "text": "long".repeat(8192) }))
        .await;
    let echo = echo.unwrap();
    assert!(
        e2e::mcp::text(&echo).contains("result-size limit"),
        "{echo}"
    );

    // Broken text: everything stays.
    served.configure("[reload\n");
    let broken = |status: &serde_json::Value| {
        let problem = status["configuration"]["problem"].to_string();
        problem.contains("toolward.toml")
    };
    served.operator.until("the text is broken", broken).await;
    assert_eq!(served.operator.health().await, "ok\nproblems: 1\n");
    assert!(served.client.tools().await.contains(&"wait".to_owned()));

    // Plugins go with their tables.
    served.configure(&format!("{settle}{SHOP}"));
    let alone = |status: &serde_json::Value| status["plugins"].as_array().unwrap().len() == 1;
    let status = served.operator.until("shop is alone", alone).await;
    assert_eq!(status["configuration"]["problem"], json!(null), "{status}");
    let tools = served.client.tools().await;
    // The host's own stay: jobs that were started are still there.
    let own = |tool: &&String| !tool.starts_with("job_");
    assert_eq!(tools.iter().filter(own).collect::<Vec<_>>(), ECHO);
    assert_eq!(served.operator.health().await, "ok\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_restart_is_named_and_the_rest_is_applied() {
    let served = Served::start(&shop("echo", "1.0.0"), "watch = false").await;
    versions::put_version(
        &served.path("other.wasm"),
        &named("other", "dialogue", "1.0.0", ""),
    );
    let jobs = "[jobs]\nmax-running = 3\n";
    served.configure(&format!("[reload]\nwatch = false\n{jobs}{SHOP}{OTHER}"));
    let (code, told) = served.operator.reload().await;
    assert_eq!(code, 200, "{told}");
    assert_eq!(told["configuration"]["outcome"], "replaced", "{told}");
    assert_eq!(told["configuration"]["needs_restart"], json!(["jobs"]));
    assert_eq!(told["plugins"]["other"]["outcome"], "added", "{told}");
    assert_eq!(told["plugins"]["shop"]["outcome"], "unchanged", "{told}");
    let status = served.operator.status().await;
    assert_eq!(status["configuration"]["needs_restart"], json!(["jobs"]));
    let (_, again) = served.operator.reload().await;
    assert_eq!(again["configuration"]["outcome"], "unchanged", "{again}");
    assert_eq!(again["configuration"]["needs_restart"], json!(["jobs"]));
}
