//! Readiness and metrics: right, bounded, and for those who may.

use e2e::Deployment;
use serde_json::{Value, json};
use vbr_simulator::{Options, Simulator};

use crate::support::{Cx, HTTP, new_token, python, tables};

/// Reads them as strictly as the reference does, and gives every sample as `name{a="b"}`.
const READ: &str = r#"
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read
samples = {}
for family in read(sys.stdin.read()):
    for one in family.samples:
        labels = ",".join(f'{k}="{v}"' for k, v in sorted(one.labels.items()))
        samples[f"{one.name}{{{labels}}}"] = one.value
print(json.dumps(samples))
"#;

async fn samples(cx: &Cx) -> Value {
    let response = cx.get("/metrics").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let media_type = crate::support::header(&response, "content-type");
    assert!(
        media_type.starts_with("application/openmetrics-text; version=1.0.0"),
        "{media_type}"
    );
    let text = response.text().await.unwrap();
    serde_json::from_str(&python(READ, &text).await).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_counted() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let deployment = Deployment::backup_jobs(&simulator);
    let text = std::fs::read_to_string(deployment.config()).unwrap();
    let more = tables(&[("echo", ""), ("hostile", HTTP)]);
    deployment.write("toolward.toml", &format!("{text}{more}"));
    let cx = Cx::start(deployment).await;

    for _ in 0..3 {
        assert_eq!(cx.call("echo", &json!({ "text": "x" })).await.0, 200);
    }
    assert_eq!(cx.call("echo", &json!({})).await.0, 400);
    assert_eq!(cx.call("hostile_trap", &json!({})).await.0, 422);
    assert_eq!(cx.call("backup_jobs_list", &json!({})).await.0, 200);
    // Over MCP it is the same road.
    let client = e2e::mcp::Client::new(cx.host.url());
    client.call("echo", json!({ "text": "x" })).await.unwrap();
    // Names that somebody made up are no labels.
    for number in 0..50 {
        assert_eq!(
            cx.call(&format!("made_up_{number}"), &json!({})).await.0,
            404
        );
        cx.get(&format!("/made/up/{number}")).send().await.unwrap();
    }
    let samples = samples(&cx).await;
    for (name, expected) in [
        (
            r#"toolward_tool_calls_total{outcome="success",plugin="echo",tool="echo"}"#,
            4.0,
        ),
        (
            r#"toolward_tool_calls_total{outcome="invalid_arguments",plugin="echo",tool="echo"}"#,
            1.0,
        ),
        (
            r#"toolward_tool_calls_total{outcome="trap",plugin="hostile",tool="hostile_trap"}"#,
            1.0,
        ),
        (
            r#"toolward_tool_call_duration_seconds_count{plugin="echo",tool="echo"}"#,
            5.0,
        ),
        (
            r#"toolward_plugin_runs_total{ended="trap",plugin="hostile"}"#,
            1.0,
        ),
        (
            // Four lists and one call.
            r#"toolward_queue_wait_seconds_count{plugin="backup-jobs"}"#,
            5.0,
        ),
        (
            r#"toolward_instance_memory_bytes_count{plugin="backup-jobs"}"#,
            5.0,
        ),
        (
            r#"toolward_backend_requests_total{binding="vbr01",outcome="2xx"}"#,
            1.0,
        ),
        (
            r#"toolward_backend_logins_total{binding="vbr01",outcome="success"}"#,
            1.0,
        ),
        (r#"toolward_refusals_total{reason="not_found"}"#, 100.0),
        (
            r#"toolward_http_requests_total{method="POST",route="/api/tools/{*tool}",status="404"}"#,
            50.0,
        ),
        (
            r#"toolward_http_requests_total{method="GET",route="none",status="404"}"#,
            50.0,
        ),
        ("toolward_instances{}", 0.0),
        ("toolward_waiting_calls{}", 0.0),
        ("toolward_plugins{}", 3.0),
        (r#"toolward_build_info{version="0.1.0"}"#, 1.0),
    ] {
        assert_eq!(samples[name], expected, "{name}: {samples:#}");
    }
    for name in [
        "process_cpu_seconds_total{}",
        "process_resident_memory_bytes{}",
        "process_open_fds{}",
    ] {
        assert!(samples[name].as_f64() > Some(0.0), "{name}: {samples:#}");
    }
    let text = samples.to_string();
    assert!(!text.contains("made"), "{text}");
    assert!(
        !text.contains("127.0.0.1") && !text.contains("/work"),
        "{text}"
    );
}

async fn status(cx: &Cx, token: Option<&str>) -> u16 {
    let request = cx.get("/metrics");
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_for_those_who_may() {
    let (scraper, scraper_table) = new_token("scraper", &["metrics:read"]);
    let (admin, admin_table) = new_token("operator", &["admin"]);
    let (agent, agent_table) = new_token("agent", &["tools:call", "jobs:read"]);
    let all = format!("{scraper_table}\n{admin_table}\n{agent_table}\n");
    let cx = Cx::start(Deployment::new(&format!(
        "{all}{}",
        tables(&[("echo", "")])
    )))
    .await;
    assert_eq!(status(&cx, Some(&scraper)).await, 200);
    assert_eq!(status(&cx, Some(&admin)).await, 200);
    assert_eq!(status(&cx, Some(&agent)).await, 403);
    assert_eq!(status(&cx, None).await, 401);
    // A scraper may do nothing else.
    let call = cx.post("/api/tools/echo", &json!({ "text": "x" }));
    let call = call.bearer_auth(&scraper).send().await.unwrap();
    assert_eq!(call.status(), 403);
    // Prometheus asks an address, which need not be one of `allowed-hosts`: it has a token.
    let by_address = cx.get("/metrics").header("host", "10.0.0.7:8825");
    let by_address = by_address.bearer_auth(&scraper).send().await.unwrap();
    assert_eq!(by_address.status(), 200);
    let ready = cx.json("/ready").await;
    let expected = json!({ "status": "ready", "tools": 5, "sessions": 0, "authentication": true });
    assert_eq!(ready, expected);
}

async fn with_metrics(value: &str) -> Cx {
    let deployment = Deployment::new(&tables(&[("echo", "")]));
    let text = std::fs::read_to_string(deployment.config()).unwrap();
    let text = text.replace("[server]", &format!("[server]\nmetrics = \"{value}\""));
    deployment.write("toolward.toml", &text);
    Cx::start(deployment).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_says_who_may() {
    let strange = async |cx: &Cx| {
        let request = cx.get("/metrics").header("host", "10.0.0.7:8825");
        request.send().await.unwrap().status().as_u16()
    };
    // On loopback whoever is here may read them; a page whose name leads here may not.
    let cx = with_metrics("scoped").await;
    assert_eq!((status(&cx, None).await, strange(&cx).await), (200, 403));
    let cx = with_metrics("everybody").await;
    assert_eq!((status(&cx, None).await, strange(&cx).await), (200, 200));
    let cx = with_metrics("nobody").await;
    assert_eq!(status(&cx, None).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_tells_that_a_plugin_is_missing_and_not_which() {
    let cx = Cx::start(Deployment::new(
        "[plugins.secret-project]\ncomponent = \"/nowhere/at-all.wasm\"\n",
    ))
    .await;
    // Whoever looks after the process asks by any name.
    let ready = cx.get("/ready").header("host", "10.0.0.7:8825");
    let ready: Value = ready.send().await.unwrap().json().await.unwrap();
    let expected =
        json!({ "status": "degraded", "tools": 0, "sessions": 0, "authentication": false });
    assert_eq!(ready, expected);
}
