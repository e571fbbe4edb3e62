//! Instances that serve more than one call: always of one principal, and of nobody after something went wrong. The plugin
//! keeps secrets in a global, which is what such an instance could give away.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::process::Command;
use std::time::{Duration, Instant};

use e2e::{Deployment, Host, mcp};
use serde_json::{Value, json};

/// Two tenants, and two principals of the first.
struct Cx {
    host: Host,
    ann: mcp::Client,
    bob: mcp::Client,
    other: mcp::Client,
}

async fn start(isolation: &str) -> Cx {
    start_with(isolation, "").await
}

async fn start_with(isolation: &str, runtime: &str) -> Cx {
    let mut text = String::new();
    let mut tokens = Vec::new();
    for (tenant, name) in [("one", "ann"), ("one", "bob"), ("two", "ann-too")] {
        let made = Command::new(e2e::binary())
            .args(["token", "new", name, "--json", "--tenant", tenant])
            .output()
            .unwrap();
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        tokens.push(made["token"].as_str().unwrap().to_owned());
        text.push_str(made["toml"].as_str().unwrap());
        text.push('\n');
    }
    let hostile = e2e::plugin("hostile").display().to_string();
    let tables = format!(
        "{text}\n[plugins.hostile]\ncomponent = \"{hostile}\"\ngrant = [\"http\"]\n{isolation}\n\
         limits = {{ cpu-time = \"300 ms\", wall-time = \"5 s\", memory = \"32 MiB\" }}\n"
    );
    let deployment = Deployment::new(&tables);
    let config = std::fs::read_to_string(deployment.config()).unwrap();
    let config = config
        .replace("[server]", "[server]\nmetrics = \"everybody\"")
        .replace("[runtime]", &format!("[runtime]\n{runtime}"));
    deployment.write("toolward.toml", &config);
    let host = Host::start(&deployment).await;
    let mut clients = tokens
        .iter()
        .map(|token| mcp::Client::new(host.url()).with_token(token));
    let (ann, bob, other) = (
        clients.next().unwrap(),
        clients.next().unwrap(),
        clients.next().unwrap(),
    );
    drop(clients);
    Cx {
        host,
        ann,
        bob,
        other,
    }
}

const REUSE: &str = "isolation = \"per-principal\"";

/// Keeps a secret; gives what the instance had kept before.
async fn remember(client: &mcp::Client, secret: &str) -> Value {
    let answer = client.call("hostile_remember", json!({ "secret": secret }));
    let answer = answer.await.unwrap();
    answer["structuredContent"]["result"].clone()
}

