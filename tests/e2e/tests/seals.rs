//! What clients of the new era carry between two rounds of a call: good for the same caller, component, request and
//! arguments, once. Expiry and keys are tested where they are made, in `host/src/mcp/seal.rs`.

use e2e::{Deployment, Host, mcp};
use serde_json::{Value, json};

/// A token for somebody, and the table that lets them in.
fn new_token(name: &str, tenant: &str) -> (String, String) {
    let made = std::process::Command::new(e2e::binary())
        .args(["token", "new", name, "--json", "--tenant", tenant])
        .output()
        .expect("the binary can be started");
    let made: Value = serde_json::from_slice(&made.stdout).expect("it prints JSON");
    let text = |key: &str| made[key].as_str().expect("there is one").to_owned();
    (text("token"), text("toml"))
}

fn deployment(more: &str) -> Deployment {
    Deployment::new(&format!(
        "[plugins.erratic]\ncomponent = \"{}\"\ngrant = [\"http\", \"changes\", \"sample\"]\n{more}",
        e2e::plugin("erratic").display()
    ))
}

fn client(host: &Host) -> mcp::Client {
    mcp::Client::new(host.url()).with_capabilities(json!({ "sampling": {} }))
}

fn think(prompt: &str) -> Value {
    json!({ "name": "erratic_think", "arguments": { "prompt": prompt } })
}

/// The same, going on with what the first round gave.
fn go_on(prompt: &str, state: &Value) -> Value {
    let mut params = think(prompt);
    params["requestState"] = state.clone();
    params["inputResponses"] = json!({ "thought": {
        "role": "assistant", "content": { "type": "text", "text": "done" }, "model": "m",
    } });
    params
}

/// The first round; gives what is to be carried.
async fn ask(client: &mcp::Client, prompt: &str) -> Value {
    let asked = client.request("tools/call", think(prompt)).await;
    let asked = asked.expect("it is asked");
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    asked["requestState"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_its_callers_alone() {
    let (alice, alices_table) = new_token("alice", "team-a");
    let (bob, bobs_table) = new_token("bob", "team-a");
    let (carol, carols_table) = new_token("carol", "team-b");
    let tables = format!("{alices_table}\n{bobs_table}\n{carols_table}");
    let host = Host::start(&deployment(&tables)).await;
    let as_somebody = |token: &str| client(&host).with_token(token);
    let alice = as_somebody(&alice);
    let state = ask(&alice, "a").await;
    for (who, token) in [("bob", &bob), ("carol", &carol)] {
        let stolen = as_somebody(token)
            .request("tools/call", go_on("a", &state))
            .await;
        let error = stolen.expect_err(who);
        assert_eq!(error.code, -32602, "{who}: {error:?}");
        assert!(
            error.message.contains("start again without it"),
            "{error:?}"
        );
    }
    // That used nothing up.
    let done = alice.request("tools/call", go_on("a", &state)).await;
    assert_eq!(mcp::text(&done.expect("it is hers")), "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_good_for_the_same_arguments_only() {
    let host = Host::start(&deployment("")).await;
    let client = client(&host);
    let state = ask(&client, "delete one").await;
    let other = client
        .request("tools/call", go_on("delete all", &state))
        .await;
    let error = other.expect_err("the arguments are others");
    assert!(
        error
            .message
            .contains("not one that was given for this request"),
        "{error:?}"
    );
    let mut prompt = go_on("delete one", &state);
    prompt["name"] = json!("erratic_prompt");
    prompt["arguments"] = json!({});
    let other = client.request("prompts/get", prompt).await;
    assert!(other.is_err(), "{other:?}");
    let done = client
        .request("tools/call", go_on("delete one", &state))
        .await;
    assert_eq!(mcp::text(&done.expect("it is the same")), "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_uses_at_once_one_counts() {
    let host = Host::start(&deployment("")).await;
    let client = client(&host);
    let state = ask(&client, "a").await;
    let uses: Vec<_> = (0..20)
        .map(|_| {
            let (client, params) = (client.clone(), go_on("a", &state));
            tokio::spawn(async move { client.request("tools/call", params).await })
        })
        .collect();
    let mut done = 0;
    for one in uses {
        match one.await.expect("no use panics") {
            Ok(result) => {
                assert_eq!(mcp::text(&result), "done");
                done += 1;
            }
            Err(error) => assert!(error.message.contains("used already"), "{error:?}"),
        }
    }
    assert_eq!(done, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sealed_here_is_no_state() {
    let host = Host::start(&deployment("")).await;
    let other_host = Host::start(&deployment("")).await;
    let client = client(&host);
    let state = ask(&client, "a").await;
    let text = state.as_str().expect("it is a text").to_owned();
    let elsewhere = ask(&self::client(&other_host), "a").await;
    let swapped = {
        let (head, tail) = text.split_at(text.len() / 2);
        format!("{tail}{head}")
    };
    let states = [
        elsewhere,
        json!(""),
        json!("AAAA"),
        json!("not base64!"),
        json!(text.to_lowercase()),
        json!(swapped),
        json!(format!("{text}{text}")),
        json!(text[..text.len() - 4]),
        json!("A".repeat(1_000_000)),
    ];
    for state in states {
        let refused = client.request("tools/call", go_on("a", &state)).await;
        let error = refused.expect_err("it is none of ours");
        assert_eq!(error.code, -32602, "{error:?}");
        assert!(error.message.len() < 200, "{error:?}");
    }
    // Without a state nothing that is said is an answer: the question is asked again.
    let mut unasked = go_on("a", &Value::Null);
    unasked
        .as_object_mut()
        .expect("an object")
        .remove("requestState");
    let asked = client
        .request("tools/call", unasked)
        .await
        .expect("it is asked");
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let done = client.request("tools/call", go_on("a", &state)).await;
    assert_eq!(mcp::text(&done.expect("it is ours")), "done");
}
