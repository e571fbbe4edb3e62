//! What plugins offer besides tools, and how they ask: prompts, resources, completions, questions. The plugin is
//! `tests/fixtures/interface`.

use e2e::{Deployment, Host, mcp};
use serde_json::{Value, json};

/// The plugin with these grants, beside one of another name that offers the same tools.
async fn serve(grants: &str) -> Host {
    let component = e2e::plugin("interface").display().to_string();
    let tables = format!(
        r#"
[plugins.interface]
component = "{component}"
grant = [{grants}]
visit-urls = ["https://login.example/"]
"#
    );
    Host::start(&Deployment::new(&tables)).await
}

const ALL: &str = r#""form", "roots", "visit""#;

/// A client that can be asked in every way.
fn client(host: &Host) -> mcp::Client {
    mcp::Client::new(host.url())
        .with_capabilities(json!({ "elicitation": { "form": {}, "url": {} }, "roots": {} }))
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_are_listed_filled_in_and_completed() {
    let host = serve("").await;
    let client = client(&host);
    let listed = client.request("prompts/list", json!({})).await.unwrap();
    let prompt = &listed["prompts"][0];
    assert_eq!(prompt["name"], "greet");
    assert_eq!(prompt["arguments"][0]["required"], true, "{prompt}");

    let arguments = json!({ "name": "greet", "arguments": { "name": "Ada" } });
    let filled = client.request("prompts/get", arguments).await.unwrap();
    assert_eq!(
        filled["messages"][0]["content"]["text"], "Say hello to Ada.",
        "{filled}"
    );

    let refused = [
        json!({ "name": "nobody" }),
        json!({ "name": "greet" }),
        json!({ "name": "greet", "arguments": { "name": 1 } }),
        json!({ "name": "greet", "arguments": { "name": "Ada", "other": "x" } }),
    ];
    for params in refused {
        let error = client
            .request("prompts/get", params.clone())
            .await
            .unwrap_err();
        assert_eq!(error.code, -32602, "{params}: {error:?}");
    }

    let params = json!({
        "ref": { "type": "ref/prompt", "name": "greet" },
        "argument": { "name": "name", "value": "A" },
        "context": { "arguments": { "other": "x" } },
    });
    let completed = client.request("completion/complete", params).await.unwrap();
    assert_eq!(
        completed["completion"]["values"],
        json!(["A (name of greet, 1 filled)"]),
        "{completed}"
    );
    assert_eq!(completed["completion"]["hasMore"], true, "{completed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_of_all_pages_are_listed_and_read() {
    let host = serve("").await;
    let client = client(&host);
    let listed = client.request("resources/list", json!({})).await.unwrap();
    let uris: Vec<&str> = listed["resources"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["uri"].as_str())
        .collect();
    assert_eq!(uris, ["interface://bytes", "interface://greeting"]);
    assert!(
        listed["ttlMs"].is_u64() && listed["cacheScope"].is_string(),
        "{listed}"
    );
    let templates = client
        .request("resources/templates/list", json!({}))
        .await
        .unwrap();
    assert_eq!(
        templates["resourceTemplates"][0]["uriTemplate"], "interface://{name}",
        "{templates}"
    );

    let text = client
        .request("resources/read", json!({ "uri": "interface://greeting" }))
        .await
        .unwrap();
    assert_eq!(text["contents"][0]["text"], "hello", "{text}");
    let bytes = client
        .request("resources/read", json!({ "uri": "interface://bytes" }))
        .await
        .unwrap();
    assert_eq!(bytes["contents"][0]["blob"], "AP8=", "{bytes}");

    // The plugin's own «no», and a URI that no plugin reads.
    for uri in ["interface://nothing", "elsewhere://greeting"] {
        let error = client
            .request("resources/read", json!({ "uri": uri }))
            .await
            .unwrap_err();
        assert_eq!(error.code, -32602, "{uri}: {error:?}");
    }
    let cursor = client
        .request("resources/list", json!({ "cursor": "second" }))
        .await
        .unwrap_err();
    assert_eq!(cursor.code, -32602, "{cursor:?}");
}

/// Calls the tool that asks, with what the client replies and carries.
async fn ask(
    client: &mcp::Client,
    replies: Value,
    state: &Value,
) -> Result<Value, mcp::ProtocolError> {
    let mut params = json!({ "name": "ask", "arguments": {} });
    if !replies.is_null() {
        params["inputResponses"] = replies;
    }
    if !state.is_null() {
        params["requestState"] = state.clone();
    }
    client.request("tools/call", params).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_asks_and_goes_on_with_the_answer() {
    let host = serve(ALL).await;
    let client = client(&host);
    let asked = ask(&client, Value::Null, &Value::Null).await.unwrap();
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let requests = asked["inputRequests"].as_object().unwrap();
    assert!(!requests.is_empty());
    for (key, request) in requests {
        if let Some(message) = request["params"]["message"].as_str() {
            assert!(
                message.contains("asked by the plugin interface"),
                "{key}: {message}"
            );
        }
    }
    let replies: Value = requests
        .iter()
        .map(|(key, request)| (key.clone(), reply(request)))
        .collect::<serde_json::Map<_, _>>()
        .into();

    // A reply that does not fit uses nothing up.
    let key = requests.keys().next().unwrap();
    let mut misfit = replies.clone();
    misfit[key] = json!({ "action": "perhaps" });
    let error = ask(&client, misfit, &asked["requestState"])
        .await
        .unwrap_err();
    assert_eq!(error.code, -32602, "{error:?}");

    let done = ask(&client, replies.clone(), &asked["requestState"])
        .await
        .unwrap();
    assert_eq!(done["resultType"], "complete", "{done}");
    let told = &done["structuredContent"];
    assert_eq!(told["remembered"], "first round", "{told}");
    assert_eq!(told["answers"][1], json!({ "name": "text" }), "{told}");
    assert_eq!(
        told["answers"][2]["roots"][0]["uri"], "file:///home",
        "{told}"
    );

    // A second use, a change, and a use elsewhere.
    let again = ask(&client, replies.clone(), &asked["requestState"])
        .await
        .unwrap_err();
    assert!(again.message.contains("used already"), "{again:?}");
    let tampered = json!(format!("{}A", asked["requestState"].as_str().unwrap()));
    let error = ask(&client, replies.clone(), &tampered).await.unwrap_err();
    assert_eq!(error.code, -32602, "{error:?}");
    let fresh = ask(&client, Value::Null, &Value::Null).await.unwrap();
    let elsewhere = json!({
        "name": "echo", "arguments": { "text": "x" },
        "inputResponses": replies, "requestState": fresh["requestState"],
    });
    let error = client.request("tools/call", elsewhere).await.unwrap_err();
    assert!(
        error
            .message
            .contains("not one that was given for this request"),
        "{error:?}"
    );
}

/// What a person would answer.
fn reply(request: &Value) -> Value {
    if request["method"] == "roots/list" {
        return json!({ "roots": [{ "uri": "file:///home" }] });
    }
    let schema = &request["params"]["requestedSchema"];
    let mut content = json!({});
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        content[name] = match property["type"].as_str() {
            Some("boolean") => json!(true),
            Some("integer" | "number") => json!(1),
            _ => json!("text"),
        };
    }
    json!({ "action": "accept", "content": content })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_asks_only_what_it_was_granted_and_the_client_can_do() {
    let host = serve("").await;
    let answer = ask(&client(&host), Value::Null, &Value::Null)
        .await
        .unwrap();
    assert_eq!(answer["isError"], true, "{answer}");
    assert!(
        mcp::text(&answer).contains("which is not granted"),
        "{answer}"
    );
    let told = client(&host).call("context", json!({})).await.unwrap();
    assert_eq!(
        told["structuredContent"]["supports"],
        json!([false, false, false, false, false, false])
    );
    host.stop().await;

    let host = serve(ALL).await;
    let told = client(&host).call("context", json!({})).await.unwrap();
    assert_eq!(
        told["structuredContent"]["supports"],
        json!([true, true, false, false, true, false])
    );
    let unable = mcp::Client::new(host.url());
    let error = ask(&unable, Value::Null, &Value::Null).await.unwrap_err();
    assert_eq!(error.code, -32021, "{error:?}");
}
