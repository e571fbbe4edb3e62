//! Tools that ask, and clients that reply by another request.

use serde_json::{Value, json};

use crate::support::{Cx, answer};

const TOOL: &str = "test_input_required_result_elicitation";

async fn start() -> Cx {
    Cx::with(&[("conformance", "grant = [\"form\", \"sample\", \"changes\"]")]).await
}

/// The key and the state of what the tool asks.
async fn ask(cx: &Cx) -> (String, String) {
    let (status, asked) = cx.call(TOOL, &json!({})).await;
    let error = &asked["error"];
    assert_eq!(
        (status, error["code"].as_str()),
        (409, Some("input_required")),
        "{asked}"
    );
    let requests = error["requests"].as_object().unwrap();
    let (key, request) = requests.iter().next().unwrap();
    assert_eq!(request["method"], "elicitation/create", "{asked}");
    let message = request["params"]["message"].as_str().unwrap();
    assert!(
        message.contains("What is your name?") && message.contains("conformance"),
        "{asked}"
    );
    let told = error["message"].as_str().unwrap();
    assert!(told.contains("/api/replies"), "{asked}");
    (key.clone(), error["state"].as_str().unwrap().to_owned())
}

fn reply(key: &str, state: &str, reply: &Value) -> Value {
    json!({ "tool": TOOL, "arguments": {}, "state": state, "replies": { key: reply } })
}

fn accept(name: &Value) -> Value {
    json!({ "action": "accept", "content": { "name": name } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_goes_on_with_the_call_once() {
    let cx = start().await;
    let (key, state) = ask(&cx).await;
    // A reply that does not fit uses nothing up.
    let misfit = reply(&key, &state, &accept(&json!(7)));
    let (status, body) = answer(cx.post("/api/replies", &misfit)).await;
    assert_eq!(status, 400, "{body}");

    let good = reply(&key, &state, &accept(&json!("Ada")));
    let (status, done) = answer(cx.post("/api/replies", &good)).await;
    assert_eq!(status, 200, "{done}");
    assert_eq!(done["content"][0]["text"], "Hello, Ada!", "{done}");

    let (status, again) = answer(cx.post("/api/replies", &good)).await;
    assert_eq!(status, 400, "{again}");
    let told = again["error"]["message"].as_str().unwrap();
    assert!(told.contains("used already"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_may_decline() {
    let cx = start().await;
    let (key, state) = ask(&cx).await;
    let declined = reply(&key, &state, &json!({ "action": "decline" }));
    let (status, body) = answer(cx.post("/api/replies", &declined)).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (422, &json!("tool_error")),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_good_for_its_call_only() {
    let cx = start().await;
    let (key, state) = ask(&cx).await;
    let mut others = reply(&key, &state, &accept(&json!("Eve")));
    others["arguments"] = json!({ "more": 1 });
    let mut another = reply(&key, &state, &accept(&json!("Eve")));
    another["tool"] = json!("test_input_required_result_multiple_inputs");
    let mut changed = reply(&key, &state, &accept(&json!("Eve")));
    changed["state"] = json!(format!("{state}A"));
    let mut missing = reply(&key, &state, &accept(&json!("Eve")));
    missing.as_object_mut().unwrap().remove("state");
    let mut more = reply(&key, &state, &accept(&json!("Eve")));
    more["principal"] = json!("admin");
    for bad in [others, another, changed, missing, more] {
        let (status, body) = answer(cx.post("/api/replies", &bad)).await;
        assert_eq!(status, 400, "{bad}: {body}");
        assert!(!body.to_string().contains("Hello"), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_such_client_can_do_is_not_asked() {
    let cx = start().await;
    let (status, body) = cx
        .call("test_input_required_result_sampling", &json!({}))
        .await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (422, &json!("unsupported")),
        "{body}"
    );
}
