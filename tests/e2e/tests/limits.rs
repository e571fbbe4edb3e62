//! Limits of plugins and of tenants: each that is exceeded is an error of that call which names it, and the others do not
//! notice.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::process::Command;

use e2e::control::eventually;
use e2e::{Deployment, Host, mcp};
use serde_json::{Value, json};
use tokio::task::JoinSet;

fn tables(limits: &str) -> String {
    format!(
        "\n[plugins.echo]\ncomponent = \"{echo}\"\n\n[plugins.hostile]\ncomponent = \"{hostile}\"\ngrant = [\"http\", \"roots\"]\n{limits}",
        echo = e2e::plugin("echo").display(),
        hostile = e2e::plugin("hostile").display(),
    )
}

async fn host(limits: &str) -> Host {
    Host::start(&Deployment::new(&tables(limits))).await
}

async fn echo_answers(client: &mcp::Client) {
    let answer = client.call("echo", json!({ "text": "here" })).await;
    assert_eq!(mcp::text(&answer.unwrap()), "here");
}

async fn metric(host: &Host, name: &str) -> String {
    let url = host.url().replace("/mcp", "/metrics");
    let text = mcp::http().get(url).send().await.unwrap().text().await;
    let text = text.unwrap();
    let line = text.lines().find(|line| line.starts_with(name));
    line.unwrap_or_default().to_owned()
}

/// A token of a tenant, and the table for the configuration.
fn token(tenant: &str, name: &str) -> (String, String) {
    let made = Command::new(e2e::binary())
        .args(["token", "new", name, "--json", "--tenant", tenant])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let text = |key: &str| made[key].as_str().unwrap().to_owned();
    (text("token"), text("toml"))
}

