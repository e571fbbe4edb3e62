//! Calls of tools, and what becomes of them.

use std::collections::BTreeSet;

use e2e::mcp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Cx, answer, header};

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_the_structured_content_or_else_all_content() {
    let cx = Cx::with(&[("interface", "")]).await;
    let (status, sum) = cx.call("add", &json!({ "a": 1, "b": 2.5 })).await;
    assert_eq!((status, sum), (200, json!({ "sum": 3.5 })));

    let text = "Grüße, 世界 \u{1f980}";
    let (status, echo) = cx.call("echo", &json!({ "text": text })).await;
    let content = json!([{ "type": "text", "text": text }]);
    assert_eq!((status, echo), (200, json!({ "content": content })));
    // However the client writes the path.
    let (status, _) = cx.call("ec%68o", &json!({ "text": text })).await;
    assert_eq!(status, 200);

    let (status, contents) = cx.call("contents", &json!({})).await;
    assert_eq!(status, 200);
    let kinds: BTreeSet<_> = contents["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["type"].as_str().unwrap())
        .collect();
    let all = ["audio", "image", "resource", "resource_link", "text"];
    assert_eq!(kinds, all.into(), "{contents}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_has_its_status_and_its_code() {
    let limits =
        "grant = [\"http\"]\n[plugins.hostile.limits]\ncpu-time = \"200 ms\"\nwall-time = \"1 s\"";
    let cx = Cx::with(&[("interface", ""), ("hostile", limits)]).await;
    let none = json!({});
    let rows = [
        ("nothing", none.clone(), 404, "not_found", "unknown tool"),
        ("nothing%FF", none.clone(), 404, "not_found", "UTF-8"),
        (
            "add",
            json!({ "a": "one", "b": 2 }),
            400,
            "invalid_arguments",
            "/a",
        ),
        ("fail", none.clone(), 422, "tool_error", "it is locked"),
        (
            "refuse",
            none.clone(),
            400,
            "invalid_arguments",
            "on purpose",
        ),
        ("hostile_trap", none.clone(), 422, "trap", "sandbox"),
        ("hostile_loop", none.clone(), 422, "cpu_time", "200ms"),
        (
            "hostile_sleep",
            json!({ "milliseconds": 60_000 }),
            422,
            "wall_time",
            "1s",
        ),
        ("hostile_allocate", none, 422, "memory", "memory limit"),
    ];
    for (tool, arguments, status, code, message) in rows {
        let (found, body) = cx.call(tool, &arguments).await;
        let error = &body["error"];
        assert_eq!(
            (found, error["code"].as_str()),
            (status, Some(code)),
            "{tool}: {body}"
        );
        let told = error["message"].as_str().unwrap();
        assert!(told.contains(message), "{tool}: {body}");
        assert_eq!(status == 422, error["content"].is_array(), "{tool}: {body}");
    }
    let (_, failed) = cx.call("fail", &json!({})).await;
    let content = &failed["error"]["content"];
    assert_eq!(content[1]["text"], "by somebody else", "{failed}");
    let holder = &failed["error"]["structuredContent"]["holder"];
    assert_eq!(holder, "somebody else", "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_call_is_told_so() {
    let cx = Cx::with(&[("echo", "")]).await;
    for path in [
        "/api/tools/echo",
        "/api/tools",
        "/api/replies",
        "/ready",
        "/openapi.json",
    ] {
        let response = cx.request(Method::PUT, path).send().await.unwrap();
        assert_eq!(response.status(), 405, "{path}");
        assert!(!header(&response, "allow").is_empty(), "{path}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["code"], "method_not_allowed", "{path}");
    }
    for path in ["/", "/api", "/api/tools/", "/docs/nothing", "/nothing"] {
        let (status, body) = answer(cx.get(path)).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (404, &json!("not_found")),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_that_of_mcp() {
    let cx = Cx::with(&[("interface", ""), ("jobs", "")]).await;
    let list = cx.json("/api/tools").await;
    let client = mcp::Client::new(cx.host.url());
    let listed = client.request("tools/list", json!({})).await.unwrap();
    assert_eq!(list["tools"], listed["tools"]);
    assert!(list["tools"].as_array().unwrap().len() > 8, "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_on_as_a_job() {
    let tables = format!(
        "[jobs]\nanswer-within = \"300 ms\"\n{}",
        crate::support::tables(&[("jobs", "")])
    );
    let cx = Cx::start(e2e::Deployment::new(&tables)).await;
    for tool in ["count", "count_required"] {
        // Soon enough.
        let (status, done) = cx.call(tool, &json!({ "steps": 1 })).await;
        assert_eq!((status, &done["counted"]), (200, &json!(1)), "{done}");

        let long = json!({ "steps": 1000, "wait_ms": 50 });
        let response = cx.post(&format!("/api/tools/{tool}"), &long).send().await;
        let response = response.unwrap();
        assert_eq!(response.status(), 202);
        let place = header(&response, "location");
        let job: Value = response.json().await.unwrap();
        assert_eq!(place, format!("/api/jobs/{}", job["id"].as_str().unwrap()));
        let followed = cx.json(&place).await;
        assert_eq!(followed["type"], tool, "{followed}");
        let (status, _) = answer(cx.request(Method::DELETE, &place)).await;
        assert!(status == 200 || status == 202, "{status}");
    }
    let (status, failed) = cx
        .call("count", &json!({ "steps": 2, "fail_for_good": true }))
        .await;
    assert_eq!(
        (status, &failed["error"]["code"]),
        (422, &json!("tool_error")),
        "{failed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_calls_are_told_to_come_again() {
    let tables = crate::support::tables(&[(
        "hostile",
        "grant = [\"http\"]\n[plugins.hostile.limits]\nconcurrency = 1",
    )]);
    let deployment = e2e::Deployment::new(&tables);
    let text = std::fs::read_to_string(deployment.config()).unwrap();
    deployment.write(
        "toolward.toml",
        &text.replace("[runtime]", "[runtime]\nmax-waiting = 1"),
    );
    let cx = Cx::start(deployment).await;
    let sleep = json!({ "milliseconds": 400 });
    let calls = (0..8).map(|_| cx.post("/api/tools/hostile_sleep", &sleep).send());
    let mut statuses = Vec::new();
    for response in join_all(calls).await {
        let status = response.status().as_u16();
        if status == 503 {
            assert_eq!(header(&response, "retry-after"), "1");
        }
        statuses.push(status);
    }
    assert!(
        statuses.contains(&200) && statuses.contains(&503),
        "{statuses:?}"
    );
}

async fn join_all(
    calls: impl Iterator<
        Item = impl Future<Output = reqwest::Result<reqwest::Response>> + Send + 'static,
    >,
) -> Vec<reqwest::Response> {
    let mut set = tokio::task::JoinSet::new();
    for call in calls {
        set.spawn(call);
    }
    set.join_all()
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect()
}
