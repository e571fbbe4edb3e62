//! Resources that clients subscribed to.

use std::time::{Duration, Instant};

use e2e::control::eventually;
use e2e::session::{Opening, Session};
use e2e::stdio::Pipes;
use serde_json::{Value, json};

use crate::support::Cx;

const URI: &str = "erratic://a";

/// Looks of one tenant at one resource are this far apart at least.
const SOONEST: Duration = Duration::from_millis(200);

fn is_update(message: &Value) -> bool {
    message["method"] == "notifications/resources/updated" && message["params"]["uri"] == URI
}

async fn subscribe(session: &Session) {
    let answer = session
        .request("resources/subscribe", json!({ "uri": URI }))
        .await;
    assert!(answer["result"].is_object(), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_look_serves_all_who_listen_in_both_eras() {
    let cx = Cx::start("").await;
    cx.control.answer("/look", r#"{"erratic://a":"1"}"#);
    let begun = Instant::now();
    let mut listening = Vec::new();
    let mut sessions = Vec::new();
    for _ in 0..5 {
        let (session, events) = cx.session().await;
        subscribe(&session).await;
        // A second time changes nothing.
        subscribe(&session).await;
        sessions.push(session);
        listening.push(events);
        let filter = json!({ "resourceSubscriptions": [URI, "elsewhere://unknown"] });
        listening.push(cx.listener(filter).await);
    }
    let (_bystander, mut unconcerned) = cx.session().await;
    cx.control.asked("/look", 5).await;
    let looks = cx.control.requests("/look");
    let most = begun.elapsed().as_millis() / SOONEST.as_millis() + 1;
    assert!(
        looks.len() as u128 <= most,
        "{} looks of {most}",
        looks.len()
    );
    let one = "/look?uris=erratic%3A%2F%2Fa&tenant=local";
    assert!(looks.iter().all(|look| look == one), "{looks:?}");
    for version in ["2", "3"] {
        let answer = format!(r#"{{"erratic://a":"{version}"}}"#);
        cx.control.answer("/look", &answer);
        for events in &mut listening {
            assert!(is_update(&events.message().await.unwrap()));
        }
    }
    // Nobody is told twice, and nobody who did not ask.
    let (first, others) = sessions.split_first().unwrap();
    first
        .request("resources/unsubscribe", json!({ "uri": URI }))
        .await;
    for session in others {
        assert_eq!(session.end().await, 204);
    }
    cx.announce(&["tools"], 1).await;
    for events in [&mut listening[0], &mut unconcerned] {
        let next = events.message().await.unwrap();
        assert_eq!(next["method"], "notifications/tools/list_changed");
    }
    // The last one to go ends the looking.
    drop(listening);
    let mut seen = 0;
    eventually("nobody looks any more", async || {
        let before = std::mem::replace(&mut seen, cx.control.requests("/look").len());
        tokio::time::sleep(SOONEST * 3).await;
        before == seen && cx.control.requests("/look").len() == seen
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_is_gone_is_told_once_and_looked_at_no_more() {
    let cx = Cx::start("").await;
    cx.control.answer("/look", r#"{"erratic://a":"1"}"#);
    let (session, mut events) = cx.session().await;
    subscribe(&session).await;
    cx.control.asked("/look", 2).await;
    cx.control.answer("/look", "{}");
    assert!(is_update(&events.message().await.unwrap()));
    let looks = cx.control.requests("/look").len();
    tokio::time::sleep(SOONEST * 4).await;
    assert_eq!(cx.control.requests("/look").len(), looks);
    // Whoever subscribes again has it looked at again.
    cx.control.answer("/look", r#"{"erratic://a":"2"}"#);
    subscribe(&session).await;
    cx.control.asked("/look", looks + 2).await;
    cx.control.answer("/look", r#"{"erratic://a":"3"}"#);
    assert!(is_update(&events.message().await.unwrap()));
    let unknown = session
        .request("resources/subscribe", json!({ "uri": "elsewhere://a" }))
        .await;
    assert_eq!(unknown["error"]["code"], -32002, "{unknown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_over_pipes_is_told_and_a_plugin_may_say_so_itself() {
    let cx = Cx::start("").await;
    let mut pipes = Pipes::open(&cx.deployment, json!({})).await;
    cx.control.answer("/look", r#"{"erratic://a":"1"}"#);
    let uri = json!({ "uri": URI });
    pipes.request("resources/subscribe", uri.clone()).await;
    cx.control.asked("/look", 2).await;
    cx.control.answer("/look", r#"{"erratic://a":"2"}"#);
    assert!(is_update(&pipes.message().await));
    let arguments = json!({ "what": [URI, "neighbour://thing", "erratic://b"], "times": 9 });
    let call = json!({ "name": "erratic_announce", "arguments": arguments });
    pipes.request("tools/call", call).await;
    assert!(is_update(&pipes.message().await));
    pipes.request("resources/unsubscribe", uri).await;
    pipes.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_looked_for_apart() {
    let token = |tenant: &str| {
        let made = std::process::Command::new(e2e::binary())
            .args(["token", "new", tenant, "--json", "--tenant", tenant])
            .args(["--scope", "resources:read"])
            .output()
            .unwrap();
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let text = |key: &str| made[key].as_str().unwrap().to_owned();
        (text("token"), text("toml"))
    };
    let (one, ones_table) = token("team-a");
    let (two, twos_table) = token("team-b");
    let cx = Cx::start(&format!("{ones_table}\n{twos_table}")).await;
    let look = |tenant: &str| format!("/look?uris=erratic%3A%2F%2Fa&tenant={tenant}");
    let version = |tenant: &str, version: &str| {
        let answer = format!(r#"{{"erratic://a":"{version}"}}"#);
        cx.control.answer(&look(tenant), &answer);
    };
    version("team-a", "1");
    version("team-b", "1");
    let mut listening = Vec::new();
    for token in [&one, &two] {
        let opening = Opening {
            token: Some(token.clone()),
            ..Opening::default()
        };
        let session = Session::open_as(cx.host.url(), opening).await;
        subscribe(&session).await;
        listening.push(session.listen().await);
    }
    let looks = |tenant: &str| {
        let look = look(tenant);
        let all = cx.control.requests("/look");
        all.iter().filter(|one| **one == look).count()
    };
    // What one tenant's backend shows concerns nobody else, and neither does its taking its time.
    eventually("both were looked for", async || {
        looks("team-a") > 1 && looks("team-b") > 1
    })
    .await;
    cx.control.hold(&look("team-a"));
    for number in ["2", "3"] {
        version("team-b", number);
        assert!(is_update(&listening[1].message().await.unwrap()));
    }
    version("team-a", "2");
    cx.control.release(&look("team-a"));
    assert!(is_update(&listening[0].message().await.unwrap()));
    let more = listening[0].come(SOONEST * 2).await;
    assert!(more.is_empty(), "{more:?}");
}
