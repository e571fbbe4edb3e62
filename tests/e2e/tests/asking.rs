//! Clients of the old era are asked while they wait: forms, confirmations, links, their model, their roots; over HTTP on
//! the stream of the call, and over pipes. The new era is in `offers` and `seals`.

use std::collections::BTreeSet;

use e2e::control::{Control, eventually};
use e2e::session::{Opening, Session};
use e2e::sse::Events;
use e2e::stdio::Pipes;
use e2e::{Deployment, Host, mcp};
use serde_json::{Value, json};

fn deployment(grants: &str) -> Deployment {
    let (interface, erratic) = (e2e::plugin("interface"), e2e::plugin("erratic"));
    Deployment::new(&format!(
        r#"
[plugins.interface]
component = "{}"
grant = [{grants}]
visit-urls = ["https://login.example/"]

[plugins.erratic]
component = "{}"
grant = ["http", "changes", "sample"]
"#,
        interface.display(),
        erratic.display()
    ))
}

const ALL: &str = r#""form", "roots", "visit""#;

fn able() -> Value {
    json!({ "elicitation": { "form": {}, "url": {} }, "roots": {}, "sampling": {} })
}

async fn open(host: &Host) -> Session {
    let opening = Opening {
        capabilities: able(),
        ..Opening::default()
    };
    Session::open_as(host.url(), opening).await
}

fn ask() -> Value {
    json!({ "name": "ask", "arguments": {} })
}

fn think(prompt: &str) -> Value {
    json!({ "name": "erratic_think", "arguments": { "prompt": prompt } })
}

/// What a person or a client would reply.
fn reply(request: &Value) -> Value {
    match request["method"].as_str().unwrap_or_default() {
        "roots/list" => json!({ "roots": [{ "uri": "file:///home", "name": "home" }] }),
        "sampling/createMessage" => {
            let prompt = request["params"]["messages"][0]["content"]["text"].as_str();
            let thought = format!("I thought about {}", prompt.unwrap_or_default());
            json!({ "role": "assistant", "content": { "type": "text", "text": thought }, "model": "m" })
        }
        "elicitation/create" => {
            let schema = &request["params"]["requestedSchema"];
            let mut content = json!({});
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                content[name] = match property["type"].as_str() {
                    Some("boolean") => json!(true),
                    _ => json!("text"),
                };
            }
            json!({ "action": "accept", "content": content })
        }
        other => panic!("nobody asks for {other}: {request}"),
    }
}

fn is_question(message: &Value) -> bool {
    message["method"].is_string() && !message["id"].is_null()
}

/// The next questions of a call.
async fn questions(events: &mut Events, times: usize) -> Vec<Value> {
    let mut questions = Vec::new();
    while questions.len() < times {
        let message = events.message().await.expect("the call goes on");
        assert!(is_question(&message), "{message}");
        questions.push(message);
    }
    questions
}

/// What the plugin was told, from a call that asked for everything.
fn told(answer: &Value) -> &Value {
    &answer["result"]["structuredContent"]
}