/// The texts of that many calls at once.
async fn at_once(client: &mcp::Client, tool: &str, arguments: Value, many: usize) -> Vec<String> {
    let mut calls = JoinSet::new();
    for _ in 0..many {
        let (client, tool, arguments) = (client.clone(), tool.to_owned(), arguments.clone());
        calls.spawn(async move { client.call(&tool, arguments).await });
    }
    let answers = calls.join_all().await;
    answers
        .into_iter()
        .map(|answer| mcp::text(&answer.unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_of_a_plugin_is_bounded() {
    let host = host("limits = { concurrency = 1, queue = 1 }\n").await;
    let client = mcp::Client::new(host.url());
    let sleep = json!({ "milliseconds": 3000 });
    let sleeping = tokio::spawn({
        let client = client.clone();
        async move { at_once(&client, "hostile_sleep", sleep, 8).await }
    });
    // Its neighbours are served meanwhile.
    for _ in 0..5 {
        echo_answers(&client).await;
    }
    let texts = sleeping.await.unwrap();
    let awake = texts.iter().filter(|text| *text == "awake").count();
    let limit = "plugin `hostile` is busy: as many calls as its queue limit of 1 allows";
    let refused = texts.iter().filter(|text| text.starts_with(limit)).count();
    assert!(awake >= 1 && refused >= 1, "{texts:?}");
    assert_eq!(awake + refused, 8, "{texts:?}");
    let counted = metric(
        &host,
        "toolward_plugin_runs_total{plugin=\"hostile\",ended=\"queue\"}",
    )
    .await;
    assert!(counted.ends_with(&format!(" {refused}")), "{counted}");
    let limit = metric(
        &host,
        "toolward_plugin_limit{plugin=\"hostile\",limit=\"queue\"}",
    )
    .await;
    assert!(limit.ends_with(" 1.0"), "{limit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_has_so_many_calls_in_a_second() {
    let host = host("limits = { calls-per-second = 2 }\n").await;
    let client = mcp::Client::new(host.url());
    let texts = at_once(&client, "hostile_sleep", json!({ "milliseconds": 0 }), 40).await;
    let limit = "plugin `hostile` is called more often than its limit of 2 calls-per-second";
    let refused = texts.iter().filter(|text| text.starts_with(limit)).count();
    assert!(refused >= 1, "{texts:?}");
    assert!(texts.iter().any(|text| text == "awake"), "{texts:?}");
    for _ in 0..5 {
        echo_answers(&client).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn continuations_and_lists_are_bounded() {
    let host = host("limits = { continuation-size = \"32 KiB\" }\n").await;
    let client = mcp::Client::new(host.url()).with_capabilities(json!({ "roots": {} }));
    let asked = client.call("hostile_continue", json!({ "amount": 32 << 10 }));
    assert!(asked.await.unwrap()["requestState"].is_string());
    let refused = client.call("hostile_continue", json!({ "amount": (32 << 10) + 1 }));
    let text = mcp::text(&refused.await.unwrap());
    assert!(
        text.contains("continuation-size limit of 32768 bytes"),
        "{text}"
    );
    drop(host);

    for (limits, expected) in [
        (
            "limits = { max-entries = 3 }\n",
            "more than its max-entries limit of 3",
        ),
        (
            "limits = { result-size = \"512 B\" }\n",
            "more than its result-size limit of 512 bytes",
        ),
    ] {
        let host = self::host(limits).await;
        let client = mcp::Client::new(host.url());
        echo_answers(&client).await;
        let tools = client.tools().await;
        assert!(
            !tools.iter().any(|tool| tool.starts_with("hostile")),
            "{tools:?}"
        );
        let log = host.stop().await;
        assert!(log.contains(expected), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_has_its_own_limits() {
    let (acme, acme_table) = token("acme", "acme");
    let (other, other_table) = token("other", "other");
    let limits = format!(
        "{acme_table}\n{other_table}\n[tenant-limits]\nconcurrency = 2\nqueue = 1\n\n\
         [tenants.other.limits]\nqueue = 64\ncalls-per-second = 1000\n"
    );
    let host = host(&limits).await;
    let acme = mcp::Client::new(host.url()).with_token(&acme);
    let other = mcp::Client::new(host.url()).with_token(&other);
    let sleep = json!({ "milliseconds": 3000 });
    let flood = tokio::spawn({
        let acme = acme.clone();
        async move { at_once(&acme, "hostile_sleep", sleep, 12).await }
    });
    // The other tenant has places of its own, in the same plugin as well.
    let texts = at_once(&other, "hostile_sleep", json!({ "milliseconds": 1 }), 16).await;
    assert!(texts.iter().all(|text| text == "awake"), "{texts:?}");
    let texts = flood.await.unwrap();
    let limit = "tenant `acme` is busy: as many of its calls as its queue limit of 1 allows";
    let refused = texts.iter().filter(|text| text.starts_with(limit)).count();
    let awake = texts.iter().filter(|text| *text == "awake").count();
    assert!(awake >= 2 && refused >= 1, "{texts:?}");
    assert_eq!(awake + refused, 12, "{texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_has_so_many_calls_in_a_second() {
    let (acme_token, acme_table) = token("acme", "acme");
    let (other, other_table) = token("other", "other");
    let limits =
        format!("{acme_table}\n{other_table}\n[tenants.acme.limits]\ncalls-per-second = 1\n");
    let host = host(&limits).await;
    let acme = mcp::Client::new(host.url()).with_token(&acme_token);
    let texts = at_once(&acme, "echo", json!({ "text": "here" }), 40).await;
    let limit = "tenant `acme` calls more often than its limit of 1 calls-per-second";
    assert!(
        texts.iter().any(|text| text.starts_with(limit)),
        "{texts:?}"
    );
    assert!(texts.iter().any(|text| text == "here"), "{texts:?}");
    // What is refused for its arguments was work as well: it takes the place of the one call of this second.
    let misfit = json!({ "text": 1 });
    eventually("its arguments are looked at", async || {
        let answer = acme.call("echo", misfit.clone()).await;
        mcp::text(&answer.unwrap()).contains("do not fit")
    })
    .await;
    let texts = at_once(&acme, "echo", misfit.clone(), 40).await;
    let limited = texts.iter().filter(|text| text.starts_with(limit)).count();
    let looked_at = texts.iter().filter(|text| text.contains("do not fit"));
    assert!(limited >= 20, "{texts:?}");
    assert_eq!(looked_at.count() + limited, 40, "{texts:?}");
    let call = format!("{}/api/tools/echo", host.url().trim_end_matches("/mcp"));
    let mut refused = Vec::new();
    for _ in 0..5 {
        let request = mcp::http().post(&call).bearer_auth(&acme_token);
        let answer = request.json(&misfit).send().await.unwrap();
        refused.push(answer.status().as_u16());
    }
    assert!(refused.contains(&503), "{refused:?}");
    let other = mcp::Client::new(host.url()).with_token(&other);
    let texts = at_once(&other, "echo", json!({ "text": "here" }), 40).await;
    assert!(texts.iter().all(|text| text == "here"), "{texts:?}");
}
