//! The echo plugin, in whatever language and of whatever age: what every one of them does.

use std::path::Path;

use serde_json::json;

use crate::deployment::Deployment;
use crate::host::Host;
use crate::mcp;

/// A host that serves the component as the plugin `name`, granted nothing.
pub async fn serve(name: &str, component: &Path) -> Host {
    Host::start(&deployment(name, component)).await
}

/// The configuration of such a host.
#[must_use]
pub fn deployment(name: &str, component: &Path) -> Deployment {
    let component = component.display();
    Deployment::new(&format!("[plugins.{name}]\ncomponent = \"{component}\"\n"))
}

/// Calls its tools `add` and `echo`, rightly and wrongly.
pub async fn check(host: &Host) {
    let client = mcp::Client::new(host.url());
    let tools = client.tools().await;
    for name in ["add", "echo"] {
        assert!(
            tools.iter().any(|tool| tool == name),
            "{name} is not in {tools:?}"
        );
    }

    let sum = client.call("add", json!({ "a": 1, "b": 2.5 })).await;
    let sum = sum.expect("`add` is served");
    assert_eq!(sum["structuredContent"], json!({ "sum": 3.5 }), "{sum}");
    assert!(mcp::text(&sum).contains("3.5"), "{sum}");

    let text = "Grüße, 世界 \u{1f980}";
    let echo = client.call("echo", json!({ "text": text })).await;
    let echo = echo.expect("`echo` is served");
    assert_eq!(mcp::text(&echo), text, "{echo}");

    let invalid = client.call("add", json!({ "a": "one", "b": 2 })).await;
    let invalid = invalid.expect("arguments that do not fit are no protocol error");
    assert_eq!(invalid["isError"], true, "{invalid}");

    let unknown = client.call("subtract", json!({})).await;
    let unknown = unknown.expect_err("there is no such tool");
    assert_eq!(unknown.code, -32602, "{unknown:?}");
}
