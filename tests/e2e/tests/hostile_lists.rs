//! A plugin whose lists attack the host is left out with its reason, at the start and when it comes as a new version; the
//! others are served as before.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use e2e::{Deployment, Host, mcp};
use serde_json::{Value, json};

/// What the fixture's list is, and what is said of it.
const ATTACKS: [(&str, &str); 9] = [
    ("loop", "cpu-time limit of 300ms"),
    ("memory", "memory limit of 33554432 bytes"),
    ("trap", "a defect of the plugin"),
    ("name", "is not a name"),
    ("stolen-name", "of the plugin `echo`"),
    ("meta", "which is reserved"),
    ("schema-size", "at most 262144 are taken"),
    ("schema-reference", "which it does not have"),
    ("text", "has a text of 1048576 bytes"),
];

fn tables(attack: &str) -> String {
    format!(
        r#"
[plugins.echo]
component = "{echo}"

[plugins.hostile]
component = "{hostile}"
grant = ["http", "roots"]
settings = {{ attack = "{attack}" }}

[plugins.hostile.limits]
memory = "32 MiB"
cpu-time = "300 ms"
"#,
        echo = e2e::plugin("echo").display(),
        hostile = e2e::plugin("hostile").display(),
    )
}

async fn echo_answers(client: &mcp::Client) {
    let answer = client.call("echo", json!({ "text": "still here" })).await;
    assert_eq!(mcp::text(&answer.unwrap()), "still here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_attacks_keeps_only_its_own_plugin_out() {
    for (attack, expected) in ATTACKS {
        let host = Host::start(&Deployment::new(&tables(attack))).await;
        let client = mcp::Client::new(host.url());
        echo_answers(&client).await;
        let tools = client.tools().await;
        assert!(
            !tools.iter().any(|tool| tool.starts_with("hostile")),
            "{attack}: {tools:?}"
        );
        let log = host.stop().await;
        assert!(
            log.contains(expected),
            "{attack}: no {expected:?} in\n{log}"
        );
        assert!(!log.contains('\u{1b}'), "{attack}: an escape sequence");
        assert!(
            !log.lines().any(|line| line.starts_with("ERROR forged")),
            "{attack}: a line was forged"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_whose_list_attacks_does_not_replace_the_old_one() {
    let deployment = Deployment::new(&tables("none"));
    let host = Host::start(&deployment).await;
    let client = mcp::Client::new(host.url());
    let good = std::fs::read_to_string(deployment.config()).unwrap();
    let before = client.tools().await;
    assert!(before.iter().any(|tool| tool == "hostile_disguise"));
    for attack in ["loop", "memory", "name", "stolen-name"] {
        let bad = good.replace("attack = \"none\"", &format!("attack = \"{attack}\""));
        deployment.write("toolward.toml", &bad);
        let taken: Value = reload(&host).await;
        assert_ne!(taken["ok"], true, "{attack}: {taken}");
        assert_eq!(client.tools().await, before, "{attack}");
        echo_answers(&client).await;
        let answer = client.call("hostile_disguise", json!({})).await.unwrap();
        assert_eq!(mcp::text(&answer), "not called", "{attack}");
    }
}

async fn reload(host: &Host) -> Value {
    let url = host.url().replace("/mcp", "/api/admin/reload");
    let answer = mcp::http().post(url).send().await.unwrap();
    answer.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_explodes_costs_its_own_call_only() {
    let host = Host::start(&Deployment::new(&tables("schema-explodes"))).await;
    let client = mcp::Client::new(host.url());
    for _ in 0..4 {
        let answer = client.call("hostile_disguise", json!({})).await;
        let said = format!("{answer:?}");
        assert!(said.contains("it cannot be checked"), "{said}");
        echo_answers(&client).await;
    }
}