async fn idle(host: &Host) -> String {
    let url = host.url().replace("/mcp", "/metrics");
    let text = mcp::http().get(url).send().await.unwrap().text().await;
    let text = text.unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("toolward_idle_instances "));
    line.unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn usually_nothing_is_left_of_a_call() {
    let cx = start("").await;
    for _ in 0..3 {
        assert_eq!(remember(&cx.ann, "a").await, json!([]));
    }
    assert_eq!(idle(&cx.host).await, "toolward_idle_instances 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_serves_one_principal_only() {
    let cx = start(REUSE).await;
    assert_eq!(remember(&cx.ann, "a1").await, json!([]));
    assert_eq!(remember(&cx.bob, "b1").await, json!([]));
    assert_eq!(remember(&cx.other, "o1").await, json!([]));
    assert_eq!(remember(&cx.ann, "a2").await, json!(["a1"]));
    assert_eq!(remember(&cx.bob, "b2").await, json!(["b1"]));
    assert_eq!(remember(&cx.other, "o2").await, json!(["o1"]));
    assert_eq!(idle(&cx.host).await, "toolward_idle_instances 3");
    // Calls at once have instances of their own: what each sees is the principal's.
    let mut at_once = tokio::task::JoinSet::new();
    for number in 0..8 {
        let ann = cx.ann.clone();
        at_once.spawn(async move { remember(&ann, &format!("a{number}")).await });
    }
    for seen in at_once.join_all().await {
        let seen = seen.as_array().unwrap().clone();
        let own = seen
            .iter()
            .all(|one| one.as_str().unwrap().starts_with('a'));
        assert!(own, "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_not_used_again_after_something_went_wrong() {
    let cx = start(REUSE).await;
    for (tool, arguments) in [
        ("hostile_trap", json!({})),
        ("hostile_loop", json!({})),
        ("hostile_allocate", json!({})),
        ("hostile_sleep", json!({ "milliseconds": 60_000 })),
    ] {
        assert_eq!(remember(&cx.ann, "a").await, json!([]), "before {tool}");
        assert_eq!(remember(&cx.ann, "a").await, json!(["a"]), "before {tool}");
        let failed = cx.ann.call(tool, arguments).await.unwrap();
        assert_eq!(failed["isError"], true, "{tool}: {failed}");
        assert_eq!(idle(&cx.host).await, "toolward_idle_instances 0", "{tool}");
        assert_eq!(remember(&cx.ann, "b").await, json!([]), "after {tool}");
        let ended = cx.ann.call("hostile_trap", json!({})).await.unwrap();
        assert_eq!(ended["isError"], true, "{ended}");
    }
}

/// The limits are those of a call, however many the instance has served.
#[tokio::test(flavor = "multi_thread")]
async fn every_call_has_its_own_limits() {
    let cx = start(REUSE).await;
    for _ in 0..4 {
        // Each writes more than half of what one call may.
        let written = cx.ann.call("hostile_log", json!({ "amount": 1200 }));
        assert_eq!(mcp::text(&written.await.unwrap()), "written");
    }
    assert_eq!(idle(&cx.host).await, "toolward_idle_instances 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_ends_after_its_calls_and_when_nobody_comes() {
    let cx = start(&format!(
        "{REUSE}\nreuse-calls = 3\nreuse-idle = \"200 ms\""
    ))
    .await;
    let mut most = 0;
    for _ in 0..12 {
        let seen = remember(&cx.ann, "a").await;
        most = most.max(seen.as_array().unwrap().len());
    }
    assert!(most < 3, "one instance served {} calls", most + 1);
    assert_eq!(remember(&cx.bob, "b").await, json!([]));
    let end = Instant::now() + Duration::from_mins(1);
    while idle(&cx.host).await != "toolward_idle_instances 0" {
        assert!(Instant::now() < end, "an idle instance stays");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(remember(&cx.bob, "b").await, json!([]));
}

/// One that may wait long does not keep another one waiting.
#[tokio::test(flavor = "multi_thread")]
async fn each_instance_ends_in_its_own_time() {
    let echo = e2e::plugin("echo").display().to_string();
    let cx = start(&format!(
        "{REUSE}\nreuse-idle = \"1h\"\n[plugins.echo]\ncomponent = \"{echo}\"\n{REUSE}\nreuse-idle = \"200 ms\""
    ))
    .await;
    assert_eq!(remember(&cx.ann, "a").await, json!([]));
    let said = cx.ann.call("echo", json!({ "text": "b" })).await;
    assert_eq!(mcp::text(&said.unwrap()), "b");
    let end = Instant::now() + Duration::from_mins(1);
    while idle(&cx.host).await != "toolward_idle_instances 1" {
        assert!(Instant::now() < end, "an idle instance stays");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(remember(&cx.ann, "b").await, json!(["a"]));
}

/// Instances that wait have places of the pool, and give them up for a call that is there.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_gives_way_to_who_comes() {
    let cx = start_with(REUSE, "max-instances = 1").await;
    assert_eq!(remember(&cx.ann, "a").await, json!([]));
    assert_eq!(remember(&cx.ann, "a").await, json!(["a"]));
    assert_eq!(remember(&cx.bob, "b").await, json!([]));
    assert_eq!(idle(&cx.host).await, "toolward_idle_instances 1");
    assert_eq!(remember(&cx.ann, "a").await, json!([]));
}