fn expected() -> Value {
    json!({
        "remembered": "first round",
        "answers": [
            { "confirm": true, "reason": "text" },
            { "name": "text" },
            { "roots": [{ "name": "home", "uri": "file:///home" }] },
            {},
        ],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_a_client_is_asked_on_the_stream_of_its_call() {
    let host = Host::start(&deployment(ALL)).await;
    let session = open(&host).await;
    let mut standalone = session.listen().await;
    let (id, mut events) = session.start("tools/call", ask()).await;
    let asked = questions(&mut events, 4).await;
    let ids: BTreeSet<_> = asked.iter().map(|one| one["id"].to_string()).collect();
    assert_eq!(ids.len(), 4, "{asked:?}");
    let modes = asked
        .iter()
        .filter_map(|one| one["params"]["mode"].as_str());
    let mut modes: Vec<_> = modes.collect();
    modes.sort_unstable();
    assert_eq!(modes, ["form", "form", "url"]);
    for one in &asked {
        if let Some(message) = one["params"]["message"].as_str() {
            assert!(message.contains("asked by the plugin interface"), "{one}");
        }
        if one["params"]["mode"] == "url" {
            assert_eq!(one["params"]["url"], "https://login.example/");
        }
    }
    for one in asked.iter().rev() {
        session.reply(&one["id"], reply(one)).await;
    }
    let answer = events.rest().await.pop().unwrap();
    assert_eq!(answer["id"], id);
    assert_eq!(*told(&answer), expected());
    // Nothing of it went elsewhere.
    let elsewhere = standalone.come(std::time::Duration::from_millis(200)).await;
    assert!(elsewhere.iter().all(|event| event.message.is_none()));

    let (_, mut events) = session.start("tools/call", think("lunch")).await;
    let asked = questions(&mut events, 1).await;
    assert_eq!(asked[0]["params"]["maxTokens"], 100, "{asked:?}");
    session.reply(&asked[0]["id"], reply(&asked[0])).await;
    let answer = events.message().await.unwrap();
    assert_eq!(mcp::text(&answer["result"]), "I thought about lunch");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_pipes_too() {
    let deployment = deployment(ALL);
    let mut pipes = Pipes::open(&deployment, able()).await;
    for (params, asks) in [(ask(), 4), (think("pipes"), 1)] {
        let id = pipes.start_request("tools/call", params).await;
        let mut asked = Vec::new();
        while asked.len() < asks {
            let message = pipes.message().await;
            assert!(is_question(&message), "{message}");
            asked.push(message);
        }
        for one in &asked {
            pipes.reply(&one["id"], reply(one)).await;
        }
        let answer = pipes.answer(id).await;
        match asks {
            4 => assert_eq!(*told(&answer), expected()),
            _ => assert_eq!(mcp::text(&answer["result"]), "I thought about pipes"),
        }
    }
    pipes.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_waits_for_a_client_that_lost_its_stream() {
    let control = Control::start().await;
    let tables = format!(
        "{}\n[plugins.interface]\ncomponent = \"{}\"\ngrant = [{ALL}]\nvisit-urls = [\"https://login.example/\"]\n",
        control.erratic(),
        e2e::plugin("interface").display()
    );
    let host = Host::start(&Deployment::new(&tables)).await;
    let session = open(&host).await;
    let (id, mut events) = session.start("tools/call", ask()).await;
    let bookmark = events.next().await.unwrap().id.unwrap();
    drop(events);
    let mut events = session.resume(&bookmark).await;
    let first = questions(&mut events, 4).await;
    drop(events);
    // Seen once already, and told again to whoever says that it saw nothing.
    let mut events = session.resume(&bookmark).await;
    let asked = questions(&mut events, 4).await;
    assert_eq!(asked, first);
    for one in &asked {
        session.reply(&one["id"], reply(one)).await;
        // A second reply is one too many, and is not heard.
        session
            .reply(&one["id"], json!({ "action": "decline" }))
            .await;
    }
    let answer = events.rest().await.pop().unwrap();
    assert_eq!((&answer["id"], told(&answer)), (&json!(id), &expected()));
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_reach_whoever_asked_and_nobody_else() {
    let host = Host::start(&deployment(ALL)).await;
    let (session, stranger) = (open(&host).await, open(&host).await);
    let mut calls = Vec::new();
    for number in 0..5 {
        let prompt = format!("number {number}");
        let (_, mut events) = session.start("tools/call", think(&prompt)).await;
        let question = questions(&mut events, 1).await.remove(0);
        calls.push((prompt, question, events));
    }
    let ids: BTreeSet<_> = calls
        .iter()
        .map(|(_, one, _)| one["id"].to_string())
        .collect();
    assert_eq!(ids.len(), calls.len(), "{ids:?}");
    // Somebody else guesses the numbers, and this client says things that nobody asked.
    let lie = json!({ "role": "assistant", "content": { "type": "text", "text": "a lie" }, "model": "m" });
    for (_, question, _) in &calls {
        stranger.reply(&question["id"], lie.clone()).await;
    }
    for id in [json!(0), json!(-1), json!(4711), json!("1"), Value::Null] {
        let message = json!({ "jsonrpc": "2.0", "id": id, "result": lie });
        let status = session.send(&message).await.status();
        assert!(status == 202 || status == 400, "{id}: {status}");
    }
    for (prompt, question, events) in calls.into_iter().rev() {
        session.reply(&question["id"], reply(&question)).await;
        let answer = events.rest().await.pop().unwrap();
        assert_eq!(
            mcp::text(&answer["result"]),
            format!("I thought about {prompt}")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_a_misfit_and_a_refusal_are_told_apart() {
    let host = Host::start(&deployment(ALL)).await;
    let session = open(&host).await;
    let outcome = async |answer: &dyn Fn(&Value) -> Value| {
        let (_, mut events) = session.start("tools/call", ask()).await;
        for one in questions(&mut events, 4).await {
            let mut message = answer(&one);
            message["jsonrpc"] = json!("2.0");
            message["id"] = one["id"].clone();
            assert_eq!(session.send(&message).await.status(), 202);
        }
        events.rest().await.pop().unwrap()
    };
    let elicited = |request: &Value, result: Value| match request["method"].as_str() {
        Some("elicitation/create") => json!({ "result": result }),
        _ => json!({ "result": reply(request) }),
    };
    let declined = outcome(&|one| elicited(one, json!({ "action": "decline" }))).await;
    let answers = &told(&declined)["answers"];
    assert_eq!([&answers[0], &answers[1]], ["declined", "declined"]);
    let put_aside = outcome(&|one| elicited(one, json!({ "action": "cancel" }))).await;
    assert_eq!(told(&put_aside)["answers"][0], "cancelled");
    let misfit =
        json!({ "action": "accept", "content": { "name": 7, "confirm": true, "reason": "x" } });
    let misfit = outcome(&|one| elicited(one, misfit.clone())).await;
    assert_eq!(misfit["result"]["isError"], true, "{misfit}");
    assert!(
        mcp::text(&misfit["result"]).contains("does not fit"),
        "{misfit}"
    );
    let refused = json!({ "error": { "code": -1, "message": "the user is out" } });
    let refused = outcome(&|_| refused.clone()).await;
    assert_eq!(refused["result"]["isError"], true, "{refused}");
    assert!(
        mcp::text(&refused["result"]).contains("the user is out"),
        "{refused}"
    );
    // After all of that the session is as it was.
    eventually("the session is there", async || session.is_open().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_what_was_not_granted_or_cannot_be() {
    let granted = Host::start(&deployment(ALL)).await;
    let nothing = Host::start(&deployment("")).await;
    let unable = Session::open(granted.url()).await;
    let answer = unable.request("tools/call", ask()).await;
    assert_eq!(answer["error"]["code"], -32021, "{answer}");
    let answer = open(&nothing).await.request("tools/call", ask()).await;
    let text = mcp::text(&answer["result"]);
    assert!(
        text.contains("which is not granted") && text.contains("hint: add"),
        "{answer}"
    );
    // Before 2025-11-25 the capability has no parts and means forms.
    let opening = Opening {
        version: "2025-06-18",
        capabilities: json!({ "elicitation": {}, "roots": {} }),
        ..Opening::default()
    };
    let old = Session::open_as(granted.url(), opening).await;
    let context = old.call("context", json!({})).await.unwrap();
    assert_eq!(
        context["structuredContent"]["supports"],
        json!([true, false, false, false, true, false])
    );
}
