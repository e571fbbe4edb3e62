//! A plugin whose lists attack the host is left out with its reason, at the start and when it comes as a new version; the
//! others are served as before.

use e2e::mcp;
use e2e::operator::{self, Operator};
use e2e::{Deployment, Host};
use serde_json::json;

use super::support::{Attacked, Recorded, plugin};

/// Which fixture's list is what, and what is said of it.
const ATTACKS: [(&str, &str, &str); 26] = [
    ("hostile", "loop", "cpu-time limit of 300ms"),
    ("hostile", "memory", "memory limit of 33554432 bytes"),
    ("hostile", "trap", "a defect of the plugin"),
    ("hostile", "name", "is not a name"),
    (
        "hostile",
        "stolen-name",
        "which plugin `echo` offers already",
    ),
    ("hostile", "meta", "is reserved"),
    ("hostile", "schema-size", "at most 262144 are taken"),
    ("hostile", "schema-reference", "Retrieval is disabled"),
    ("hostile", "text", "has a text of 1048576 bytes"),
    ("forger", "twice", "it lists twice"),
    ("forger", "tool-of-the-host", "of a tool of the host's own"),
    ("forger", "control-characters", "is not a name"),
    ("forger", "lookalike", "is not a name"),
    ("forger", "schema-broken", "is not a JSON object"),
    ("forger", "schema-no-object", "is not a JSON object"),
    ("forger", "schema-deep", "recursion limit exceeded"),
    ("forger", "schema-patterns", "patterns that are too large"),
    ("forger", "many", "limit of "),
    ("forger", "meta-broken", "JSON"),
    ("forger", "meta-of-the-protocol", "reserved"),
    (
        "forger",
        "resource-of-another",
        "which plugin `erratic` offers already",
    ),
    ("forger", "uri-with-a-line-end", "is not a URI"),
    ("forger", "uri-of-nothing", "is not a URI"),
    ("forger", "pages-without-end", "on more than 100 pages"),
    ("forger", "template-of-everything", "begins with no scheme"),
    (
        "forger",
        "template-of-another",
        "which plugin `erratic` offers already",
    ),
];

/// `echo`, `erratic`, and a fixture whose list is this.
fn tables(fixture: &str, attack: &str) -> String {
    let (grant, key) = match fixture {
        "hostile" => (r#"["http", "roots"]"#, "attack"),
        _ => ("[]", "list"),
    };
    let attacker = format!(
        r#"
grant = {grant}
settings = {{ {key} = "{attack}" }}

[plugins.{fixture}.limits]
memory = "32 MiB"
cpu-time = "300 ms"
"#
    );
    plugin("erratic", "grant = [\"http\", \"changes\"]") + &plugin(fixture, &attacker)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_attacks_keeps_only_its_own_plugin_out() {
    for (fixture, attack, expected) in ATTACKS {
        let tables = plugin("echo", "") + &tables(fixture, attack);
        let host = Host::start(&Deployment::new(&tables)).await;
        let client = mcp::Client::new(host.url());
        let answer = client.call("echo", json!({ "text": "still here" })).await;
        assert_eq!(mcp::text(&answer.unwrap()), "still here", "{attack}");
        let tools = client.tools().await;
        assert!(
            !tools.iter().any(|tool| tool.starts_with(fixture)),
            "{attack}: {tools:?}"
        );
        let params = json!({ "uri": "erratic://a" });
        let real = client.request("resources/read", params).await.unwrap();
        assert_eq!(
            real["contents"][0]["text"], "This is a.",
            "{attack}: {real}"
        );
        let status = Operator::of(&host).status().await;
        let problem = operator::plugin(&status, fixture)["problem"].to_string();
        assert!(problem.contains(expected), "{attack}: {problem}");
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
    let mut attacked = Attacked::start(&tables("hostile", "none")).await;
    let operator = Operator::of(&attacked.host);
    let good = std::fs::read_to_string(attacked.deployment.config()).unwrap();
    let before = attacked.client.tools().await;
    assert!(before.iter().any(|tool| tool == "hostile_disguise"));
    // What is loaded beside what is served takes its room once.
    for attack in [
        "none",
        "loop",
        "memory",
        "trap",
        "name",
        "stolen-name",
        "loop",
    ] {
        let bad = good.replace("attack = \"none\"", &format!("attack = \"{attack}\""));
        attacked.deployment.write("toolward.toml", &bad);
        let (_, taken) = operator.reload().await;
        if attack == "none" {
            attacked.settle().await;
            continue;
        }
        assert_ne!(taken["ok"], true, "{attack}: {taken}");
        let expected = ATTACKS.iter().find(|row| row.1 == attack).unwrap().2;
        assert!(taken.to_string().contains(expected), "{attack}: {taken}");
        let told = operator.until_problem("hostile", expected).await;
        assert_eq!(told["draining"], 0, "{attack}: {told}");
        operator.health().await;
        assert_eq!(attacked.client.tools().await, before, "{attack}");
        let answer = attacked.client.call("hostile_disguise", json!({})).await;
        assert_eq!(mcp::text(&answer.unwrap()), "not called", "{attack}");
        attacked
            .is_unharmed(attack, Recorded::Outcome("success"))
            .await;
        let reloads = attacked.events("reload");
        let last = reloads.last().unwrap().to_string();
        assert!(last.contains("refused"), "{attack}: {last}");
    }
    attacked.deployment.write("toolward.toml", &good);
    let (_, taken) = operator.reload().await;
    assert_eq!(taken["ok"], true, "{taken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_explodes_costs_its_own_call_only() {
    let mut attacked = Attacked::start(&tables("hostile", "schema-explodes")).await;
    for _ in 0..4 {
        let text = attacked.attack("hostile_disguise", json!({})).await;
        assert!(text.contains("it cannot be checked"), "{text}");
        let recorded = Recorded::Outcome("invalid_arguments");
        attacked
            .is_unharmed("a schema that explodes", recorded)
            .await;
    }
}
