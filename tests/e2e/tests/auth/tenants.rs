//! What tenants share, and what the configuration has to say before a network is served.

use std::process::Command;

use e2e::{Deployment, Host};
use serde_json::json;
use vbr_simulator::{Options, Simulator};

use crate::support::{NEW, client, header, new_token};

#[tokio::test(flavor = "multi_thread")]
async fn tenants_do_not_share_logins() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let deployment = Deployment::backup_jobs(&simulator);
    let tokens: Vec<_> = ["team-a", "team-b"]
        .into_iter()
        .flat_map(|tenant| [(tenant, "one"), (tenant, "two")])
        .map(|(tenant, name)| new_token(&format!("{tenant}-{name}"), &["--tenant", tenant]))
        .collect();
    let mut text = std::fs::read_to_string(deployment.config()).unwrap();
    for (_, table) in &tokens {
        text.push_str(table);
        text.push('\n');
    }
    deployment.write("toolward.toml", &text);
    let host = Host::start(&deployment).await;
    let http = client();
    for (token, _) in &tokens {
        let params = json!({ "name": "backup_jobs_list", "arguments": {}, "_meta": {
            "io.modelcontextprotocol/protocolVersion": NEW,
            "io.modelcontextprotocol/clientCapabilities": {},
        } });
        let request = http
            .post(host.url())
            .bearer_auth(token)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", NEW)
            .header("mcp-method", "tools/call")
            .header("mcp-name", "backup_jobs_list")
            .json(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }));
        let body = request.send().await.unwrap().text().await.unwrap();
        assert!(body.contains("structuredContent"), "{body}");
    }
    let stats = simulator.stats();
    assert_eq!(stats.logins, 2, "{stats:?}");
    // Without an authorization server there is nothing to point to.
    let refused = http.post(host.url()).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(!header(&refused, "www-authenticate").contains("resource_metadata"));
}

#[test]
fn the_network_is_not_served_without_authentication() {
    let refused = |text: &str| {
        let deployment = Deployment::new("");
        deployment.write("toolward.toml", text);
        let output = Command::new(e2e::binary())
            .args(["serve", "--config"])
            .arg(deployment.config())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let open = refused("[server]\nlisten = \"0.0.0.0:0\"\n");
    assert!(
        open.contains("without [auth]") && open.contains("toolward token new"),
        "{open}"
    );
    let (_, table) = new_token("a", &[]);
    let both = refused(&format!(
        "[server]\nallow-unauthenticated = true\n{table}\n"
    ));
    assert!(both.contains("contradict each other"), "{both}");
}
